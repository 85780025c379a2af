"""Embedded engines as this machine's processes: found where their folder, and what they wrote into it, has gone."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

PROGRAM = (b"-m", b"voltutor.embedded")
"""How an engine is started; its folder follows."""


def serving(folder: Path) -> set[int]:
    """The engines that were started for a folder, whether or not it is there still: their process ids."""
    wanted = os.path.realpath(folder)
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):  # it has ended
            words = (entry / "cmdline").read_bytes().split(b"\0")
            after = words.index(PROGRAM[1])
            if words[after - 1] == PROGRAM[0] and os.path.realpath(os.fsdecode(words[after + 1])) == wanted:
                # The parent is the second field after the name, which may hold anything (proc(5), stat).
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    # What an engine forks has its command line, until it becomes something else.
    return {pid for pid, parent in parents.items() if parent not in parents}


def ended(pid: int) -> bool:
    """Whether a process runs no more; one whose end nobody has asked for yet has ended too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True
