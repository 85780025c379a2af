"""What a balancer wrote down, how many replicas a load wants, and who comes and goes: without any engine."""

from __future__ import annotations

import pytest

from voltutor.services import MOST, Scaler, Service, parse, spread

LINES = """\
1795553775.528 200 "unix:/run/web/shop-1.sock" "200" 57 "57" /
1795553775.530 200 "unix:/run/web/shop-2.sock, unix:/run/web/shop-1.sock" "502, 200" 57 "57" /
1795553775.531 200 "unix:/run/web/shop-2.sock" "200" 16147 "24577" /slow
1795553775.532 502 "replicas" "502" 157 "157" /
1795553775.533 200 "unix:/run/web/sho"""


def test_each_whole_line_is_an_answer_and_a_cut_one_is_none() -> None:
    plain, retried, cut, refused = parse(LINES)
    assert (plain.at, plain.status, plain.replica, plain.path) == (1795553775.528, 200, "shop-1", "/")
    assert not plain.failed
    assert not plain.retried
    assert retried.tried == ("shop-2", "shop-1")
    assert retried.retried
    assert not retried.failed
    assert cut.failed, "its status was sent before its replica was killed"
    assert cut.replica == "shop-2"
    assert refused.failed
    assert not refused.retried
    assert spread(parse(LINES)) == {"shop-1": 2}


def test_a_scaler_goes_up_at_once_and_down_when_it_has_been_less_for_a_while() -> None:
    scaler = Scaler(target=2, least=1, most=5, window=3)
    assert scaler.look(1, 6) == 3
    assert scaler.look(3, 6.3) == 3, "within the tolerance"
    assert scaler.look(3, 40) == 5, "never more than the most"
    assert scaler.look(5, 0) == 5
    assert scaler.look(5, 0) == 5
    assert scaler.look(5, 0) == 1, "never fewer than the least"


def test_a_pause_in_the_load_takes_no_replica_away() -> None:
    scaler = Scaler(target=2, most=3, window=3)
    wanted = [scaler.look(3, total) for total in (6, 0, 6, 0, 6)]
    assert wanted == [3, 3, 3, 3, 3]


def test_the_lost_are_replaced_by_others_and_the_living_stay() -> None:
    now = Service(
        "shop", True, False, (1, 2, 3), frozenset({1, 3}), frozenset({1, 2, 3}), frozenset({1, 2, 3})
    )
    assert now.lost == (2,)
    come, go, after = now.scaled(3)
    assert come == (4,), "another container, not one of the same name"
    assert go == (2,)
    assert after.listed == (1, 3, 4)
    assert after.lost == ()
    assert after.there == {1, 3, 4}


@pytest.mark.parametrize("wanted", range(1, MOST + 1))
def test_from_nothing_to_any_number_and_back(wanted: int) -> None:
    come, go, after = Service("shop").scaled(wanted)
    assert (len(come), go) == (wanted, ())
    come, go, last = after.scaled(1)
    assert (come, go) == ((), after.listed[1:])
    assert last.listed == after.listed[:1]
    assert after.scaled(wanted)[:2] == ((), ()), "what is so already asks for nothing"
