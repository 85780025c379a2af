"""Where programs lie: on PATH, or unpacked under the home by somebody who isn't root. Standard library only, since
what sets the kit up asks it too, before anything is installed.
"""

from __future__ import annotations

import os
import shutil
import struct
from pathlib import Path

FOLDERS = ("usr/bin", "bin", "usr/sbin", "sbin")
"""Where Debian's packages have their programs."""

SERVERS = ("/usr/sbin", "/sbin")
"""Folders that are not on everybody's PATH."""

_PT_INTERP = 3
"""The program header that names the loader (elf(5))."""


def unpacked(home: Path) -> Path:
    """The root under which programs are unpacked that were downloaded without root."""
    return home / "programs" / "root"


def folders(home: Path) -> list[str]:
    """The folders of the unpacked programs, for a PATH."""
    return [str(unpacked(home) / part) for part in FOLDERS]


def find(name: str, home: Path | None = None) -> Path | None:
    """A program, unpacked under `home` or on PATH."""
    where = [*(folders(home) if home else ()), os.environ.get("PATH", os.defpath), *SERVERS]
    path = shutil.which(name, path=os.pathsep.join(where))
    return Path(path) if path else None


def command(name: str, home: Path) -> list[str] | None:
    """The words that start a program. One that was unpacked is started by the loader that was unpacked with it, since
    its libraries lie where this machine's own doesn't look; a variable would do that too, and reach whatever the
    program starts."""
    program, root = find(name, home), unpacked(home)
    if program is None:
        return None
    interpreter = _interpreter(program) if program.is_relative_to(root) else None
    loaders = [path for path in root.rglob(interpreter) if not path.is_symlink()] if interpreter else []
    if not loaders:
        return [str(program)]
    return [str(loaders[0]), "--library-path", library_path(root), str(program)]


def library_path(root: Path) -> str:
    """The folders of a root that have libraries, as a loader takes them."""
    return os.pathsep.join(sorted({str(path.parent) for path in root.rglob("*.so*")}))


def _interpreter(program: Path) -> str | None:
    """The file name of the loader that a 64-bit ELF program asks for; None where it needs none."""
    with program.open("rb") as file:
        header = file.read(64)
        if len(header) < 64 or header[:5] != b"\x7fELF\2":
            return None
        order = ">" if header[5] == 2 else "<"
        (start,) = struct.unpack(f"{order}Q", header[32:40])
        size, count = struct.unpack(f"{order}2H", header[54:58])
        file.seek(start)
        table = file.read(size * count)
        for entry in (table[at : at + size] for at in range(0, len(table), size)):
            kind, _flags, offset, _address, _physical, length = struct.unpack(f"{order}2I4Q", entry[:40])
            if kind == _PT_INTERP:
                file.seek(offset)
                return Path(os.fsdecode(file.read(length).rstrip(b"\0"))).name
    return None
