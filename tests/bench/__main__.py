"""What the kit adds to the same engine calls made by hand, and what parsing fio adds to `json.loads`.

Engine: the one that `VOLTUTOR_TEST_ENGINE` names, or a private dockerd where this user may start one.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.conftest import sweep
from tests.dockerd import can_start, dockerd
from voltutor import fio
from voltutor.engine import ContainerSpec, find
from voltutor.measure import FIRST_WRITE
from voltutor.results import duration, median_interval
from voltutor.session import Bench, Remove, Run

PAIRS = 20


def interleaved(name: str, kit: Callable[[], object], peer: Callable[[], object]) -> None:
    """Time both in random order, pair by pair; print the median ratio with its interval."""
    chance = random.Random(1)
    logs, ours, theirs = [], [], []
    for work in (kit, peer):
        work()
    for _ in range(PAIRS):
        took: dict[Callable[[], object], float] = {}
        for work in chance.sample([kit, peer], 2):
            began = time.perf_counter()
            work()
            took[work] = time.perf_counter() - began
        logs.append(math.log(took[kit] / took[peer]))
        ours.append(took[kit])
        theirs.append(took[peer])
    ratio = median_interval(logs)
    low, middle, high = (math.exp(value) for value in (ratio.low, ratio.median, ratio.high))
    times = f"{duration(median_interval(ours).median)} against {duration(median_interval(theirs).median)}"
    print(f"{name}: {middle:.2f} [{low:.2f}, {high:.2f}], {times}, {PAIRS} pairs")


@contextlib.contextmanager
def engine_url() -> Iterator[str | None]:
    """An engine for benchmarks, or None."""
    if named := os.environ.get("VOLTUTOR_TEST_ENGINE"):
        yield named
    elif can_start():
        with (
            tempfile.TemporaryDirectory(prefix="vt-", dir="/var/tmp") as folder,
            dockerd(Path(folder)) as started,
        ):
            yield started.url
    else:
        yield None


def with_engine(url: str, home: Path) -> None:
    """A container's life, and a trial, through the kit and by hand."""
    bench = Bench(find(url, {}), home)
    engine, image = bench.engine, bench.image("lab")
    for _ in bench.prepare("lab", "files"):
        pass

    def by_hand() -> None:
        made = engine.create_container(ContainerSpec("vt-bench-peer", image))
        engine.start(made)
        engine.remove_container(made, force=True)

    interleaved(
        "run and remove a container, kit / by hand",
        lambda: bench.do(Run("one", "lab"), Remove("one")),
        by_hand,
    )
    argv = FIRST_WRITE.job.argv("/seed/16MiB-1")
    with bench.scratch("files") as ref:

        def trial() -> None:
            FIRST_WRITE.job.read(bench.succeeded(argv, engine.run(ref, argv)).out)

        def by_docker() -> None:
            made = engine._api.exec_create(ref, argv)
            json.loads(engine._api.exec_start(made["Id"]))

        interleaved("a trial in a warm container, kit / docker-py by hand", trial, by_docker)
    sweep(engine, home)


def parsing() -> None:
    """Parsing json+ of a large run."""
    bins = {str(n * 7): n for n in range(1, 4000)}
    write = {
        "total_ios": 9,
        "lat_ns": {"mean": 1, "min": 1, "max": 1},
        "clat_ns": {"N": 9, "mean": 1, "bins": bins},
    }
    jobs = [{"jobname": f"j{n}", "error": 0, "write": write} for n in range(20)]
    text = json.dumps({"fio version": "fio-3.33", "jobs": jobs})
    interleaved("parsing json+, voltutor.fio / json.loads", lambda: fio.parse(text), lambda: json.loads(text))


def main() -> int:
    """Run all benchmarks."""
    parsing()
    with tempfile.TemporaryDirectory() as home, engine_url() as url:
        if url is None:
            print("No engine for benchmarks: name one with VOLTUTOR_TEST_ENGINE.", file=sys.stderr)
            return 1
        with_engine(url, Path(home))
    return 0


if __name__ == "__main__":
    sys.exit(main())
