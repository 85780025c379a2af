"""`voltutor engine`: the embedded engine of this home, by hand."""

from __future__ import annotations

import argparse
import shlex

from voltutor.cli.say import say
from voltutor.engine import embedded, find
from voltutor.text import _, tr


def engine(arguments: argparse.Namespace) -> int:
    """Start it, stop it, tell of it, or print what the docker command needs to reach it."""
    match arguments.action:
        case "start":
            running = embedded.start(arguments.storage or "")
            say(
                tr(
                    _("The embedded engine runs ({storage}).\n{url}"),
                    storage=running.storage,
                    url=running.url,
                )
            )
            _warn(running.url)
        case "stop":
            before = embedded.status()
            there = embedded.stop()
            say(tr(_("Stopped.") if there else _("It was not running.")))
            if before and before.storage == "overlay-tmpfs":
                say(tr(_("What it held was in memory, and is gone.")))
        case "env":
            print(f"export DOCKER_HOST={shlex.quote(embedded.start().url)}")
        case _:
            return _status()
    return 0


def _status() -> int:
    running = embedded.status()
    if running is None:
        say(tr(_("Not running. It starts when a lab needs it, or by `voltutor engine start`.")))
        return 1
    text = _("Running: {storage}, process {pid}, {url}")
    say(tr(text, storage=running.storage, pid=running.pid, url=running.url))
    _warn(running.url)
    return 0


def _warn(url: str) -> None:
    """What its storage costs, in its own words."""
    found = find(url)
    for line in found.info.warnings:
        say(line)
    found.close()
