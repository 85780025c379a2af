"""`voltutor progress`: take it away as a file, and bring it back; a machine of Binder's forgets."""

from __future__ import annotations

import argparse
from pathlib import Path

from voltutor.cli.say import say
from voltutor.home import home
from voltutor.lessons import Progress
from voltutor.text import _, tr


def progress(arguments: argparse.Namespace) -> int:
    """Write what was passed to a file, or take it in from one: nothing that is passed here is lost by it."""
    kept, path = Progress.of(home()), Path(arguments.file)
    if arguments.action == "save":
        count = kept.export(path)
        say(tr(_("{count} steps written to {path}."), count=count, path=path))
    else:
        count = kept.take_in(path)
        say(tr(_("{count} steps taken in from {path}."), count=count, path=path))
    return 0
