"""`voltutor report`: several results on one page."""

from __future__ import annotations

import argparse
from pathlib import Path

from voltutor.errors import UsageError
from voltutor.measure import titles
from voltutor.results import Result, load
from voltutor.text import _, tr


def report(arguments: argparse.Namespace) -> int:
    """Read results and write the page."""
    from voltutor.plots import page

    results: list[Result] = [result for file in arguments.files for result in load(Path(file))]
    if not any(result.pairs for result in results):
        raise UsageError(
            _("There is no pair in these results."), _("Measure some with `voltutor measure --out`.")
        )
    path = Path(arguments.html)
    path.write_text(page(results, titles()), encoding="utf-8")
    print(tr(_("Written: {path}"), path=path))
    return 0
