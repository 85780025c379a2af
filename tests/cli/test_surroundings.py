"""What Jupyter, IPython and Matplotlib find: the home, and nothing of the learner's."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from voltutor.cli import lab
from voltutor.cli.server import settings
from voltutor.cli.surroundings import settle, surroundings, write_kernel

THEIRS = {
    "JUPYTER_CONFIG_PATH": "/theirs",
    "JUPYTER_TOKEN": "theirs",
    "JUPYTERHUB_API_TOKEN": "theirs",
    "JPY_PARENT_PID": "1",
    "IPYTHONDIR": "/theirs",
    "MPLBACKEND": "theirs",
    "MATPLOTLIBRC": "/theirs",
    "PYTHONSTARTUP": "/theirs",
    "PYTHONWARNINGS": "error",
}


def test_what_points_elsewhere_is_out_and_all_else_stays(tmp_path: Path) -> None:
    kept = {"PATH": "/bin", "ALL_PROXY": "socks5://192.0.2.1", "PYTHONPATH": "/lib", "LANG": "zh_CN.UTF-8"}
    made = surroundings(tmp_path, {**THEIRS, **kept})
    assert kept.items() <= made.items()
    own = {value for name, value in made.items() if name not in kept} - {"0"}
    assert all(Path(value).is_relative_to(tmp_path) for value in own)


def test_this_process_has_them_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        monkeypatch.setenv(name, os.environ[name])  # all of it comes back
    for name, value in THEIRS.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    for name in surroundings(tmp_path, before):
        monkeypatch.setenv(name, before.get(name, ""))
    settle(tmp_path)
    assert dict(os.environ) == surroundings(tmp_path, before)


def test_the_kernel_is_this_python_without_a_debugger_which_would_listen_on_tcp(tmp_path: Path) -> None:
    for _again in range(2):
        write_kernel(tmp_path)
    folder = tmp_path / "jupyter" / "data" / "kernels" / "python3"
    spec = json.loads((folder / "kernel.json").read_text())
    assert spec["argv"][0] == sys.executable
    assert spec["metadata"]["debugger"] is False
    assert (folder / "logo-64x64.png").exists()


def test_nothing_leads_the_docker_command_but_the_lab_in_front(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leads = {"DOCKER_CONTEXT": "theirs", "DOCKER_HOST": "tcp://theirs"}
    theirs = {**leads, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/theirs"}
    for name, value in theirs.items():
        monkeypatch.setenv(name, value)
    engine: Any = SimpleNamespace(url="unix:///x.sock")
    there = lab._environment(home, engine, "embedded")
    assert there["VOLTUTOR_FRONT"] == str(home / "terminal" / "front")
    assert not theirs.keys() & there.keys()
    engine.url = "tcp://192.0.2.1:2376"
    there = lab._environment(home, engine, "embedded")
    assert theirs.keys() - there.keys() == leads.keys()


def test_terminals_are_no_login_shells_and_messages_go_over_sockets(home: Path) -> None:
    told = settings(home)
    command = told["ServerApp"]["terminado_settings"]["shell_command"]
    assert "-i" in command
    assert not {"-l", "--login"} & set(command)
    assert told["KernelManager"]["transport"] == "ipc"
