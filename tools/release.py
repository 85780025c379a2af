"""`make release-check`: what a release waits for. Every text has its translation, and the change log tells of it."""

from __future__ import annotations

import re
import sys

from tools import catalogue
from voltutor import __version__


def lacks() -> list[str]:
    """What is missing, a line each."""
    found = []
    for language in catalogue.others():
        found += [
            f"{language}, {place}: no translation of {text[:90]!r}"
            for place, text in catalogue.lacking(language)
        ]
        found += [f"{path}: run `python -m tools.catalogue`" for path in catalogue.outdated(language)]
    log = (catalogue.ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    if not re.search(rf"^## {re.escape(__version__)}\b", log, re.M):
        found.append(f"CHANGELOG.md: no section for {__version__}")
    return found


def main() -> int:
    """Tell what is missing; the exit code tells whether anything is."""
    found = lacks()
    print("\n".join(found) or "Nothing is missing.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
