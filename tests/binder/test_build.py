"""The Dockerfile that repo2docker makes of `binder/`, and what its scripts call."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def dockerfile(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What repo2docker prints without building; it looks at a clean copy of what git has."""
    clone = tmp_path_factory.mktemp("binder") / "clone"
    subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug", str(clone)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_it_installs_the_programs_the_package_and_a_python_that_it_names(dockerfile: str) -> None:
    assert (
        f"python={(ROOT / 'binder' / 'runtime.txt').read_text().strip().removeprefix('python-')}"
        in dockerfile
    )
    programs = " ".join((ROOT / "binder" / "apt.txt").read_text().split())
    assert f"apt-get install --yes --no-install-recommends {programs}" in dockerfile
    assert 'pip install --no-cache-dir -r "binder/requirements.txt"' in dockerfile
    assert (ROOT / "binder" / "requirements.txt").read_text().split() == ["."]


def test_binder_and_a_learners_machine_get_the_same_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT)
    bootstrap = importlib.import_module("bootstrap")
    assert (ROOT / "binder" / "apt.txt").read_text().split() == sorted(bootstrap.PACKAGES.values())
    assert set(bootstrap.PACKAGES.values()) >= bootstrap.SERVERS


def test_it_runs_our_scripts(dockerfile: str) -> None:
    assert "RUN ./binder/postBuild" in dockerfile
    assert "binder/start" in dockerfile
    for name in ("postBuild", "start"):
        path = ROOT / "binder" / name
        assert os.access(path, os.X_OK)
        assert subprocess.run(["bash", "-n", path], check=False).returncode == 0


def test_settings_are_written_where_jupyterlab_reads_them(tmp_path: Path) -> None:
    env = {**os.environ, "HOME": str(tmp_path), "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings")}
    subprocess.run([sys.executable, "-m", "voltutor.cli.binder", "settings"], env=env, check=True, timeout=60)
    found = tmp_path / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    assert '"fetchNews": "false"' in found.read_text()
