"""The stage of an experiment: the containers in which trials run, made when first needed, removed at its end."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from voltutor.engine import ExecResult, Mount
from voltutor.measure.places import Place
from voltutor.measure.workloads import Workload
from voltutor.session import Bench

TRIAL_LIMIT = 120.0
"""Seconds that one trial, or one prefill, may take."""


@dataclass
class _Set:
    """A place's container, what it was given, and how many files of each size were used in it."""

    container: str
    stack: contextlib.ExitStack
    used: dict[int | None, int] = field(default_factory=dict)


class Stage:
    """A context manager. Leaving it, at any time, removes every container and volume that it made."""

    def __init__(self, bench: Bench, workload: Workload) -> None:
        self._bench, self._workload = bench, workload
        self._sets: dict[str, _Set] = {}
        self._volumes = contextlib.ExitStack()
        self._volume: str | None = None

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        for made in self._sets.values():
            self._volumes.push(made.stack)
        self._volumes.close()

    def begin_round(self, places: Sequence[Place], sizes: Sequence[int | None]) -> Iterator[None]:
        """See that each place has a container with an unused file of every size; yields while it is prepared.

        It is done before a round and never within one: a disk may write faster for a while after much was
        freed, as by removing a container, and that must favour no size and no place.
        """
        for place in places:
            here = self._sets.get(place.name)
            if here and self._used_up(place, here, sizes):
                del self._sets[place.name]
                here.stack.close()
                here = None
            if here is None:
                yield from self._open(place)

    def _used_up(self, place: Place, here: _Set, sizes: Sequence[int | None]) -> bool:
        # In a volume nothing is used up: a second write there costs what the first did.
        if place.volume or not self._workload.used_up:
            return False
        return any(here.used.get(size, 0) >= self._workload.copies(size) for size in sizes)

    def take(self, place: Place, size: int | None) -> tuple[str, str]:
        """A container and a file in it for the next trial."""
        here = self._sets[place.name]
        index = here.used.get(size, 0)
        here.used[size] = index + 1
        return here.container, self._workload.path(size, index % self._workload.copies(size))

    def _open(self, place: Place) -> Iterator[None]:
        first_time = not (place.volume and self._volume)
        if place.volume and self._volume is None:
            self._volume = self._volumes.enter_context(self._bench.scratch_volume())
        mounts = [Mount(self._workload.folder, self._volume)] if place.volume and self._volume else []
        stack = contextlib.ExitStack()
        container = stack.enter_context(self._bench.scratch(self._workload.image, (), mounts))
        self._sets[place.name] = _Set(container, stack)
        if first_time:
            yield from self._ready(container)

    def _ready(self, container: str) -> Iterator[None]:
        """Bring the files into the state that is to be measured."""
        work = self._workload
        if work.prefill:
            argv: Sequence[str] = [
                "sh",
                "-c",
                'mkdir -p "$0" && exec "$@"',
                work.folder,
                *work.prefill(work.path(None, 0)),
            ]
        else:
            # What a copy-up reads should come from memory in every round, not from a cold disk in the first.
            argv = ["sh", "-c", 'cat "$0"/* > /dev/null', work.folder]
        yield from self.run(container, argv, None)

    def run(self, container: str, argv: Sequence[str], into: list[ExecResult] | None) -> Iterator[None]:
        """Run a program; yields while it runs, and puts what a good run left into `into`.

        Raises:
            CommandFailed: it failed; carries its own message.
        """
        for result in self._bench.engine.exec(container, argv, limit=TRIAL_LIMIT):
            if result is None:
                yield None
            else:
                self._bench.succeeded(_program(argv), result)
                if into is not None:
                    into.append(result)


def _program(argv: Sequence[str]) -> Sequence[str]:
    """The program that a shell wrapper runs, so that an error names fio and not sh."""
    return argv[4:] if argv[:2] == ["sh", "-c"] and len(argv) > 4 else argv
