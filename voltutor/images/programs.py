"""The programs of this machine that go into the lab image: where they are, and what they link to."""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from voltutor.errors import VoltutorError
from voltutor.text import _, tr

NEEDED = ("busybox", "fio", "cp")
"""busybox for the shell, fio for the workloads, and the cp of GNU coreutils because busybox's can't be told
to clone, which is how a reflink file system is recognised."""

REDIS = ("redis-server", "redis-benchmark", "redis-cli")
NGINX = ("nginx",)

_ALSO = {"redis-server": "redis-check-rdb"}
"""One binary under several names: it is the server unless it is called by another. Debian's redis-tools has it
without the service that its redis-server would start."""

# e_machine of the ELF header, by the engine's word for the architecture (elf.h).
_MACHINES = {"x86_64": 62, "amd64": 62, "aarch64": 183, "arm64": 183}


class MissingPrograms(VoltutorError):
    """A program of the lab image is not on this machine, or not one that the engine could run."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(
            _("The lab image can't be assembled from this machine's programs: {name}: {reason}."),
            _(
                "Run `make lab`, which fetches them, or on Debian `sudo apt-get install "
                "busybox-static fio redis-tools`; lab 07 needs nginx besides."
            ),
            name=name,
            reason=tr(reason),
        )


@dataclass(frozen=True)
class Program:
    """A file of this machine and its path in the image."""

    source: Path
    target: str


@dataclass(frozen=True)
class Programs:
    """What was located: each program with the libraries that it links to, and busybox's applets."""

    busybox: tuple[Program, ...]
    applets: tuple[str, ...]
    fio: tuple[Program, ...]
    cp: tuple[Program, ...]
    more: Mapping[str, tuple[Program, ...]] = field(default_factory=dict)


def unpacked(home: Path) -> Path:
    """Where programs are unpacked that were downloaded without root."""
    return home / "programs" / "root"


def locate(architecture: str, home: Path, more: Iterable[str] = ()) -> Programs:
    """Find every needed program, unpacked under `home` or on PATH, and those that are asked for besides.

    Raises:
        MissingPrograms: one is not there, or is no ELF file of the engine's architecture.
    """
    root = unpacked(home)
    more = tuple(more)
    found = {name: _locate(name, root, architecture) for name in (*NEEDED, *more)}
    return Programs(
        busybox=_with_libraries(found["busybox"], "/bin/busybox", root),
        applets=_applets(found["busybox"]),
        fio=_with_libraries(found["fio"], "/usr/bin/fio", root),
        cp=_with_libraries(found["cp"], "/usr/bin/cp", root),
        more={name: _with_libraries(found[name], f"/usr/bin/{name}", root) for name in more},
    )


def _locate(name: str, root: Path, architecture: str) -> Path:
    folders = [str(root / part) for part in ("usr/bin", "bin", "usr/sbin")]
    # A server's folder is not on everybody's PATH.
    where = os.pathsep.join([*folders, os.environ.get("PATH", os.defpath), "/usr/sbin"])
    path = shutil.which(name, path=where) or shutil.which(_ALSO.get(name, name), path=where)
    if path is None:
        raise MissingPrograms(name, _("not found"))
    real = Path(path).resolve()
    with real.open("rb") as file:
        header = file.read(20)
    if len(header) < 20 or header[:4] != b"\x7fELF":
        raise MissingPrograms(name, _("not a Linux program (ELF)"))
    machine = struct.unpack(">H" if header[5] == 2 else "<H", header[18:20])[0]
    if machine != _MACHINES.get(architecture):
        raise MissingPrograms(name, _("made for another architecture than the engine's"))
    return real


def _applets(busybox: Path) -> tuple[str, ...]:
    listed = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True, timeout=10)
    # Its list names busybox itself: a link from it to itself would hide the program.
    return tuple(sorted(name for name in listed.stdout.split() if name != "busybox"))


def _with_libraries(program: Path, target: str, root: Path) -> tuple[Program, ...]:
    """The program and what ldd names, each library under the path by which the loader asks for it."""
    env = dict(os.environ)
    if program.is_relative_to(root):
        folders = {str(path.parent) for path in root.rglob("*.so*")}
        env["LD_LIBRARY_PATH"] = os.pathsep.join(sorted(folders))
    listed = subprocess.run(
        ["ldd", program], capture_output=True, text=True, env=env, check=False, timeout=30
    )
    missing = re.findall(r"^\s*(\S+) => not found", listed.stdout, re.MULTILINE)
    if missing:
        raise MissingPrograms(program.name, f"{missing[0]}: not found")
    libraries = [Path(path) for path in re.findall(r"(/\S+)", listed.stdout)]
    return (Program(program, target), *(Program(path.resolve(), _inside(path, root)) for path in libraries))


def _inside(path: Path, root: Path) -> str:
    return "/" + str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
