"""The panel of volumes: whose each one is, and that nothing goes but what was ticked, shown and agreed to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import sweep
from voltutor.engine import Engine, Mount
from voltutor.session import HOME_LABEL, SESSION_LABEL, Bench, Run
from voltutor.widgets.volumes import VolumesController, age
from voltutor.widgets.workplace import Workplace

pytestmark = pytest.mark.engine


@pytest.fixture
def panel(bench: Bench, engine_url: str) -> Iterator[VolumesController]:
    workplace = Workplace(bench.home, engine_url, watch=False)
    yield VolumesController(workplace, lambda _view: None)
    workplace.close()


@pytest.fixture
def theirs(engine: Engine) -> Iterator[list[str]]:
    """Volumes of others: a learner's, and one that has nothing to do with this kit."""
    labels = {SESSION_LABEL: "beef", HOME_LABEL: "deadbeef"}
    names = [engine.create_volume("vt-theirs", labels).name, engine.create_volume("vt-precious", {}).name]
    yield names
    for name in names:
        engine.remove_volume(name)


def act(panel: VolumesController, action: str, value: Any = None) -> dict[str, Any]:
    assert panel.act(action, value).wait(60)
    return panel.view()


def test_each_volume_has_its_owner_and_only_ones_own_goes(
    bench: Bench, engine: Engine, panel: VolumesController, theirs: list[str]
) -> None:
    mine = bench.create_volume("vol")
    bench.do(Run("box", "lab", volumes=(Mount("/x"), Mount("/y", "held"))))
    view = act(panel, "look")
    whose = {row["name"]: row["cells"][1] for row in view["rows"]}
    assert whose[mine] == "this lab's"
    assert whose["vt-theirs"] == "another learner's"
    assert whose["vt-precious"] == "not this kit's"
    held = bench.names("held", "volume")
    users = {row["name"]: row["cells"][3] for row in view["rows"]}
    assert users[held] == bench.names("box")
    assert users[mine] == "nobody"
    assert [row["mine"] for row in view["rows"] if row["name"] in theirs] == [False, False]

    view = act(panel, "tick", [mine, held, *theirs, "vt-nowhere"])
    assert view["ticked"] == sorted([mine, held]), (
        "what isn't ours can't be ticked, whatever the browser sends"
    )
    view = act(panel, "preview")
    assert re.sub("<[^>]*>", "", view["preview"]["code"]) == f"docker volume rm {mine}"
    assert bench.names("box") in view["preview"]["kept"][0]
    assert engine.volume(mine), "a preview removes nothing"

    act(panel, "remove", [mine, "vt-precious"])
    assert engine.volume(mine), "an answer to another question is none"
    view = act(panel, "remove", view["preview"]["names"])
    assert engine.volume(mine) is None
    assert engine.volume(held)
    assert all(engine.volume(name) for name in theirs)
    assert any("removed" in line for line in view["said"])
    assert view["preview"] is None


def test_a_second_session_of_this_home_is_told_from_this_one(
    bench: Bench, engine: Engine, panel: VolumesController, tmp_path: Path
) -> None:
    other = bench.session.begin(bench.home, engine, "run")
    name = f"vol-{other.id}"
    engine.create_volume(name, other.labels())
    from voltutor.session import Reservation

    other.journal.reserve(Reservation("volume", name, "vol"))
    try:
        view = act(panel, "look")
        assert {row["name"]: row["cells"][1] for row in view["rows"]}[name] == "another session of yours"
    finally:
        sweep(engine, bench.home)


def test_an_engine_that_is_not_there_is_said(home: Path) -> None:
    workplace = Workplace(home, f"unix://{home}/nowhere.sock", watch=False)
    panel = VolumesController(workplace, lambda _view: None)
    assert "nowhere.sock" in act(panel, "look")["trouble"]
    workplace.close()


@pytest.mark.parametrize(
    ("created", "text"),
    [
        ("2026-01-01T00:00:00Z", "1 d"),
        ("2026-01-01T23:00:00Z", "2 h"),
        ("2026-01-02T00:58:00Z", "2 min"),
        ("2026-01-02T00:59:50Z", "10 s"),
        ("", "?"),
    ],
)
def test_an_age_is_told_roughly(created: str, text: str) -> None:
    assert age(created, datetime(2026, 1, 2, 1, tzinfo=UTC)) == text
