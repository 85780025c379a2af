"""`voltutor engine`: what it prints is a line that any shell reads."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from voltutor.cli import main
from voltutor.embedded import server
from voltutor.engine import embedded

PATHS = ["/plain", "/with a space", "/it's", '/a "b"', "/$HOME `id` \\", "/ü;&|*(x)", "/-n ~ !x"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_the_line_of_env_sets_docker_host_whatever_the_path(
    path: str, shell: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"unix://{path}/docker.sock"
    monkeypatch.setattr(embedded, "start", lambda: embedded.Running(url, 1, "overlay"))
    assert main(["engine", "env"]) == 0
    # As the README has it typed: within double quotes, in an eval.
    line = capsys.readouterr().out
    script = 'eval "$LINE" && printf %s "$DOCKER_HOST"'
    env = {**os.environ, "LINE": line}
    done = subprocess.run([shell, "-c", script], env=env, capture_output=True, check=True)
    assert done.stdout.decode() == url


def test_a_path_that_clients_would_take_for_a_url_s_parts_holds_no_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1")
    assert server.socket_path(Path("/h/a b'ü")) == Path("/h/a b'ü/run/docker.sock")
    for odd in ("/h/a#b", "/h/a?b", "/h/a;b", "/h/a%20b"):
        assert server.socket_path(Path(odd)).is_relative_to("/run/user/1")


def test_a_docker_command_reaches_the_engine_of_a_home_with_a_space_and_quotes(
    voltutor: Callable[..., Any], tmp_path: Path
) -> None:
    if shutil.which("docker") is None:
        pytest.skip("needs the docker command")
    env = {"VOLTUTOR_HOME": str(tmp_path / 'it\'s a "ü" home')}
    printed = voltutor("engine", "env", env=env)
    if printed.returncode == 3:
        pytest.skip(printed.stderr)
    try:
        script = f"{printed.stdout}docker version --format '{{{{.Server.Version}}}}'"
        done = subprocess.run(["sh", "-ec", script], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        listed = voltutor("images", "list", "--engine", "embedded", env=env)
        assert listed.returncode == 0, listed.stderr
    finally:
        assert voltutor("engine", "stop", env=env).returncode == 0
