"""Measure, as a command among the others: the line that one would type, and the experiment that it runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from voltutor.measure.experiment import Experiment
from voltutor.measure.places import LAYER, VOLUME, Place
from voltutor.measure.workloads import Workload
from voltutor.results import save
from voltutor.session import Bench, Progress


@dataclass(frozen=True)
class Measure:
    """`voltutor measure`: pairs of trials of a workload in two places, kept as the session's result."""

    workload: Workload
    a: Place = LAYER
    b: Place = VOLUME
    budget: float = 120.0

    def argv(self, _bench: Bench) -> list[str]:
        """`voltutor measure WORKLOAD --places A,B --budget SECONDS`."""
        places = f"{self.a.name},{self.b.name}"
        return ["voltutor", "measure", self.workload.name, "--places", places, "--budget", f"{self.budget:g}"]

    def perform(self, bench: Bench) -> Iterator[Progress]:
        """Measure; the result is saved after every pair, so that what was measured stays."""
        experiment = Experiment(self.workload, self.a, self.b, self.budget)
        path = bench.result_path(self.workload.name)
        saved = None
        said = ""
        for update in experiment.run(bench):
            if update.result is not saved and update.result.pairs:
                save(path, update.result)
                saved = update.result
            text = update.text if update.text != said else ""
            said = update.text
            yield Progress(text, update.done, update.total, saved, update.pair)
