"""A result adds up to comparisons, and is the same after a file."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from voltutor.errors import UsageError
from voltutor.results import Finding, Pair, Result, Trial, compare, load, save, t_test, times

MIB = 1 << 20


def result(ratio: float = 1.0, n: int = 12, sizes: tuple[int | None, ...] = (None,), seed: int = 1) -> Result:
    chance = random.Random(seed)
    pairs = []
    for number in range(n):
        for size in sizes:
            base = (size or MIB) / MIB * 0.001
            a = Trial("layer", {"seconds": base * ratio * chance.uniform(0.95, 1.05)}, float(number))
            b = Trial("volume", {"seconds": base * chance.uniform(0.95, 1.05)}, float(number))
            pairs.append(Pair(number, a, b, chance.choice(["layer", "volume"]), size))
    return Result(
        "first-write",
        ("layer", "volume"),
        "seconds",
        tuple(pairs),
        n,
        True,
        circumstances={"fio": "fio-3.33"},
    )


def test_a_clear_difference_is_found_with_its_interval() -> None:
    ((found,),) = compare(result(2.0))
    assert found.finding is Finding.HIGHER
    assert found.ratio.low < 2 < found.ratio.high
    assert found.ratio.low > 1.8
    assert found.n == 12


def test_where_none_is_shown_the_ratio_that_could_have_been_is_told() -> None:
    ((found,),) = compare(result(1.0))
    assert found.finding is Finding.NO_DIFFERENCE
    assert found.ratio.covers(1)
    assert 1 < found.detectable < 1.2


def test_few_pairs_make_no_claim() -> None:
    ((found,),) = compare(result(100.0, n=6))
    assert found.finding is Finding.TOO_FEW


def test_several_sizes_are_corrected_together() -> None:
    asked = result(2.0, n=8, sizes=(MIB, 4 * MIB, 16 * MIB, 64 * MIB, 256 * MIB))
    alone = [t_test([pair.log_ratio("seconds") for pair in asked.of_size(size)]) for size in asked.sizes]
    (together,) = compare(asked)
    assert [found.size for found in together] == [MIB, 4 * MIB, 16 * MIB, 64 * MIB, 256 * MIB]
    smallest = min(range(5), key=lambda index: alone[index])
    assert together[smallest].p == pytest.approx(5 * alone[smallest], rel=1e-3)
    assert all(found.finding is Finding.HIGHER for found in together)


def test_among_many_questions_one_clear_answer_alone_may_be_chance() -> None:
    pairs = [*result(1.5, n=10).pairs]
    pairs[0] = Pair(0, pairs[0].b, pairs[0].a, "layer")  # one round says the contrary
    odd = Result("first-write", ("layer", "volume"), "seconds", tuple(pairs), 10, 10, True)
    ((alone,),) = compare(odd)
    assert alone.finding is Finding.HIGHER
    among = compare(odd, *(result(1.0, n=10, seed=seed) for seed in range(40)))
    assert among[0][0].finding is Finding.BY_CHANCE
    assert not among[0][0].ratio.covers(1)


def test_what_makes_no_claim_is_no_question_yet() -> None:
    asked = result(1.2, n=8)
    ((alone,),) = compare(asked)
    ((among,), *_) = compare(asked, *(result(9.0, n=7, seed=seed) for seed in range(30)))
    assert alone.p == among.p


def test_a_round_that_lacks_a_size_is_not_whole() -> None:
    whole = result(2.0, n=3, sizes=(MIB, 4 * MIB))
    part = replace(whole, pairs=whole.pairs[:1], expected_sizes=(MIB, 4 * MIB))
    assert (whole.rounds, part.rounds) == (3, 0)


def test_growth_compares_within_rounds() -> None:
    grown = result(3.0, sizes=(16 * MIB, 256 * MIB)).growth("layer", 16 * MIB, 256 * MIB)
    assert 14 < grown.low < 16 < grown.high < 18


def test_a_file_gives_back_the_same_results(tmp_path: Path) -> None:
    one, two = result(), result(2.0, sizes=(MIB,))
    save(tmp_path / "r.json", one, two)
    assert load(tmp_path / "r.json") == (one, two)


@pytest.mark.parametrize(
    "text", ["", "{}", '{"schema": 99, "results": []}', '{"schema": 1, "results": [{"x": 1}]}']
)
def test_what_is_no_result_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(UsageError, match=r"r\.json"):
        load(tmp_path / "r.json")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0043, "0.0043×"), (0.04, "0.04×"), (0.1, "0.10×"), (1.34, "1.34×"), (12.3, "12×"), (0, "0.00×")],
)
def test_a_small_ratio_keeps_two_digits_that_mean_something(value: float, text: str) -> None:
    assert times(value) == text
