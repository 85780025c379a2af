"""`voltutor images`: the lab images on the engine."""

from __future__ import annotations

import argparse

from voltutor.cli.say import say
from voltutor.engine import find
from voltutor.errors import UsageError
from voltutor.images import FIRST, LAB_IMAGES, MIB
from voltutor.session import Bench
from voltutor.text import _, tr


def images(arguments: argparse.Namespace) -> int:
    """List them, or make those that are missing."""
    wanted = _wanted(arguments) if arguments.action == "build" else []
    bench = Bench(find(arguments.engine))
    if arguments.action == "build":
        if arguments.all:
            size = sum(LAB_IMAGES[key].data_bytes for key in wanted if not bench.has_image(key)) // MIB
            text = _("All {n} lab images; {size} MiB of random files are still to be made.")
            print(tr(text, n=len(wanted), size=size), flush=True)
        for sign in bench.prepare(*wanted):
            if sign.text:
                say(sign.text)
    width = max(map(len, LAB_IMAGES))
    for key in LAB_IMAGES:
        tag = bench.image(key)
        there = bench.engine.image(tag)
        if there:
            say(f"{key:{width}} {tag} {there.size / (1 << 20):.0f} MiB")
        else:
            say(f"{key:{width}} {tag} {tr(_('not there'))}")
    return 0


def _wanted(arguments: argparse.Namespace) -> list[str]:
    """The keys of the images to make: those that are named, by key or as the engine calls them; all of them; or those
    of the first labs.

    Raises:
        UsageError: both names and `--all` are given.
    """
    if arguments.all and arguments.keys:
        raise UsageError(_("--all builds every image, and some are named too."), _("Leave out one of them."))
    if arguments.all:
        return list(LAB_IMAGES)
    keys = {image.repository: key for key, image in LAB_IMAGES.items()}
    return [keys.get(name.partition(":")[0], name) for name in arguments.keys or FIRST]
