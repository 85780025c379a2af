"""`voltutor lab` in a process of its own, and a page of it in Chromium."""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
START_LIMIT = 120.0


@dataclass
class Opened:
    """A server: the URL that it told, its process, and its home."""

    url: str
    process: subprocess.Popen[str]
    home: Path


class Starting:
    """`voltutor lab LAB`, started on an engine that is named for all labs, or else only found; what it says is
    kept."""

    def __init__(
        self, lab: str, port: int, engine_url: str, home: Path, *, named: bool = True, **options: Any
    ) -> None:
        words = [sys.executable, "-P", "-m", "voltutor", "lab", lab, "--no-browser", "--port", str(port)]
        env = {**os.environ, **options.pop("env", {}), "VOLTUTOR_HOME": str(home)}
        if named:
            words += ["--engine", engine_url]
        else:
            env["DOCKER_HOST"] = engine_url
        self.home, self.said = home, list[str]()
        self.process = subprocess.Popen(
            words,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            env=env,
            **options,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        assert self.process.stdout
        stdout = self.process.stdout

        def listen() -> None:
            for line in stdout:
                self._lines.put(line)

        threading.Thread(target=listen, daemon=True).start()

    def opened(self, limit: float = START_LIMIT) -> Opened:
        """Wait until it tells its URL, so many seconds at most."""
        until = time.monotonic() + limit
        while not (self.said and self.said[-1].startswith("http")):
            try:
                self.said.append(self._lines.get(timeout=1))
            except queue.Empty:
                assert self.process.poll() is None, "".join(self.said)
                assert time.monotonic() < until, "".join(self.said)
        return Opened(self.said[-1].strip(), self.process, self.home)

    def end(self) -> None:
        """Stop it, and wait until it has ended."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)


@contextlib.contextmanager
def served(lab: str, port: int, engine_url: str, home: Path, **options: Any) -> Iterator[Opened]:
    """`voltutor lab LAB` for as long as the block runs; `env` and what else Popen takes."""
    starting = Starting(lab, port, engine_url, home, **options)
    try:
        yield starting.opened()
    finally:
        starting.end()


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """Chromium."""
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs Chromium")
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(executable_path=chromium, args=FLAGS)
        yield launched
        launched.close()
