"""`voltutor lab`: JupyterLab with a home, settings and workspaces of its own, the first notebook executed
before it is opened, so that its cards are live."""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import webbrowser
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voltutor.cli.notebooks import copied, source
from voltutor.cli.warm import get, warm
from voltutor.engine import Engine, embedded, find, for_deletion
from voltutor.errors import UsageError, VoltutorError
from voltutor.home import home, write_atomically
from voltutor.images import unpacked
from voltutor.session import Bench
from voltutor.text import _, tr

START_LIMIT = 90.0
"""Seconds that the server may take to answer."""


@dataclass(frozen=True)
class Server:
    """A running server of this home."""

    port: int
    token: str
    pid: int

    @property
    def base(self) -> str:
        """Its URL, without a path."""
        return f"http://127.0.0.1:{self.port}"

    def url(self, notebook: Path) -> str:
        """The URL that opens a notebook of the home's."""
        return f"{self.base}/lab/tree/{_within(notebook)}?token={self.token}"


def _within(notebook: Path) -> str:
    """A notebook's path as the server names it."""
    return notebook.relative_to(home() / "labs").as_posix()


def lab(arguments: argparse.Namespace) -> int:
    """Start the server, or find the one that runs; print its URL; stay until it ends."""
    engine = find(arguments.engine)
    folder = home()
    notebook = _chosen(copied(folder), arguments.lab)
    running = _running(folder)
    if running:
        print(tr(_("A server for this home is running already (process {pid})."), pid=running.pid))
        _announce(running, notebook, arguments)
        return 0
    env = _environment(folder, engine, for_deletion(arguments.engine))
    _settings(folder)
    port = _free_port(arguments.port)
    if port != arguments.port:
        print(tr(_("Port {busy} is busy; taking {port}."), busy=arguments.port, port=port))
    token = secrets.token_hex(16)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # However we are asked to end, the server ends with us.
        signal.signal(number, _interrupt)
    with _server(folder, port, token, env) as (process, server):
        print(tr(_("{engine} answers at {url}."), engine=engine.info.title, url=engine.url))
        _prepare(Bench(engine, folder))
        jupyter = folder / "jupyter"
        warm(
            server.base,
            server.token,
            notebook,
            source(),
            jupyter / "data",
            jupyter / "runtime",
            _within(notebook),
        )
        _announce(server, notebook, arguments)
        print(tr(_("Ctrl+C stops it; nothing is lost.")), flush=True)
        return process.wait() and 1


def _chosen(notebooks: list[Path], name: str | None) -> Path:
    """The notebook whose name begins so; the first where none is named.

    Raises:
        UsageError: there is none.
    """
    for notebook in notebooks:
        if notebook.stem.startswith(name or ""):
            return notebook
    raise UsageError(
        _("There is no lab {id!r}."),
        _("Take one of: {ids}."),
        id=name,
        ids=", ".join(notebook.stem for notebook in notebooks),
    )


def _prepare(bench: Bench) -> None:
    """Make the small image that the first lab's lines name, so that one that is typed finds it."""
    for sign in bench.prepare("lab", "files"):
        if sign.text:
            print(sign.text, flush=True)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _announce(server: Server, notebook: Path, arguments: argparse.Namespace) -> None:
    url = server.url(notebook)
    print(f"\n{url}\n", flush=True)
    if os.environ.get("SSH_CONNECTION"):
        host = socket.gethostname()
        print(
            tr(
                _("From your own machine: ssh -N -L {port}:127.0.0.1:{port} {host}"),
                port=server.port,
                host=host,
            )
        )
    display = sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if display and not arguments.no_browser:
        webbrowser.open(_redirect(url).as_uri())


def _redirect(url: str) -> Path:
    """A page, readable by its owner only, that leads to the URL: a browser's command line is everybody's."""
    page = home() / "open.html"
    write_atomically(page, f'<meta http-equiv="refresh" content="0; url={url}">\n')
    return page


def _environment(folder: Path, engine: Engine, deletion: str) -> dict[str, str]:
    """Everything of Jupyter's and IPython's under the home: the learner's own set-up has no part in this, and
    keeps nothing of ours."""
    jupyter, own_engine = folder / "jupyter", embedded.status()
    own = {
        "VOLTUTOR_HOME": str(folder),
        # This home's own is started again when it is needed; by its URL alone it would stay away.
        "VOLTUTOR_ENGINE": embedded.NAME if own_engine and own_engine.url == engine.url else engine.url,
        "VOLTUTOR_DELETION_ENGINE": deletion,
        # What is typed in JupyterLab's own terminal goes to the same engine.
        "DOCKER_HOST": engine.url,
        "JUPYTER_CONFIG_DIR": str(jupyter / "config"),
        "JUPYTER_DATA_DIR": str(jupyter / "data"),
        "JUPYTER_RUNTIME_DIR": str(jupyter / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(jupyter / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(jupyter / "workspaces"),
        "IPYTHONDIR": str(jupyter / "ipython"),
        "PATH": os.pathsep.join(
            [
                str(Path(sys.executable).parent),
                os.environ.get("PATH", os.defpath),
                str(unpacked(folder) / "usr" / "bin"),  # the docker command, where the machine has none
            ]
        ),
    }
    return {**os.environ, **own}


def _settings(folder: Path) -> None:
    """Ours, before the first start; and no tabs of yesterday."""
    write_settings(folder / "jupyter" / "settings")
    for stale in (folder / "jupyter" / "workspaces").glob("*.jupyterlab-workspace"):
        stale.unlink()


def write_settings(folder: Path) -> None:
    """No news toast, no telemetry; what the learner sets later stays."""
    settings = folder / "@jupyterlab"
    wanted: Mapping[str, dict[str, Any]] = {
        "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
        # A page that is loaded again may address its clicks to a subshell that has gone, and they are dropped
        # (seen with JupyterLab 4.6 and ipykernel 7.4, in half of all loads).
        "apputils-extension/kernels-settings": {"commsOverSubshells": "disabled"},
        # A notebook that is loaded again finds its cards by what was saved; two minutes are too rare.
        "docmanager-extension/plugin": {"autosaveInterval": 10},
        # Run All before the kernel has answered must not ask which kernel is meant.
        "notebook-extension/tracker": {
            "recordTiming": False,
            "windowingMode": "defer",
            "autoStartDefaultKernel": True,
        },
    }
    for name, value in wanted.items():
        path = settings / f"{name}.jupyterlab-settings"
        if not path.exists():
            write_atomically(path, json.dumps(value))


def _free_port(first: int) -> int:
    """The first port from here on that nothing listens on.

    Raises:
        VoltutorError: none of the next hundred is free.
    """
    if not 0 < first < 65436:
        raise UsageError(_("{port} is no port to begin with."), _("Name one from 1024 to 65435."), port=first)
    for port in range(first, first + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise VoltutorError(_("No port from {first} on is free."), _("Name another with --port."), first=first)


@contextlib.contextmanager
def _server(
    folder: Path, port: int, token: str, env: dict[str, str]
) -> Iterator[tuple[subprocess.Popen[bytes], Server]]:
    """The server process, answering; ended with the block."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    if root:
        print(tr(_("You are root, so JupyterLab is started with --allow-root.")))
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--ServerApp.ip=127.0.0.1"),
        *(f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
        *(
            f"--ServerApp.root_dir={folder / 'labs'}",
            "--LabApp.news_url=None",
            "--LabApp.collaborative=False",
        ),
        # Looking for language servers runs npm, which leaves a folder in the learner's own home.
        "--LanguageServerManager.autodetect=False",
        *(["--allow-root"] if root else []),
    ]
    # By the environment, which others can't read, and not by the command line, which they can.
    env = {**env, "JUPYTER_TOKEN": token}
    log = folder / "jupyter" / "server.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as file:
        # A session of its own: Ctrl+C reaches us alone, and we end it in an orderly way.
        process = subprocess.Popen(
            command, env=env, stdout=file, stderr=file, start_new_session=True, preexec_fn=_ending_with_us()
        )
    server = Server(port, token, process.pid)
    try:
        _await(server, process, log)
        write_atomically(folder / "server.json", json.dumps(server.__dict__))  # readable by its owner only
        yield process, server
    finally:
        (folder / "server.json").unlink(missing_ok=True)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


PR_SET_PDEATHSIG = 1
"""Of prctl(2), in linux/prctl.h: the signal that a process gets when the one that started it has ended."""


def _ending_with_us() -> Callable[[], object] | None:
    """What a new process asks of the kernel, so that it ends even where we are killed and can't end it; on Linux."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _await(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_LIMIT
    while time.monotonic() < until and process.poll() is None:
        if _answers(server):
            return
        time.sleep(0.1)
    last = log.read_text(errors="replace").strip().splitlines()[-1:] or [""]
    raise VoltutorError(
        _("JupyterLab did not start: {line}"), _("Its whole log is in {log}."), line=last[0], log=log
    )


def _answers(server: Server) -> bool:
    """Whether our server answers: it knows the token, and somebody else's does not speak like it."""
    try:
        status = get(f"{server.base}/api/status?token={server.token}", timeout=2)
    except (OSError, ValueError):
        return False
    return isinstance(status, dict) and "kernels" in status


def _running(folder: Path) -> Server | None:
    """The server that runs for this home, if one does."""
    try:
        server = Server(**json.loads((folder / "server.json").read_text(encoding="utf-8")))
        os.kill(server.pid, 0)
    except (OSError, ValueError, TypeError):
        return None
    return server if _answers(server) else None
