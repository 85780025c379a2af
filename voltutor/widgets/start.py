"""The first minute on one screen: write a line in a container, see where it lies, remove the container and be asked
where the line went; and the map of the labs. The two acts are lab 00's own steps."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from voltutor.diagrams import Scene
from voltutor.errors import VoltutorError
from voltutor.labs import LABS
from voltutor.lessons import picture
from voltutor.text import _, tr
from voltutor.widgets import words
from voltutor.widgets.controller import Controller
from voltutor.widgets.overview import all_passed, minutes_of, passed_of, works
from voltutor.widgets.worker import LOOK, View, Worker, already_done
from voltutor.widgets.workplace import Workplace

LAB = "00-start-here"
WRITE, REMOVE = "a-line", "where-it-went"


class StartController(Worker):
    """One panel on a workplace. It has two cards' controllers, which do and judge; it draws them together."""

    def __init__(self, workplace: Workplace, publish: Callable[[View], None]) -> None:
        super().__init__(workplace, publish)
        lab = LABS[LAB]
        self._scene: Scene | None = None
        self._map: list[View] = []
        self._lacking: list[str] = []
        self._trouble = ""
        self._there = False
        self._cards = {
            step: Controller(workplace, lab, lab.step(step), lambda _view: self._heard("changed"))
            for step in (WRITE, REMOVE)
        }
        self.actions = {LOOK: lambda _value: self._look()}
        self.begin("start")

    def act(self, action: str, value: Any = None) -> threading.Event:
        """Ask for an action: write the line; remove the container, with a guess at where the line will
        be; begin as a new panel does, the lab having been taken down."""
        if action == "write":
            return self._cards[WRITE].act("run")
        if action == "remove":
            self._cards[REMOVE].act("guess", value)
            return self._cards[REMOVE].act("run")
        if action == "renew":
            return [card.act("renew") for card in self._cards.values()][-1]
        return already_done()

    def told(self, trouble: str) -> None:
        """What went wrong."""
        self._trouble = trouble

    def _look(self) -> None:
        self._trouble = ""
        labs = [lab for lab in LABS.values() if lab.id != LAB]
        here = {lab.id: works(self.workplace, lab) for lab in labs}
        self._map = [
            {
                "id": lab.id,
                "title": tr(lab.title),
                "minutes": tr(_("{n} min"), n=minutes_of(lab)),
                "here": here[lab.id].word,
                "passed": passed_of(self.workplace, lab),
            }
            for lab in labs
        ]
        lacking: dict[str, list[str]] = {}
        for lab in labs:
            if here[lab.id].why:
                lacking.setdefault(here[lab.id].why, []).append(lab.id[:2])
        self._lacking = [
            tr(_("Lab {labs}: {why}."), labs=", ".join(ids), why=why) for why, ids in lacking.items()
        ]
        try:
            self._there = self.bench.container("hello") is not None
            self._scene = picture(self.bench, "files", ("hello",))
        except VoltutorError as error:
            self._trouble = str(error)

    def view(self) -> View:
        """The panel as plain data, every text translated."""
        write, remove = (self._cards[step].view() for step in (WRITE, REMOVE))
        written, passed = (view["verdict"]["kind"] == "passed" for view in (write, remove))
        # A card stays passed. Where its container is there again, or the line has been reset, there is more to do.
        removed = written and passed and not self._there
        troubles = [
            view["verdict"]["text"] for view in (write, remove) if view["verdict"]["kind"] == "trouble"
        ]
        asked = remove["prediction"]
        return {
            "engine": self.workplace.badge(),
            "written": written,
            "removed": removed,
            "write": write["run"] and not removed,
            "remove": written and remove["check"] and not removed,
            "busy": write["busy"] or remove["busy"],
            "line": write["verdict"]["text"] if written else "",
            "question": asked["question"],
            "options": asked["options"],
            "outcome": asked["outcome"] if removed else "",
            "gone": remove["verdict"]["text"] if removed else "",
            "picture": words.picture(self._scene) if self._scene else None,
            "map": self._map,
            "next": self._next() if removed else None,
            "lacking": self._lacking,
            "trouble": words.html(self._trouble) or "".join(troubles[:1]),
            "labels": {key: tr(text) for key, text in _LABELS.items()},
        }

    def _next(self) -> View | None:
        """The first lab that isn't passed yet."""
        for lab in LABS.values():
            if lab.id != LAB and not all_passed(self.workplace, lab):
                return {"id": lab.id, "text": tr(_("Go on with {lab}"), lab=lab.id)}
        return None


_LABELS = {
    "title": _("See it for yourself"),
    "write": _("Write one line in a container"),
    "first": _("1. A container that writes"),
    "first-text": _("It starts a container of an image that is made here, and writes a line in it."),
    "second": _("2. And where the line goes"),
    "second-text": _("Write the line first; then you are asked."),
    "none": _("The layers of the image, and the container's own on top, are drawn here when there is one."),
    "map": _("The labs"),
    "passed": _("steps passed"),
    "unknown": _("I don't know"),
    "picture": _("The layers as they are now"),
    "words": _("The picture in words"),
    "asleep": _("Asleep: this panel's kernel has gone. Wake it with Run › Run All Cells."),
}
