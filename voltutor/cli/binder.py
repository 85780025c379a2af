"""What `binder/` runs: settings while its image is built; the engine, its images and a live first notebook when a
learner opens it."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from jupyter_core.paths import jupyter_config_dir, jupyter_data_dir, jupyter_runtime_dir
from jupyter_server.serverapp import list_running_servers
from jupyterlab.commands import get_user_settings_dir

from voltutor.cli.contents import first, marker
from voltutor.cli.lab import write_settings
from voltutor.cli.notebooks import source
from voltutor.cli.warm import warm
from voltutor.engine import find
from voltutor.home import write_atomically
from voltutor.images import FIRST
from voltutor.session import Bench

SERVER_LIMIT = 120.0
"""Seconds that Binder's own server may take to come up."""


def main(argv: list[str]) -> int:
    """`settings` or `warm`; the exit code."""
    match argv:
        case ["settings"]:
            write_settings(Path(get_user_settings_dir()))
            _server_settings(Path(jupyter_config_dir()))
        case ["warm"]:
            try:
                _warm()
            finally:
                marker().parent.mkdir(parents=True, exist_ok=True)
                marker().touch()
        case _:
            print("python -m voltutor.cli.binder settings|warm", file=sys.stderr)
            return 2
    return 0


def _server_settings(folder: Path) -> None:
    settings = {
        "ServerApp": {"contents_manager_class": "voltutor.cli.contents.Waiting"},
        # It would look for language servers with npm, and leave a folder of npm's.
        "LanguageServerManager": {"autodetect": False},
    }
    write_atomically(folder / "jupyter_server_config.json", json.dumps(settings, indent=1), private=False)


def _warm() -> None:
    bench = Bench(find())
    print(f"{bench.engine.info.title} at {bench.engine.url}", flush=True)
    for sign in bench.prepare(*FIRST):
        if sign.text:
            print(sign.text, flush=True)
    until = time.monotonic() + SERVER_LIMIT
    while not (servers := list(list_running_servers())):
        if time.monotonic() > until:
            print("no server came up", file=sys.stderr)
            return
        time.sleep(0.2)
    server = servers[0]
    notebook = first()
    place = notebook.relative_to(server["root_dir"])
    warm(
        str(server["url"]).rstrip("/"),
        str(server["token"]),
        notebook,
        source(),
        Path(jupyter_data_dir()),
        Path(jupyter_runtime_dir()),
        within=str(place),
    )
    print(f"{place} is live", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
