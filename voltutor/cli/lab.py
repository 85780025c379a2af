"""`voltutor lab`: JupyterLab with a home, settings and workspaces of its own, the first notebook executed
before it is opened, so that its cards are live."""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sys
import webbrowser
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from voltutor.cli.notebooks import copied, named, source
from voltutor.cli.say import say
from voltutor.cli.server import Server, is_root, listening, running, serving
from voltutor.cli.sockets import sockets
from voltutor.cli.surroundings import settle, write_kernel
from voltutor.cli.warm import warm
from voltutor.engine import Engine, embedded, find, for_deletion
from voltutor.home import home, locked, write_atomically
from voltutor.images import FIRST
from voltutor.notices import telling
from voltutor.programs import folders
from voltutor.session import Bench, terminal
from voltutor.text import CHOICE, _, language, tr


def _within(notebook: Path) -> str:
    """A notebook's path as the server names it."""
    return notebook.relative_to(home() / "labs").as_posix()


def lab(arguments: argparse.Namespace) -> int:
    """Start the server, or find the one that runs; print its URL; stay until it ends."""
    folder = home()
    settle(folder)
    notebooks = copied(folder)
    notebook = named(arguments.lab, notebooks) if arguments.lab else notebooks[0]
    engine = find(arguments.engine)
    with ExitStack() as ending, ExitStack() as starting:
        # Of several that start at once, one serves, and the others find it when it does.
        with telling(_("Another `voltutor lab` of this home is starting; {n} s so far.")):
            starting.enter_context(locked(folder / "starting.lock"))
        if there := running(folder):
            return _open_again(there, engine, arguments)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # However we are asked to end, the server ends with us; after nohup a hang-up is no such wish.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, _interrupt)
        _settings(folder)
        write_kernel(folder)
        listens = ending.enter_context(listening(arguments.port))
        port = listens.getsockname()[1]
        if port != arguments.port:
            say(tr(_("Port {busy} is busy; taking {port}."), busy=arguments.port, port=port))
        if is_root():
            say(tr(_("You are root, so JupyterLab is started with --allow-root.")))
        runtime = ending.enter_context(sockets(folder, folder / "jupyter" / "runtime"))
        env = {
            **_environment(folder, engine, for_deletion(arguments.engine)),
            "JUPYTER_RUNTIME_DIR": str(runtime),
        }
        first = terminal.Front(engine.url, env["VOLTUTOR_ENGINE"], engine.info.title)
        terminal.lead(folder, first, anew=True)
        process, server = ending.enter_context(serving(folder, listens, env, engine.url, language()))
        say(tr(_("{engine} answers at {url}."), engine=engine.info.title, url=engine.url))
        _prepare(Bench(engine, folder))
        data = folder / "jupyter" / "data"
        warm(server.base, server.token, notebook, source(), data, runtime, _within(notebook))
        _announce(server, notebook, arguments)
        say(tr(_("Ctrl+C stops it; nothing is lost.")))
        starting.close()
        return process.wait() and 1


def _open_again(server: Server, engine: Engine, arguments: argparse.Namespace) -> int:
    """Open a notebook in the server that runs, and say what it keeps of its own."""
    say(tr(_("A server for this home is running already (process {pid})."), pid=server.pid))
    if arguments.engine and engine.url != server.engine:
        say(tr(_("It keeps its engine, {url}. Stop it to take another."), url=server.engine))
    if language() != server.language:
        say(tr(_("It keeps its language. Stop it to take another.")))
        os.environ[CHOICE] = server.language
    notebooks = copied(home())
    _announce(server, named(arguments.lab, notebooks) if arguments.lab else notebooks[0], arguments)
    return 0


def _prepare(bench: Bench) -> None:
    """Make the small image that the first lab's lines name, so that one that is typed finds it."""
    for sign in bench.prepare(*FIRST):
        if sign.text:
            say(sign.text)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _announce(server: Server, notebook: Path, arguments: argparse.Namespace) -> None:
    url = server.url(_within(notebook))
    say(f"\n{url}\n")
    if os.environ.get("SSH_CONNECTION"):
        host = socket.gethostname()
        say(
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
    """What the server, its kernels and its terminals see, besides what `settle` gave this process: the engine, and
    the programs."""
    own_engine = embedded.status()
    # This home's own is started again when it is needed; by its URL alone it would stay away.
    name = embedded.NAME if own_engine and own_engine.url == engine.url else engine.url
    own = {
        "VOLTUTOR_ENGINE": name,
        # Set by us: a terminal may set it anew, for the lab in front.
        terminal.LED_ENGINE: name,
        "VOLTUTOR_DELETION_ENGINE": deletion,
        # JupyterLab's own terminals go to the engine of the lab in front.
        **terminal.variables(folder),
        "PATH": os.pathsep.join(
            [
                str(Path(sys.executable).parent),
                os.environ.get("PATH", os.defpath),
                *folders(folder),  # the docker command, where the machine has none
            ]
        ),
    }
    # By these the docker command would go elsewhere than to that engine, or ask a socket for certificates.
    elsewhere = {*terminal.NOT_HANDED_ON}
    if engine.url.startswith("unix://"):
        elsewhere |= {"DOCKER_TLS", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"}
    return {name: value for name, value in os.environ.items() if name not in elsewhere} | own


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
