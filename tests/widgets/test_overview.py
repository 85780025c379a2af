"""The map of the labs and the list of traces say what is so on this engine, and remove nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from voltutor.engine import Engine
from voltutor.labs import LABS
from voltutor.results import Metric, Pair, Result, Trial, save
from voltutor.session import Bench, Run
from voltutor.widgets.overview import map_html, surprises_html, traces_html
from voltutor.widgets.workplace import Workplace


@pytest.mark.engine
def test_the_map_names_every_lab_and_what_was_passed(bench: Bench, engine_url: str) -> None:
    workplace = Workplace(bench.home, engine_url, watch=False)
    for _ in bench.prepare("lab"):
        pass
    workplace.progress.update("00-start-here", "a-line", passed="so")
    html = map_html(workplace)
    for lab in LABS.values():
        assert f'href="{lab.id}.ipynb"' in html
    assert "1 / 2" in html
    assert "works here" in html
    workplace.close()


@pytest.mark.engine
def test_the_traces_are_listed_and_stay(bench: Bench, engine: Engine, engine_url: str) -> None:
    workplace = Workplace(bench.home, engine_url, watch=False)
    bench.do(Run("box", "lab"))
    html = traces_html(workplace)
    assert bench.names("box") in html
    assert str(bench.home) in html
    assert engine.container(bench.names("box"))
    workplace.close()


@pytest.mark.engine
def test_guesses_stand_beside_what_was_measured_the_farthest_off_first(bench: Bench, engine_url: str) -> None:
    workplace = Workplace(bench.home, engine_url, watch=False)
    assert "Nothing is measured yet" in surprises_html(workplace)
    for name, ratio, guess in (
        ("read-warm", 1.0, 1.1),
        ("chown-tree", 90.0, 2.0),
        ("random-write", 1.0, None),
    ):
        metric: Metric = "seconds" if name == "chown-tree" else "iops"
        figures = [ratio * (1 + shift / 100) for shift in (1, -2, 3, 0, -3, 2, -1, 1, -1)]
        pairs = tuple(
            Pair(number, Trial("layer", {metric: figure}), Trial("volume", {metric: 1.0}), "layer")
            for number, figure in enumerate(figures)
        )
        save(
            bench.result_path(name),
            Result(name, ("layer", "volume"), metric, pairs, planned=9, complete=True),
        )
        workplace.progress.update("06-what-it-costs", name, guess=guess, guessed=True)
    html = surprises_html(workplace)
    assert html.index("chown of a tree") < html.index("Reading what is in memory")
    assert "1 slower in the layer: chown-tree" in html
    assert "no difference shown" in html
    assert "Felter" in html
    assert "random-write" in html
    workplace.close()


def test_without_an_engine_both_still_say_something(home: Path) -> None:
    workplace = Workplace(home, "unix:///nowhere/docker.sock", watch=False)
    assert "no engine" in map_html(workplace)
    assert str(home) in traces_html(workplace)
