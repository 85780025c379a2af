"""What the panel of volumes does, without any drawing: list, tick, preview, remove, and tell what is left."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from voltutor import cleanup
from voltutor.cleanup import CleanupPlan, VolumeSeen
from voltutor.diagrams import size_text
from voltutor.engine import EngineError, EngineGone
from voltutor.session import Session
from voltutor.text import _, tr
from voltutor.widgets import words
from voltutor.widgets.worker import LOOK, View, Worker, already_done
from voltutor.widgets.workplace import Workplace


@dataclass
class _State:
    rows: tuple[VolumeSeen, ...] = ()
    sizes: dict[str, int] | None = None
    ticked: set[str] = field(default_factory=set)
    plan: CleanupPlan | None = None
    said: list[str] = field(default_factory=list)
    busy: str = ""
    trouble: str = ""


class VolumesController(Worker):
    """One panel on a workplace. What isn't this home's can't be ticked, whatever the browser sends."""

    def __init__(self, workplace: Workplace, publish: Callable[[View], None]) -> None:
        super().__init__(workplace, publish)
        self._state = _State()
        self._removing = threading.Event()
        self.actions = {
            LOOK: lambda _value: self._look(),
            "tick": self._tick,
            "preview": self._preview,
            "back": self._back,
            "remove": self._remove,
        }
        self.begin("volumes")

    def act(self, action: str, value: Any = None) -> threading.Event:
        """Ask for an action: tick, preview, back or remove. The event is set when it is done; while it removes, no
        other does anything."""
        if self._removing.is_set() or action not in self.actions:
            return already_done()
        if action == "remove":
            self._removing.set()
        return self.submit(action, value)

    def told(self, trouble: str) -> None:
        """What went wrong."""
        self._state.trouble = trouble

    def ended(self, action: str) -> None:
        """It no longer works."""
        self._state.busy = ""
        if action == "remove":
            self._removing.clear()

    def _sessions(self) -> list[Session]:
        return Session.all(self.workplace.home)

    def _measured(self) -> dict[str, int]:
        """Bytes by name. Not at every event on an engine with volumes of others: it goes through each for it."""
        try:
            return self.bench.engine.volume_sizes()
        except EngineGone:
            raise
        except EngineError:  # Podman before 4.3, and engines that take too long to add up what is not ours
            return {}

    def _look(self, measure: bool = False) -> None:
        bench, state = self.bench, self._state
        if measure or state.sizes is None or bench.engine.info.private:
            state.sizes = self._measured()
        state.rows = cleanup.volumes(bench.engine, self._sessions(), bench.session, state.sizes)
        state.ticked &= self._mine()
        state.trouble = ""

    def _mine(self) -> set[str]:
        return {row.name for row in self._state.rows if row.may_go}

    def _tick(self, value: Any) -> None:
        wanted = set(value) if isinstance(value, list) else set()
        self._state.ticked, self._state.plan, self._state.said = wanted & self._mine(), None, []

    def _preview(self, _value: Any) -> None:
        self._look(measure=True)
        self._state.said = []
        ticked = self._state.ticked
        self._state.plan = cleanup.plan_for(self.bench.engine, self._sessions(), ticked) if ticked else None

    def _back(self, _value: Any) -> None:
        self._state.plan = None

    def _remove(self, names: Any) -> None:
        """`names` are those that the learner saw when they said yes; nothing else goes."""
        plan, state = self._state.plan, self._state
        if plan is None or names != [decision.thing.id for decision in plan.remove]:
            return
        state.busy = tr(_("Removing…"))
        self.show()
        state.plan, state.said = None, []
        for report in cleanup.apply(self.bench.engine, plan, self._sessions()):
            detail = f": {report.detail}" if report.detail else ""
            state.said.append(f"{report.thing.name}: {tr(report.outcome.value)}{detail}")
            state.ticked.discard(report.thing.id)
            self.show()
        self._look(measure=True)
        left = len(self._mine())
        text = _("Nothing of yours is left.") if not left else _("Of yours, {n} are left.")
        state.said.append(tr(text, n=left))

    def view(self) -> View:
        """The panel as plain data, every text translated."""
        state = self._state
        bench = self.workplace.bench
        return {
            "engine": bench.engine.info.title if bench else tr(_("No engine yet.")),
            "rows": [self._row(row) for row in state.rows],
            "heads": [tr(head) for head in _HEADS],
            "ticked": sorted(state.ticked),
            "preview": self._preview_view(),
            "said": state.said,
            "busy": state.busy,
            "trouble": state.trouble,
            "labels": {key: tr(text) for key, text in _LABELS.items()},
        }

    def _row(self, row: VolumeSeen) -> View:
        kind = tr(_("anonymous")) if row.anonymous else tr(_("named"))
        return {
            "name": row.name,
            "cells": [
                f"{row.name[:12]}…" if row.anonymous else row.name,
                tr(row.owner),
                kind,
                ", ".join(row.users) or tr(_("nobody")),
                size_text(row.size) if row.size is not None else "?",
                age(row.created, datetime.now(UTC)),
            ],
            "mine": row.may_go,
            "why": "" if row.may_go else tr(_("Not yours: it is shown, and left alone.")),
        }

    def _preview_view(self) -> View | None:
        plan = self._state.plan
        if plan is None:
            return None
        names = [decision.thing.id for decision in plan.remove]
        return {
            "code": words.shell([f"docker volume rm {name}" for name in names]),
            "names": names,
            "kept": [f"{decision.thing.name}: {decision.reason}" for decision in plan.keep],
            "yes": tr(_("Remove {n}"), n=len(names)),
        }


def age(created: str, now: datetime) -> str:
    """How long ago a time of the engine's was, roughly."""
    try:
        seconds = (now - datetime.fromisoformat(created)).total_seconds()
    except (ValueError, TypeError):
        return "?"
    for size, text in ((86_400, _("{n} d")), (3600, _("{n} h")), (60, _("{n} min"))):
        if seconds >= size:
            return tr(text, n=int(seconds // size))
    return tr(_("{n} s"), n=max(0, int(seconds)))


_HEADS = (_("volume"), _("whose"), _("kind"), _("used by"), _("size"), _("age"))

_LABELS = {
    "title": _("Every volume on this engine"),
    "tick": _("Remove {name}"),
    "preview": _("Show what would be removed"),
    "commands": _("These lines would be run"),
    "kept": _("These stay"),
    "back": _("Leave them"),
    "none": _("There is no volume on this engine."),
    "choose": _("Tick what is to go. What isn't yours can't be ticked."),
    "asleep": _("Asleep: this panel's kernel has gone. Wake it with Run › Run All Cells."),
}
