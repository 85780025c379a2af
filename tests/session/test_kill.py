"""SIGKILL after any engine call of the lab: what the journal knows is enough to leave nothing behind."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.dockerd import Dockerd

pytestmark = pytest.mark.engine

PLAY = """
import os, signal, sys
from dataclasses import replace
from voltutor.engine import Mount, find
from voltutor.images import MIB
from voltutor.labs import LABS
from voltutor.lessons import perform
from voltutor.measure import FIRST_WRITE, LAYER, VOLUME, Experiment, Measure
from voltutor.session import Bench, Run

url, last, before = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "before"
engine, calls = find(url), 0
send = engine._api.send

def counted(request, **options):
    global calls
    calls += 1
    if calls == last and before:
        os.kill(os.getpid(), signal.SIGKILL)
    answer = send(request, **options)
    if calls == last:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer

engine._api.send = counted
load = engine.load
def counted_load(archive):
    global calls
    calls += 1
    yield from load(archive)
    if calls == last:
        os.kill(os.getpid(), signal.SIGKILL)
engine.load = counted_load
bench = Bench(engine)
small = replace(FIRST_WRITE, image="files", sizes=(16 * MIB,), files={16: 3})
bench.do(Run("three", "lab", volumes=(Mount("/anonymous"), Mount("/named", "vol"))))
for step in LABS["01-copy-on-write"].steps:
    if step.measures:
        bench.do(Measure(small, LAYER, VOLUME, budget=1.5))
    else:
        for _ in perform(step, bench):
            pass
print(calls)
"""


def test_a_kill_after_any_call_leaves_nothing_that_clean_does_not_find(
    own_dockerd: Dockerd, home: Path, voltutor: Callable[..., Any]
) -> None:
    engine = own_dockerd.engine()

    def play(last: int, when: str = "after") -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-c", PLAY, own_dockerd.url, str(last), when]
        return subprocess.run(words, capture_output=True, text=True, env=dict(os.environ), timeout=600)

    def clean() -> None:
        done = voltutor("clean", "--all", "--yes", "--engine", own_dockerd.url)
        assert done.returncode == 0, done.stdout + done.stderr
        assert engine.containers() == []
        assert engine.volumes() == []
        assert engine.images() == []

    whole = play(0)
    assert whole.returncode == 0, whole.stderr
    clean()
    calls = int(whole.stdout)
    assert calls > 100
    chance, kills = random.Random(7), 0
    for last in [*range(12, 32, 2), *chance.sample(range(32, calls - 5), 8)]:
        killed = play(last, chance.choice(["before", "after"]))
        # How often a running trial is looked at differs from run to run: one may be over before its call comes.
        over = killed.returncode == 0 and int(killed.stdout) < last
        assert over or killed.returncode == -9, f"call {last}: {killed.stderr}"
        kills += not over
        clean()
    assert kills >= 14
