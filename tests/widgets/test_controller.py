"""What a card does, without a browser: one worker, one writer, and nothing done twice."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dockerd import Dockerd
from voltutor.engine import Engine
from voltutor.errors import UsageError
from voltutor.images import MIB
from voltutor.labs import LABS
from voltutor.measure import Measure, NoSpace
from voltutor.results import Pair, Result, Trial, save
from voltutor.session import Bench, Remove, Run, Stop
from voltutor.widgets.controller import Controller
from voltutor.widgets.notebook import LabView
from voltutor.widgets.static import card_html
from voltutor.widgets.workplace import Workplace

LAB = LABS["01-copy-on-write"]


class Card:
    """A controller with what it published."""

    def __init__(self, workplace: Workplace, step: str) -> None:
        self.views: list[dict[str, Any]] = []
        self.controller = Controller(workplace, LAB, LAB.step(step), self.views.append)

    @property
    def view(self) -> dict[str, Any]:
        return self.controller.view()

    def act(self, action: str, value: Any = None) -> dict[str, Any]:
        assert self.controller.act(action, value).wait(500)
        return self.view

    def until(self, condition: Callable[[dict[str, Any]], bool], limit: float = 300) -> dict[str, Any]:
        end = time.monotonic() + limit
        while time.monotonic() < end:
            if condition(self.view):
                return self.view
            time.sleep(0.02)
        raise AssertionError(self.view)


@pytest.fixture
def workplace(bench: Bench, engine_url: str) -> Iterator[Workplace]:
    made = Workplace(bench.home, engine_url)
    yield made
    made.close()


def line(bench: Bench) -> str:
    """What starts the container of the step that most tests here play."""
    return bench.line(LAB.step("container-layer").solution[0])


def passed(view: dict[str, Any]) -> bool:
    return bool(view["verdict"]["kind"] == "passed")


@pytest.mark.engine
def test_run_and_its_line_wait_for_a_guess_or_for_not_knowing(workplace: Workplace, bench: Bench) -> None:
    card = Card(workplace, "container-layer")
    card.until(lambda view: view["check"])
    assert not card.view["run"]
    assert card.view["waits"]
    assert not card.view["code"], "the command would answer the question"
    assert not passed(card.act("run"))
    view = card.act("guess", None)
    assert view["lines"] == [line(bench)]
    assert "docker container run" in re.sub("<[^>]*>", "", view["code"])
    assert view["run"]
    assert not view["waits"]
    assert passed(card.act("run"))


@pytest.mark.engine
def test_before_it_passes_nothing_is_given_away_and_after_it_all_is_told(workplace: Workplace) -> None:
    card = Card(workplace, "copy-up")
    card.until(lambda view: view["check"])
    assert card.view["after"] is None
    card.act("guess", 0)
    view = card.act("run")
    assert passed(view)
    assert "It was: 16 MiB" in view["prediction"]["outcome"]
    assert "wrong" not in view["prediction"]["outcome"].lower()
    after = view["after"]
    assert [picture["title"] for picture in after["pictures"]] == ["Before", "After"]
    assert "/seed/16MiB-2" not in after["pictures"][0]["html"]
    assert "/seed/16MiB-2" in after["pictures"][1]["html"]
    assert after["explanation"]
    assert after["then"]
    assert after["now"]
    assert any("echo hello" in line for line in view["log"])
    assert "{" not in after["explanation"] + view["goal"]


@pytest.mark.engine
def test_a_command_that_is_typed_turns_the_card_green_by_itself(
    workplace: Workplace, docker: Callable[..., str], bench: Bench
) -> None:
    card = Card(workplace, "container-layer")
    card.act("look")
    docker(line(bench))
    card.until(passed, 60)


@pytest.mark.engine
def test_a_double_click_runs_once(workplace: Workplace) -> None:
    card = Card(workplace, "container-layer")
    card.act("guess", 2)
    first = card.controller.act("run")
    for _ in range(5):
        card.controller.act("run")
    assert first.wait(60)
    assert passed(card.view)
    assert sum(line.startswith("$ docker container run") for line in card.view["log"]) == 1


@pytest.mark.engine
def test_a_measurement_in_a_terminal_turns_the_card_green(workplace: Workplace, bench: Bench) -> None:
    card = Card(workplace, "price")
    card.until(lambda view: view["check"])
    pairs = [
        Pair(
            number, Trial("layer", {"seconds": size / 1e8}), Trial("volume", {"seconds": 1e-3}), "layer", size
        )
        for number in range(8)
        for size in (16 * MIB, 256 * MIB)
    ]
    result = Result("first-write", ("layer", "volume"), "seconds", tuple(pairs), 8, 8, True)
    save(bench.result_path("first-write"), result)
    card.until(passed, 40)


@pytest.mark.engine
def test_hints_come_one_at_a_time_and_end_with_the_line(workplace: Workplace) -> None:
    card = Card(workplace, "container-layer")
    card.act("look")
    counts = []
    for _ in range(5):
        view = card.act("hint")
        counts.append(len(view["hints"]))
    assert counts == [1, 2, 3, 3, 3]
    assert view["hint_count"] == 3
    assert "docker container run" in view["hints"][-1]


@pytest.mark.engine
def test_a_reset_asks_before_it_removes_what_was_made_by_hand(
    workplace: Workplace, docker: Callable[..., str], bench: Bench
) -> None:
    card = Card(workplace, "container-layer")
    card.act("look")
    docker(line(bench))
    card.until(passed)
    name = bench.names("one")
    view = card.act("reset")
    assert view["asks"]["names"] == [name]
    card.act("reset", ["another"])
    assert bench.container("one") is not None, "only what was shown may go"
    view = card.act("reset", view["asks"]["names"])
    assert not view["asks"]
    assert bench.container("one") is None
    assert not passed(view)
    assert not view["prediction"]["made"]


@pytest.mark.engine
def test_a_reset_leaves_the_volumes_that_a_container_made_by_hand_shares(
    workplace: Workplace, docker: Callable[..., str], bench: Bench, engine: Engine
) -> None:
    card = Card(workplace, "container-layer")
    card.act("look")
    name, image = bench.names("one"), bench.image("files")
    docker(f"docker create --name vt-theirs --network none -v /data {image}")
    theirs = engine.container("vt-theirs")
    assert theirs is not None
    (mount,) = theirs.mounts
    assert mount.name
    docker(
        f"docker run -d --network none --name {name} --volumes-from vt-theirs {image}; docker rm vt-theirs"
    )
    try:
        card.act("reset", [name])
        assert bench.container("one") is None
        assert engine.volume(mount.name) is not None
    finally:
        engine.remove_volume(mount.name)


@pytest.mark.engine
def test_a_container_that_stopped_is_started_again(
    workplace: Workplace, docker: Callable[..., str], bench: Bench
) -> None:
    card = Card(workplace, "copy-up")
    card.act("guess", None)
    assert bench.container("one"), "what the goal speaks of is there once it is guessed"
    bench.do(Stop("one"))
    assert passed(card.act("run"))
    assert any("docker container start" in line for line in card.view["log"])


@pytest.mark.engine
def test_what_is_in_the_way_is_told_and_the_diagnosis_stays(
    workplace: Workplace, docker: Callable[..., str], bench: Bench
) -> None:
    card = Card(workplace, "container-layer")
    card.act("guess", None)
    docker(f"docker run -d --network none --name {bench.names('one')} {bench.image('lab')}")
    view = card.act("run")
    assert view["verdict"]["kind"] == "failed"
    assert "was not made from" in view["verdict"]["text"]
    assert any("did not make it" in line for line in view["log"])


@pytest.mark.engine
def test_a_card_that_passes_before_the_guess_keeps_its_answer(
    workplace: Workplace, docker: Callable[..., str], bench: Bench
) -> None:
    card = Card(workplace, "container-layer")
    card.act("look")
    docker(line(bench))
    view = card.until(passed, 60)
    assert view["after"] is None
    assert "done already" in view["waits"]
    assert card.act("guess", 0)["after"]


@pytest.mark.engine
def test_a_check_says_what_it_found_even_where_there_is_nothing(workplace: Workplace) -> None:
    card = Card(workplace, "container-layer")
    assert not card.act("look")["verdict"]["shown"]
    view = card.act("check")
    assert view["verdict"]["shown"]
    assert "Nothing to check yet" in view["verdict"]["text"]


@pytest.mark.engine
def test_a_passed_card_says_on_a_check_that_it_is_no_longer_so(workplace: Workplace, bench: Bench) -> None:
    card = Card(workplace, "container-layer")
    card.act("guess", 2)
    assert passed(card.act("run"))
    bench.do(Remove("one"))
    view = card.act("check")
    assert passed(view)
    assert "no longer" in view["verdict"]["text"]


@pytest.mark.engine
def test_a_new_kernel_asks_anew_what_was_passed(workplace: Workplace, bench: Bench, engine_url: str) -> None:
    card = Card(workplace, "container-layer")
    card.act("guess", 1)
    card.act("run")
    bench.do(Remove("one"))
    again = Workplace(bench.home, engine_url)
    try:
        view = Card(again, "container-layer").until(lambda view: "no longer" in view["verdict"]["text"])
        assert passed(view)
        assert view["after"]["explanation"]
        assert [picture["title"] for picture in view["after"]["pictures"]] == ["Before"]
    finally:
        again.close()


@pytest.mark.engine
def test_a_lab_is_begun_anew_and_no_other(
    workplace: Workplace, bench: Bench, engine: Engine, docker: Callable[..., str]
) -> None:
    view = LabView(LAB, workplace)
    other = LABS["02-what-a-volume-is-for"]
    for lab, step in ((LAB, "container-layer"), (LAB, "copy-up"), (other, "stop-and-start")):
        for action, value in (("guess", None), ("run", None)):
            assert Controller(workplace, lab, lab.step(step), lambda _view: None).act(action, value).wait(120)
    card = view.step("container-layer")
    assert "as it was" in repr(view.reset())
    left = {name for name in engine.container_names() if bench.session.id in name}
    assert left == {bench.names("box")}, "the other lab's"
    assert not workplace.progress.get(LAB.id, "copy-up").passed
    assert workplace.progress.get(other.id, "stop-and-start").passed
    until = time.monotonic() + 60
    while card.controller.view()["verdict"]["kind"] != "todo" or card.controller.view()["prediction"]["made"]:
        assert time.monotonic() < until, card.controller.view()
    name = bench.names("one")
    docker(f"docker container create --network none --name {name} {bench.image('files')}")
    with pytest.raises(UsageError, match=name):
        view.reset()
    view.reset(by_hand=True)
    assert engine.container(name) is None


@pytest.mark.engine
def test_what_was_passed_stays_passed_for_a_new_kernel(
    workplace: Workplace, bench: Bench, engine_url: str
) -> None:
    card = Card(workplace, "container-layer")
    card.act("guess", 1)
    card.act("run")
    again = Workplace(bench.home, engine_url)
    try:
        other = Card(again, "container-layer")
        other.until(lambda view: view["after"] and view["after"]["pictures"])
        assert passed(other.view)
        assert "You guessed" in other.view["prediction"]["outcome"]
    finally:
        again.close()


@pytest.mark.engine
def test_work_can_be_cancelled_and_other_cards_go_on(
    workplace: Workplace, engine: Engine, bench: Bench
) -> None:
    price, layer = Card(workplace, "price"), Card(workplace, "container-layer")
    price.act("guess", 0.02)
    ended = price.controller.act("run")
    price.until(lambda view: view["plots"], 90)
    assert price.view["busy"]
    assert not price.view["run"]
    layer.act("guess", None)
    assert passed(layer.act("run"))
    price.controller.act("cancel")
    assert ended.wait(60)
    assert any("Cancelled" in line for line in price.view["log"])
    assert price.view["verdict"]["kind"] == "failed"
    assert price.view["figures"]["rows"]
    assert not [
        ref for ref in engine.containers() if (c := engine.container(ref)) and c.name.startswith("trial-")
    ]
    assert bench.result("first-write") is not None


@pytest.mark.engine
def test_an_engine_that_goes_is_told_and_the_card_comes_back_with_it(
    own_dockerd: Dockerd, home: Path
) -> None:
    workplace = Workplace(home, own_dockerd.url)
    try:
        card = Card(workplace, "container-layer")
        card.act("guess", 2)
        assert passed(card.act("run"))
        own_dockerd.kill()
        view = card.until(lambda view: bool(view["engine"]), 60)
        assert "has gone" in view["engine"]
        assert not view["run"]
        assert passed(view), "it keeps its state"
        own_dockerd.start()
        card.until(lambda view: not view["engine"] and view["check"], 60)
    finally:
        workplace.close()


def test_without_an_engine_a_card_says_so_and_what_to_do(home: Path, tmp_path: Path) -> None:
    workplace = Workplace(home, f"unix://{tmp_path}/none.sock")
    try:
        card = Card(workplace, "container-layer")
        view = card.until(lambda view: view["engine"])
        assert "no socket" in view["engine"]
        assert not view["run"]
        assert "Traceback" not in str(view)
        assert "none.sock" in workplace.badge()
    finally:
        workplace.close()


@pytest.mark.engine
def test_an_engine_that_appears_wakes_the_cards(home: Path, tmp_path: Path, engine_url: str) -> None:
    link = tmp_path / "late.sock"
    workplace = Workplace(home, f"unix://{link}")
    try:
        card = Card(workplace, "container-layer")
        card.until(lambda view: view["engine"])
        link.symlink_to(engine_url.removeprefix("unix://"))
        card.until(lambda view: not view["engine"] and view["check"], 60)
    finally:
        workplace.close()


@pytest.mark.engine
def test_the_static_card_says_what_the_live_one_says(workplace: Workplace) -> None:
    card = Card(workplace, "whiteout")
    card.act("guess", None)
    html = card_html(card.act("run"))
    for part in ("passed", "/seed/16MiB-3", "docker container exec", "What happened", "2018", "<svg"):
        assert part in html


@pytest.mark.engine
def test_the_badge_counts_what_is_not_ours(workplace: Workplace, engine: Engine) -> None:
    import re

    count = int(re.search(r"volumes (\d+)", workplace.badge())[1])  # type: ignore[index]
    engine.create_volume("vt-theirs", {})
    try:
        assert f"volumes {count + 1}" in workplace.badge()
        assert "live" in workplace.badge()
    finally:
        engine.remove_volume("vt-theirs")


@pytest.mark.engine
def test_after_the_first_picture_views_are_published_by_one_thread_only(workplace: Workplace) -> None:
    writers: list[str] = []
    controller = Controller(
        workplace, LAB, LAB.step("read"), lambda _view: writers.append(threading.current_thread().name)
    )
    for action in ("guess", "hint", "check", "run"):
        controller.act(action).wait(60)
    assert writers[0] == "MainThread"
    assert set(writers[1:]) == {"card-read"}


@pytest.mark.engine
def test_an_event_during_a_look_is_looked_at_again(workplace: Workplace, bench: Bench) -> None:
    """An engine that changes while a check already reads the old state must not be missed."""
    card = Card(workplace, "container-layer")
    card.until(lambda view: view["check"])
    looked, go_on = threading.Event(), threading.Event()
    check = card.controller._check
    looks = []

    def slow() -> Any:
        found = check()
        looks.append(found)
        looked.set()
        go_on.wait(20)
        return found

    card.controller._check = slow  # type: ignore[method-assign]
    card.controller._heard("changed")
    assert looked.wait(20)
    bench.do(Run("one", "files"))
    card.controller._heard("changed")
    go_on.set()
    card.until(passed, 60)
    assert len(looks) >= 2


def test_what_there_is_no_room_for_is_said_and_shown_as_recorded(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object) -> Iterator[object]:
        yield from ()
        raise NoSpace("This needs 832 MiB, and 760 MiB are free.", "Free some.")

    monkeypatch.setattr(Measure, "perform", full)
    card = Card(workplace, "price")
    card.act("guess", 0.5)
    view = card.act("run")
    assert view["verdict"]["kind"] == "impossible"
    assert "832 MiB" in view["verdict"]["text"]
    assert "recorded" in view["plots"][0]["svg"]
    monkeypatch.undo()
    assert card.act("check")["run"], "it can be tried again"


def test_a_card_reserves_every_name_of_its_lab_with_its_step(workplace: Workplace, bench: Bench) -> None:
    card = Card(workplace, "layers")
    card.act("check")
    reserved = bench.session.journal.state().reserved
    steps = {(r.kind, r.logical): r.step for r in reserved.values() if r.step}
    assert steps["container", "one"].startswith("01 ")
    assert len(set(steps.values())) > 1
