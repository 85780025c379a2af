"""The journal: what this session has reserved and made, one JSON line each, on disk before the engine is
asked. After a crash it alone tells what is ours."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from voltutor.disk import DiskTrouble, writing
from voltutor.home import append, locked, write_atomically

Kind = Literal["container", "volume", "image"]

LATE = 60.0
"""Seconds after which an engine that was asked to make something, and whose asker died, has made it or never will: it
goes on with a create whose client has gone. It is what the kit itself waits for one call."""


@dataclass(frozen=True)
class Reservation:
    """A name that was free on the engine when it was reserved; `step` is what it was reserved for."""

    kind: Kind
    name: str
    logical: str
    step: str = ""


@dataclass(frozen=True)
class JournalState:
    """What the journal's lines add up to.

    Attributes:
        reserved: by kind and name; what bears such a name is ours or was made by hand for us.
        asked: by kind and name, when the engine was asked to make it (seconds since the epoch), as long as it has not
            answered.
        made: by kind and name, the id that the engine gave; of a volume, which has none, its name.
        anonymous: the names of anonymous volumes, of which an engine never gives one twice, each with the name of
            the container that it came with, or empty.
        gone: the same of those that were removed since, until the container's name is begun anew.
        met: by kind and name, what was seen under a reserved name, whoever made it: only what was there can
            have been removed.
        spoiled: whether a line could not be read.
        begun: whether its first line stands in it still.
    """

    reserved: Mapping[tuple[Kind, str], Reservation] = field(default_factory=dict)
    asked: Mapping[tuple[Kind, str], float] = field(default_factory=dict)
    made: Mapping[tuple[Kind, str], str] = field(default_factory=dict)
    anonymous: Mapping[str, str] = field(default_factory=dict)
    gone: Mapping[str, str] = field(default_factory=dict)
    met: frozenset[tuple[Kind, str]] = frozenset()
    spoiled: bool = False
    begun: bool = False

    def name_of(self, kind: Kind, logical: str) -> str | None:
        """The name that is reserved for a logical name; where there are several, the last."""
        found = [r.name for r in self.reserved.values() if r.kind == kind and r.logical == logical]
        return found[-1] if found else None

    def awaited(self, kind: Kind, name: str) -> bool:
        """Whether the engine may be making it still: it was asked lately, and nobody has heard its answer."""
        return time.time() - self.asked.get((kind, name), 0.0) < LATE

    @property
    def awaits(self) -> bool:
        """Whether the engine may be making anything still."""
        return any(self.awaited(kind, name) for kind, name in self.asked)

    @property
    def empty(self) -> bool:
        """Whether nothing is reserved and nothing known to be ours."""
        return not (self.reserved or self.made or self.anonymous)

    @property
    def lost(self) -> bool:
        """Whether it may have known more than it says: a line can't be read, or somebody emptied it, and what came
        since doesn't bring back what it knew."""
        return self.spoiled or not self.begun


class Journal:
    """An append-only file that several kernels of one home may write.

    What is written before the engine is asked must be on disk, or it isn't asked. What is written after it has
    answered waits in memory where the disk takes no more, and goes to it with the next line that does: a clean-up
    needs no room.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = path.with_suffix(".lock")
        self._seen: tuple[int, int, int, bytes] | None = None
        self._owed = b""
        self._here = threading.Lock()  # several cards of a kernel share it
        self._state = JournalState()

    def reserve(self, reservation: Reservation) -> None:
        """Before a create: from here on what bears this name is ours.

        Raises:
            DiskTrouble: it can't be written down.
        """
        self._append(
            op="reserve",
            kind=reservation.kind,
            name=reservation.name,
            logical=reservation.logical,
            step=reservation.step,
        )

    def asked(self, kind: Kind, name: str) -> None:
        """Right before a create: should we die now, the engine may make it all the same, a moment later.

        Raises:
            DiskTrouble: it can't be written down.
        """
        self._append(op="ask", kind=kind, name=name, at=time.time())

    def made(self, kind: Kind, name: str, id: str) -> None:  # noqa: A002 - Docker's own word
        """After a create: the engine gave this id."""
        self._note(op="made", kind=kind, name=name, id=id)

    def anonymous(self, name: str, container: str = "") -> None:
        """An anonymous volume of one of our containers."""
        if name not in self.state().anonymous:
            self._note(op="anonymous", name=name, container=container)

    def meet(self, kind: Kind, name: str) -> None:
        """Something was seen under a reserved name."""
        if (kind, name) not in self.state().met:
            self._note(op="meet", kind=kind, name=name)

    def forget(self, kind: Kind, name: str) -> None:
        """For a step that begins anew: what was seen under the name no longer counts."""
        if (kind, name) in self.state().met:
            self._note(op="forget", kind=kind, name=name)

    def gone(self, kind: Kind, name: str) -> None:
        """It was removed; its reservation stands."""
        self._note(op="gone", kind=kind, name=name)

    def release(self, kind: Kind, name: str) -> None:
        """The name is no longer ours: somebody else took it first, or we are done with it."""
        self._note(op="release", kind=kind, name=name)

    def _append(self, **record: str | float) -> None:
        with self._here, locked(self._lock):
            lines = self._owed + _line(record)
            # A writer killed within a line leaves it without its end: close it, so that it spoils itself only.
            there = self.path.read_bytes() if self.path.exists() else b""
            append(self.path, lines if there[-1:] in (b"", b"\n") else b"\n" + lines)
            self._owed = b""

    def _note(self, **record: str) -> None:
        try:
            self._append(**record)
        except DiskTrouble:
            with self._here:
                self._owed += _line(record)

    def state(self) -> JournalState:
        """What stands in the file now, other kernels' lines included."""
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            return _fold(self._owed.decode())
        seen = (stat.st_ino, stat.st_size, stat.st_mtime_ns, self._owed)
        if seen != self._seen:
            written = self.path.read_text(encoding="utf-8", errors="replace")
            self._state, self._seen = _fold(f"{written}\n{self._owed.decode()}"), seen
        return self._state

    def begin(self) -> None:
        """Begin anew, and forget everything: for a session that is new, or of which nothing is left.

        Raises:
            DiskTrouble: there is no room for the first line.
        """
        first = _line({"op": "begin", "name": ""})
        with self._here, locked(self._lock), writing(self.path):
            if self.path.exists() and self.path.read_bytes().startswith(first):
                os.truncate(self.path, len(first))  # needs no room
            else:
                write_atomically(self.path, first)
            self._owed = b""


def _line(record: Mapping[str, str | float]) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"


def _fold(text: str) -> JournalState:
    reserved: dict[tuple[Kind, str], Reservation] = {}
    asked: dict[tuple[Kind, str], float] = {}
    made: dict[tuple[Kind, str], str] = {}
    anonymous: dict[str, str] = {}
    gone: dict[str, str] = {}
    met: set[tuple[Kind, str]] = set()
    spoiled = begun = False
    for line in filter(None, text.split("\n")):
        # A line that a crash cut, or that something else spoiled, spoils only itself.
        try:
            record = json.loads(line)
            kind: Kind = record.get("kind", "volume")
            name: str = record["name"]
            key = (kind, name)
            match record["op"]:
                case "reserve":
                    reserved.pop(key, None)  # what is reserved again is the last
                    reserved[key] = Reservation(kind, name, record["logical"], record.get("step", ""))
                case "ask":
                    asked[key] = float(record["at"])
                case "made":
                    asked.pop(key, None)
                    made[key] = record["id"]
                    # A clean-up while it was being made may have forgotten the reservation.
                    reserved.setdefault(key, Reservation(kind, name, name))
                case "anonymous":
                    anonymous[name] = record.get("container", "")
                case "meet":
                    met.add(key)
                case "forget":
                    met.discard(key)
                    if kind == "container":
                        gone = {volume: of for volume, of in gone.items() if of != name}
                case "gone":
                    asked.pop(key, None)
                    made.pop(key, None)
                    if kind == "volume" and name in anonymous:
                        gone[name] = anonymous.pop(name)
                case "release":
                    reserved.pop(key, None)
                    asked.pop(key, None)
                    made.pop(key, None)
                case "begin":
                    begun = True
        except (ValueError, KeyError, TypeError, AttributeError):
            spoiled = True
    return JournalState(reserved, asked, made, anonymous, gone, frozenset(met), spoiled, begun)
