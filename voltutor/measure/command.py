"""Measure, as a command among the others: the line that one would type, and the experiment that it runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from voltutor.errors import VoltutorError
from voltutor.measure.experiment import Experiment
from voltutor.measure.places import LAYER, VOLUME, Place
from voltutor.measure.workloads import Workload
from voltutor.results import Result, save
from voltutor.session import Bench, Progress
from voltutor.text import _, tr


@dataclass(frozen=True)
class Measure:
    """`voltutor measure`: pairs of trials of a workload in two places, kept as the session's result."""

    workload: Workload
    a: Place = LAYER
    b: Place = VOLUME
    budget: float = 120.0

    @property
    def key(self) -> str:
        """The name of its result: the workload's, with the places where they are not layer and volume."""
        if (self.a, self.b) == (LAYER, VOLUME):
            return self.workload.name
        return f"{self.workload.name}.{self.a.name}-{self.b.name}"

    def argv(self, _bench: Bench) -> list[str]:
        """`voltutor measure WORKLOAD --places A,B --budget SECONDS`; a place against itself is A,A."""
        places = f"{self.a.kind},{self.b.kind}"
        return ["voltutor", "measure", self.workload.name, "--places", places, "--budget", f"{self.budget:g}"]

    def perform(self, bench: Bench) -> Iterator[Progress]:
        """Measure; the result is saved after every pair, and once more with what ended it, so that what was
        measured stays. A result that was not finished is gone on with."""
        path = bench.result_path(self.key)
        result = self._unfinished(bench)
        if result:
            yield Progress(tr(_("Going on where it stopped; whole rounds so far: {n}."), n=result.rounds))
        said = ""
        try:
            for update in Experiment(self.workload, self.a, self.b, self.budget).run(bench, result):
                if update.result is not result and update.result.pairs:
                    save(path, update.result)
                    result = update.result
                text = update.text if update.text != said else ""
                said = update.text
                yield Progress(text, update.done, update.total, result, update.pair)
        except GeneratorExit:
            self._stopped(path, result, "cancelled")
            raise
        except VoltutorError as error:
            self._stopped(path, result, error.what)
            raise

    def _unfinished(self, bench: Bench) -> Result | None:
        known = bench.result(self.key)
        if known is None or known.complete or known.places != (self.a.name, self.b.name):
            return None
        return known if set(known.sizes) <= set(self.workload.sizes) else None

    def _stopped(self, path: Path, result: Result | None, why: str) -> None:
        if result and result.pairs and not result.complete:
            save(path, replace(result, stopped=why))
