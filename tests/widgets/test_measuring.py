"""The measuring panel's controller: what is chosen, what it would take, one run at a time, and what is written."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from voltutor.results import load
from voltutor.session import Bench
from voltutor.widgets.measuring import MeasuringController
from voltutor.widgets.workplace import Workplace

LIMIT = 500.0
"""Seconds; other tests' measurements on an engine of the same id come first."""


def until(condition: Callable[[], bool]) -> None:
    """Wait for it.

    Raises:
        TimeoutError: it did not come about.
    """
    end = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        threading.Event().wait(0.02)


@pytest.fixture
def panel(bench: Bench, engine_url: str) -> Iterator[tuple[MeasuringController, list[Any]]]:
    workplace = Workplace(bench.home, engine_url)
    views: list[Any] = []
    yield MeasuringController(workplace, views.append), views
    workplace.close()


@pytest.mark.engine
def test_choices_change_the_estimate_and_strangers_nothing(
    panel: tuple[MeasuringController, list[Any]],
) -> None:
    controller, _views = panel
    controller.act("choose", ["first-write", "nonsense", "random-write"]).wait(LIMIT)
    view = controller.view()
    assert [work["name"] for work in view["workloads"] if work["chosen"]] == ["first-write", "random-write"]
    both = view["estimate"]
    controller.act("choose", []).wait(LIMIT)
    assert "at least one" in controller.view()["estimate"]
    assert not controller.view()["run"]
    controller.act("choose", ["random-write"]).wait(LIMIT)
    assert controller.view()["estimate"] != both
    controller.act("places", ["volume", "volume"]).wait(LIMIT)
    assert controller.view()["floor"]
    for wrong in (["volume"], ["volume", "nowhere"], None, "volume"):
        controller.act("places", wrong).wait(LIMIT)
    controller.act("budget", 7).wait(LIMIT)
    controller.act("nonsense").wait(LIMIT)
    view = controller.view()
    assert (view["a"], view["b"], view["budget"]) == ("volume", "volume", 60)


@pytest.mark.engine
def test_it_measures_is_cancelled_goes_on_and_exports(
    panel: tuple[MeasuringController, list[Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller, views = panel
    monkeypatch.chdir(tmp_path)
    (tmp_path / "what-it-cost.html").write_text("the learner's own")
    controller.act("choose", ["second-write"]).wait(LIMIT)
    controller.act("places", ["volume", "volume"]).wait(LIMIT)
    running = controller.act("run")
    again = controller.act("run")
    assert again.is_set(), "a second click does nothing"
    until(lambda: controller.view()["done"] >= 2)
    assert controller.act("choose", []).is_set(), "nothing else is heard meanwhile"
    controller.act("cancel")
    assert running.wait(LIMIT)
    (part,) = controller.results()
    assert 2 <= part.rounds < 8
    assert part.places == ("volume", "volume-2")
    assert "Cancelled" in controller.view()["text"]
    assert controller.act("run").wait(LIMIT)
    (whole,) = controller.results()
    assert whole.complete
    assert whole.pairs[: len(part.pairs)] == part.pairs
    view = controller.view()
    assert view["forest"].lstrip().startswith("<?xml")
    assert not view["busy"]
    assert not view["trouble"]
    controller.act("export").wait(LIMIT)
    assert "what-it-cost-2.html" in controller.view()["exported"]
    assert (tmp_path / "what-it-cost.html").read_text() == "the learner's own"
    assert "second-write" in (tmp_path / "what-it-cost-2.html").read_text()
    assert load(tmp_path / "what-it-cost-2.json") == (whole,)
    assert json.dumps(views[-1]), "the view is plain data"


def test_without_an_engine_it_says_so(home: Path) -> None:
    workplace = Workplace(home, "unix:///nowhere/docker.sock")
    controller = MeasuringController(workplace, lambda _view: None)
    controller.act("run").wait(LIMIT)
    view = controller.view()
    assert view["trouble"]
    assert not view["run"]
    workplace.close()
