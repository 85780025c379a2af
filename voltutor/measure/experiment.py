"""An experiment: pairs of trials, interleaved in random order, as many as the pilot calls for."""

from __future__ import annotations

import errno
import itertools
import os
import random
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from voltutor.engine import ExecResult
from voltutor.errors import VoltutorError
from voltutor.fio import FioError, NotFio
from voltutor.images import LAB_IMAGES, MIB
from voltutor.measure.circumstances import look
from voltutor.measure.jobs import NotReadable
from voltutor.measure.line import Line
from voltutor.measure.places import Place
from voltutor.measure.stage import Stage
from voltutor.measure.workloads import Workload
from voltutor.results import Circumstances, Pair, Result, Trial, pairs_needed
from voltutor.results.statistics import LEAST, PILOT
from voltutor.session import COPIES_UP, Bench, CommandFailed
from voltutor.text import _, tr

PILOT_GRACE = 4
"""How many times its budget an experiment may take for its pilot: without one there is no claim at all."""

SAME = ("engine_version", "storage_driver", "kernel", "device", "backing_file_system", "fio", "definition")
"""Circumstances that must not change within one result."""

FREE_SOME = _("Free some, for example with `voltutor clean`, or take a workload with smaller files.")

SPARE = 64 * MIB
"""Bytes that stay free."""


TMPFS_DIRECT = (6, 6)
"""The Linux whose tmpfs takes O_DIRECT."""


def _at_least(kernel: str, version: tuple[int, int]) -> bool:
    """Whether a kernel's release, such as 6.1.0-18-amd64, is of this version or later."""
    found = re.match(r"(\d+)\.(\d+)", kernel)
    return found is None or (int(found[1]), int(found[2])) >= version


class NothingToMeasure(VoltutorError):
    """The engine has no layers whose cost could be measured."""

    exit_code = 3


@dataclass(frozen=True)
class Update:
    """The result so far, and what is going on; `done` of `total` pairs per size, 0 where not yet known;
    `pair` where the text says which pair is being measured."""

    result: Result
    text: str = ""
    done: int = 0
    total: int = 0
    pair: bool = False


class NoSpace(VoltutorError):
    """The engine's disk has not what the experiment would take."""


class TrialFailed(VoltutorError):
    """A trial's output is not what a good run prints."""


@dataclass(frozen=True)
class Experiment:
    """One workload in two places.

    Attributes:
        budget: seconds from the first pair on; when they are spent no further pair is begun, but for those that any
            claim needs, on a machine that is slow.
        seed: of the random order; the same seed gives the same order. A result that is gone on with keeps its own.
        any_storage: also where whole images are copied, to record what that means.
    """

    workload: Workload
    a: Place
    b: Place
    budget: float = 60.0
    seed: int = 0
    any_storage: bool = False

    def run(self, bench: Bench, so_far: Result | None = None) -> Iterator[Update]:
        """Measure. Each update carries a whole result; ticks come about ten times a second, and closing the
        iterator ends the running trial and removes what was made for it.

        The first eight pairs are a pilot of which only the spread and the order are looked at: they fix the number of
        pairs, which is announced before going on. Nothing else steers the end but the budget.

        Raises:
            CommandFailed, TrialFailed: a trial failed. The last update's result stands.
            EngineGone: the engine went away. The same.
            NothingToMeasure: this engine's storage copies whole images, and what it would measure is no overlay's;
                or it can't have one of the places.
            NoSpace: the engine's disk is too full, or filled up meanwhile.
        """
        self._check_able(bench)
        bench.sweep_trials()
        with Line(bench.engine.info.id) as line:
            for ahead in line.wait():
                # Two at a time would measure each other.
                waits = tr(
                    _("Another measurement is under way on this engine; before this one: {n}."), n=ahead
                )
                yield Update(so_far or self._blank(), waits)
            for progress in bench.prepare("lab"):
                yield Update(so_far or self._blank(), progress.text)
            found = look(bench)
            fitting = self._fitting(bench, found.get("free_bytes"))
            if fitting is not self:
                yield Update(so_far or fitting._blank(), fitting._reduced())
            yield from fitting._measure(bench, so_far, found)

    def _measure(self, bench: Bench, so_far: Result | None, found: Circumstances) -> Iterator[Update]:
        found = {**found, "definition": self.workload.definition}
        if so_far and (changed := self._changed(so_far, found)):
            text = _(
                "What was measured before can't be gone on with ({what} is another one by now); it begins anew."
            )
            yield Update(so_far, tr(text, what=", ".join(changed)))
            so_far = None
        for progress in bench.prepare(self.workload.image):
            yield Update(so_far or self._blank(), progress.text)
        result = so_far or replace(self._blank(), circumstances=found)
        result = replace(result, stopped="", complete=False)
        with Stage(bench, self.workload) as stage:
            try:
                yield from self._rounds(stage, result)
            except (CommandFailed, TrialFailed) as error:
                if os.strerror(errno.ENOSPC) not in error.what:
                    raise
                raise NoSpace(
                    _("{workload} ran out of room on the engine (its data lie in {root})."),
                    FREE_SOME,
                    workload=self.workload.name,
                    root=bench.engine.info.data_root,
                ) from error

    def _changed(self, so_far: Result, found: Circumstances) -> list[str]:
        """What is not as it was when the first pairs were measured: theirs and later ones are no one sample."""
        known = so_far.circumstances
        changed = [key for key in SAME if key in known and known[key] != found.get(key)]
        if so_far.expected_sizes and so_far.expected_sizes != tuple(self.workload.sizes):
            changed.append("files")
        return changed

    @property
    def space(self) -> int:
        """Bytes of the engine's disk that it takes at most: an image, a layer or a volume for each place, and what
        is copied up."""
        on_disk = sum(place.kind != "tmpfs" for place in (self.a, self.b))
        return self.workload.data_bytes * (1 + on_disk) + SPARE

    def _check_able(self, bench: Bench) -> None:
        needs = self.a.needs | self.b.needs | (frozenset() if self.any_storage else {COPIES_UP})
        for need in sorted(needs):
            able = bench.capability(need)
            if able.available is False:
                raise NothingToMeasure(
                    _("{engine} can't measure this: {why}."),
                    _("Name an engine with layers by --engine; recorded results are in the project's data."),
                    engine=bench.engine.info.title,
                    why=able.why,
                )

        direct = self.workload.direct and "tmpfs" in (self.a.kind, self.b.kind)
        if direct and not _at_least(bench.engine.info.kernel, TMPFS_DIRECT):
            raise NothingToMeasure(
                _("{engine} can't measure this: before Linux {least} a tmpfs has no direct I/O."),
                _("Take --places layer,volume, or a workload that goes through the page cache."),
                engine=bench.engine.info.title,
                least=".".join(map(str, TMPFS_DIRECT)),
            )

    def _reduced(self) -> str:
        largest = max(size or 0 for size in self.workload.sizes) // MIB
        return tr(_("There is no room for larger files: {n} MiB are the largest here."), n=largest)

    def _fitting(self, bench: Bench, free: object) -> Experiment:
        """This experiment, or the same with smaller files where the disk has no room.

        Raises:
            NoSpace: not even for those.
        """
        there = LAB_IMAGES[self.workload.image].data_bytes if bench.has_image(self.workload.image) else 0
        wanted = self.space - there
        if isinstance(free, int) and free < wanted:
            if self.workload.reduced:
                return replace(self, workload=self.workload.reduced)._fitting(bench, free)
            raise NoSpace(
                _("This needs {wanted} MiB on the engine's disk, and {free} MiB are free."),
                FREE_SOME,
                wanted=wanted // MIB,
                free=free // MIB,
            )
        return self

    def _blank(self) -> Result:
        return Result(
            workload=self.workload.name,
            places=(self.a.name, self.b.name),
            expected_sizes=tuple(self.workload.sizes),
            metric=self.workload.metric,
            seed=self.seed,
            started=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def _rounds(self, stage: Stage, result: Result) -> Iterator[Update]:
        clock, begun = _Clock(max((pair.b.at for pair in result.pairs), default=0.0)), result.rounds
        for number in itertools.count(begun):
            if number >= PILOT and result.planned is None:
                result, text = self._plan(result, clock.spent, number - begun)
                yield Update(result, text, number, result.planned or PILOT)
            total = result.planned or PILOT
            if number >= total:
                result = replace(result, complete=True)
                yield Update(result, tr(_("All {n} pairs of each size are measured."), n=total), total, total)
                return
            for so_far, text in self._round(stage, result, number, clock):
                result = so_far
                yield Update(result, text, number, total, pair=True)
                if result.stopped:
                    yield Update(result, tr(_("The budget is spent.")), number, total)
                    return

    def _round(
        self, stage: Stage, result: Result, number: int, clock: _Clock
    ) -> Iterator[tuple[Result, str]]:
        chance = random.Random(f"{result.seed}-{number}")  # noqa: S311 - the order of trials, no secret
        sizes = list(self.workload.sizes)
        chance.shuffle(sizes)
        for _tick in stage.begin_round((self.a, self.b), sizes):
            yield result, tr(_("Preparing a fresh container."))
        clock.start()
        for size in sizes:
            swapped = _swapped(result.seed, size, number)
            if any(pair.round == number for pair in result.of_size(size)):
                continue  # measured before an interruption
            if clock.spent > self.budget * (PILOT_GRACE if number < LEAST else 1):
                yield replace(result, stopped="budget"), ""
                return
            order = [self.b, self.a] if swapped else [self.a, self.b]
            what = "" if size is None else f", {size // MIB} MiB"
            places = " → ".join(place.title for place in order)
            text = tr(_("Pair {n}{what}: {places}"), n=number + 1, what=what, places=places)
            trials: list[Trial] = []
            for place in order:
                for trial in self._trial(stage, place, size, clock):
                    yield result, text
                    if trial:
                        trials.append(trial)
            a, b = reversed(trials) if swapped else trials
            result = result.with_pairs([Pair(number, a, b, order[0].name, size)])
            yield result, text

    def _trial(self, stage: Stage, place: Place, size: int | None, clock: _Clock) -> Iterator[Trial | None]:
        container, path = stage.take(place, size)
        argv = stage.command(place, path)
        if self.workload.cold:
            stage.drop_caches()
        at = clock.at
        output: list[ExecResult] = []
        for _tick in stage.run(container, argv, output):
            yield None
        try:
            read = self.workload.job.read(output[0].out)
        except (NotFio, FioError, NotReadable, KeyError) as error:
            raise TrialFailed(
                _("{workload} failed in the {place}: {text}"),
                workload=self.workload.name,
                place=place.title,
                text=error,
            ) from error
        yield Trial(place.name, dict(read.metrics), round(at, 3), dict(read.bins), tuple(read.series))

    def _plan(self, result: Result, spent: float, rounds: int) -> tuple[Result, str]:
        """Fix the number of pairs, by the pilot and by what the budget still allows, so many rounds having taken so
        many seconds of it; say which decided."""
        pilots = [[pair.log_ratio(result.metric) for pair in result.of_size(size)] for size in result.sizes]
        needed = pairs_needed(pilots, self.workload.target)
        left = (self.budget - spent) / spent * rounds if rounds else needed
        affordable = max(LEAST, result.rounds + int(left))
        planned = min(needed, affordable)
        text = tr(_("The pilot calls for {n} pairs of each size."), n=needed)
        if planned < needed:
            text += " " + tr(_("The budget allows {n}."), n=planned)
        return replace(result, needed=needed, planned=planned), text


def _swapped(seed: int, size: int | None, number: int) -> bool:
    """Whether the second place goes first in a round. Of two rounds it goes first in one, and chance tells in which:
    then neither place is the first more often, whatever being the first is worth."""
    first = random.Random(f"{seed}-{size}-{number // 2}").random() < 0.5  # noqa: S311 - as above
    return first != bool(number % 2)


class _Clock:
    """Seconds since the first pair began; what was prepared before it does not count. `before` are those of an
    experiment that is gone on with."""

    def __init__(self, before: float = 0.0) -> None:
        self._began: float | None = None
        self._before = before

    def start(self) -> None:
        """Begin, the first time that it is called."""
        self._began = self._began or time.monotonic()

    @property
    def spent(self) -> float:
        """Seconds so far; 0 before the start."""
        return time.monotonic() - self._began if self._began else 0.0

    @property
    def at(self) -> float:
        """Seconds since the experiment began, breaks left out."""
        return self._before + self.spent
