"""The badge: the engine in words, kept true while the notebook is open."""

from __future__ import annotations

import threading

import anywidget
import traitlets

from voltutor.widgets.script import script
from voltutor.widgets.workplace import Workplace


class BadgeView(anywidget.AnyWidget):
    """One line: which engine, what on it is not ours and stays untouched, and whether it is there."""

    _esm = script("badge.js")
    text = traitlets.Unicode().tag(sync=True)

    def __init__(self, workplace: Workplace) -> None:
        super().__init__(text=workplace.badge())
        self._workplace = workplace
        self._stale = threading.Event()
        workplace.listen(self._heard)
        threading.Thread(target=self._work, name="badge", daemon=True).start()

    def _heard(self, _what: str) -> None:
        self._stale.set()

    def _work(self) -> None:
        while True:
            self._stale.wait()
            self._stale.clear()
            self.text = self._workplace.badge()
