"""The embedded engine of this home, from outside: started on demand, asked how it fares, stopped. It is a program
of its own (`python -m voltutor.embedded`); what it writes into its folder is all that is known of it here."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from voltutor.disk import DiskTrouble, see_room
from voltutor.engine.processes import ended, serving
from voltutor.errors import VoltutorError
from voltutor.home import home, place
from voltutor.notices import telling
from voltutor.programs import command
from voltutor.text import _, tr

NAME = "embedded"
"""What `--engine` and `VOLTUTOR_ENGINE` call it."""

START_LIMIT = 60.0
"""Seconds that another's engine may take to answer, once it holds the home: it tries kinds of storage first."""

REFUSED, TAKEN = 3, 4
"""What its process ends with where this machine can't run it, and where another serves the home."""

STOP_LIMIT = 30.0
"""Seconds that it may take to end, with all that runs in it."""


class CannotStart(VoltutorError):
    """This machine can't run the embedded engine; `lines` say of each kind of storage why, and what mends it."""

    exit_code = 3

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        # The first kind is the best one: its mend is the one to try.
        super().__init__(
            _("The embedded engine can't run here: {why}"),
            _("Or start Docker: https://docs.docker.com/engine/install/"),
            why=" ".join(lines) or "?",
        )


@dataclass(frozen=True)
class Running:
    """An embedded engine that answers: its socket as a URL, its process, its storage ("overlay",
    "overlay-tmpfs", "vfs")."""

    url: str
    pid: int
    storage: str


def unwritable(error: OSError | DiskTrouble) -> str:
    """That the home can't be written, as a sentence with the system's reason and what mends it."""
    text = _("The home {home} can't be written: {reason}. Set VOLTUTOR_HOME to a folder of your own.")
    reason = error.__cause__ if isinstance(error, DiskTrouble) else error
    return tr(text, home=place(), reason=getattr(reason, "strerror", None) or error)


def folder() -> Path:
    """Where the engine of this home keeps everything; makes nothing."""
    return place() / "engine"


def status() -> Running | None:
    """The engine of this home, if it answers."""
    try:
        written = json.loads((folder() / "engine.json").read_text(encoding="utf-8"))
        found = Running(f"unix://{written['socket']}", int(written["pid"]), str(written["storage"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(2)
        probe.connect(written["socket"])
        return found
    return None


def start(storage: str = "") -> Running:
    """The engine of this home, started if it does not run; it outlives whoever starts it. `storage` chooses a
    kind instead of the best that there is.

    Raises:
        CannotStart: no kind of storage works here.
        DiskTrouble: the home's disk is full.
        VoltutorError: it did not answer in time.
    """
    if running := status():
        if storage not in ("", running.storage):
            raise VoltutorError(
                _("The embedded engine runs already, with {storage}."),
                _("Stop it first: voltutor engine stop"),
                storage=running.storage,
            )
        return running
    if not hasattr(os, "geteuid") or sys.platform != "linux":
        raise CannotStart(["it needs Linux"])
    wanted = ["--storage", storage] if storage else []
    where = folder()
    try:
        home()
        where.mkdir(parents=True, exist_ok=True, mode=0o700)
        log = (where / "log").open("ab")
    except DiskTrouble as error:
        if getattr(error.__cause__, "errno", None) != errno.EROFS:
            raise
        raise CannotStart([unwritable(error)]) from error
    except OSError as error:
        raise CannotStart([unwritable(error)]) from error
    if proot := command("proot", home()):
        wanted += ["--proot", shlex.join(proot)]
    with log:
        process = subprocess.Popen(
            [sys.executable, "-m", "voltutor.embedded", str(where), *wanted],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
        )
    with telling(_("The embedded engine is starting; {n} s so far.")):
        if running := _awaited(process, where):
            return running
    see_room(where)  # where there is none, that is what is to be told
    last = [""]
    with contextlib.suppress(OSError):
        last = (where / "log").read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:] or [""]
    raise VoltutorError(
        _("The embedded engine did not start: {line}"),
        _("Its whole log is in {log}."),
        line=last[0],
        log=where / "log",
    )


def _awaited(process: subprocess.Popen[bytes], where: Path) -> Running | None:
    """The engine that was started, however slowly; None where it ended instead.

    Raises:
        CannotStart: it says that it can't run here.
    """
    second = time.monotonic() + START_LIMIT
    while process.poll() in (None, TAKEN):
        if running := status():
            return running
        # Whoever came second ends at once, and the first one's answer is waited for; that one may end too.
        if process.poll() == TAKEN and time.monotonic() > second:
            return None
        time.sleep(0.02)
    if process.poll() == REFUSED:
        with contextlib.suppress(OSError):
            raise CannotStart((where / "refused").read_text(encoding="utf-8").splitlines())
    return None


def stop() -> bool:
    """End the engine of this home, and what runs in it; whether there was one. One whose folder was removed answers
    no more, and is found among the processes.

    Raises:
        VoltutorError: it did not end in time.
    """
    running = status()
    pids = serving(folder()) | ({running.pid} if running else set())
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + STOP_LIMIT
    while time.monotonic() < until:
        if all(map(ended, pids)) and not (running and (folder() / "engine.json").exists()):
            return bool(pids)
        time.sleep(0.02)
    raise VoltutorError(
        _("The embedded engine (process {pid}) did not end."),
        _("Its log is in {log}."),
        pid=min(pids),
        log=folder() / "log",
    )
