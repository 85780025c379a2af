"""The line of those who want to measure: one at a time per engine, or each would measure the others.

A ticket is a locked file in a folder that all users of this machine share, and who is first takes the turn, a lock
too. The kernel lets go of a lock when its process ends, however it does, so a crash holds nobody up.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

POLL = 0.2
"""Seconds between two looks at the line."""


class Line:
    """A place in line for an engine. A context manager; leaving it gives the place up."""

    def __init__(self, engine_id: str, folder: Path | None = None) -> None:
        key = "".join(c if c.isalnum() else "-" for c in engine_id)[:64]
        self._parent, self._name = folder or Path(tempfile.gettempdir()), f"voltutor-line-{key}"
        self._folder = self._ticket = self._parent / self._name
        self._fd = self._turn = -1

    def __enter__(self) -> Line:
        self._parent.lstat()  # without it, what follows would be tried for ever
        while self._fd < 0:
            with contextlib.suppress(FileNotFoundError):  # who left the line took the folder away
                self._folder = _shared(self._parent, self._name)
                self._stand()
        return self

    def _stand(self) -> None:
        # Known to others only once it is locked; the clock is this machine's since its start, the same for all.
        name = f"{time.clock_gettime_ns(time.CLOCK_MONOTONIC):020d}-{secrets.token_hex(4)}"
        fresh = self._folder / f".{name}"
        self._fd = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        self._ticket = self._folder / name
        fresh.rename(self._ticket)

    def __exit__(self, *_: object) -> None:
        self._ticket.unlink(missing_ok=True)
        os.close(self._fd)
        self._fd = -1
        with contextlib.suppress(OSError):  # already gone, or another user's to take away
            self._leave_no_trace()
        if self._turn >= 0:
            os.close(self._turn)
            self._turn = -1

    def _leave_no_trace(self) -> None:
        """Take the folder away, if nobody stands in line any more. Whoever comes from now on finds it missing, or no
        longer the turn's file that we hold, and makes both anew."""
        if self._take_turn() and [path.name for path in self._folder.iterdir()] == [".turn"]:
            (self._folder / ".turn").unlink()
            self._folder.rmdir()

    def ahead(self) -> int:
        """How many stand before us."""
        names = sorted(path.name for path in self._folder.iterdir() if not path.name.startswith("."))
        return sum(_held(self._folder / name) for name in names if name < self._ticket.name)

    def wait(self) -> Iterator[int]:
        """How many are ahead, about five times a second, until nobody is."""
        # Who drew a lower number may show it a moment after we looked: the turn is what counts then.
        while (ahead := self.ahead()) or not self._take_turn():
            yield ahead or 1
            time.sleep(POLL)

    def _take_turn(self) -> bool:
        path = self._folder / ".turn"
        if self._turn < 0:
            self._turn = _opened(path)
        try:
            fcntl.flock(self._turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        if os.fstat(self._turn).st_nlink:
            return True
        os.close(self._turn)  # taken away by who held it
        self._turn = -1
        return False


def _shared(parent: Path, name: str) -> Path:
    """The folder of a line. One of that name that is no folder, or that not everybody may use, is left as it is; the
    line is then among the processes of this user."""
    for candidate in (parent / name, parent / f"{name}-{os.getuid()}"):
        with contextlib.suppress(FileExistsError):
            candidate.mkdir()
            # As /tmp itself: everybody may stand in line, and take away only their own ticket.
            candidate.chmod(0o1777)
        found = candidate.lstat()
        ours = found.st_uid == os.getuid()
        everybodys = stat.S_IMODE(found.st_mode) & 0o1777 == 0o1777
        if stat.S_ISDIR(found.st_mode) and (ours or everybodys) and os.access(candidate, os.W_OK):
            return candidate
    return Path(tempfile.mkdtemp(prefix=name))


def _opened(path: Path) -> int:
    """A file that everybody may lock, made where it is missing. Not by O_CREAT at once: in a folder such as /tmp the
    kernel refuses that for another user's file (fs.protected_regular)."""
    for flags in (os.O_RDONLY, os.O_RDONLY | os.O_CREAT | os.O_EXCL, os.O_RDONLY):
        try:
            fd = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        except (FileNotFoundError, FileExistsError):
            continue
        return fd
    raise FileNotFoundError(path)


def _held(ticket: Path) -> bool:
    """Whether a ticket's process lives; one that is left over is taken away where that is ours to do."""
    try:
        fd = os.open(ticket, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    with contextlib.suppress(OSError):
        ticket.unlink()
    return False
