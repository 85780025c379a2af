"""What the lessons add to a learner's own commands, how soon a card is there, and how long all labs take."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.browser.conftest import browser, served
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


Interleaved = Callable[[str, Callable[[], None], Callable[[], None], Callable[[], None]], None]


def labs(url: str, home: Path, interleaved: Interleaved) -> None:
    """Print all of it; `interleaved` times two acts pair by pair, each after a third that isn't timed."""
    _played(url, home / "played", interleaved)
    _appearance(url, home / "cards")
    _in_a_page(url)
    _all(url)


def _played(url: str, home: Path, interleaved: Interleaved) -> None:
    """A step's Run against the same lines by the docker command; setting the scene anew is not timed."""
    bench = Bench(find(url), home)
    step = LABS[PLAYED[0]].step(PLAYED[1])
    for _sign in bench.prepare(step.image):
        pass

    def fresh() -> None:
        for work in (clear(step, bench), prepare(step, bench)):
            for _sign in work:
                pass

    def kit() -> None:
        for _sign in solve(step, bench):
            pass

    def by_hand() -> None:
        lines = "\n".join(bench.line(command) for command in step.solution)
        env = {**os.environ, "DOCKER_HOST": url}
        subprocess.run(["sh", "-ec", lines], check=True, env=env, stdout=subprocess.DEVNULL)

    interleaved(f"Run of {PLAYED[1]} / the same lines by docker", kit, by_hand, fresh)
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


def _in_a_page(url: str) -> None:
    """From Ctrl+Enter in a cell to its card in the page, with its engine named, in a kernel that has shown cards."""
    if not (shutil.which("chromium") or shutil.which("google-chrome")):
        print("a card in a page: needs Chromium")
        return
    lab = LABS[PLAYED[0]]
    with (
        tempfile.TemporaryDirectory(prefix="vt-", dir="/var/tmp") as folder,
        served(lab.id, 8970, url, Path(folder) / "home") as opened,
        browser() as launched,
    ):
        page = launched.new_page(viewport={"width": 1300, "height": 4000})
        page.goto(opened.url)
        took = []
        for number in range(CARDS):
            cell = page.locator(f".jp-CodeCell:has-text('lab.step(\"{PLAYED[1]}\")')")
            card = f'.vt-card[data-step="{PLAYED[1]}"]'
            if number == 0:
                page.locator(".jp-Notebook").first.wait_for(timeout=60_000)
                page.get_by_role("menuitem", name="Run", exact=True).click()
                page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
            page.locator(card).scroll_into_view_if_needed(timeout=60_000)
            page.locator(f"{card} .vt-minutes:not(:empty)").first.wait_for(timeout=60_000)
            page.evaluate("css => { document.querySelector(css).dataset.old = 'yes' }", card)
            cell.locator(".jp-InputArea-editor").click()
            began = time.perf_counter()
            page.keyboard.press("Control+Enter")
            page.wait_for_selector(f"{card}:not([data-old]) .vt-minutes:not(:empty)", timeout=60_000)
            took.append(time.perf_counter() - began)
    middle, most = (value * 1e3 for value in (statistics.median(took), max(took)))
    print(
        f"a card is in the page {middle:.0f} ms after its cell is run ({most:.0f} ms at most, {CARDS} times)"
    )


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
