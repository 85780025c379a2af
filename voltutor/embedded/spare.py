"""Room that is kept on a disk, so that an engine starts there when it is full: else nobody could make room."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

SPARE = 1 << 20
"""Bytes that are kept."""

FILES = 64
"""Inodes that are kept."""


def short(folder: Path, size: int, files: int = 1) -> bool:
    """Whether a disk has less than so many bytes, or than so many inodes."""
    seen = os.statvfs(folder)
    few = bool(seen.f_files) and seen.f_favail < files  # a file system that counts none says 0 of 0
    return few or seen.f_bavail * seen.f_frsize < size


class Spare:
    """A folder of files that only take up room: it goes where the disk is full, and comes back once there is some."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def lend(self) -> None:
        """Give the room away, where there is no other."""
        if short(self._path.parent, SPARE, FILES):
            shutil.rmtree(self._path, ignore_errors=True)

    def take(self) -> None:
        """Keep some again, where there is plenty."""
        if self._path.exists() or short(self._path.parent, 8 * SPARE, 8 * FILES):
            return
        with contextlib.suppress(OSError):  # somebody else was faster: there is none then
            self._path.mkdir()
            for number in range(FILES):
                # Not zeros, which some file systems keep in no room.
                (self._path / str(number)).write_bytes(os.urandom(SPARE // FILES))
