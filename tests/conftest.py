"""Engines, homes and benches for tests. A test touches only an engine that was started for tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dockerd import Dockerd, can_start, dockerd
from tests.own_engine import Embedded, embedded
from voltutor import cleanup
from voltutor.engine import Engine, find
from voltutor.session import Bench, Session

os.environ.update({"LANG": "C.UTF-8"})
for _name in ("LC_ALL", "LC_MESSAGES", "VOLTUTOR_LANGUAGE"):
    os.environ.pop(_name, None)  # texts are compared in English, whatever language this machine speaks

NO_SKIP = bool(os.environ.get("VOLTUTOR_NO_SKIP"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Where nothing may be skipped, a skip is a failure."""
    outcome: Any = yield
    report = outcome.get_result()
    if NO_SKIP and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, where VOLTUTOR_NO_SKIP allows none: {report.longrepr}"


@pytest.fixture(autouse=True)
def _no_engine_of_the_learner(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reaches an engine that it did not ask for."""
    docker = ("DOCKER_HOST", "DOCKER_CONTEXT")
    ours = ("ENGINE", "DELETION_ENGINE", "SESSION", "HEADLESS", "FRONT", "LED", "LED_FROM", "LED_ENGINE")
    for name in (*docker, *(f"VOLTUTOR_{each}" for each in ours)):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", "/nowhere")  # nor one by a context


@pytest.fixture(scope="session")
def engine_url() -> Iterator[str]:
    """The tests' engine: the one that is named for tests, or one that is started now."""
    # Tests look at all that is on their engine, so a second process of tests starts another one.
    first = os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0"
    if first and (named := os.environ.get("VOLTUTOR_TEST_ENGINE")):
        yield named
        return
    if not can_start():
        pytest.skip("needs root and dockerd, or VOLTUTOR_TEST_ENGINE")
    # Not pytest's own temporary folder: a socket's path has at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="vt-", dir="/var/tmp"))
    with dockerd(folder, networked=True) as started:
        yield started.url
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def engine(engine_url: str) -> Iterator[Engine]:
    """A connection to the tests' engine."""
    connected = find(engine_url, {})
    yield connected
    connected.close()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("VOLTUTOR_HOME", str(folder))
    return folder


@pytest.fixture
def bench(engine: Engine, home: Path) -> Iterator[Bench]:
    """A bench in an empty home; what it made is removed after the test, but for the images that are shared."""
    made = Bench(engine, home)
    yield made
    sweep(engine, home)


def sweep(engine: Engine, home: Path) -> None:
    """Remove what the sessions of a home made."""
    sessions = Session.all(home)
    plan = cleanup.plan(cleanup.find(engine, sessions), by_hand=True)
    for _report in cleanup.apply(engine, plan, sessions):
        pass


@pytest.fixture(scope="session", autouse=True)
def _shared_images(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """The lab images are made once, by a home of their own, so that no test's sweep takes them away."""
    wants = any(
        {"engine", "bench"} & set(item.fixturenames)
        for item in request.session.items
        if isinstance(item, pytest.Function)
    )
    if not wants:
        yield
        return
    try:
        url = request.getfixturevalue("engine_url")
    except pytest.skip.Exception:
        yield
        return
    home = tmp_path_factory.mktemp("images")
    connected = find(url, {})
    keeper = Bench(connected, home)
    for _progress in keeper.prepare("lab", "files", "seed"):
        pass
    yield
    sweep(connected, home)
    connected.close()


@pytest.fixture
def own_dockerd() -> Iterator[Dockerd]:
    """An engine of this test's own, which it may kill."""
    if not can_start():
        pytest.skip("needs root and dockerd")
    folder = Path(tempfile.mkdtemp(prefix="vt-", dir="/var/tmp"))
    with dockerd(folder) as started:
        yield started
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def own() -> Iterator[Embedded]:
    """An embedded engine of this test's own."""
    folder = Path(tempfile.mkdtemp(prefix="vt-", dir="/var/tmp"))
    with embedded(folder / "e") as made:
        yield made
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def voltutor(home: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command, run in a process of its own with an empty home."""
    import sys

    def run(
        *words: str, env: dict[str, str] | None = None, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "voltutor", *words]
        full = {**os.environ, "VOLTUTOR_HOME": str(home), "COLUMNS": "200", **(env or {})}
        return subprocess.run(command, capture_output=True, text=True, env=full, timeout=1000, **options)

    return run


@pytest.fixture
def docker(engine_url: str) -> Callable[..., str]:
    """The docker command as a learner types it, on the tests' engine; fails where it fails."""
    if shutil.which("docker") is None:
        pytest.skip("needs the docker command")

    def run(line: str) -> str:
        env = {**os.environ, "DOCKER_HOST": engine_url}
        done = subprocess.run(["sh", "-ec", line], capture_output=True, text=True, env=env, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run
