"""The line of those who want to measure: one at a time per engine, or each would measure the others.

A ticket is a locked file in a folder that all users of this machine share. The kernel lets go of the lock when
its process ends, however it does, so a crash holds nobody up.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
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
        self._folder = (folder or Path(tempfile.gettempdir())) / f"voltutor-line-{key}"
        self._ticket = self._folder
        self._fd = -1

    def __enter__(self) -> Line:
        with contextlib.suppress(FileExistsError):
            self._folder.mkdir()
            # As /tmp itself: everybody may stand in line, and take away only their own ticket.
            self._folder.chmod(0o1777)
        # Known to others only once it is locked; the clock is this machine's since its start, the same for all.
        name = f"{time.clock_gettime_ns(time.CLOCK_MONOTONIC):020d}-{secrets.token_hex(4)}"
        fresh = self._folder / f".{name}"
        self._fd = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        self._ticket = self._folder / name
        fresh.rename(self._ticket)
        return self

    def __exit__(self, *_: object) -> None:
        self._ticket.unlink(missing_ok=True)
        os.close(self._fd)

    def ahead(self) -> int:
        """How many stand before us."""
        names = sorted(path.name for path in self._folder.iterdir() if not path.name.startswith("."))
        return sum(_held(self._folder / name) for name in names if name < self._ticket.name)

    def wait(self) -> Iterator[int]:
        """How many are ahead, about five times a second, until nobody is."""
        while ahead := self.ahead():
            yield ahead
            time.sleep(POLL)


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
