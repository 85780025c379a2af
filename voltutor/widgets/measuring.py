"""What the measuring panel does, without any drawing: choose, estimate, measure one after the other, export."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from voltutor.errors import UsageError
from voltutor.home import write_atomically
from voltutor.images import LAB_IMAGES, MIB, MissingPrograms
from voltutor.measure import (
    PLACES,
    WORKLOADS,
    Experiment,
    Measure,
    NoSpace,
    NothingToMeasure,
    titles,
    two_places,
)
from voltutor.measure.experiment import PILOT_GRACE
from voltutor.results import Result, load
from voltutor.results.statistics import LEAST
from voltutor.session import Bench
from voltutor.text import _, tr
from voltutor.widgets.worker import LOOK, View, Worker, already_done
from voltutor.widgets.workplace import Workplace

PUBLISH_EVERY = 0.2
"""Seconds between two pictures of long work."""

BUDGETS = (30, 60, 120, 300)
"""Seconds that one may give each workload."""

CANT_RUN = (NothingToMeasure, NoSpace, MissingPrograms, UsageError)
"""What keeps one workload from running and not the others; a result of its own that can't be read is among it."""


@dataclass
class _State:
    chosen: list[str] = field(default_factory=lambda: ["random-write"])
    a: str = "layer"
    b: str = "volume"
    budget: int = 60
    busy: str = ""
    text: str = ""
    done: int = 0
    total: int = 0
    left: int = 0
    troubles: list[str] = field(default_factory=list)
    left_out: dict[str, list[str]] = field(default_factory=dict)
    exported: str = ""
    forest: str = ""
    drawn: tuple[Result, ...] = ()


class MeasuringController(Worker):
    """One panel on a workplace."""

    def __init__(self, workplace: Workplace, publish: Callable[[View], None]) -> None:
        super().__init__(workplace, publish)
        self._state = _State()
        self._unreadable: set[Path] = set()
        self._cancel = threading.Event()
        self._running = threading.Event()
        self.actions = {
            LOOK: lambda _value: self._draw(),
            "choose": self._choose,
            "places": self._places,
            "budget": self._budget,
            "run": self._run,
            "export": self._export,
        }
        self.begin("measuring")

    def act(self, action: str, value: Any = None) -> threading.Event:
        """Ask for an action: choose, places, budget, run, export or cancel. The event is set when it is done.

        While it measures, only cancel does anything.
        """
        if action == "cancel":
            self._cancel.set()
        elif not self._running.is_set():
            if action == "run":
                self._running.set()
                self._cancel.clear()
            return self.submit(action, value)
        return already_done()

    def told(self, trouble: str) -> None:
        """What went wrong, beside what did before."""
        if trouble not in self._state.troubles:
            self._state.troubles.append(trouble)

    def ended(self, action: str) -> None:
        """It no longer works."""
        self._state.busy = ""
        if action == "run":
            self._running.clear()

    def _begin_afresh(self) -> None:
        """Forget what went wrong before."""
        self._state.troubles.clear()
        self._state.left_out.clear()

    def _choose(self, value: Any) -> None:
        self._begin_afresh()
        wanted = set(value) if isinstance(value, list) else set()
        self._state.chosen = [name for name in WORKLOADS if name in wanted]

    def _places(self, value: Any) -> None:
        self._begin_afresh()
        if isinstance(value, list) and len(value) == 2 and set(value) <= set(PLACES):
            self._state.a, self._state.b = value

    def _budget(self, value: Any) -> None:
        if value in BUDGETS:
            self._state.budget = value

    def _experiments(self) -> list[Experiment]:
        a, b = two_places(f"{self._state.a},{self._state.b}")
        return [Experiment(WORKLOADS[name], a, b, self._state.budget) for name in self._state.chosen]

    def _run(self, _value: Any) -> None:
        self._begin_afresh()
        state, bench = self._state, self.bench
        state.exported = ""
        with self.workplace.measuring():
            for number, each in enumerate(self._experiments()):
                if self._cancel.is_set():
                    break
                state.left = len(state.chosen) - number - 1
                try:
                    self._follow(bench, Measure(each.workload, each.a, each.b, each.budget), each)
                except CANT_RUN as error:
                    state.left_out.setdefault(str(error), []).append(tr(each.workload.title))
        state.text = tr(_("Cancelled; finished pairs are kept.")) if self._cancel.is_set() else ""

    def _follow(self, bench: Bench, command: Measure, each: Experiment) -> None:
        state = self._state
        state.busy, state.done, state.total = tr(each.workload.title), 0, 0
        shown, rounds = 0.0, -1
        with closing(command.perform(bench)) as signs:  # type: ignore[type-var]
            for sign in signs:
                state.text = sign.text or state.text
                state.done, state.total = sign.done, sign.total
                if sign.result and sign.result.pairs and sign.result.rounds != rounds:
                    rounds = sign.result.rounds
                    self._draw()
                if self._cancel.is_set():
                    break
                if time.monotonic() - shown > PUBLISH_EVERY:
                    self.show()
                    shown = time.monotonic()

    def results(self) -> list[Result]:
        """All results of this session, in the order of the list of workloads; a file that can't be read is passed
        over, and named among the troubles."""
        if self.workplace.bench is None:
            return []
        order = list(WORKLOADS)
        paths = sorted((self.workplace.bench.session.folder / "results").glob("*.json"))
        found = [result for path in paths for result in self._read(path) if result.pairs]
        known = (result for result in found if result.workload in WORKLOADS)
        return sorted(known, key=lambda result: (order.index(result.workload), result.places))

    def _read(self, path: Path) -> tuple[Result, ...]:
        try:
            found = load(path)
        except UsageError as error:
            if path not in self._unreadable:  # said once, not at each pair
                self._unreadable.add(path)
                self.told(tr(_("{what} It is left out here; move it away."), what=error.what))
            return ()
        self._unreadable.discard(path)
        return found

    def _draw(self) -> None:
        found = tuple(self.results())
        if found == self._state.drawn:
            return
        from voltutor import plots

        self._state.drawn = found
        self._state.forest = plots.svg(plots.ratios(found)) if found else ""

    def _export(self, _value: Any) -> None:
        from voltutor.plots import page
        from voltutor.results import save

        found = self.results()
        if not found:
            return
        html = _unused(Path.cwd(), "what-it-cost")  # the kernel's folder is the notebook's
        write_atomically(html, page(found, titles()), private=False)
        save(html.with_suffix(".json"), *found)
        self._state.exported = tr(
            _("Written beside this notebook: {html} and {json}."),
            html=html.name,
            json=html.with_suffix(".json").name,
        )

    # the view

    def _estimate(self) -> str:
        """What the choice may take of the engine's disk, and of the learner's time."""
        experiments = self._experiments()
        if not experiments:
            return tr(_("Choose at least one workload."))
        images = sum(LAB_IMAGES[image].data_bytes for image in {each.workload.image for each in experiments})
        beside = max(each.space - LAB_IMAGES[each.workload.image].data_bytes for each in experiments)
        return tr(
            _(
                "Up to about {n} s of pairs for each, on a slow machine {most} s for the first {least}; images that "
                "aren't there yet take time besides, and all of it takes up to {space} MiB of the engine's disk."
            ),
            n=self._state.budget,
            most=self._state.budget * PILOT_GRACE,
            least=LEAST,
            space=(images + beside) // MIB,
        )

    def _trouble(self) -> str:
        """Which workloads were left out and why, and what else went wrong."""
        left_out = [
            tr(_("Left out: {titles}. {why}"), titles="; ".join(titles), why=why)
            for why, titles in list(self._state.left_out.items())
        ]
        return " ".join([*left_out, *self._state.troubles])

    def view(self) -> View:
        """The panel as plain data, every text translated."""
        state = self._state
        info = self.workplace.bench.engine.info if self.workplace.bench else None
        labels = {key: tr(text) for key, text in _LABELS.items()}
        return {
            "engine": info.title if info else tr(_("No engine yet.")),
            "workloads": [
                {
                    "name": work.name,
                    "title": tr(work.title),
                    "isolates": tr(work.isolates),
                    "expects": tr(work.expects),
                    "chosen": work.name in state.chosen,
                }
                for work in WORKLOADS.values()
            ],
            "places": [{"name": place.name, "title": place.title} for place in PLACES.values()],
            "a": state.a,
            "b": state.b,
            "budgets": list(BUDGETS),
            "budget": state.budget,
            "estimate": self._estimate(),
            "floor": tr(_("A place against itself: the noise floor.")) if state.a == state.b else "",
            "run": bool(info and state.chosen and not state.busy),
            "busy": state.busy,
            "text": state.text,
            "done": state.done,
            "total": state.total,
            "left": tr(_("{n} more to come"), n=state.left) if state.busy and state.left else "",
            "trouble": self._trouble(),
            "exported": state.exported,
            "forest": state.forest,
            "labels": labels,
        }


def _unused(folder: Path, stem: str) -> Path:
    """A name for the page and its figures that nothing in the folder has yet."""
    numbers = itertools.count(2)
    name = stem
    while any((folder / name).with_suffix(suffix).exists() for suffix in (".html", ".json")):
        name = f"{stem}-{next(numbers)}"
    return folder / f"{name}.html"


_LABELS = {
    "title": _("Measure what you like"),
    "workloads": _("Workloads"),
    "first": _("First place"),
    "second": _("Second place"),
    "budget": _("Time for each"),
    "run": _("Measure"),
    "cancel": _("Cancel"),
    "export": _("Export"),
    "pairs": _("{done} of {total} pairs"),
    "forest": _("All results of this session, as ratios with their intervals"),
    "empty": _("Nothing is measured yet. What you measure here or on the cards above appears here."),
    "asleep": _("Asleep: this panel's kernel has gone. Wake it with Run › Run All Cells."),
}
