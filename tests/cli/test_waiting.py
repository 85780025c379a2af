"""Nothing that is only slow ends a start; what has ended does, and is told."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty
from types import SimpleNamespace
from typing import Any
from urllib.error import HTTPError

import pytest

from voltutor.cli import lab, server, warm
from voltutor.errors import UsageError, VoltutorError
from voltutor.notices import heard, telling
from voltutor.text import CHOICE, _

LIMIT = 60.0


def test_who_waits_says_for_what_until_it_is_there() -> None:
    said, twice = list[str](), threading.Event()

    def hear(text: str) -> None:
        said.append(text)
        if len(said) == 2:
            twice.set()

    with heard(hear), telling(_("JupyterLab is starting; {n} s so far."), every=0.01):
        assert twice.wait(LIMIT)
    assert said[0] == "JupyterLab is starting; 0 s so far."


class Kernel:
    """A client of a kernel that answers after so many questions."""

    def __init__(self, silent: int, publishes_after: int = 0) -> None:
        self.silent, self.unheard, self.stopped = silent, publishes_after, False

    def kernel_info(self) -> None:
        """A question."""

    def get_shell_msg(self, timeout: float) -> dict[str, Any]:
        if self.silent:
            self.silent -= 1
            raise Empty
        return {}

    def get_iopub_msg(self, timeout: float) -> dict[str, Any]:
        if self.unheard:
            self.unheard -= 1
            raise Empty
        return {}

    def stop_channels(self) -> None:
        self.stopped = True


def slow() -> None:
    raise TimeoutError


@pytest.mark.parametrize("state", [lambda: {"execution_state": "starting"}, slow])
def test_a_kernel_that_is_slow_is_waited_for_and_so_is_what_it_publishes(state: Callable[[], object]) -> None:
    kernel: Any = Kernel(silent=90, publishes_after=3)
    warm._await(kernel, state)
    assert (kernel.silent, kernel.unheard, kernel.stopped) == (0, 0, False)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (HTTPError("", 404, "Kernel does not exist", Message(), None), "kernel ended instead of starting"),
        (ConnectionRefusedError("refused"), "kernel did not start: refused"),
    ],
    ids=["kernel", "server"],
)
def test_a_kernel_or_a_server_that_has_gone_is_told(error: OSError, told: str) -> None:
    def gone() -> None:
        raise error

    kernel: Any = Kernel(silent=90)
    with pytest.raises(VoltutorError, match=rf"{told}.*Run `voltutor lab` again"):
        warm._await(kernel, gone)
    assert kernel.stopped


@contextmanager
def answering(slow: int, status: int = 200) -> Iterator[int]:
    """The port of a server that lets so many askers wait in vain before it answers."""
    left, ended = [slow], threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if left[0] > 0:
                left[0] -= 1
                ended.wait(LIMIT)
                return
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b'{"kernels": 0}')

        def log_message(self, *_arguments: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer((server.HOST, 0), Handler) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made.server_address[1]
        ended.set()
        made.shutdown()


def noted(home: Path, port: int, pid: int, began: str = "") -> server.Server:
    made = server.Server(port, "t", pid, began or server._began(pid) or "ended", "unix:///e", "en")
    (home / "server.json").write_text(json.dumps(asdict(made)))
    return made


def test_a_server_that_is_slow_to_answer_runs(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "POLL", 0.05)
    with answering(slow=3) as port:
        made = noted(home, port, os.getpid())
        found = server.running(home)
    assert found == made


def test_a_server_of_somebody_elses_or_of_a_process_that_has_ended_does_not_run(home: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    with answering(slow=0, status=403) as port:
        noted(home, port, os.getpid())
        assert server.running(home) is None
        noted(home, port, ended.pid)
        assert server.running(home) is None
    with answering(slow=0) as port:
        noted(home, port, os.getpid(), began="1")
        assert server.running(home) is None, "another process has its id by now"
    noted(home, port, os.getpid())
    assert server.running(home) is None, "nothing listens"


def test_a_server_that_ends_instead_of_answering_is_told_with_its_last_line(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "labs").mkdir()
    monkeypatch.setattr(sys, "executable", "/bin/ls")
    with (
        pytest.raises(VoltutorError, match=r"JupyterLab did not start: .*ls.*server.log"),
        server.serving(home, server.listening(9300), {"LC_ALL": "C"}, "unix:///e", "en"),
    ):
        pass
    assert not (home / "server.json").exists()


def test_a_port_on_which_something_else_speaks_is_no_server_of_ours(home: Path) -> None:
    with socket.create_server((server.HOST, 0)) as listens:

        def speak() -> None:
            with listens.accept()[0] as asked:
                asked.recv(1000)
                asked.sendall(b"220 mail.example ESMTP\r\n")

        threading.Thread(target=speak, daemon=True).start()
        noted(home, listens.getsockname()[1], os.getpid())
        assert server.running(home) is None


def test_a_server_that_runs_says_what_it_keeps_and_opens_its_own_language(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = server.Server(1, "t", os.getpid(), "1", "unix:///e", "zh")
    asked: Any = SimpleNamespace(engine="unix:///other", lab="3", no_browser=True)
    engine: Any = SimpleNamespace(url="unix:///other")
    monkeypatch.setenv(CHOICE, "en")
    assert lab._open_again(runs, engine, asked) == 0
    said = capsys.readouterr().out
    assert "It keeps its engine, unix:///e." in said
    assert "It keeps its language." in said
    assert "/lab/tree/zh/03-bind-mounts.ipynb?token=t" in said


def test_a_port_is_taken_where_it_is_found() -> None:
    with ExitStack() as held:
        ports = [held.enter_context(server.listening(9310)).getsockname()[1] for _turn in range(3)]
    assert len(set(ports)) == 3
    assert ports == sorted(ports)


def test_what_is_no_port_is_refused() -> None:
    with pytest.raises(UsageError, match="Name one from 1024"):
        server.listening(70000)
