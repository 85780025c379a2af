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


@contextlib.contextmanager
def served(lab: str, port: int, engine_url: str, home: Path) -> Iterator[Opened]:
    """`voltutor lab LAB` for as long as the block runs."""
    words = [sys.executable, "-m", "voltutor", "lab", lab, "--no-browser", "--port", str(port)]
    env = {**os.environ, "VOLTUTOR_HOME": str(home)}
    process = subprocess.Popen(
        [*words, "--engine", engine_url], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env
    )
    lines: queue.Queue[str] = queue.Queue()
    assert process.stdout
    stdout = process.stdout
    threading.Thread(target=lambda: [lines.put(line) for line in stdout], daemon=True).start()
    said: list[str] = []
    try:
        until = time.monotonic() + START_LIMIT
        while time.monotonic() < until and not (said and said[-1].startswith("http")):
            try:
                said.append(lines.get(timeout=1))
            except queue.Empty:
                assert process.poll() is None, "".join(said)
        yield Opened(said[-1].strip(), process, home)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


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
