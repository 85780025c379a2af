"""Measure, as a command among the others: the line that one would type, and the experiment that it runs."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from voltutor.disk import DiskTrouble, see_room
from voltutor.errors import VoltutorError
from voltutor.measure.experiment import Experiment
from voltutor.measure.places import LAYER, VOLUME, Place
from voltutor.measure.workloads import Workload
from voltutor.results import Result, load, save
from voltutor.session import Bench, Progress
from voltutor.text import _, tr


@dataclass(frozen=True)
class Measure:
    """`voltutor measure`: pairs of trials of a workload in two places, kept as the session's result."""

    workload: Workload
    a: Place = LAYER
    b: Place = VOLUME
    budget: float = 120.0
    seed: int | None = None

    @property
    def places(self) -> tuple[Place, Place]:
        """Where it is done."""
        return (VOLUME, VOLUME.again()) if self.workload.floor else (self.a, self.b)

    @property
    def key(self) -> str:
        """The name of its result: the workload's, with the places where they are not layer and volume."""
        if self.workload.floor or self.places == (LAYER, VOLUME):
            return self.workload.name
        return f"{self.workload.name}.{self.a.name}-{self.b.name}"

    def argv(self, _bench: Bench) -> list[str]:
        """`voltutor measure WORKLOAD --places A,B --budget SECONDS`; a place against itself is A,A."""
        places = ",".join(place.kind for place in self.places)
        return ["voltutor", "measure", self.workload.name, "--places", places, "--budget", f"{self.budget:g}"]

    def perform(self, bench: Bench) -> Iterator[Progress]:
        """Measure; the result is saved after every pair, and once more with what ended it, so that what was
        measured stays. A result that was not finished is gone on with; one that was stays until the new one answers
        too.

        Raises:
            DiskTrouble: the home has no room for a result.
        """
        path = bench.result_path(self.key)
        see_room(path)
        there, result = bench.result(self.key), self._unfinished(bench)
        if there and there.answers:
            path = bench.partial_path(self.key)
        if result:
            yield Progress(tr(_("Going on where it stopped; whole rounds so far: {n}."), n=result.rounds))
        said, seed = "", secrets.randbits(31) if self.seed is None else self.seed
        try:
            experiment = Experiment(self.workload, *self.places, self.budget, seed)
            for update in experiment.run(bench, result):
                if update.result is not result and update.result.pairs:
                    self._save(bench, path, update.result)
                    result = update.result
                text = update.text if update.text != said else ""
                said = update.text
                yield Progress(text, update.done, update.total, result, update.pair)
        except GeneratorExit:
            self._stopped(bench, path, result, "cancelled")
            raise
        except VoltutorError as error:
            self._stopped(bench, path, result, error.what)
            raise

    def _unfinished(self, bench: Bench) -> Result | None:
        for path in (bench.partial_path(self.key), bench.result_path(self.key)):
            known = load(path)[0] if path.exists() else None
            same = known and known.places == tuple(place.name for place in self.places)
            if known and same and not known.complete and set(known.sizes) <= set(self.workload.sizes):
                return known
        return None

    def _save(self, bench: Bench, path: Path, result: Result) -> None:
        """Write it; what answers takes the place of what answered before."""
        if result.answers:
            save(bench.result_path(self.key), result)
            bench.partial_path(self.key).unlink(missing_ok=True)
        else:
            save(path, result)

    def _stopped(self, bench: Bench, path: Path, result: Result | None, why: str) -> None:
        if result and result.pairs and not result.answers:
            # Why it stopped is told anyhow; the pairs were written down one by one.
            with contextlib.suppress(DiskTrouble):
                self._save(bench, path, replace(result, stopped=why))
