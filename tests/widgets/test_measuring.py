"""The measuring panel's controller: what is chosen, what it would take, one run at a time, and what is written."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.results.test_model import result
from voltutor.engine import EngineGone
from voltutor.errors import UsageError, VoltutorError
from voltutor.images import MissingPrograms
from voltutor.measure import Measure, NoSpace, NothingToMeasure
from voltutor.results import load, save
from voltutor.results.statistics import LEAST
from voltutor.session import Bench, Progress
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


class NoEngine:
    """A workplace with a session's folder, and nothing that could be measured."""

    def __init__(self, folder: Path) -> None:
        engine = SimpleNamespace(info=SimpleNamespace(title="No engine at all"))
        self.bench: Any = SimpleNamespace(session=SimpleNamespace(folder=folder), engine=engine)

    def listen(self, _listener: Callable[[str], None]) -> None:
        """Nothing happens here."""

    def measuring(self) -> contextlib.AbstractContextManager[None]:
        """Nobody else looks."""
        return contextlib.nullcontext()

    def lost(self) -> None:
        """It is gone."""
        self.bench = None


@dataclass
class Measuring:
    """A panel whose measurements come out as a test wants: by workload, an error, or else pairs one by one."""

    controller: MeasuringController
    results: Path
    views: list[dict[str, Any]]
    errors: dict[str, VoltutorError] = field(default_factory=dict)
    measured: list[str] = field(default_factory=list)

    def act(self, action: str, value: Any = None) -> dict[str, Any]:
        assert self.controller.act(action, value).wait(LIMIT)
        return self.controller.view()


@pytest.fixture
def without_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Measuring:
    views: list[dict[str, Any]] = []
    workplace: Any = NoEngine(tmp_path)
    made = Measuring(MeasuringController(workplace, views.append), tmp_path / "results", views)

    def perform(self: Measure, _bench: Bench) -> Iterator[Progress]:
        name = self.workload.name
        if name in made.errors:
            raise made.errors[name]
        made.measured.append(name)
        for n in (2, 3):
            save(made.results / f"{self.key}.json", part := result(3.0, n=n))
            yield Progress("", n, 8, part)

    monkeypatch.setattr(Measure, "perform", perform)
    return made


def test_a_file_that_can_t_be_read_is_passed_over_and_named_once(without_engine: Measuring) -> None:
    panel = without_engine
    save(panel.results / "first-write.json", result(2.0))
    (panel.results / "broken.json").write_text('{"schema": 2, "results": [5]}')
    view = panel.act("look")
    assert "broken.json" in view["trouble"]
    assert "results[0] is 5" in view["trouble"]
    assert view["forest"]
    assert [found.workload for found in panel.controller.results()] == ["first-write"]
    assert panel.act("look")["trouble"].count("broken.json") == 1
    assert not panel.act("choose", ["second-write"])["trouble"], "it has been said"
    assert not panel.act("look")["trouble"]
    (panel.results / "broken.json").unlink()
    (panel.results / "broken-later.json").write_text("")
    view = panel.act("run")
    assert panel.measured == ["second-write"]
    assert view["trouble"].count("broken-later.json") == 1


def test_a_workload_that_can_t_run_here_is_left_out_and_the_others_are_measured(
    without_engine: Measuring,
) -> None:
    panel = without_engine
    panel.errors |= {
        "first-write": NoSpace("It needs 9 MiB.", "Free some."),
        "random-write": NothingToMeasure("Not here.", "Take another."),
        "mixed": NothingToMeasure("Not here.", "Take another."),
        "redis-append": MissingPrograms("redis-server", "not found"),
        "chown-tree": UsageError("Its own result can't be read."),
    }
    panel.act("choose", [*panel.errors, "second-write", "redis-start"])
    view = panel.act("run")
    assert panel.measured == ["second-write", "redis-start"]
    assert not view["busy"]
    said = view["trouble"]
    assert "It needs 9 MiB. Free some." in said
    assert said.count("Not here.") == 1, "one reason, said once"
    assert "Random writes to a file that is there already; Random reads and writes, 70 to 30" in said
    assert "redis-server" in said
    assert "Its own result can't be read." in said
    assert "Second write" not in said
    assert not panel.act("choose", ["second-write"])["trouble"]


def test_an_engine_that_goes_ends_the_run_and_what_was_left_out_stays_said(without_engine: Measuring) -> None:
    panel = without_engine
    panel.errors |= {"first-write": NoSpace("It needs 9 MiB."), "second-write": EngineGone("It went.")}
    panel.act("choose", ["first-write", "second-write", "random-write"])
    view = panel.act("run")
    assert panel.measured == []
    assert "It needs 9 MiB." in view["trouble"]
    assert "It went" in view["trouble"]
    assert not view["run"]


def test_the_estimate_counts_what_a_slow_machine_takes_and_names_the_images(
    without_engine: Measuring,
) -> None:
    without_engine.act("budget", 60)
    estimate = without_engine.act("choose", ["first-write"])["estimate"]
    for told in ("60 s", "240 s", f"the first {LEAST};", "images", "MiB"):
        assert told in estimate
