"""`voltutor record`: results for the project's data, made on the engine at hand and marked as recorded."""

from __future__ import annotations

import argparse
import re
import secrets
from dataclasses import replace
from pathlib import Path

from voltutor.cli.measure import check_budget
from voltutor.cli.say import say
from voltutor.engine import find
from voltutor.errors import VoltutorError
from voltutor.measure import Experiment, Measure, workload
from voltutor.results import Result, save
from voltutor.session import Bench
from voltutor.text import _, tr

WORKLOADS = ("first-write", "many-small-files", "random-write")


def record(arguments: argparse.Namespace) -> int:
    """Measure in layer and volume, on any storage, and write one file named after the circumstances.

    The session's own results stay as they are: a card shows what its learner measured.
    """
    check_budget(arguments.budget)
    works = [workload(name) for name in arguments.workloads or WORKLOADS]
    bench = Bench(find(arguments.engine))
    results: list[Result] = []
    for work in works:
        say(f"{work.name}: {tr(work.title)}")
        said = ""
        places = Measure(work).places
        seed = secrets.randbits(31)
        for update in Experiment(work, *places, arguments.budget, seed, any_storage=True).run(bench):
            if update.text and not update.pair and update.text != said:
                said = update.text
                say(f"  {said}")
        if update.result.answers:
            results.append(replace(update.result, origin="recorded"))
        else:
            say("  " + tr(_("Its budget is too small for a claim: left out.")))
    if not results:
        raise VoltutorError(_("No workload was measured whole."), _("Write a larger --budget."))
    path = Path(arguments.out) / f"{_name(results[0])}.json"
    save(path, *results)
    say(tr(_("Written: {path}"), path=path))
    return 0


def _name(result: Result) -> str:
    """Such as docker-20.10-overlay2-ext4."""
    seen = result.circumstances
    engine = re.sub(r"\s*\(.*\)", "", str(seen.get("engine")))
    parts = (engine, seen.get("storage_driver"), seen.get("backing_file_system"))
    return "-".join(re.sub(r"[^a-z0-9.]+", "-", str(part).lower()) for part in parts if part)
