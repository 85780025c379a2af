"""`voltutor report`: several results on one page."""

from __future__ import annotations

import argparse
from pathlib import Path

from voltutor.cli.say import say
from voltutor.cli.surroundings import settle
from voltutor.errors import UsageError
from voltutor.home import home, write_atomically
from voltutor.measure import titles
from voltutor.results import Result, load
from voltutor.text import _, tr

MARK = '<meta name="generator" content="voltutor">'
"""By this a page of ours is known, so that no other is written over."""


def report(arguments: argparse.Namespace) -> int:
    """Read results and write the page."""
    settle(home())
    from voltutor.plots import page

    results: list[Result] = [result for file in arguments.files for result in load(Path(file))]
    if not any(result.pairs for result in results):
        raise UsageError(
            _("There is no pair in these results."), _("Measure some with `voltutor measure --out`.")
        )
    path = Path(arguments.html)
    if path.is_file() and MARK not in path.read_text(encoding="utf-8", errors="replace")[:2000]:
        raise UsageError(
            _("{path} is there, and is no report of this kit."), _("Name another file by --html."), path=path
        )
    write_atomically(path, page(results, titles()), private=False)
    say(tr(_("Written: {path}"), path=path))
    return 0
