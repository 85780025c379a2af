"""Whether what the kit measures is what one would measure by hand, and how soon it answers."""

from __future__ import annotations

import json
import math
import random
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from tests.conftest import sweep
from voltutor.engine import ExecResult, find
from voltutor.images import MIB
from voltutor.measure import FIRST_WRITE, LAYER, RANDOM_WRITE, VOLUME, Experiment, Place
from voltutor.measure.stage import Stage
from voltutor.results import compare, median_interval, slowdown, times_interval
from voltutor.session import Bench

PAIRS = 40


def compared(name: str, ours: Callable[[], float], theirs: Callable[[], float]) -> None:
    """Take both in random order, pair by pair, and print the median ratio with its interval."""
    chance = random.Random(3)
    logs = []
    for _ in range(PAIRS):
        seen = {act: act() for act in chance.sample([ours, theirs], 2)}
        logs.append(math.log(seen[ours] / seen[theirs]))
    found = median_interval(logs)
    ends = f"[{math.exp(found.low):.3f}, {math.exp(found.high):.3f}]"
    print(f"{name}: {math.exp(found.median):.3f} {ends}, {PAIRS} pairs")


def steady(bench: Bench, url: str) -> None:
    """random-write in a volume: the kit's own trial against the same command by the docker client."""
    with Stage(bench, RANDOM_WRITE) as stage:
        for _ in stage.begin_round([VOLUME], [None]):
            pass

        def kit() -> float:
            return _trial(stage, VOLUME, None)["iops"]

        container, path = stage.take(VOLUME, None)
        words = [word for word in RANDOM_WRITE.job.argv(path) if word != "--output-format=json+"]

        def by_hand() -> float:
            subprocess.run(["docker", "-H", url, "exec", container, "sync", "-f", "/work"], check=True)
            line = ["docker", "-H", url, "exec", container, *words, "--output-format=json"]
            printed = subprocess.run(line, capture_output=True, check=True).stdout
            return float(json.loads(printed)["jobs"][0]["write"]["iops"])

        compared("random-write in a volume, kit / docker exec fio by hand (IOPS)", kit, by_hand)


def _trial(stage: Stage, place: Place, size: int | None) -> dict[str, float]:
    container, path = stage.take(place, size)
    argv = stage.command(place, path)
    output: list[ExecResult] = []
    for _tick in stage.run(container, argv, output):
        pass
    return dict(stage.workload.job.read(output[0].out).metrics)


DD = """
began=$EPOCHREALTIME
dd if=/dev/zero of="$0" bs=4k count=1 conv=notrunc,fsync 2>/dev/null
ended=$EPOCHREALTIME
echo "took $began $ended"
"""


def first(bench: Bench) -> None:
    """first-write of 64 MiB in the layer: fio's two jobs against dd under an outer clock, each on a fresh file."""
    work = replace(FIRST_WRITE, sizes=(64 * MIB,))
    with Stage(bench, work) as stage:

        def fresh() -> Iterator[None]:
            return stage.begin_round([LAYER], work.sizes)

        def kit() -> float:
            for _ in fresh():
                pass
            return _trial(stage, LAYER, 64 * MIB)["seconds"]

        def dd() -> float:
            for _ in fresh():
                pass
            container, path = stage.take(LAYER, 64 * MIB)
            out = bench.engine.run(container, ["sh", "-c", f"sync -f /seed\n{DD}", path]).text
            found = re.search(r"took ([\d.]+) ([\d.]+)", out)
            assert found
            return float(found[2]) - float(found[1])

        compared("first-write of 64 MiB in the layer, kit / dd under an outer clock (seconds)", kit, dd)


def answers(bench: Bench) -> None:
    """How long until first-write, and random-write with its A/A, are answered."""
    for _ in bench.prepare("lab", "seed"):
        pass
    took = time.perf_counter()
    *_, last = Experiment(FIRST_WRITE, LAYER, VOLUME, budget=55).run(bench)
    print(
        f"first-write answered in {time.perf_counter() - took:.0f} s, {last.result.rounds} pairs of each size"
    )
    took = time.perf_counter()
    for a, b, name in ((LAYER, VOLUME, "layer / volume"), (VOLUME, VOLUME.again(), "A/A")):
        *_, last = Experiment(RANDOM_WRITE, a, b, budget=65).run(bench)
        ((found,),) = compare(last.result)
        print(f"random-write, {name}: {times_interval(slowdown(last.result, found))}, {found.finding.value}")
    print(f"random-write with its A/A answered in {time.perf_counter() - took:.0f} s")


def measuring(url: str, home: Path) -> None:
    """All of it on one engine."""
    bench = Bench(find(url, {}), home)
    for _ in bench.prepare("lab"):
        pass
    steady(bench, url)
    first(bench)
    answers(bench)
    sweep(bench.engine, home)
