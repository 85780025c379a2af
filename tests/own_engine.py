"""An embedded engine for tests: a folder of its own, a kind of storage, and a process that a test may kill."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

START_LIMIT = 30.0


class Embedded:
    """One engine; its state stays in its folder."""

    def __init__(self, folder: Path, storage: str = "overlay", prefix: tuple[str, ...] = ()) -> None:
        self.folder, self.storage, self.prefix = folder, storage, prefix
        self.socket = folder / "run" / "docker.sock"
        self.log = folder.with_name(f"{folder.name}.log")
        self.url = f"unix://{self.socket}"
        self.python = sys.executable
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it listens."""
        if not self.prefix:
            self.folder.mkdir(parents=True, exist_ok=True)
        command = [self.python, "-m", "voltutor.embedded", str(self.folder), "--idle", "0"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, *command, "--storage", self.storage], stdout=log, stderr=log, cwd="/"
            )
        until = time.monotonic() + START_LIMIT
        while time.monotonic() < until and self.process.poll() is None:
            # What a killed one left tells of that one.
            with contextlib.suppress(OSError, ValueError), socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(self.socket))
                return
            time.sleep(0.02)
        raise RuntimeError(self.log.read_text()[-2000:])

    @property
    def pid(self) -> int:
        """The engine's own process."""
        return int(json.loads((self.folder / "engine.json").read_text())["pid"])

    def launcher(self) -> int:
        """The process that starts all others."""
        (child,) = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return int(child)

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        assert self.process
        os.kill(self.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """End it in an orderly way."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def complaints(self) -> str:
        """What it logged: nothing, where all is well."""
        return self.log.read_text()


@contextlib.contextmanager
def embedded(folder: Path, storage: str = "overlay") -> Iterator[Embedded]:
    """A running engine for as long as the block runs."""
    made = Embedded(folder, storage)
    made.start()
    try:
        yield made
    finally:
        made.stop()
