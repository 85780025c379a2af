"""The card: one anywidget, drawn by card.js from the controller's view."""

from __future__ import annotations

import contextlib
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from voltutor.lessons import Lab, Step
from voltutor.widgets.controller import Controller
from voltutor.widgets.measuring import MeasuringController
from voltutor.widgets.script import script
from voltutor.widgets.services import ServicesController
from voltutor.widgets.start import StartController
from voltutor.widgets.volumes import VolumesController
from voltutor.widgets.worker import Worker
from voltutor.widgets.workplace import Workplace

BEAT = 2.0
"""Seconds between two signs of life; a card that misses them for 6 s says that it is asleep."""


class Controlled(anywidget.AnyWidget):
    """The view of a controller. Its Python side forwards what is clicked, and starts nothing by itself."""

    _css = Path(__file__).with_name("card.css")
    view = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        make: Callable[[Callable[[dict[str, Any]], None]], Controller | Worker],
    ) -> None:
        super().__init__()
        self._done: deque[str] = deque(maxlen=100)
        self.controller = make(self._show)
        self.on_msg(self._clicked)
        _beating.add(self)

    def _show(self, view: dict[str, Any]) -> None:
        self.view = view

    def _clicked(self, _widget: Any, content: Any, _buffers: Any) -> None:
        if not isinstance(content, dict) or not isinstance(content.get("action"), str):
            return
        # A click is sent again until it is acknowledged, and done once.
        number = str(content.get("id"))
        self.send({"ack": number})
        if number not in self._done:
            self._done.append(number)
            self.controller.act(content["action"], content.get("value"))


class CardView(Controlled):
    """The view of one step."""

    _esm = script("card.js")

    def __init__(self, workplace: Workplace, lab: Lab, step: Step) -> None:
        super().__init__(lambda show: Controller(workplace, lab, step, show))


class StartView(Controlled):
    """The view of the first minute."""

    _esm = script("start.js")

    def __init__(self, workplace: Workplace) -> None:
        super().__init__(lambda show: StartController(workplace, show))


class PanelView(Controlled):
    """The view of the measuring panel."""

    _esm = script("panel.js")

    def __init__(self, workplace: Workplace) -> None:
        super().__init__(lambda show: MeasuringController(workplace, show))


class VolumesView(Controlled):
    """The view of the panel of volumes."""

    _esm = script("volumes.js")

    def __init__(self, workplace: Workplace) -> None:
        super().__init__(lambda show: VolumesController(workplace, show))


class ServicesView(Controlled):
    """The view of the panel of services."""

    _esm = script("services.js")

    def __init__(self, workplace: Workplace) -> None:
        super().__init__(lambda show: ServicesController(workplace, show, self._hand_out))

    def _hand_out(self, name: str, content: bytes) -> None:
        self.send({"file": name}, [content])


class _Heart:
    """One thread that gives every living card its sign of life, whatever the kernel's main thread does."""

    def __init__(self) -> None:
        self._cards: weakref.WeakSet[Controlled] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._beats = False

    def add(self, card: Controlled) -> None:
        """Have a card beat from now on."""
        with self._lock:
            self._cards.add(card)
            if not self._beats:
                self._beats = True
                threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()

    def _beat(self) -> None:
        while True:
            with self._lock:
                cards = list(self._cards)
            for card in cards:
                with contextlib.suppress(
                    Exception
                ):  # one card's broken connection must not stop the others' hearts
                    card.send({"beat": True})
            del cards
            time.sleep(BEAT)


_beating = _Heart()
