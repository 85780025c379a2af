"""The labs that remove: they keep to their own things, say what is missing, and lead no terminal astray."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.own_engine import Embedded
from voltutor.engine import Engine, Mount
from voltutor.errors import VoltutorError
from voltutor.labs import LABS
from voltutor.labs.rescue import QUEST, Restore
from voltutor.labs.sweeping import PruneVolumes, RemoveDangling, RemoveOrphan
from voltutor.lessons import Passed, lay_out, verdict
from voltutor.session import Bench, Remove, Run
from voltutor.widgets.controller import Controller
from voltutor.widgets.workplace import Workplace

STEPS = {step.id: step for step in LABS["08-removing-and-cleaning"].steps}


@pytest.fixture
def foreign(engine: Engine, bench: Bench) -> Iterator[str]:
    """A volume under a name that this session keeps for itself, which somebody else made."""
    name = engine.create_volume(bench.names("shelf", "volume"), {}).name
    yield name
    engine.remove_volume(name)


@pytest.mark.engine
@pytest.mark.parametrize("command", [RemoveDangling(), PruneVolumes(all=True)], ids=repr)
def test_on_a_learner_s_engine_a_line_takes_what_was_made_here_and_nothing_by_a_name_alone(
    bench: Bench, engine: Engine, foreign: str, command: RemoveDangling | PruneVolumes
) -> None:
    mine = bench.create_volume("draft")
    assert command.argv(bench) == ["docker", "volume", "rm", mine]
    bench.do(command)
    assert engine.volume(mine) is None
    assert engine.volume(foreign) is not None


@pytest.mark.engine
def test_where_nothing_was_left_behind_nothing_goes(bench: Bench, engine: Engine) -> None:
    decoy = engine.create_volume("LONG-NAME", {}).name
    try:
        with pytest.raises(VoltutorError, match="left behind"):
            bench.do(RemoveOrphan("mislaid"))
        assert engine.volume(decoy) is not None
    finally:
        engine.remove_volume(decoy)


@pytest.mark.engine
def test_a_rescue_by_halves_can_be_finished_and_one_without_its_book_says_so(bench: Bench) -> None:
    lay_out(QUEST, bench)
    for command in QUEST.given:
        bench.do(command)
    bench.do(Remove("ledger"))
    bench.do(Restore())
    assert isinstance(verdict(QUEST, bench), Passed)
    with pytest.raises(VoltutorError, match="none has the book"):
        bench.do(Restore())
    assert bench.container("ledger"), "what runs is left alone"


@pytest.mark.engine
def test_an_orphan_of_the_session_s_is_found_without_labels(bench: Bench, engine: Engine) -> None:
    bench.do(Run("batch", "lab", (), (Mount("/data"),)), Remove("batch"))
    (left,) = bench.left_behind("batch")
    bench.do(RemoveDangling())
    assert engine.volume(left) is None


def test_lines_for_another_engine_than_the_terminal_s_begin_with_the_way_there(
    own: Embedded, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workplace = Workplace(home, own.url, watch=False, private=True)
    step = STEPS["one-line"]
    card = Controller(workplace, LABS["08-removing-and-cleaning"], step, lambda _view: None)
    card.act("guess", 0).wait(60)
    card.act("check").wait(120)
    view = card.view()
    assert view["lines"][0] == f"export DOCKER_HOST={own.url}"
    assert view["lines"][1].startswith("docker volume rm $(docker volume ls")
    monkeypatch.setenv("DOCKER_HOST", own.url)
    card.act("check").wait(120)
    assert card.view()["lines"][0].startswith("docker volume rm $(")
    workplace.close()
