"""What the kit adds to the same engine calls made by hand, and what parsing fio adds to `json.loads`.

Engine: the one that `VOLTUTOR_TEST_ENGINE` names, or a private dockerd where this user may start one.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import os
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker

from tests.bench.labs import labs
from tests.bench.measuring import measuring
from tests.bench.services import services
from tests.box import root_archive
from tests.conftest import sweep
from tests.dockerd import can_start, dockerd
from tests.own_engine import embedded
from voltutor import fio
from voltutor.engine import ContainerSpec, find
from voltutor.measure import FIRST_WRITE
from voltutor.results import duration, median_interval
from voltutor.session import Bench, Remove, Run

PAIRS = 20

REQUESTS, COMMITS = 7, 5
"""Of one life: what the client asks (create, start, an exec's three, stop, remove), and how often the embedded
engine brings its state to the disk (created, running, exited, being removed, gone)."""


def interleaved(
    name: str,
    kit: Callable[[], object],
    peer: Callable[[], object],
    before: Callable[[], object] = lambda: None,
) -> None:
    """Time both in random order, pair by pair; print the median ratio with its interval. `before` sets the scene for
    each, and isn't timed."""
    chance = random.Random(1)
    ours, theirs = [], []
    for work in (kit, peer):
        before()
        work()
    for _ in range(PAIRS):
        took: dict[Callable[[], object], float] = {}
        for work in chance.sample([kit, peer], 2):
            before()
            began = time.perf_counter()
            work()
            took[work] = time.perf_counter() - began
        ours.append(took[kit])
        theirs.append(took[peer])
    _tell(name, ours, theirs)


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


CYCLES = 30
STEPS = ("create", "start", "exec", "stop", "remove")
ENDS_ON_TERM = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 60 & wait; done"]


def cycle(api: Any) -> list[float]:
    """Seconds of each step of a container's life, without a network, on an engine."""
    times = [time.perf_counter()]

    def done() -> None:
        times.append(time.perf_counter())

    made = api.create_container("box", ENDS_ON_TERM, host_config=api.create_host_config(network_mode="none"))[
        "Id"
    ]
    done()
    api.start(made)
    done()
    process = api.exec_create(made, ["true"])["Id"]
    api.exec_start(process)
    api.exec_inspect(process)
    done()
    api.stop(made, timeout=10)
    done()
    api.remove_container(made)
    done()
    return [later - earlier for earlier, later in itertools.pairwise(times)]


def life_cycles(url: str, folder: Path) -> None:
    """A container's life on the embedded engine and on Docker, in turn, each step by itself and as a sum."""
    with embedded(folder / "e") as own:
        apis = {
            name: docker.APIClient(base_url=at, version="auto")
            for name, at in (("embedded", own.url), ("Docker", url))
        }
        for api in apis.values():
            api.import_image_from_data(root_archive(), repository="box")
            cycle(api)
        found: dict[str, list[list[float]]] = {name: [] for name in apis}
        chance = random.Random(2)
        for _ in range(CYCLES):
            for name in chance.sample([*apis], 2):
                found[name].append(cycle(apis[name]))
        for index, step in enumerate((*STEPS, "sum")):
            pairs = [
                [sum(times) if step == "sum" else times[index] for times in found[name]]
                for name in ("embedded", "Docker")
            ]
            _tell(f"{step}, embedded overlay / Docker", *pairs)
        where_it_goes(apis["embedded"], folder, statistics.median(sum(times) for times in found["embedded"]))
        many(apis["embedded"])
        apis["Docker"].remove_image("box")


def where_it_goes(api: Any, folder: Path, whole: float) -> None:
    """What of a life is the requests' own way here and back, and what is state brought to the disk."""

    def ping() -> None:
        api.ping()

    database = sqlite3.connect(folder / "commits.db", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT)")

    def commit() -> None:
        database.execute("INSERT INTO t (v) VALUES (?)", ("x" * 3000,))

    print(f"of the {whole * 1e3:.1f} ms of a life on embedded overlay:")
    for what, count, act in (("requests", REQUESTS, ping), ("commits", COMMITS, commit)):
        each = statistics.median(_timed(act) for _ in range(50))
        print(f"  {count} {what}: {count} × {each * 1e3:.2f} ms = {count * each * 1e3:.1f} ms")
    database.close()


def _timed(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def many(api: Any) -> None:
    """List and inspect with 50 containers and 500 volumes against 5 of each."""
    took: dict[str, list[list[float]]] = {"list": [], "inspect": []}
    volumes, containers = 0, 0
    for target_containers, target_volumes in ((5, 5), (50, 500)):
        for number in range(volumes, target_volumes):
            api.create_volume(f"many-{number}")
        for number in range(containers, target_containers):
            api.create_container("box", ["true"], name=f"many-{number}")
        volumes, containers = target_volumes, target_containers
        for name, call in (
            ("list", lambda: api.containers(all=True, limit=5)),
            ("inspect", lambda: (api.inspect_container("many-3"), api.inspect_volume("many-3"))),
        ):
            times = []
            for _ in range(CYCLES):
                began = time.perf_counter()
                call()
                times.append(time.perf_counter() - began)
            took[name].append(times)
    for name, (few, lots) in took.items():
        _tell(f"{name}, with 50 containers and 500 volumes / with 5 of each", lots, few)
    for number in range(containers):
        api.remove_container(f"many-{number}")
    for number in range(volumes):
        api.remove_volume(f"many-{number}")


def _tell(name: str, ours: list[float], theirs: list[float]) -> None:
    ratio = median_interval([math.log(a / b) for a, b in zip(ours, theirs, strict=True)])
    low, middle, high = (math.exp(value) for value in (ratio.low, ratio.median, ratio.high))
    times = f"{duration(median_interval(ours).median)} against {duration(median_interval(theirs).median)}"
    print(f"{name}: {middle:.3f} [{low:.3f}, {high:.3f}], {times}, {len(ours)} pairs")


def main() -> int:
    """Run all benchmarks."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    parsing()
    with tempfile.TemporaryDirectory() as home, engine_url() as url:
        if url is None:
            print("No engine for benchmarks: name one with VOLTUTOR_TEST_ENGINE.", file=sys.stderr)
            return 1
        with_engine(url, Path(home))
        measuring(url, Path(home))
        services(url, Path(home) / "services", interleaved)
        labs(url, Path(home), interleaved)
        with tempfile.TemporaryDirectory(prefix="vt-", dir="/var/tmp") as folder:
            life_cycles(url, Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
