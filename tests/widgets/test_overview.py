"""The map of the labs and the list of traces say what is so on this engine, and remove nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from voltutor.engine import Engine
from voltutor.labs import LABS
from voltutor.session import Bench, Run
from voltutor.widgets.overview import map_html, traces_html
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


def test_without_an_engine_both_still_say_something(home: Path) -> None:
    workplace = Workplace(home, "unix:///nowhere/docker.sock", watch=False)
    assert "no engine" in map_html(workplace)
    assert str(home) in traces_html(workplace)
