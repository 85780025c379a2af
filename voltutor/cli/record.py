"""`voltutor record`: results for the project's data, made on the engine at hand and marked as recorded."""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from voltutor.cli.measure import follow
from voltutor.engine import find
from voltutor.measure import LAYER, VOLUME, Measure, workload
from voltutor.results import Result, save
from voltutor.session import Bench
from voltutor.text import _, tr

WORKLOADS = ("first-write", "many-small-files", "random-write")


def record(arguments: argparse.Namespace) -> int:
    """Measure in layer and volume, on any storage, and write one file named after the circumstances."""
    bench = Bench(find(arguments.engine))
    console = Console()
    results: list[Result] = []
    for name in arguments.workloads or WORKLOADS:
        work = workload(name)
        command = Measure(work, LAYER, VOLUME, arguments.budget, any_storage=True)
        bench.result_path(command.key).unlink(missing_ok=True)
        follow(console, bench, command, tr(work.title), results)
    recorded = [replace(result, origin="recorded") for result in results if result.pairs]
    path = Path(arguments.out) / f"{_name(recorded[0])}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    save(path, *recorded)
    print(tr(_("Written: {path}"), path=path))
    return 0


def _name(result: Result) -> str:
    """Such as docker-20.10-overlay2-ext4."""
    seen = result.circumstances
    engine = re.sub(r"\s*\(.*\)", "", str(seen.get("engine")))
    parts = (engine, seen.get("storage_driver"), seen.get("backing_file_system"))
    return "-".join(re.sub(r"[^a-z0-9.]+", "-", str(part).lower()) for part in parts if part)
