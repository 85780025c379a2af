"""What a notebook's cells call: open a lab, show a step."""

from __future__ import annotations

from typing import Any, TypeVar

from anywidget import AnyWidget

from voltutor.errors import UsageError
from voltutor.labs import lab as find_lab
from voltutor.lessons import Lab, reset_plan, take_down
from voltutor.session import Bench
from voltutor.text import _, tr
from voltutor.widgets.badge import BadgeView
from voltutor.widgets.card import CardView, PanelView, ServicesView, StartView, VolumesView
from voltutor.widgets.controller import Controller
from voltutor.widgets.measuring import MeasuringController
from voltutor.widgets.overview import forms_html, map_html, surprises_html, traces_html
from voltutor.widgets.script import when_in_front
from voltutor.widgets.services import ServicesController
from voltutor.widgets.static import (
    badge_html,
    card_html,
    forest_html,
    lines,
    section,
    services_html,
    style,
    volumes_html,
)
from voltutor.widgets.volumes import VolumesController
from voltutor.widgets.workplace import Workplace, headless

V = TypeVar("V", bound=AnyWidget)

STEP_LIMIT = 900.0
"""Seconds that a step may take without a browser, measurements included."""


class StaticCard:
    """A card as HTML, for a notebook that is executed without a browser."""

    def __init__(self, html: str, text: str, impossible: bool = False) -> None:
        self._html, self._text, self._impossible = html, text, impossible

    def _repr_mimebundle_(self, **_options: Any) -> Any:
        # What could not be done live is marked for whoever executes the notebook.
        marks = {"voltutor_not_possible": self._text} if self._impossible else {}
        return {"text/html": self._html, "text/plain": self._text}, marks

    def __repr__(self) -> str:
        return self._text


class StepFailed(Exception):
    """Without a browser, a step whose solution was played did not pass."""


class LabView:
    """A lab in a notebook. Its cells may run in any order, and again: a step keeps its one card."""

    def __init__(self, lab: Lab, workplace: Workplace) -> None:
        self._lab, self._workplace = lab, workplace
        self._cards: dict[str, CardView] = {}
        self._badge: BadgeView | None = None
        self._start: StartView | None = None
        self._panel: PanelView | None = None
        self._volumes: VolumesView | None = None
        self._services: ServicesView | None = None

    @property
    def bench(self) -> Bench:
        """The bench, for working in Python.

        Raises:
            NoEngine: no engine was found.
        """
        if self._workplace.bench is None:
            raise self._workplace.trouble or UsageError(_("There is no engine yet."))
        return self._workplace.bench

    def step(self, id: str) -> Any:  # noqa: A002 - as the declaration's attribute
        """The card of a step; without a browser, the step played to its end.

        Raises:
            UsageError: the lab has no such step.
        """
        try:
            step = self._lab.step(id)
        except KeyError:
            steps = ", ".join(step.id for step in self._lab.steps)
            raise UsageError(
                _("This lab has no step {id!r}."), _("Take one of: {ids}."), id=id, ids=steps
            ) from None
        if headless():
            return self._played(id)
        if step.id not in self._cards:
            self._cards[step.id] = self._leading(CardView(self._workplace, self._lab, step))
        return self._cards[step.id]

    def reset(self, by_hand: bool = False) -> StaticCard:
        """Begin this lab anew, and no other: all that its steps made goes, with its guesses and what was passed. What
        was made by hand under its names goes only with `by_hand`.

        Raises:
            UsageError: something was made by hand, and nobody said that it may go; nothing was changed.
            EngineError: the engine does not answer.
        """
        bench, steps = self.bench, self._lab.steps
        theirs = [name for step in steps for name in reset_plan(step, bench)[1]]
        if theirs and not by_hand:
            raise UsageError(
                _("Made by hand, and in the way of a reset: {names}."),
                _("To remove them too, write lab.reset(by_hand=True)."),
                names=", ".join(dict.fromkeys(theirs)),
            )
        said = [sign.text for step in steps for sign in take_down(step, bench) if sign.text]
        for step in steps:
            self._workplace.progress.forget(self._lab.id, step.id)
        for card in self._cards.values():
            card.controller.act("renew")
        if self._start:
            self._start.controller.act("renew")
        text = tr(_("{lab} is as it was in the beginning."), lab=self._lab.id)
        return StaticCard(style() + section(text, lines(said)), "\n".join([*said, text]))

    def start(self) -> Any:
        """The first minute on one screen; without a browser, the map."""
        if headless():
            return self.map()
        if self._start is None:
            self._start = self._leading(StartView(self._workplace))
        return self._start

    def map(self) -> StaticCard:
        """The labs, with minutes, whether they work here, and how far the learner is."""
        return StaticCard(style() + map_html(self._workplace), "map")

    def traces(self) -> StaticCard:
        """Where things are kept, and what a clean-up would remove."""
        return StaticCard(style() + traces_html(self._workplace), "traces")

    def surprises(self) -> StaticCard:
        """The guesses of lab 06 beside what was measured, and beside what others say."""
        return StaticCard(style() + surprises_html(self._workplace), "surprises")

    def forms(self) -> StaticCard:
        """The forms of a volume, side by side."""
        return StaticCard(style() + forms_html(), "forms")

    def panel(self) -> Any:
        """The measuring panel; without a browser, the figure of all that was measured."""
        if headless():
            return StaticCard(forest_html(MeasuringController(self._workplace, lambda _view: None)), "panel")
        if self._panel is None:
            self._panel = self._leading(PanelView(self._workplace))
        return self._panel

    def volumes(self) -> Any:
        """Every volume on the engine with its owner; one's own can be removed. Without a browser, the list."""
        if headless():
            return StaticCard(volumes_html(VolumesController(self._workplace, lambda _view: None)), "volumes")
        if self._volumes is None:
            self._volumes = self._leading(VolumesView(self._workplace))
        return self._volumes

    def services(self) -> Any:
        """The session's services: replicas and their requests, volumes, backups. Without a browser, as tables."""
        if headless():
            return StaticCard(
                services_html(ServicesController(self._workplace, lambda _view: None)), "services"
            )
        if self._services is None:
            self._services = self._leading(ServicesView(self._workplace))
        return self._services

    def lead(self, at: float = 0) -> None:
        """This lab came to the front: what is typed from now on goes to its engine."""
        self._workplace.lead(self._lab.id, at)

    def _leading(self, view: V) -> V:
        when_in_front(view, self.lead)
        return view

    def _played(self, id: str) -> StaticCard:  # noqa: A002
        """Play the reference solution: nobody guesses; the cell waits, so that its output holds the result."""
        step = self._lab.step(id)
        bench = self.bench  # without an engine this says so
        controller = Controller(self._workplace, self._lab, step, lambda _view: None)
        for action, value in (("reset", True), ("guess", None), ("run", None)):
            if not controller.act(action, value).wait(STEP_LIMIT):
                raise StepFailed(tr(_("Step {id} did not end within {n:g} s."), id=id, n=STEP_LIMIT))
        view = controller.view()
        if view["verdict"]["kind"] not in ("passed", "impossible"):
            log = "\n".join(view["log"])
            bench.engine.ping()  # an engine that has gone is the better message
            raise StepFailed(f"{id}: {controller.verdict.text}\n{log}")
        impossible = view["verdict"]["kind"] == "impossible"
        return StaticCard(card_html(view), f"{view['title']}: {controller.verdict.text}", impossible)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        text = self._workplace.badge()
        if headless():
            return {"text/html": badge_html(text), "text/plain": text}
        if self._badge is None:
            self._badge = self._leading(BadgeView(self._workplace))
        return self._badge._repr_mimebundle_(**options)

    def __repr__(self) -> str:
        return self._workplace.badge()


_workplaces: dict[str, Workplace] = {}
_views: dict[str, LabView] = {}


def open_lab(id: str) -> LabView:  # noqa: A002 - as the declaration's attribute
    """Open a lab in this kernel; a cell that is run again gets the same one.

    Raises:
        UsageError: there is no such lab.
    """
    lab = find_lab(id)
    if id not in _views:
        which = "private" if lab.private else "here"
        if which not in _workplaces:
            _workplaces[which] = Workplace(watch=not headless(), private=lab.private)
        _views[id] = LabView(lab, _workplaces[which])
    _views[id].lead()
    return _views[id]
