"""An engine whose folder goes ends with all that runs in it, and leaves alone what takes its place."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.own_engine import Embedded
from voltutor.engine import ContainerSpec, embedded, find
from voltutor.engine.processes import serving
from voltutor.session import Bench

LIMIT = 60.0


def until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.02)


def sleeper(url: str, home: Path) -> int:
    """The process of a container that runs on, as this machine sees it."""
    engine = find(url, {})
    bench = Bench(engine, home)
    for _progress in bench.prepare("lab"):
        pass
    mark = f"{os.getpid()}{time.monotonic_ns() % 10**6}"
    made = engine.create_container(ContainerSpec("sleeper", bench.image("lab"), ("sleep", mark)))
    engine.start(made)
    found: list[int] = []

    def there() -> bool:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if path.read_bytes() == f"sleep\0{mark}\0".encode():
                    found.append(int(path.parent.name))
                    return True
            except OSError:
                continue
        return False

    until(there)
    return found[0]


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


@pytest.mark.parametrize("replaced", [False, True], ids=["removed", "replaced"])
def test_an_engine_ends_when_its_folder_goes_with_all_that_runs_in_it(
    own: Embedded, tmp_path: Path, replaced: bool
) -> None:
    pid = sleeper(own.url, tmp_path)
    first = own.process
    assert first
    if replaced:
        # Moved away at once, so that the other one is there before anybody has looked.
        own.folder.rename(own.folder.with_name("old"))
        own.start()
    else:
        shutil.rmtree(own.folder, ignore_errors=True)
    until(lambda: first.poll() is not None)
    assert gone(pid)
    assert first.returncode == 0
    if replaced:
        assert answers(own.socket)
        assert (own.folder / "engine.json").exists()
        assert serving(own.folder) == {own.pid}


def test_stop_finds_an_engine_whose_home_was_removed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert embedded.stop() is False
    running = embedded.start()
    # It looks after its folder itself: frozen, it can't have ended before it is told to.
    os.kill(running.pid, signal.SIGSTOP)
    shutil.rmtree(home, ignore_errors=True)
    assert embedded.status() is None
    kill = os.kill

    def thawing(pid: int, number: int) -> None:
        kill(pid, number)
        kill(pid, signal.SIGCONT)

    monkeypatch.setattr(os, "kill", thawing)
    assert embedded.stop() is True
    assert gone(running.pid)
    assert embedded.stop() is False
