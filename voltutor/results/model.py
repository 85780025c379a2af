"""Trial, Pair, Result: frozen, and the same as JSON. A Result is whole after every pair."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from voltutor.home import write_atomically
from voltutor.results.statistics import (
    PILOT,
    Finding,
    Interval,
    correlated,
    detectable,
    holm,
    median_interval,
    t_test,
)

SCHEMA = 2
"""2 adds to 1: `expected_sizes` of a result, `bins` and `series` of a trial, and further metrics."""

Metric = Literal["seconds", "iops", "bytes_per_second", "requests_per_second"]

Circumstances = Mapping[str, str | int | float | bool | None]


@dataclass(frozen=True)
class Trial:
    """One run of a workload in one place.

    Attributes:
        metrics: by name, in SI units: seconds, I/Os per second, bytes per second.
        at: seconds since the experiment began, by the client's clock.
        bins: I/Os by their latency in nanoseconds, where the workload keeps them.
        series: seconds since the job began, and I/Os per second, where the workload keeps them.
    """

    place: str
    metrics: Mapping[str, float]
    at: float = 0.0
    bins: Mapping[int, int] = field(default_factory=dict)
    series: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Pair:
    """Two trials side by side, `a` first in name only: `first` tells which ran first. `size` is the bytes of
    the file that the workload writes to, where the workload has sizes."""

    round: int
    a: Trial
    b: Trial
    first: str
    size: int | None = None

    def log_ratio(self, metric: str) -> float:
        """The logarithm of a over b."""
        return math.log(self.a.metrics[metric] / self.b.metrics[metric])


@dataclass(frozen=True)
class Comparison:
    """What the pairs of one size add up to: the ratio of a over b.

    Attributes:
        ratio: median ratio with its 95 % interval.
        a, b: each place's own median with its interval, in the metric's unit.
        p: Student's t of the log-ratios, two-sided, corrected by Holm for all that was compared together; 1 where
            nothing may be claimed yet.
        detectable: the ratio that so many pairs would likely have shown.
    """

    size: int | None
    n: int
    ratio: Interval
    a: Interval
    b: Interval
    p: float
    finding: Finding
    detectable: float


@dataclass(frozen=True)
class Result:
    """An experiment with its trials, its circumstances and its origin.

    Attributes:
        metric: which of a trial's metrics is compared.
        needed: pairs per size that the pilot's spread calls for; None while the pilot runs.
        planned: pairs per size that are to be measured: as many as needed, or as the budget allows.
        complete: whether all planned pairs are there.
        stopped: why not: "budget", "cancelled", or an error's sentence.
        expected_sizes: the sizes that a whole round has; empty where they were not written down.
        origin: "live", or "recorded" where it was read from the project's data.
    """

    workload: str
    places: tuple[str, str]
    metric: Metric
    pairs: tuple[Pair, ...] = ()
    needed: int | None = None
    planned: int | None = None
    complete: bool = False
    stopped: str = ""
    seed: int = 0
    started: str = ""
    circumstances: Circumstances = field(default_factory=dict)
    expected_sizes: tuple[int | None, ...] = ()
    origin: Literal["live", "recorded"] = "live"

    def with_pairs(self, pairs: Iterable[Pair]) -> Result:
        """The result with further pairs."""
        return replace(self, pairs=(*self.pairs, *pairs))

    @property
    def sizes(self) -> tuple[int | None, ...]:
        """The sizes in it, smallest first; (None,) for a workload without sizes."""
        found = {pair.size for pair in self.pairs}
        return tuple(sorted(found, key=lambda size: size or 0))

    @property
    def rounds(self) -> int:
        """Whole rounds: pairs that every size has."""
        return min((len(self.of_size(size)) for size in self.expected_sizes or self.sizes), default=0)

    @property
    def answers(self) -> bool:
        """Whether a claim may rest on it: all planned pairs are there, or the time was up after the pilot. What
        ended it then was no look at the ratios."""
        return self.complete or (self.stopped == "budget" and self.rounds >= PILOT)

    @property
    def slower_is_more(self) -> bool:
        """Whether more of the metric is worse."""
        return self.metric == "seconds"

    def of_size(self, size: int | None) -> tuple[Pair, ...]:
        """The pairs of one size, in their order."""
        return tuple(pair for pair in self.pairs if pair.size == size)

    def values(self, place: str, size: int | None = None) -> list[float]:
        """The metric of every trial in one place at one size."""
        trials = (trial for pair in self.of_size(size) for trial in (pair.a, pair.b))
        return [trial.metrics[self.metric] for trial in trials if trial.place == place]

    def growth(self, place: str, small: int, large: int) -> Interval:
        """How many times the small size's figure the large one's is, round by round, in one place."""
        by_round = {pair.round: pair for pair in self.of_size(small)}
        ratios = [
            _in(place, pair, self.metric) / _in(place, by_round[pair.round], self.metric)
            for pair in self.of_size(large)
            if pair.round in by_round
        ]
        return median_interval(ratios)


def _in(place: str, pair: Pair, metric: str) -> float:
    trial = pair.a if pair.a.place == place else pair.b
    return trial.metrics[metric]


def slowdown(result: Result, found: Comparison) -> Interval:
    """How many times as long a unit of work takes in the first place as in the second, whatever the metric."""
    ratio = found.ratio
    if result.slower_is_more:
        return ratio
    low = 1 / ratio.high if math.isfinite(ratio.high) else 0.0
    return Interval(1 / ratio.median, low, 1 / ratio.low if ratio.low > 0 else math.inf)


def compare(*results: Result) -> tuple[tuple[Comparison, ...], ...]:
    """Compare place a with place b, size by size, for each result.

    A difference is claimed where the exact interval leaves out 1 and, where more than one question is asked,
    Student's p of the log-ratios, corrected by Holm together with all else that is compared here, is below 5 %: every
    further question is a further chance to be fooled. What is unfinished, or has too few pairs for a claim, is no
    question yet: a number of pairs that was not fixed beforehand may have been one at which the ratios looked well.
    """
    questions = [(result, size) for result in results for size in result.sizes if result.pairs]
    logs = [[pair.log_ratio(result.metric) for pair in result.of_size(size)] for result, size in questions]
    askable = [
        one.answers and len(values) >= PILOT for (one, _size), values in zip(questions, logs, strict=True)
    ]
    asked = iter(holm([t_test(values) for values, may in zip(logs, askable, strict=True) if may]))
    adjusted = [next(asked) if may else 1.0 for may in askable]
    answers = [
        (result, _comparison(result, size, values, p, sum(askable)))
        for (result, size), values, p in zip(questions, logs, adjusted, strict=True)
    ]
    return tuple(tuple(found for owner, found in answers if owner is result) for result in results)


def _comparison(
    result: Result, size: int | None, logs: Sequence[float], p: float, questions: int
) -> Comparison:
    found = median_interval(logs)
    ratio = Interval(math.exp(found.median), math.exp(found.low), _exp(found.high))
    if not result.answers:
        finding = Finding.UNFINISHED
    elif len(logs) < PILOT:
        finding = Finding.TOO_FEW
    elif correlated(logs):
        finding = Finding.NO_CLAIM
    elif ratio.covers(1):
        finding = Finding.NO_DIFFERENCE
    elif questions > 1 and p >= 0.05:
        finding = Finding.BY_CHANCE
    else:
        finding = Finding.HIGHER if ratio.median > 1 else Finding.LOWER
    a, b = result.places
    return Comparison(
        size=size,
        n=len(logs),
        ratio=ratio,
        a=median_interval(result.values(a, size)),
        b=median_interval(result.values(b, size)),
        p=p,
        finding=finding,
        detectable=detectable(logs),
    )


def _exp(value: float) -> float:
    return math.inf if value == math.inf else math.exp(value)


def save(path: Path, *results: Result) -> None:
    """Write results as one JSON document, a line for each pair; a reader finds the old file or the new one."""
    document = ",\n".join(map(_text, results))
    write_atomically(path, f'{{"schema": {SCHEMA}, "results": [\n{document}\n]}}\n')


def _text(result: Result) -> str:
    """A result as JSON. It is written after every pair, so nothing is copied on the way."""
    head = json.dumps({key: value for key, value in vars(result).items() if key != "pairs"})
    pairs = (json.dumps({**vars(pair), "a": vars(pair.a), "b": vars(pair.b)}) for pair in result.pairs)
    return f'{head[:-1]}, "pairs": [\n' + ",\n".join(pairs) + "\n]}"
