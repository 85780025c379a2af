"""The programs of this machine that go into the lab image: where they are, and what they link to."""

from __future__ import annotations

import os
import re
import struct
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from voltutor.errors import VoltutorError
from voltutor.programs import find, library_path, unpacked
from voltutor.text import _, tr

NEEDED = ("busybox", "fio", "cp")
"""busybox for the shell, fio for the workloads, and the cp of GNU coreutils because busybox's can't be told
to clone, which is how a reflink file system is recognised."""

REDIS = ("redis-server", "redis-benchmark", "redis-cli")
NGINX = ("nginx",)

HANG = 300
"""Seconds after which a program that is asked for a list will never answer; a slow machine takes a few."""

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


def locate(architecture: str, home: Path, more: Iterable[str] = ()) -> Programs:
    """Find every needed program, unpacked under `home` or on PATH, and those that are asked for besides.

    Raises:
        MissingPrograms: one is not there, is no ELF file of the engine's architecture, or can't be run.
    """
    root = unpacked(home)
    more = tuple(more)
    found = {name: _locate(name, home, architecture) for name in (*NEEDED, *more)}
    return Programs(
        busybox=_with_libraries(found["busybox"], "/bin/busybox", root),
        applets=_applets(found["busybox"]),
        fio=_with_libraries(found["fio"], "/usr/bin/fio", root),
        cp=_with_libraries(found["cp"], "/usr/bin/cp", root),
        more={name: _with_libraries(found[name], f"/usr/bin/{name}", root) for name in more},
    )


def _locate(name: str, home: Path, architecture: str) -> Path:
    path = find(name, home) or find(_ALSO.get(name, name), home)
    if path is None:
        raise MissingPrograms(name, _("not found"))
    real = path.resolve()
    with real.open("rb") as file:
        header = file.read(20)
    if len(header) < 20 or header[:4] != b"\x7fELF":
        raise MissingPrograms(name, _("not a Linux program (ELF)"))
    machine = struct.unpack(">H" if header[5] == 2 else "<H", header[18:20])[0]
    if machine != _MACHINES.get(architecture):
        raise MissingPrograms(name, _("made for another architecture than the engine's"))
    return real


def _applets(busybox: Path) -> tuple[str, ...]:
    listed = _answer("busybox", [busybox, "--list"], check=True)
    # Its list names busybox itself: a link from it to itself would hide the program.
    return tuple(sorted(name for name in listed.split() if name != "busybox"))


def _with_libraries(program: Path, target: str, root: Path) -> tuple[Program, ...]:
    """The program and what ldd names, each library under the path by which the loader asks for it."""
    env = dict(os.environ)
    if program.is_relative_to(root):
        env["LD_LIBRARY_PATH"] = library_path(root)
    listed = _answer(program.name, ["ldd", program], env=env)  # fails where nothing is linked
    missing = re.findall(r"^\s*(\S+) => not found", listed, re.MULTILINE)
    if missing:
        raise MissingPrograms(program.name, f"{missing[0]}: not found")
    libraries = [Path(path) for path in re.findall(r"(/\S+)", listed)]
    return (Program(program, target), *(Program(path.resolve(), _inside(path, root)) for path in libraries))


def _answer(
    name: str, command: Sequence[str | Path], env: Mapping[str, str] | None = None, check: bool = False
) -> str:
    """What a command writes that asks a program.

    Raises:
        MissingPrograms: it never ends, or, with `check`, fails.
    """
    try:
        return subprocess.run(
            command, capture_output=True, text=True, env=env, check=check, timeout=HANG
        ).stdout
    except subprocess.SubprocessError as error:
        raise MissingPrograms(name, _("it can't be run")) from error


def _inside(path: Path, root: Path) -> str:
    return "/" + str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
