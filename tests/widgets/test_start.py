"""The first minute: a line is written, its container removed, and a guess taken, by lab 00's own steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from voltutor.labs import LABS
from voltutor.lessons import Passed
from voltutor.session import Bench
from voltutor.widgets.controller import Controller
from voltutor.widgets.start import LAB, WRITE, StartController
from voltutor.widgets.workplace import Workplace

pytestmark = pytest.mark.engine

LIMIT = 120.0


@pytest.fixture
def panel(bench: Bench, engine_url: str) -> Iterator[StartController]:
    workplace = Workplace(bench.home, engine_url)
    yield StartController(workplace, lambda _view: None)
    workplace.close()


def until(panel: StartController, condition: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    end = time.monotonic() + LIMIT
    while not condition(view := panel.view()):
        assert time.monotonic() < end, view
        time.sleep(0.02)
    return view


def test_a_line_is_written_seen_and_gone_and_nothing_is_told_before(
    panel: StartController, bench: Bench
) -> None:
    view = until(panel, lambda view: view["write"] and view["map"])
    assert [lab["id"] for lab in view["map"]] == [lab for lab in LABS if lab != LAB]
    assert not view["remove"]
    assert not view["outcome"]
    assert panel.act("nonsense").wait(1)
    assert panel.act("write").wait(LIMIT)
    view = until(
        panel, lambda view: view["remove"] and view["picture"] and "/hello" in view["picture"]["text"]
    )
    assert "own layer" in view["line"]
    assert len(view["options"]) == 3
    assert "{" not in view["question"]
    assert panel.act("remove", 0).wait(LIMIT)
    view = until(panel, lambda view: view["removed"] and "/hello" not in view["picture"]["text"])
    assert "You guessed: in the image. It was: nowhere." in view["outcome"]
    assert "is gone" in view["gone"]
    assert not view["write"]
    assert not view["remove"]
    assert bench.container("hello") is None
    progress = panel.workplace.progress
    assert progress.get(LAB, "a-line").passed
    assert progress.get(LAB, "where-it-went").guess == 0


def test_a_card_that_is_reset_takes_the_panel_along(panel: StartController, bench: Bench) -> None:
    until(panel, lambda view: view["write"] and view["map"])
    assert panel.act("write").wait(LIMIT)
    until(panel, lambda view: view["written"])
    lab = LABS[LAB]
    card = Controller(panel.workplace, lab, lab.step(WRITE), lambda _view: None)
    assert card.act("check").wait(LIMIT)
    assert isinstance(card.verdict, Passed)
    assert card.act("reset").wait(LIMIT)
    view = until(panel, lambda view: not view["written"] and view["write"])
    assert view["line"] == ""
    assert bench.container("hello") is None
    assert panel.act("write").wait(LIMIT)
    until(panel, lambda view: view["remove"])
    assert panel.act("remove", 1).wait(LIMIT)
    until(panel, lambda view: view["removed"] and view["next"])
    assert card.act("reset").wait(LIMIT)
    view = until(panel, lambda view: view["write"])
    assert not view["written"]
    assert not view["outcome"], "what was written and removed before is no answer to what comes now"
    assert panel.act("write").wait(LIMIT)
    until(panel, lambda view: view["remove"] and not view["removed"])
    assert panel.act("remove", 2).wait(LIMIT)
    view = until(panel, lambda view: view["removed"])
    assert "You guessed: nowhere. So it was." in view["outcome"]
