"""Watch an engine's events: what a learner types in a terminal is seen here, and the engine's going too."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable

from voltutor.engine import EngineError, Event
from voltutor.errors import VoltutorError
from voltutor.session.bench import LOOK, Bench
from voltutor.session.journal import Kind
from voltutor.session.names import PROCESS

RETRY = 1.0
"""Seconds between two looks for an engine that has gone."""

LOOKS = 200
"""Looks under way whose ends are awaited, at most."""

# What a container's state, or that of its files, may have changed by; the rest is noise (exec_create, top…).
_ACTIONS = (
    "create",
    "start",
    "unpause",
    "die",
    "destroy",
    "rename",
    "exec_die",
    "tag",
    "untag",
    "delete",
    "remove",
)


class Watch:
    """A thread that reports each relevant event of one bench, and when the engine goes or comes back.

    `changed` and `presence` are called on this thread, so they must only start or flag something.
    """

    def __init__(self, bench: Bench, changed: Callable[[], None], presence: Callable[[bool], None]) -> None:
        self._bench, self._changed, self._presence = bench, changed, presence
        self._stop = threading.Event()
        self._here: bool | None = None
        self._seen: float | None = None
        self._results = 0
        self._looks: deque[str] = deque(maxlen=LOOKS)
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop watching; the thread ends at the next event, or when the stream has been quiet for a while."""
        self._stop.set()

    def lost(self) -> None:
        """Somebody else found the engine gone: its next answer counts as its return."""
        self._here = False

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._follow()
                delay = 0.0
            except (VoltutorError, OSError):
                delay = RETRY
            self._tell(self._answers())
            if delay or not self._here:
                self._stop.wait(RETRY)

    def _follow(self) -> None:
        """Read events until the stream is quiet or broken. The last event's time bridges to the next stream."""
        with self._bench.engine.events(since=self._seen) as events:
            self._tell(True)
            if self._seen is None or self._measured():
                self._changed()
            for event in events:
                if self._stop.is_set():
                    return
                self._seen = event.at
                if self._concerns_us(event):
                    self._changed()

    def _measured(self) -> bool:
        """Whether a result was written since the last look, perhaps by a `voltutor measure` in a terminal."""
        folder = self._bench.result_path("any").parent
        stamp = folder.stat().st_mtime_ns if folder.exists() else 0
        changed, self._results = stamp != self._results, stamp
        return changed

    def _tell(self, here: bool) -> None:
        """Report a change, and only a change."""
        if here is not self._here:
            self._here = here
            if not here:
                self._seen = None  # while it was away, anything may have changed
            self._presence(here)

    def _answers(self) -> bool:
        try:
            self._bench.engine.ping()
        except EngineError:
            return False
        return True

    def _concerns_us(self, event: Event) -> bool:
        if event.action.startswith(f"exec_create: {' '.join(LOOK)} "):
            self._looks.append(event.exec)
        if event.exec and event.exec in self._looks:
            return False
        if event.action.split(":")[0] not in _ACTIONS:
            return False
        state = self._bench.session.journal.state()
        if event.type == "image":
            return True
        key: tuple[Kind, str] = (
            "container" if event.type == "container" else "volume",
            event.name or event.id,
        )
        reservation = state.reserved.get(key)
        if reservation and reservation.step.startswith(PROCESS):
            return False  # a trial's container comes and goes while it measures: nobody should work beside it
        ours = reservation is not None or event.id in state.anonymous
        if ours and event.type == "container" and event.action in ("create", "start"):
            # A typed command puts no label on its anonymous volumes: they are journalled while they are seen.
            self._bench.session.journal.meet("container", key[1])
            with contextlib.suppress(VoltutorError):
                self._bench.note_mounts(event.id)
        return ours
