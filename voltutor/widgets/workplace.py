"""The workplace: this kernel's one connection to an engine, with what keeps the cards informed."""

from __future__ import annotations

import contextlib
import os
import shlex
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from voltutor import cleanup
from voltutor import engine as engines
from voltutor.disk import DiskTrouble
from voltutor.engine import embedded
from voltutor.errors import VoltutorError
from voltutor.home import home as default_home
from voltutor.lessons import Progress
from voltutor.notices import heard
from voltutor.services import recover
from voltutor.session import RUN, Bench, Watch, terminal
from voltutor.text import _, tr

RETRY = 2.0
"""Seconds between two looks for an engine where none was found."""

Listener = Callable[[str], None]


def headless() -> bool:
    """Whether nobody clicks: cards then play their solution, and a cell waits for its job."""
    return bool(os.environ.get("VOLTUTOR_HEADLESS"))


def reset_sign(lab: str, step: str) -> str:
    """What listeners are told of a step that was taken down."""
    return f"reset {lab} {step}"


class Workplace:
    """Finds an engine, or goes on looking for one; tells its listeners "changed", "here" or "gone", and "reset" with
    lab and step where a card took its step down.

    Listeners are called on a thread that isn't theirs, and must only start or flag something.
    """

    def __init__(
        self, home: Path | None = None, url: str | None = None, *, watch: bool = True, private: bool = False
    ) -> None:
        self.home, self.private = home or default_home(), private
        self.bench: Bench | None = None
        self.trouble: VoltutorError | None = None
        self._url, self._watching = url, watch
        self._listeners: list[Listener] = []
        self._watch: Watch | None = None
        self._closed = threading.Event()
        self._measuring = 0
        self._held_back = False
        self._front: tuple[str, int] | None = None
        with heard(print):  # in the cell that waits
            self._connect()
        if self.bench is None and watch:
            threading.Thread(target=self._seek, name="seek-engine", daemon=True).start()

    def listen(self, listener: Listener) -> None:
        """Have a listener told what happens."""
        self._listeners.append(listener)

    def close(self) -> None:
        """Stop watching."""
        self._closed.set()
        if self._watch:
            self._watch.close()

    @property
    def progress(self) -> Progress:
        """Where progress is kept: the home's, or a run's own, which must not undo the learner's."""
        if self.bench is not None and self.bench.session.purpose == RUN:
            return Progress.of(self.bench.session.folder)
        return Progress.of(self.home)

    def _connect(self) -> None:
        try:
            find = engines.find_for_deletion if self.private else engines.find
            self.bench = Bench(find(self._url), self.home)
            self.trouble = None
        except VoltutorError as error:
            self.trouble = error
            return
        with contextlib.suppress(VoltutorError):  # the engine may go just now: the next look says so
            recover(self.bench)
        if self._watching:
            self._watch = Watch(self.bench, lambda: self._tell("changed"), self._presence)

    def _seek(self) -> None:
        while self.bench is None and not self._closed.wait(RETRY):
            self._connect()
        if self.bench is not None:
            self._tell("here")
            if self._front:
                self.lead(*self._front)

    def _presence(self, here: bool) -> None:
        self._tell("here" if here else "gone")

    def _tell(self, what: str) -> None:
        if what == "changed" and self._measuring:
            self._held_back = True
            return
        for listener in list(self._listeners):
            listener(what)

    @contextlib.contextmanager
    def measuring(self) -> Iterator[None]:
        """While a card measures, no other card looks at the engine; afterwards each looks once."""
        self._measuring += 1
        try:
            yield
        finally:
            self._measuring -= 1
            if not self._measuring and self._held_back:
                self._held_back = False
                self._tell("changed")

    def reset(self, lab: str, step: str, by: Listener) -> None:
        """A card took its step down: have what else shows that step begin anew."""
        for listener in list(self._listeners):
            if listener != by:
                listener(reset_sign(lab, step))

    def lost(self) -> None:
        """A card found the engine gone: have the others told, and look for its return."""
        self._presence(False)
        if self._watch:
            self._watch.lost()

    def badge(self) -> str:
        """The engine in words: which, how much on it is not ours and stays, and that it is live."""
        if self.bench is None:
            return str(self.trouble) if self.trouble else tr(_("No engine."))
        info = self.bench.engine.info
        if info.private:
            return self._private_badge()
        with contextlib.suppress(VoltutorError):
            others = cleanup.find(self.bench.engine, [self.bench.session]).others
            text = _(
                "{engine}, live. Not ours, and left untouched: volumes {volume}, containers {container}, "
                "images {image}."
            )
            return tr(text, engine=info.title, **others)
        return self._gone_badge()

    def _gone_badge(self) -> str:
        info = self.bench.engine.info if self.bench else None
        if info is None:
            return tr(_("No engine."))
        text = _("{engine} has gone; what you did is kept.")
        if info.in_memory:
            text = _("{engine} has gone, and what it held in memory with it; what you passed is kept.")
        return tr(text, engine=info.title)

    def _private_badge(self) -> str:
        """The same for this home's own engine, on which all is the learner's."""
        if self.bench is None:
            return ""
        info = self.bench.engine.info
        try:
            self.bench.engine.ping()
        except VoltutorError:
            return self._gone_badge()
        texts = {
            "overlay": _(
                "{engine}, live: real processes on a real overlay, yours alone. No Docker was needed."
            ),
            "overlay-tmpfs": _(
                "{engine}, live: real processes on a real overlay in memory, yours alone. What it holds goes when "
                "it stops."
            ),
        }
        other = _(
            "{engine}, live, yours alone: real processes on copies, without an overlay. What copy-on-write costs is "
            "shown as it was recorded elsewhere."
        )
        said = tr(texts.get(info.driver, other), engine=info.title)
        return f"{said} {self._terminal()}".strip()

    def _terminal(self) -> str:
        """How a terminal gets to this engine, where it goes to another one."""
        line = self.terminal_line()
        return tr(_("In a terminal, type this first: {line}"), line=line) if line else ""

    def terminal_line(self) -> str:
        """The line that leads a terminal to this engine, where it goes to another one; or empty. The terminals beside
        our own server need none: they follow the lab in front."""
        if self.bench is None or not self.bench.engine.info.private or terminal.follows():
            return ""
        url = self.bench.engine.url
        return "" if engines.docker_host() == url else f"export DOCKER_HOST={shlex.quote(url)}"

    def lead(self, lab: str, at: float = 0) -> None:
        """Have what is typed go to this engine: in a cell, and in the terminals beside our own server. `lab` came to
        the front at `at`, in ms since 1970 by its page's clock; 0 where no page has told, which yields to any that
        has."""
        self._front = (lab, int(at))
        if self.bench is None:
            return
        engine = self.bench.engine
        engines.lead_here(engine.url)
        if terminal.follows() and not headless():
            own = embedded.status()
            name = embedded.NAME if own and own.url == engine.url else engine.url
            said = tr(_("lab {lab}, {engine}"), lab=lab.partition("-")[0], engine=engine.info.title)
            # A full disk: the prompt says where the terminal still goes.
            with contextlib.suppress(DiskTrouble, OSError):
                terminal.lead(self.home, terminal.Front(engine.url, name, said, self._front[1]))
