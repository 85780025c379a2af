"""A stateless service on a real engine and on this kit's own: scaled, broken, healed and loaded."""

from __future__ import annotations

import time
from contextlib import closing

import pytest

from tests.conftest import sweep
from voltutor.engine import ContainerSpec, Engine, Mount
from voltutor.errors import VoltutorError
from voltutor.images import NOTES, PAGE, SOCKETS
from voltutor.services import (
    Heal,
    Load,
    Scale,
    ScaleByLoad,
    address,
    answers,
    front,
    look,
    spread,
    under_way,
)
from voltutor.session import Bench, Exec, Kill, NameTaken, Run

pytestmark = pytest.mark.engine


def test_it_is_scaled_healed_and_loaded_and_every_replica_answers_alike(anywhere: Bench) -> None:
    bench = anywhere
    bench.do(Scale("shop", 1))
    bench.do(Scale("shop", 3), Load("shop", 90))
    told = answers(bench, "shop")
    assert spread(told) == {"shop-1": 30, "shop-2": 30, "shop-3": 30}
    assert not any(answer.failed for answer in told)
    for name in spread(told):
        page = bench.exec(name, "cat", "/srv/www/index.html")
        assert page.out == PAGE

    bench.exec("shop-2", "sh", "-c", f"echo a visitor > {NOTES}/visitor")
    bench.do(Kill("shop-2"), Load("shop", 30))
    assert look(bench, "shop").lost == (2,)
    bench.do(Heal("shop"))
    now = look(bench, "shop")
    assert now.listed == (1, 3, 4)
    assert now.lost == ()
    bench.do(Load("shop", 30))
    since = answers(bench, "shop")[90:]
    assert [answer for answer in since if answer.failed] == [], "the balancer gave them to another replica"
    assert bench.container("shop-2") is None
    for name in ("shop-1", "shop-3", "shop-4"):
        assert bench.exec(name, "test", "-e", f"{NOTES}/visitor").code == 1, "it lay in the lost one's layer"
        assert bench.exec(name, "test", "-e", f"{NOTES}/first").code == 0, "and this one in the image"
    (log,) = (bench.files / "logs" / "shop").glob("shop-2-*.log")
    assert log.read_text().count("GET / 200") == 30, "what a replica has said is kept"
    sweep(bench.engine, bench.home)
    assert bench.container("shop-1") is None
    assert bench.container(front("shop")) is None
    assert bench.volume("shop-sockets") is None


def test_a_load_makes_replicas_come_and_its_end_makes_them_go(anywhere: Bench) -> None:
    bench = anywhere
    said = [sign.text for sign in ScaleByLoad("fair").perform(bench) if sign.text]
    assert len(look(bench, "fair").listed) == 1
    told = answers(bench, "fair")
    assert len(told) == 60
    assert not any(answer.failed for answer in told), "those under way are answered before a replica goes"
    assert len(spread(told)) == 3
    assert any(": 3 wanted" in line for line in said), said
    assert under_way(bench, "fair") == 0


def test_two_thousand_requests_while_it_is_scaled_and_one_is_killed(bench: Bench) -> None:
    """1 to 5 to 2 replicas, with one of them killed: none fails but those in flight on it."""
    bench.do(Scale("shop", 1))
    for event in (Scale("shop", 5), Kill("shop-3"), Heal("shop"), Scale("shop", 2)):
        done = False
        with closing(Load("shop", 500, 4).perform(bench)) as signs:  # type: ignore[type-var]
            for _sign in signs:
                if not done:  # at the load's first sign of life: it goes on meanwhile
                    bench.do(event)
                    done = True
    told = answers(bench, "shop")
    assert len(told) == 2000
    failed = [answer for answer in told if answer.failed]
    assert all(answer.replica == "shop-3" and answer.status == 200 for answer in failed), failed
    assert len(look(bench, "shop").listed) == 2


def test_the_spread_is_even_while_the_replicas_stand(bench: Bench) -> None:
    bench.do(Scale("shop", 5), Load("shop", 2000, 4))
    counts = spread(answers(bench, "shop"))
    assert sum(counts.values()) == 2000
    assert all(abs(count - 400) <= 40 for count in counts.values()), counts


def test_slow_requests_in_flight_on_a_killed_replica_are_marked_and_no_others(bench: Bench) -> None:
    bench.do(Scale("shop", 2))
    killed = False
    with closing(Load("shop", 4, 4, "/slow").perform(bench)) as signs:  # type: ignore[type-var]
        until = time.monotonic() + 60
        for _sign in signs:
            assert time.monotonic() < until
            if not killed and under_way(bench, "shop") == 4:
                bench.do(Kill("shop-2"))
                killed = True
    assert killed
    told = answers(bench, "shop")
    assert {answer.replica for answer in told if answer.failed} == {"shop-2"}
    assert spread(told)["shop-1"] == 2


def test_a_service_survives_its_balancer_and_a_kernel_that_forgot_it(bench: Bench, engine: Engine) -> None:
    bench.do(Scale("shop", 2), Kill(front("shop")))
    again = Bench(engine, bench.home)
    again.do(Scale("shop", 2), Load("shop", 10, 2))
    assert sum(spread(answers(again, "shop")).values()) == 10


def test_a_replica_that_a_crash_left_off_the_list_goes_and_one_made_by_hand_stays(
    bench: Bench, engine: Engine
) -> None:
    bench.do(Scale("shop", 1), Run("shop-3", "web"))
    by_hand = engine.create_container(ContainerSpec(bench.names("shop-5"), bench.image("web")))
    bench.do(Scale("shop", 2))
    assert bench.container("shop-3") is None
    assert look(bench, "shop").listed == (1, 2)
    assert engine.container(by_hand) is not None


def test_the_last_of_six_that_is_lost_is_replaced_too(bench: Bench) -> None:
    bench.do(Scale("shop", 6), Kill("shop-2"), Heal("shop"))
    now = look(bench, "shop")
    assert now.listed == (1, 3, 4, 5, 6, 7)
    assert now.lost == ()


def test_without_its_balancer_a_service_keeps_the_replicas_that_run(bench: Bench) -> None:
    bench.do(Scale("shop", 3), Kill(front("shop")), Heal("shop"), Load("shop", 10, 3))
    assert look(bench, "shop").listed == (1, 2, 3)
    assert sum(spread(answers(bench, "shop")).values()) == 10


def test_new_replicas_share_the_notes_that_the_others_have(bench: Bench) -> None:
    bench.do(Scale("shelf", 1, "shelf-notes"))
    bench.exec("shelf-1", "sh", "-c", f"echo a visitor > {NOTES}/visitor")
    bench.do(Scale("shelf", 2))
    assert bench.exec("shelf-2", "cat", f"{NOTES}/visitor").text == "a visitor"


def test_what_was_made_by_hand_is_taken_off_the_list_and_not_removed(bench: Bench, engine: Engine) -> None:
    bench.do(Scale("shop", 1))
    sockets = Mount(SOCKETS, bench.names("shop-sockets", "volume"))
    spec = ContainerSpec(bench.names("shop-2"), bench.image("web"), ("replica", "shop-2"), (sockets,))
    by_hand = engine.create_container(spec)
    engine.start(by_hand)
    bench.do(Exec(front("shop"), ("relist", address(bench, "shop"), "shop-1", "shop-2")))
    assert look(bench, "shop").listed == (1, 2)
    bench.do(Scale("shop", 1))
    assert look(bench, "shop").listed == (1,)
    assert engine.container(by_hand) is not None


def test_a_balancer_made_by_hand_is_never_removed(bench: Bench, engine: Engine) -> None:
    for _sign in bench.prepare("web"):
        pass
    by_hand = engine.create_container(ContainerSpec(bench.names(front("shop")), bench.image("web")))
    with pytest.raises(NameTaken):
        bench.do(Scale("shop", 1))
    assert engine.container(by_hand) is not None


@pytest.mark.parametrize("number", [0, 7])
def test_numbers_out_of_reach_are_refused_in_words(bench: Bench, number: int) -> None:
    with pytest.raises(VoltutorError, match="Take from 1 to 6"):
        bench.do(Scale("shop", number))
