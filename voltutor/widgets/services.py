"""What the panel of services does, without any drawing: scale, load, kill, replace, save and restore."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from voltutor.diagrams import size_text
from voltutor.errors import VoltutorError
from voltutor.images import MIB
from voltutor.services import (
    MOST,
    NUMBERS,
    Answer,
    Backup,
    Deploy,
    Heal,
    Load,
    Room,
    Saved,
    Scale,
    Service,
    Store,
    answers,
    backups,
    look,
    replica,
    stateful,
    stateless,
    used,
)
from voltutor.session import Command, Kill
from voltutor.text import _, tr
from voltutor.widgets.worker import LOOK, View, Worker, already_done
from voltutor.widgets.workplace import Workplace

SHOWN = 40
"""Requests that have a dot."""

REQUESTS, CLIENTS = 48, 4
"""Of one press of the button."""

HANDED_OUT_AT_MOST = 64 * MIB
"""Bytes of a backup that go through the notebook's connection."""

LOOK_EVERY = 0.3
"""Seconds between two looks at the balancer while requests are sent."""

NEW = "shop"
"""The service that the panel begins, where there is none."""

ANSWERED, FAILED, PASSED_ON = "answered", "failed", "passed-on"


@dataclass
class _State:
    service: str = ""
    found: tuple[Service, ...] = ()
    answered: tuple[Answer, ...] = ()
    stores: tuple[tuple[Store, int | None], ...] = ()
    kept: tuple[Saved, ...] = ()
    busy: str = ""
    trouble: str = ""
    said: list[str] = field(default_factory=list)


class ServicesController(Worker):
    """One panel on a workplace. While requests are sent, replicas can be killed, replaced and scaled."""

    def __init__(
        self,
        workplace: Workplace,
        publish: Callable[[View], None],
        hand_out: Callable[[str, bytes], None] = lambda _name, _content: None,
    ) -> None:
        super().__init__(workplace, publish)
        self._hand_out = hand_out
        self._state = _State()
        self._working = threading.Event()
        self._meanwhile: queue.Queue[tuple[Command, threading.Event]] = queue.Queue()
        self._sending = threading.Event()
        self._turn = (
            threading.Lock()
        )  # between asking whether requests are sent, and putting something in between
        self.actions = {
            LOOK: lambda _value: self._look(),
            "choose": self._choose,
            "do": self._do,
            "send": self._send,
            "download": self._download,
        }
        self.begin("services")

    def act(self, action: str, value: Any = None) -> threading.Event:
        """Ask for an action: choose a service; send requests, quick or slow; scale to a number, kill a number, heal;
        save a stateful service, restore a backup. The event is set when it is done.

        While it works others are dropped; but while requests are sent, replicas can be killed and scaled.
        """
        command = self._command(action, value)
        with self._turn:
            if command and self._sending.is_set():
                done = threading.Event()
                self._meanwhile.put((command, done))
                return done
        if self._working.is_set() or not (command or action in ("choose", "send", "download", LOOK)):
            return already_done()
        if action in ("choose", "download", LOOK):
            return self.submit(action, value)
        self._working.set()
        return self.submit("do" if command else action, command or value)

    def _command(self, action: str, value: Any) -> Command | None:
        name = self._state.service or NEW
        if action == "scale" and isinstance(value, int) and 1 <= value <= MOST:
            return Scale(name, value)
        if action == "kill" and isinstance(value, int) and value in NUMBERS:
            return Kill(replica(name, value))
        if action == "heal":
            return Heal(name)
        if action == "save" and value in {store.name for store, _used in self._state.stores}:
            return Backup(value, self._unused(value))
        if action == "restore" and (saved := self._saved(value)) and saved.manifest:
            size = max(saved.manifest.size, 32 * MIB)
            return Deploy(f"{saved.manifest.about.service}-again", size, backup=saved.name)
        return None

    def _unused(self, service: str) -> str:
        taken = {saved.name for saved in self._state.kept}
        return next(name for number in range(1, 10_000) if (name := f"{service}-{number}") not in taken)

    def _saved(self, name: Any) -> Saved | None:
        return next((saved for saved in self._state.kept if saved.name == name), None)

    def told(self, trouble: str) -> None:
        """What went wrong."""
        self._state.trouble = trouble

    def ended(self, action: str) -> None:
        """It no longer works."""
        if action in ("do", "send"):
            self._state.busy = ""
            self._working.clear()

    def _choose(self, value: Any) -> None:
        if value in {service.name for service in self._state.found}:
            self._state.service = value
        self._look()

    def _look(self) -> None:
        state, bench = self._state, self.bench
        state.found = stateless(bench)
        names = [service.name for service in state.found]
        if state.service not in names:
            state.service = NEW if NEW in names or not names else names[0]
        state.answered = answers(bench, state.service) if names else ()
        state.stores = tuple((store, used(bench, store)) for store in stateful(bench))
        state.kept = backups(bench)

    def _do(self, command: Any) -> None:
        state = self._state
        state.trouble, state.said = "", [f"$ {line}" for line in self.bench.line(command).splitlines()]
        state.busy = tr(_("Working…"))
        self.show()
        for sign in command.perform(self.bench):
            if sign.text and not sign.text.isalnum():
                state.said.append(sign.text)
                self.show()
        self._look()

    def _download(self, name: Any) -> None:
        """A backup's bytes to the browser; one that is too large for that is told by its path."""
        saved = self._saved(name)
        if saved is None:
            return
        self._state.trouble = ""
        try:
            if saved.path.stat().st_size > HANDED_OUT_AT_MOST:
                text = _("{path} is too large for the browser; copy it from there.")
                self._state.trouble = tr(text, path=saved.path)
            else:
                self._hand_out(saved.path.name, saved.path.read_bytes())
        except OSError as error:
            self._state.trouble = tr(
                _("{path} can't be read: {detail}."), path=saved.path, detail=error.strerror
            )

    def _send(self, value: Any) -> None:
        """Requests, and what is asked for meanwhile."""
        state, bench = self._state, self.bench
        state.trouble, state.said = "", []
        if not any(service.front for service in state.found if service.name == state.service):
            raise VoltutorError(
                _("There is no balancer that would take requests."), _("Start a replica first.")
            )
        slow = value == "slow"
        load = Load(state.service, CLIENTS * 3 if slow else REQUESTS, CLIENTS, "/slow" if slow else "/")
        state.busy = tr(_("Sending…"))
        self._sending.set()
        self.show()
        looked = time.monotonic()
        try:
            with closing(load.perform(bench)) as signs:  # type: ignore[type-var]
                for sign in signs:
                    self._do_meanwhile()
                    if sign.text:
                        state.said.append(sign.text)
                    if time.monotonic() - looked >= LOOK_EVERY:
                        state.answered = answers(bench, state.service)
                        state.found = tuple(look(bench, service.name) for service in state.found)
                        self.show()
                        looked = time.monotonic()
        finally:
            with self._turn:
                self._sending.clear()
            self._do_meanwhile()
        self._look()

    def _do_meanwhile(self) -> None:
        while not self._meanwhile.empty():
            command, done = self._meanwhile.get()
            try:
                self.bench.do(command)
            except VoltutorError as error:
                self._state.trouble = str(error)
            finally:
                done.set()

    # the view

    def view(self) -> View:
        """The panel as plain data, every text translated."""
        state, bench = self._state, self.workplace.bench
        rooms = {store.room for store, _held in state.stores if store.size}
        current = next((each for each in state.found if each.name == state.service), None)
        return {
            "engine": bench.engine.info.title if bench else tr(_("No engine yet.")),
            "service": state.service,
            "services": [service.name for service in state.found],
            "replicas": self._rows(current),
            "listed": len(current.listed or current.serving) if current else 0,
            "lost": len(current.lost) + current.stopped_front if current else 0,
            "most": MOST,
            "columns": SHOWN,
            "requests": len(state.answered),
            "failed": sum(answer.failed for answer in state.answered),
            "stores": [self._store(store, held) for store, held in state.stores],
            "rooms": [tr(room.value) for room in Room if room in rooms],
            "backups": [_backup(saved) for saved in state.kept],
            "busy": state.busy,
            "sending": self._sending.is_set(),
            "said": state.said,
            "trouble": state.trouble,
            "labels": {key: tr(text) for key, text in _LABELS.items()},
        }

    def _rows(self, service: Service | None) -> list[View]:
        """A row for each replica that is there, and for each that had one of the last requests."""
        if service is None:
            return []
        state, last = self._state, self._state.answered[-SHOWN:]
        asked = {name for answer in last for name in answer.tried}
        numbers = {replica(service.name, number): number for number in NUMBERS}
        shown = [name for name, number in numbers.items() if number in service.there or name in asked]
        return [
            {
                "name": name,
                "number": numbers[name],
                "state": tr(_state_of(service, numbers[name])),
                "alive": numbers[name] in service.alive,
                "answered": sum(answer.replica == name and not answer.failed for answer in state.answered),
                "failed": sum(answer.replica == name and answer.failed for answer in state.answered),
                "dots": [_dot(answer, name) for answer in last],
            }
            for name in shown
        ]

    def _store(self, store: Store, held: int | None) -> View:
        volume = store.volume
        text = tr(_("not running"))
        if held is not None:
            text = f"{size_text(held)} / {size_text(store.size)}" if store.size else size_text(held)
        return {
            "name": store.name,
            "volume": volume.name
            if volume and volume.name in store.container.named_sources
            else tr(_("anonymous")),
            "text": text,
            "share": min(held / store.size, 1.0) if held and store.size else 0.0,
            "limit": _limit(store, held),
            "running": store.running,
        }


def _limit(store: Store, held: int | None) -> str:
    if not store.size:
        return tr(_("none"))
    return tr(_("exceeded")) if held and held > store.size else tr(_ROOMS[store.room])


def _state_of(service: Service, number: int) -> str:
    if number in service.alive:
        return _("takes requests") if number in service.listed else _("on its way")
    if number in service.there:
        return _("dead")
    return _("gone")


def _dot(answer: Answer, name: str) -> str:
    """What became of a request in a replica's row; nothing where it had no part in it."""
    if answer.replica == name:
        return FAILED if answer.failed else ANSWERED
    return PASSED_ON if name in answer.tried else ""


def _backup(saved: Saved) -> View:
    manifest = saved.manifest
    return {
        "name": saved.name,
        "service": manifest.about.service if manifest else "?",
        "when": manifest.about.created.replace("T", " ").removesuffix("+00:00") + " UTC" if manifest else "?",
        "size": size_text(saved.size),
        "files": sum(bool(entry.sha256) for entry in manifest.entries) if manifest else 0,
        "trouble": saved.trouble,
    }


_ROOMS = {Room.MEMORY: _("enforced"), Room.WATCHED: _("watched")}

_LABELS = {
    "title": _("Your services"),
    "stateless": _("Stateless"),
    "stateful": _("Stateful"),
    "backups": _("Backups"),
    "service": _("service"),
    "none": _("No stateless service yet. Start one here, or in the steps above."),
    "no-stores": _("No stateful service yet: step 5 begins one."),
    "no-backups": _("No backup yet."),
    "start": _("Start {n}"),
    "fewer": _("One fewer"),
    "more": _("One more"),
    "send": _("Send 48 requests"),
    "slow": _("Send 12 slow ones"),
    "kill": _("Kill"),
    "kill-name": _("Kill {name}"),
    "heal": _("Replace what is lost"),
    "replica": _("replica"),
    "last": _("the last {columns} requests"),
    "answered": _("answered"),
    "failed": _("not whole"),
    "state": _("state"),
    "lane": _(
        "{name}: of the last {columns} requests {answered} answered, {failed} not whole, {passed} passed on"
    ),
    "key": _("● answered   ✕ no whole answer   ○ passed on to another replica"),
    "backup": _("backup"),
    "limit": _("limit"),
    "volume": _("volume"),
    "held": _("held"),
    "save": _("Save"),
    "save-name": _("Save {name}"),
    "from": _("of"),
    "when": _("when"),
    "size": _("size"),
    "download": _("Download"),
    "download-name": _("Download {name}"),
    "restore": _("Restore to a new one"),
    "restore-name": _("Restore {name} to a new service"),
    "log": _("What was done"),
    "asleep": _("Asleep: this panel's kernel has gone. Wake it with Run › Run All Cells."),
}
