"""`voltutor images`: the lab images on the engine."""

from __future__ import annotations

import argparse

from voltutor.engine import find
from voltutor.images import LAB_IMAGES
from voltutor.session import Bench
from voltutor.text import _, tr


def images(arguments: argparse.Namespace) -> int:
    """List them, or make those that are missing."""
    bench = Bench(find(arguments.engine))
    if arguments.action == "build":
        for sign in bench.prepare(*(arguments.keys or ["lab", "files"])):
            if sign.text:
                print(sign.text, flush=True)
    width = max(map(len, LAB_IMAGES))
    for key in LAB_IMAGES:
        tag = bench.image(key)
        there = bench.engine.image(tag)
        if there:
            print(f"{key:{width}} {tag} {there.size / (1 << 20):.0f} MiB")
        else:
            print(f"{key:{width}} {tag} {tr(_('not there'))}")
    return 0
