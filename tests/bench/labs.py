"""What the lessons add to a learner's own commands, how soon a card is there, and how long all labs take."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.conftest import sweep
from voltutor.engine import find
from voltutor.labs import LABS
from voltutor.lessons import clear, prepare, solve
from voltutor.session import Bench
from voltutor.widgets.controller import Controller
from voltutor.widgets.workplace import Workplace

CARDS = 12
PLAYED = ("04-managed-volumes", "named")
"""A step of two commands that only speak with the engine."""


def labs(
    url: str, home: Path, interleaved: Callable[[str, Callable[[], None], Callable[[], None]], None]
) -> None:
    """Print all three; `interleaved` times two acts pair by pair."""
    _played(url, home / "played", interleaved)
    _appearance(url, home / "cards")
    _all(url)


def _played(
    url: str, home: Path, interleaved: Callable[[str, Callable[[], None], Callable[[], None]], None]
) -> None:
    """A step's Run against the same lines by the docker command; setting the scene anew is in both."""
    bench = Bench(find(url), home)
    step = LABS[PLAYED[0]].step(PLAYED[1])
    for _sign in bench.prepare(step.image):
        pass

    def fresh() -> None:
        for work in (clear(step, bench), prepare(step, bench)):
            for _sign in work:
                pass

    def kit() -> None:
        fresh()
        for _sign in solve(step, bench):
            pass

    def by_hand() -> None:
        fresh()
        lines = "\n".join(bench.line(command) for command in step.solution)
        env = {**os.environ, "DOCKER_HOST": url}
        subprocess.run(["sh", "-ec", lines], check=True, env=env, stdout=subprocess.DEVNULL)

    interleaved(f"Run of {PLAYED[1]} / the same lines by docker", kit, by_hand)
    sweep(bench.engine, home)


def _appearance(url: str, home: Path) -> None:
    """From the cell to a card that has looked at the engine."""
    workplace = Workplace(home, url, watch=False)
    lab = LABS[PLAYED[0]]
    took = []
    for number in range(CARDS):
        began = time.perf_counter()
        card = Controller(workplace, lab, lab.steps[number % len(lab.steps)], lambda _view: None)
        # The look that a card begins with stands in its queue before this hint.
        card.act("hint").wait(30)
        took.append(time.perf_counter() - began)
    middle, most = (value * 1e3 for value in (statistics.median(took), max(took)))
    print(f"a card is there after {middle:.0f} ms ({most:.0f} ms at most, {CARDS} cards)")
    if workplace.bench:
        sweep(workplace.bench.engine, home)
    workplace.close()


def _all(url: str) -> None:
    """`voltutor run` over all labs."""
    with tempfile.TemporaryDirectory(prefix="vt-", dir="/var/tmp") as folder:
        env = {**os.environ, "VOLTUTOR_HOME": f"{folder}/home"}
        words = [sys.executable, "-m", "voltutor", "run", "--engine", url, "--out", f"{folder}/out"]
        began = time.perf_counter()
        done = subprocess.run(words, env=env, capture_output=True, text=True)
        minutes, seconds = divmod(time.perf_counter() - began, 60)
        print(f"voltutor run, all labs: {minutes:.0f} min {seconds:.0f} s, exit code {done.returncode}")
        if done.returncode:
            print(done.stderr, file=sys.stderr)
