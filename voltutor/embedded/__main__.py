"""`python -m voltutor.embedded HOME`: serve the engine of this home until it is stopped, or idle and empty."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from voltutor.embedded import probe, server


def main() -> int:
    """The exit code: 0 ended as asked, 3 this machine can't, 4 another one serves this home already."""
    parser = argparse.ArgumentParser(prog="voltutor.embedded", description=__doc__)
    parser.add_argument("home", type=Path, help="the engine's folder")
    parser.add_argument("--storage", choices=probe.KINDS, help="this kind only, instead of the best there is")
    parser.add_argument(
        "--idle", type=float, default=server.IDLE_LIMIT, metavar="SECONDS", help="0: never ends by itself"
    )
    parser.add_argument(
        "--proot", metavar="WORDS", help="how a shell would start PRoot; that on PATH without"
    )
    arguments = parser.parse_args()
    proot = tuple(shlex.split(arguments.proot)) if arguments.proot else probe.proot_on_path()
    return server.serve(arguments.home.absolute(), arguments.storage, arguments.idle, proot)


if __name__ == "__main__":
    sys.exit(main())
