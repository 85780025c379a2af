"""What a card does, without any drawing: one step, one worker thread, one writer of the view."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from voltutor.diagrams import Scene
from voltutor.disk import DiskTrouble, writing
from voltutor.engine import EngineError, EngineGone
from voltutor.errors import VoltutorError
from voltutor.home import append
from voltutor.lessons import (
    Choice,
    EngineTrouble,
    Failed,
    Lab,
    NotAttempted,
    NotPossible,
    Passed,
    Prediction,
    Step,
    Times,
    Verdict,
    clear,
    in_words,
    lay_out,
    mount_picture,
    not_possible,
    picture,
    prepare,
    reserve,
    reset_plan,
    solve,
    verdict,
)
from voltutor.measure import NoSpace
from voltutor.results import Result, duration, recorded, times
from voltutor.session import Bench
from voltutor.session import Progress as Sign
from voltutor.text import _, tr
from voltutor.widgets import words
from voltutor.widgets.worker import View, already_done
from voltutor.widgets.workplace import Workplace, reset_sign

LOG_LINES = 400
"""Lines that a card's log keeps."""

PUBLISH_EVERY = 0.2
"""Seconds between two pictures of long work; more would only keep the browser busy."""

LONG = ("run", "reset")
"""Actions during which only cancel does anything."""


@dataclass
class _State:
    verdict: Verdict = field(default_factory=NotAttempted)
    log: list[str] = field(default_factory=list)
    hints: int = 0
    guessed: bool = False
    guess: float | None = None
    busy: str = ""
    done: int = 0
    total: int = 0
    asks: tuple[str, ...] = ()
    checked: bool = False
    missing: bool = False
    since: str = ""
    before: Scene | None = None
    after: Scene | None = None
    mounts: list[View] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    result: Result | None = None
    plots: list[tuple[str, str]] = field(default_factory=list)
    gone: bool = False
    unkept: bool = False
    names: dict[str, str] = field(default_factory=dict)


class Controller:
    """One step on a workplace.

    Every action is queued and done by one thread, which alone changes the state and publishes the view. An
    action that comes while the same kind of work is under way is dropped, so a double click does it once.
    """

    def __init__(self, workplace: Workplace, lab: Lab, step: Step, publish: Callable[[View], None]) -> None:
        self.workplace, self.lab, self.step, self._publish = workplace, lab, step, publish
        self._progress = workplace.progress
        self._state = _State()
        self._queue: queue.Queue[tuple[str, Any, threading.Event]] = queue.Queue()
        self._lock = threading.Lock()
        self._pending: set[str] = set()
        self._cancel = threading.Event()
        self._drawn: tuple[Result | None, float | None] = (None, None)
        known = self._progress.get(lab.id, step.id)
        self._state.guessed, self._state.guess = known.guessed, known.guess
        if isinstance(step.prediction, Choice) and known.guess not in range(len(step.prediction.options)):
            self._state.guess = None
        self._state.hints = known.hints
        if known.passed:
            self._state.verdict = Passed("{text}", {"text": known.passed})
        self.show()  # the first picture, before there is a second writer
        workplace.listen(self._heard)
        self._submit("open")
        threading.Thread(target=self._work, name=f"card-{step.id}", daemon=True).start()

    # what may be called from any thread

    def act(self, action: str, value: Any = None) -> threading.Event:
        """Ask for an action: guess, run, check, hint, reset, renew or cancel. The event is set when it is done.

        While a run or a reset is under way, only cancel does anything.
        """
        if action == "cancel":
            self._cancel.set()
            return already_done()
        with self._lock:
            if self._pending & set(LONG):
                return already_done()
        return self._submit(action, value)

    def _submit(self, action: str, value: Any = None) -> threading.Event:
        with self._lock:
            if action in self._pending:
                return already_done()
            self._pending.add(action)
            if action in LONG:
                self._cancel.clear()
        finished = threading.Event()
        self._queue.put((action, value, finished))
        return finished

    def _heard(self, what: str) -> None:
        if what.startswith("reset "):
            if what == reset_sign(self.lab.id, self.step.id):
                self._submit("renew")
            return
        # A step that is passed stays passed: later steps change the same containers.
        if what == "changed" and isinstance(self._state.verdict, Passed):
            return
        self._submit({"changed": "look", "here": "here", "gone": "gone"}[what])

    # the worker

    def _work(self) -> None:
        actions: dict[str, Callable[[Any], None]] = {
            "open": self._open,
            "here": self._here,
            "gone": self._gone,
            "look": self._look,
            "check": self._checked,
            "guess": self._guess,
            "hint": self._hint,
            "run": self._run,
            "reset": self._reset,
            "renew": self._renew,
        }
        while True:
            action, value, finished = self._queue.get()
            if action not in LONG:
                # What happens from here on may be missed by this look, so another one may queue up already.
                with self._lock:
                    self._pending.discard(action)
            try:
                with writing():
                    actions[action](value)
            except VoltutorError as error:
                self._trouble_safely(error)
            except Exception as error:  # a card that dies silently would be worse than one that says so
                self._report(error)
            finally:
                self._state.busy = ""
                with self._lock:
                    self._pending.discard(action)
                try:
                    self.show()
                except Exception as error:
                    self._report(error)
                finally:
                    finished.set()

    def _trouble_safely(self, error: VoltutorError) -> None:
        try:
            self._trouble(error)
        except VoltutorError as another:
            self._log(str(another))

    def _report(self, error: Exception) -> None:
        """Keep the traceback of what was not foreseen, and say where it is."""
        path = self.workplace.home / "error.log"
        try:
            append(path, "".join(traceback.format_exception(error)).encode())
        except (DiskTrouble, OSError) as another:
            self._log(tr(_("Something unforeseen happened ({detail})."), detail=repr(error)))
            self._log(str(another))
        else:
            text = _("Something unforeseen happened ({detail}); it is written down in {path}.")
            self._log(tr(text, detail=repr(error), path=path))

    def _bench(self) -> Bench:
        if self.workplace.bench is None:
            raise self.workplace.trouble or VoltutorError(_("There is no engine yet."))
        return self.workplace.bench

    def _open(self, _value: Any) -> None:
        bench = self._bench()
        reserve(self.lab, bench)
        self._state.names = dict(self.lab.fields(bench))
        lay_out(self.step, bench)
        self._state.lines = self._lines(bench)
        self._ask_again()

    def _here(self, _value: Any) -> None:
        self._state.gone = False
        self._open(None)

    def _gone(self, _value: Any) -> None:
        self._state.gone = True

    def _trouble(self, error: VoltutorError) -> None:
        """Say what went wrong; the verdict stays about the learner's work where the engine can be asked."""
        self._log(str(error))
        if isinstance(error, EngineGone):
            self._state.gone = True
            self.workplace.lost()
        if isinstance(self._state.verdict, Passed):
            return
        if isinstance(error, EngineError) or self.workplace.bench is None:
            self._state.verdict = EngineTrouble("{text}", {"text": str(error)})
            return
        self._check()
        if isinstance(error, NoSpace):
            # As with what an engine can't do: said, and shown as it was measured elsewhere, until there is room.
            self._state.verdict = NotPossible("{text}", {"text": str(error)})
            self._draw(recorded(self.step.measures))
        elif isinstance(self._state.verdict, NotAttempted):
            self._state.verdict = Failed("{text}", {"text": str(error)})

    def _look(self, _value: Any) -> None:
        """A check that nobody asked for: trouble with the engine, such as a container that goes while it is
        looked at, is left to the next look."""
        with contextlib.suppress(EngineError):
            self._check()

    def _mounts(self, bench: Bench) -> list[View]:
        """The mounts of the containers that the step shows, each field in a sentence."""
        if self.step.image == "files":
            return []
        there = [view for logical in self.step.shows if (view := bench.container(logical))]
        return [
            {
                "title": tr(_("{target} in {container}"), target=mount.target, container=view.name),
                "rows": [[row.field, row.value, row.sentence] for row in in_words(mount)],
            }
            for view in there
            for mount in view.mounts
        ]

    def _picture(self, bench: Bench) -> Scene | None:
        if self.step.image == "files":
            return picture(bench, self.step.image, self.step.shows)
        drawn = self.step.shows or self.step.volumes
        return mount_picture(bench, self.step.shows, self.step.volumes) if drawn else None

    def _lines(self, bench: Bench) -> list[str]:
        """What Run does, as one would type it; on an engine that a terminal doesn't go to by itself, the way to it
        stands first, and is copied along. A line that names its engine needs no way there."""
        first = "" if self.step.sweeps else self.workplace.terminal_line()
        return [*([first] if first else []), *(bench.line(command) for command in self.step.solution)]

    def _check(self) -> Verdict:
        """Ask the engine, and keep what it shows; a step that is passed stays passed."""
        bench = self._bench()
        self._state.lines = self._lines(bench)
        found = verdict(self.step, bench)
        scene = self._picture(bench) if not isinstance(found, EngineTrouble) else None
        self._state.missing = not bench.has_image(self.step.image)
        if isinstance(found, Passed):
            if not isinstance(self._state.verdict, Passed) or self._state.after is None:
                self._state.after, self._state.mounts = scene, self._mounts(bench)
            self._keep(passed=found.text)
        elif isinstance(found, NotAttempted):
            self._state.before = scene
        if not isinstance(self._state.verdict, Passed) or isinstance(found, Passed):
            self._state.verdict = found
        if self.step.measures:
            # What can't be measured here was measured elsewhere, and says so.
            elsewhere = isinstance(found, NotPossible)
            self._draw(recorded(self.step.measures) if elsewhere else bench.result(self.step.measures))
        return found

    def _checked(self, _value: Any) -> None:
        self._state.busy = tr(_("Checking…"))
        self.show()
        self._ask_again()
        self._state.checked = True

    def _ask_again(self) -> None:
        """Check, and of what was passed before say whether it is so still."""
        found = self._check()
        was_so = isinstance(self._state.verdict, Passed) and isinstance(found, Failed | NotAttempted)
        self._state.since = tr(_("It was so when you passed; by now it is no longer.")) if was_so else ""

    def _guess(self, value: Any) -> None:
        guess = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
        if isinstance(self.step.prediction, Choice) and guess not in range(len(self.step.prediction.options)):
            guess = None
        self._state.guessed, self._state.guess = True, guess
        self._keep(guess=guess, guessed=True)
        self._draw(self._state.result)
        if self.step.given and self.workplace.bench and not not_possible(self.step, self.workplace.bench):
            # What the goal speaks of must be there for those who type, too; before the guess it would tell.
            self._cancel.clear()
            self._follow(prepare(self.step, self.workplace.bench), tr(_("Preparing…")))
            self._check()

    def _hint(self, _value: Any) -> None:
        self._state.hints = min(self._state.hints + 1, len(self.step.hints) + 1)
        self._keep(hints=self._state.hints)

    def _run(self, _value: Any) -> None:
        if self.step.prediction and not self._state.guessed:
            return
        bench = self._bench()
        self._state.asks = ()
        if not_possible(self.step, bench):
            self._check()
            return
        busy = tr(_("Running…"))
        if self._follow(prepare(self.step, bench), busy):
            if not isinstance(self._state.verdict, Passed):
                self._state.before = self._picture(bench)
            with self.workplace.measuring() if self.step.measures else contextlib.nullcontext():
                self._follow(solve(self.step, bench), busy)
        self._check()

    def _reset(self, confirmed: Any) -> None:
        """`confirmed` holds the names that the learner saw when they said yes to removing what is theirs."""
        bench = self._bench()
        _ours, by_hand = reset_plan(self.step, bench)
        if by_hand and confirmed != by_hand:
            # What was made by hand goes only when they say so, having seen its name.
            self._state.asks = tuple(by_hand)
            return
        names, gone = self._state.names, self._state.gone
        self._state = _State(names=names, gone=gone, lines=self._state.lines)
        self._keep(passed="", guess=None, guessed=False, hints=0)
        self._follow(clear(self.step, bench), tr(_("Resetting…")))
        self._check()
        self.workplace.reset(self.lab.id, self.step.id, self._heard)

    def _renew(self, _value: Any) -> None:
        """The step was taken down with its lab: begin as a new card does."""
        self._state = _State(names=self._state.names, gone=self._state.gone)
        self._drawn = (None, None)
        self._open(None)

    def _follow(self, work: Iterator[Sign], busy: str) -> bool:
        """Iterate over long work; show it as it goes; stop it when asked to. Whether it came to its end."""
        self._state.busy, self._state.done, self._state.total = busy, 0, 0
        self.show()
        shown = time.monotonic()
        with closing(work) as signs:  # type: ignore[type-var]
            for sign in signs:
                for line in sign.text.splitlines():
                    self._log(line)
                self._state.done, self._state.total = sign.done, sign.total
                # A picture a round: drawing is dear, and half a round is no news.
                drawn = self._state.result.rounds if self._state.result else 0
                if sign.result is not None and (sign.result.rounds > drawn or sign.result.complete):
                    self._draw(sign.result)
                if self._cancel.is_set():
                    self._state.busy = tr(_("Cancelling…"))
                    self.show()
                    break
                if time.monotonic() - shown > PUBLISH_EVERY:
                    self.show()
                    shown = time.monotonic()
        if self._cancel.is_set():
            self._log(tr(_("Cancelled. What was made for it is removed; finished pairs are kept.")))
        return not self._cancel.is_set()

    def _draw(self, result: Result | None) -> None:
        guess = None if isinstance(self.step.prediction, Choice) else self._state.guess
        if result is None or not result.pairs or (result, guess) == self._drawn:
            return
        from voltutor import plots

        self._state.result, self._drawn = result, (result, guess)
        seconds, slower = (None, guess) if isinstance(self.step.prediction, Times) else (guess, None)
        drawn = plots.views(result, seconds, slower)
        self._state.plots = [(plots.svg(draw()), alternative) for _name, draw, alternative in drawn]

    def _keep(self, **changes: object) -> None:
        """Write progress down; without room for it the lab goes on, and the card says so."""
        try:
            self._progress.update(self.lab.id, self.step.id, **changes)
        except DiskTrouble as error:
            if not self._state.unkept:  # each look would say it again
                self._log(str(error))
            self._state.unkept = True

    def _log(self, line: str) -> None:
        self._state.log = [*self._state.log, line][-LOG_LINES:]

    # the view

    @property
    def verdict(self) -> Verdict:
        """What the last check found."""
        return self._state.verdict

    def show(self) -> None:
        """Publish what is to be seen."""
        self._publish(self.view())

    def view(self) -> View:
        """The card as plain data, every text translated."""
        state, step = self._state, self.step
        passed = isinstance(state.verdict, Passed)
        waits = step.prediction is not None and not state.guessed
        names = _Names(state.names)
        there = self.workplace.bench is not None and not state.gone
        # The lines would answer what is asked; those of a quest are shown only after the last hint.
        hidden = not passed and (waits or (step.quest and state.hints <= len(step.hints)))
        lines = [] if hidden else state.lines
        return {
            "id": step.id,
            "number": self.lab.steps.index(step) + 1,
            "of": len(self.lab.steps),
            "title": tr(step.title),
            "minutes": tr(_("{n} min"), n=step.minutes),
            "goal": words.html(_filled(step.goal, names)),
            "engine": "" if there else self._absence(),
            "badge": self._badge() if there else "",
            "verdict": {
                "kind": state.verdict.kind,
                "word": tr(state.verdict.word),
                "text": words.html(f"{state.verdict.text} {state.since}".strip()),
                "shown": (state.checked or state.verdict != NotAttempted()) and not state.busy,
            },
            "prediction": self._prediction(names, passed),
            "lines": lines,
            "code": words.shell(lines),
            "run": there and not state.busy and not waits and not isinstance(state.verdict, NotPossible),
            "waits": self._waits(waits, passed),
            "check": there and not state.busy,
            "reset": there and not state.busy,
            "asks": self._asks(),
            "busy": state.busy,
            "done": state.done,
            "total": state.total,
            "hints": [words.html(hint) for hint in self._hints(names)[: state.hints]],
            "hint_count": len(step.hints) + 1,
            "hint": not state.busy,
            "cancel": bool(self._pending & set(LONG)),
            "log": state.log,
            "plots": [{"svg": svg, "alt": alt} for svg, alt in state.plots],
            "figures": words.figures(state.result) if state.plots and state.result else None,
            "after": self._after(names) if passed and not waits else None,
            "labels": words.labels(),
        }

    def _waits(self, waits: bool, passed: bool) -> str:
        """What is to be done before Run, or what Run will do besides."""
        if waits and passed:
            return tr(
                _("It is done already. Guess all the same, or say that you don't know, to see what happened.")
            )
        if waits:
            return tr(_("Guess first, or say that you don't know; then Run."))
        if self._state.missing and not self._state.busy:
            return tr(_("The lab's image is not on the engine. Run makes it first."))
        bench = self.workplace.bench
        if not self.step.sweeps or bench is None or passed:
            return ""
        if bench.engine.info.private:
            return tr(
                _(
                    "Here --host keeps the line on this lab's own engine, wherever you type it. The 2018 text's "
                    "line has no such word: on your own Docker it would remove what is yours."
                )
            )
        return tr(
            _(
                "{engine} may hold what is not yours: here the line names this session's own volumes only. Don't "
                "type the 2018 text's line on it."
            ),
            engine=bench.engine.info.title,
        )

    def _asks(self) -> View | None:
        """The question before a reset that would take what was made by hand."""
        if not self._state.asks:
            return None
        names = ", ".join(self._state.asks)
        return {
            "text": tr(_("Made by hand, and in the way of a reset: {names}."), names=names),
            "yes": tr(_("Remove {names}, and reset"), names=names),
            "names": list(self._state.asks),
        }

    def _badge(self) -> str:
        """The engine in two words, and that it is a live one."""
        title = self.workplace.bench.engine.info.title if self.workplace.bench else ""
        return tr(_("{engine}, live"), engine=title)

    def _absence(self) -> str:
        if self.workplace.bench is None:
            return words.html(str(self.workplace.trouble or ""))
        info = self.workplace.bench.engine.info
        text = _("{engine} has gone. Nothing is lost: this card comes back when the engine does.")
        if info.private:
            text = _(
                "{engine} has gone. Start it again with `voltutor engine start`: this card then comes back."
            )
        if info.in_memory:
            text = _(
                "{engine} has gone, and what it held in memory with it; what you passed and measured is kept. Start "
                "it again with `voltutor engine start`: this card then comes back."
            )
        return words.html(tr(text, engine=info.title))

    def _hints(self, names: Any) -> list[str]:
        return [
            *(_filled(hint, names) for hint in self.step.hints),
            *("`" + "`  `".join(self._state.lines) + "`",),
        ]

    def _prediction(self, names: Any, passed: bool) -> View | None:
        asked, state = self.step.prediction, self._state
        if asked is None:
            return None
        view: View = {
            "question": words.html(_filled(asked.question, names)),
            "made": state.guessed,
            "yours": words.html(self._guess_text(asked, names)),
            "outcome": words.html(self._outcome(asked, names)) if passed else "",
        }
        if isinstance(asked, Choice):
            chosen = int(state.guess) if state.guess is not None else None
            return {
                **view,
                "kind": "choice",
                "options": [option_text(asked, index, names) for index in range(len(asked.options))],
                "chosen": chosen,
            }
        return {
            **view,
            "kind": "times" if isinstance(asked, Times) else "duration",
            "least": asked.least,
            "most": asked.most,
            "start": state.guess or asked.start,
        }

    def _guess_text(self, asked: Prediction, names: Any) -> str:
        if not self._state.guessed:
            return ""
        if self._state.guess is None:
            return tr(_("You said that you don't know."))
        if isinstance(asked, Choice):
            return tr(_("Your guess: {guess}."), guess=option_text(asked, int(self._state.guess), names))
        return tr(_("Your guess: {guess}."), guess=_scale(asked)(self._state.guess))

    def _outcome(self, asked: Prediction, names: Any) -> str:
        """The guess beside what was seen; a guess is never called wrong."""
        guess = self._state.guess
        if isinstance(asked, Choice):
            seen = option_text(asked, asked.answer, names)
            if guess is None:
                return tr(_("What it was: {seen}."), seen=seen)
            if int(guess) == asked.answer:
                return tr(_("You guessed: {seen}. So it was."), seen=seen)
            return tr(
                _("You guessed: {guess}. It was: {seen}."),
                guess=option_text(asked, int(guess), names),
                seen=seen,
            )
        result = self._state.result
        if result is None:
            return ""
        measured = words.slower(result) if isinstance(asked, Times) else words.measured(result)
        if guess is None:
            return tr(_("Measured: {measured}."), measured=measured)
        return tr(
            _("You guessed {guess}, measured {measured}."), guess=_scale(asked)(guess), measured=measured
        )

    def _after(self, names: Any) -> View:
        state, step = self._state, self.step
        pictures = [
            {"title": title, **words.picture(scene, since)}
            for title, scene, since in (
                (tr(_("Before")), state.before, None),
                (tr(_("After")), state.after, state.before),
            )
            if scene is not None
        ]
        return {
            "explanation": words.html(_filled(step.explanation, names)),
            "pictures": pictures,
            "mounts": state.mounts,
            "then": words.html(_filled(step.then_now.then, names)) if step.then_now.then else "",
            "now": words.html(_filled(step.then_now.now, names)),
            "solution": words.python(step.solution),
        }


class _Names(dict[str, str]):
    """Before an engine is there, a name stands for itself."""

    def __missing__(self, key: str) -> str:
        return key


def _scale(asked: Prediction) -> Callable[[float], str]:
    """How a guess on a scale is written."""
    return times if isinstance(asked, Times) else duration


def option_text(asked: Choice, index: int, names: Any) -> str:
    """An answer as it stands on its button, where nothing can be set as code."""
    return _filled(asked.options[index], names).replace("`", "")


def _filled(text: str, names: Any) -> str:
    return tr(text).format_map(names)
