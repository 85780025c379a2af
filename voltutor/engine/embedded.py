"""The embedded engine of this home, from outside: started on demand, asked how it fares, stopped. It is a program
of its own (`python -m voltutor.embedded`); what it writes into its folder is all that is known of it here."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from voltutor.errors import VoltutorError
from voltutor.home import home
from voltutor.text import _

NAME = "embedded"
"""What `--engine` and `VOLTUTOR_ENGINE` call it."""

START_LIMIT = 60.0
"""Seconds that it may take to answer: it tries kinds of storage first."""

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


def folder() -> Path:
    """Where the engine of this home keeps everything."""
    return home() / "engine"


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
    where = folder()
    where.mkdir(parents=True, exist_ok=True, mode=0o700)
    wanted = ["--storage", storage] if storage else []
    with (where / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "voltutor.embedded", str(where), *wanted],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
        )
    until = time.monotonic() + START_LIMIT
    while time.monotonic() < until:
        if running := status():
            return running
        if process.poll() == 3:
            with contextlib.suppress(OSError):
                raise CannotStart((where / "refused").read_text(encoding="utf-8").splitlines())
        # Whoever came second ends with 4, and the first one's answer is waited for.
        if process.poll() not in (None, 4):
            break
        time.sleep(0.02)
    last = [""]
    with contextlib.suppress(OSError):
        last = (where / "log").read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:] or [""]
    raise VoltutorError(
        _("The embedded engine did not start: {line}"),
        _("Its whole log is in {log}."),
        line=last[0],
        log=where / "log",
    )


def stop() -> bool:
    """End the engine of this home, and what runs in it; whether there was one.

    Raises:
        VoltutorError: it did not end in time.
    """
    running = status()
    if running is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(running.pid, signal.SIGTERM)
    until = time.monotonic() + STOP_LIMIT
    while time.monotonic() < until:
        if not (folder() / "engine.json").exists():
            return True
        time.sleep(0.02)
    raise VoltutorError(
        _("The embedded engine (process {pid}) did not end."),
        _("Its log is in {log}."),
        pid=running.pid,
        log=folder() / "log",
    )
