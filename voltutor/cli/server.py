"""The JupyterLab server of a home: how it is started, what it is told, and which one runs. It owes nothing to the
learner's settings of Jupyter, and it ends with whoever started it."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from voltutor.cli.warm import get
from voltutor.disk import see_room
from voltutor.errors import UsageError, VoltutorError
from voltutor.home import make_folder, write_atomically
from voltutor.notices import telling
from voltutor.session import terminal
from voltutor.text import _

TOKEN = "VOLTUTOR_TOKEN"  # noqa: S105 - a variable's name
"""How the server's process gets its token: by the environment, which others can't read, and not by the command line,
which they can."""

HOST = "127.0.0.1"

POLL = 2.0
"""Seconds of one try to get an answer, after which the process is looked at and asked again."""


@dataclass(frozen=True)
class Server:
    """A running server of this home. `began` is when its process did, as the kernel tells it, since its id may be
    another's by now; engine (a URL) and language are those that it was started with."""

    port: int
    token: str
    pid: int
    began: str
    engine: str
    language: str

    @property
    def base(self) -> str:
        """Its URL, without a path."""
        return f"http://{HOST}:{self.port}"

    def url(self, within: str) -> str:
        """The URL that opens a notebook, named as the server names it."""
        return f"{self.base}/lab/tree/{quote(within)}?token={self.token}"


def settings(home: Path) -> dict[str, dict[str, Any]]:
    """All that the server is told; besides, only Jupyter's defaults count."""
    return {
        "ServerApp": {
            "ip": HOST,
            "base_url": "/",
            "default_url": "/lab",
            "root_dir": str(home / "labs"),
            "open_browser": False,
            "allow_root": is_root(),
            # Named here, since those that an environment enables are its owner's.
            "jpserver_extensions": {
                "jupyterlab": True,
                "jupyter_lsp": True,
                "jupyter_server_terminals": True,
            },
            # Terminals that follow the lab in front.
            "terminado_settings": {"shell_command": terminal.shell(home)},
        },
        # A manager of extensions would ask the package index, through the learner's proxies and certificates.
        "LabApp": {"news_url": None, "extension_manager": "readonly"},
        # Looking for language servers runs npm, which leaves a folder in the learner's own home.
        "LanguageServerManager": {"autodetect": False},
        "KernelManager": {"transport": "ipc"},
    }


def is_root() -> bool:
    """Whether Jupyter has to be allowed what it refuses root."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def listening(first: int) -> socket.socket:
    """A socket that listens on the first port from here on that can be had, and so is nobody else's.

    Raises:
        UsageError: that is no port to begin with.
        VoltutorError: none of a hundred is free.
    """
    if not 0 < first < 65436:
        raise UsageError(_("{port} is no port to begin with."), _("Name one from 1024 to 65435."), port=first)
    for port in range(first, first + 100):
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((HOST, port))
            made.listen(128)
        except OSError:
            made.close()
            continue
        return made
    raise VoltutorError(_("No port from {first} on is free."), _("Name another with --port."), first=first)


@contextlib.contextmanager
def serving(
    home: Path, listens: socket.socket, env: Mapping[str, str], engine: str, language: str
) -> Iterator[tuple[subprocess.Popen[bytes], Server]]:
    """The server's process on this socket, answering; ended with the block.

    Raises:
        VoltutorError: it ended instead of answering, or there is no room for its log.
    """
    token = secrets.token_hex(16)
    log = home / "jupyter" / "server.log"
    make_folder(log.parent)
    see_room(log)
    with listens, log.open("wb") as file:
        process = subprocess.Popen(
            # Safe from modules that happen to lie where the learner is (-P).
            [sys.executable, "-P", "-m", "voltutor.cli.jupyter", str(listens.fileno())],
            env={**env, TOKEN: token},
            pass_fds=[listens.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            cwd=home / "labs",  # where a terminal opens
            start_new_session=True,  # Ctrl+C reaches us alone, and we end it in an orderly way
            preexec_fn=_ending_with_us(),
        )
        server = Server(listens.getsockname()[1], token, process.pid, _began(process.pid), engine, language)
    try:
        _await(server, process, log)
        write_atomically(home / "server.json", json.dumps(asdict(server)))  # readable by its owner only
        yield process, server
    finally:
        (home / "server.json").unlink(missing_ok=True)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def running(home: Path) -> Server | None:
    """The server that runs for this home, if one does. One that is only slow to answer does."""
    try:
        server = Server(**json.loads((home / "server.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    with telling(_("The server of this home is slow to answer; {n} s so far.")):
        while server.began == _began(server.pid):
            with contextlib.suppress(TimeoutError):
                return server if _answers(server) else None
    return None


PR_SET_PDEATHSIG = 1
"""Of prctl(2), in linux/prctl.h: the signal that a process gets when the one that started it has ended."""


def _ending_with_us() -> Callable[[], object] | None:
    """What a new process asks of the kernel, so that it ends even where we are killed and can't end it; on Linux."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _await(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when the server answers, however long it takes, unless its process ends."""
    with telling(_("JupyterLab is starting; {n} s so far.")):
        while process.poll() is None:
            # Its socket listens from the first, so that an early question waits instead of failing.
            with contextlib.suppress(TimeoutError):
                if _answers(server):
                    return
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
    last = log.read_text(errors="replace").strip().splitlines()[-1:] or [""]
    raise VoltutorError(
        _("JupyterLab did not start: {line}"), _("Its whole log is in {log}."), line=last[0], log=log
    )


def _answers(server: Server) -> bool:
    """Whether our server answers: it knows the token, and somebody else's does not speak like it.

    Raises:
        TimeoutError: it has not answered yet.
    """
    try:
        status = get(f"{server.base}/api/status?token={server.token}", POLL)
    except TimeoutError:
        raise
    except (OSError, ValueError):
        return False
    return isinstance(status, dict) and "kernels" in status


def _began(pid: int) -> str:
    """When a process began, in the kernel's own measure (proc(5): starttime); "?" where only its life can be told,
    and nothing where it has ended."""
    if Path("/proc/self/stat").exists():
        with contextlib.suppress(OSError):
            return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[19]
        return ""
    try:
        os.kill(pid, 0)
    except OSError:
        return ""
    return "?"
