"""The stage of an experiment: the containers in which trials run, made when first needed, removed at its end."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from voltutor.engine import EngineError, ExecResult, Mount
from voltutor.measure.places import AWAY, Place
from voltutor.measure.workloads import Workload
from voltutor.session import DROP_CACHES, Bench

FILL = 'mkdir -p "$1" "$2"; for one in "$1"/*; do [ ! -e "$one" ] || cp -a "$one" "$2"/; done'
"""Copy what a folder of the image holds to where a place has it."""

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
        self._bench, self.workload = bench, workload
        self._sets: dict[str, _Set] = {}

    def __enter__(self) -> Stage:
        _sweep_folders(self._bench)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.ExitStack() as all_of_them:
            for made in self._sets.values():
                all_of_them.push(made.stack)

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
        # Only in a layer anything is used up: a second write elsewhere costs what the first did.
        if place.kind != "layer" or not self.workload.used_up:
            return False
        return any(here.used.get(size, 0) >= self.workload.copies(size) for size in sizes)

    def take(self, place: Place, size: int | None) -> tuple[str, str]:
        """A container and a file in it for the next trial."""
        here = self._sets[place.name]
        index = here.used.get(size, 0)
        here.used[size] = index + 1
        path = self.workload.path(size, index % self.workload.copies(size))
        return here.container, place.inside(path)

    def drop_caches(self) -> None:
        """Empty the page cache, where this process may; fio drops a file's own pages all the same."""
        if self._bench.capability(DROP_CACHES).available:
            Path("/proc/sys/vm/drop_caches").write_text("1\n")

    def command(self, place: Place, path: str) -> list[str]:
        """A trial's command line. Nobody else's dirty pages, nor those of the trial before, are to be written out on
        its time."""
        folder = place.inside(self.workload.folder)
        return ["sh", "-c", 'sync -f "$0"; exec "$@"', folder, *self.workload.job.argv(path)]

    def _open(self, place: Place) -> Iterator[None]:
        stack = contextlib.ExitStack()
        mounts: list[Mount] = []
        tmpfs = {AWAY: "mode=755"} if place.kind == "tmpfs" else {}
        if place.kind == "volume":
            mounts = [Mount(self.workload.folder, stack.enter_context(self._bench.scratch_volume()))]
        elif place.kind == "bind":
            mounts = [Mount(AWAY, str(stack.enter_context(_host_folder(self._bench))))]
        try:
            scratch = self._bench.scratch(self.workload.image, (), mounts, tmpfs=tmpfs)
            container = stack.enter_context(scratch)
        except BaseException:
            stack.close()
            raise
        self._sets[place.name] = _Set(container, stack)
        if place.kind == "bind":
            # What root wrote in a container is root's: it is taken away from inside, before the folder goes.
            stack.callback(self._empty, container)
        yield from self._ready(container, place)

    def _empty(self, container: str) -> None:
        with contextlib.suppress(EngineError):
            self._bench.engine.run(container, ["sh", "-c", f"rm -rf {AWAY}/*"])

    def _ready(self, container: str, place: Place) -> Iterator[None]:
        """Bring the files into the state that is to be measured."""
        work, folder = self.workload, place.inside(self.workload.folder)
        if place.apart:
            yield from self.run(container, ["sh", "-c", FILL, "fill", work.folder, folder], None)
        if work.prefill:
            path = place.inside(work.path(None, 0))
            make = ["sh", "-c", 'mkdir -p "$0" && exec "$@"', folder, *work.prefill(path)]
            yield from self.run(container, make, None)
        else:
            # What a copy-up reads should come from memory in every round, not from a cold disk in the first.
            warm = 'mkdir -p "$0" && find "$0" -type f -exec cat {} + > /dev/null'
            yield from self.run(container, ["sh", "-c", warm, folder], None)
        if not work.used_up and work.files is None:
            # The first run in a fresh container finds colder caches than all that follow: it is not counted.
            yield from self.run(container, work.job.argv(place.inside(work.path(None, 0))), None)

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
    while list(argv[:2]) == ["sh", "-c"] and len(argv) > 4:
        argv = argv[4:]
    return argv


@contextlib.contextmanager
def _host_folder(bench: Bench) -> Iterator[Path]:
    """A folder of this machine for as long as the block runs; its name says whose it is."""
    made = bench.session.folder / "places" / f"{os.getpid()}-{secrets.token_hex(4)}"
    made.mkdir(parents=True)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _sweep_folders(bench: Bench) -> None:
    """Remove the folders of processes that ended before they could do it."""
    for folder in sorted((bench.session.folder / "places").glob("*-*")):
        owner = folder.name.partition("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            with (
                contextlib.suppress(EngineError),
                bench.scratch("lab", (), [Mount(AWAY, str(folder))]) as here,
            ):
                bench.engine.run(here, ["sh", "-c", f"rm -rf {AWAY}/*"])
            shutil.rmtree(folder, ignore_errors=True)
