"""The labs that remove: they keep to their own things, say what is missing, and lead no terminal astray."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.own_engine import Embedded
from voltutor.engine import Engine, Mount, find
from voltutor.errors import VoltutorError
from voltutor.labs import LABS
from voltutor.labs.rescue import QUEST, Restore
from voltutor.labs.sweeping import PruneVolumes, RemoveDangling, RemoveOrphan
from voltutor.lessons import Passed, lay_out, verdict
from voltutor.session import Bench, Remove, Run, terminal
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


def test_a_line_that_takes_what_it_does_not_name_names_its_engine(own: Embedded, home: Path) -> None:
    bench = Bench(find(own.url), home)
    steps = [step for lab in LABS.values() for step in lab.steps if step.sweeps]
    for step in steps:
        lay_out(step, bench)
        for command in (*step.given, *step.solution):
            line = bench.line(command)
            for taking in re.findall(r"docker [^|;)]*?(?:prune|volume rm \$\(|dangling=true)", line):
                assert taking.startswith(f"docker --host {own.url} "), line
    assert len(steps) == 4


def test_lines_for_another_engine_than_the_terminal_s_begin_with_the_way_there(
    own: Embedded, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    lab, way = LABS["08-removing-and-cleaning"], f"export DOCKER_HOST={own.url}"
    workplace = Workplace(home, own.url, watch=False, private=True)
    cards = {name: Controller(workplace, lab, STEPS[name], lambda _view: None) for name in ("rm", "one-line")}

    def first(name: str) -> str:
        cards[name].act("guess", 0).wait(60)
        cards[name].act("check").wait(120)
        return str(cards[name].view()["lines"][0])

    assert first("rm") == way
    assert first("one-line").startswith(f"docker --host {own.url} volume rm $(")
    workplace.lead(lab.id)  # a cell's own lines follow; a terminal of somebody else's server doesn't
    assert first("rm") == way
    monkeypatch.setenv(terminal.FRONT, "as beside our own server")
    assert first("rm").startswith("docker container rm")
    workplace.close()
