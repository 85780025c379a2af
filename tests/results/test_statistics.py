"""The interval covers what it says, the number of pairs comes from the spread alone, and correlated rounds
make no claim."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from statistics import stdev

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voltutor.results import (
    Interval,
    correlated,
    detectable,
    duration,
    duration_interval,
    holm,
    median_interval,
    pairs_needed,
    t_test,
)


def test_the_ends_are_the_order_statistics_of_the_tables() -> None:
    # 95 % for n = 8 is [x1, x8] (coverage 0.9922), for n = 20 [x6, x15] (0.9586): Conover, table A3.
    assert median_interval(range(1, 9)) == Interval(4.5, 1, 8)
    assert median_interval(range(1, 21)) == Interval(10.5, 6, 15)
    assert median_interval([1, 2, 3, 4, 5]) == Interval(3, -math.inf, math.inf)
    with pytest.raises(ValueError, match="at least one"):
        median_interval([])


@pytest.mark.parametrize("noise", ["normal", "t3", "skewed"])
def test_the_two_stage_interval_covers(noise: str) -> None:
    chance = np.random.default_rng(5)
    kinds: dict[str, Callable[[int], np.ndarray]] = {
        "normal": lambda n: chance.normal(0, 0.2, n),
        "t3": lambda n: chance.standard_t(3, n) * 0.12,
        "skewed": lambda n: chance.exponential(0.2, n) - 0.2 * math.log(2),
    }
    draw = kinds[noise]
    covered = 0
    for _ in range(1500):
        pilot = list(draw(8))
        values = pilot + list(draw(pairs_needed([pilot]) - 8))
        covered += median_interval(values).covers(0)
    assert covered / 1500 >= 0.94


def test_what_steers_the_number_is_the_spread_and_not_the_effect() -> None:
    values = [0.01, -0.02, 0.03, 0.0, -0.03, 0.02, -0.01, 0.01]
    assert pairs_needed([values]) == pairs_needed([[value + 5 for value in values]])
    assert pairs_needed([[value / 100 for value in values]]) == 9
    assert pairs_needed([values, [value * 100 for value in values]]) == 40


def test_a_pilot_whose_rounds_resemble_each_other_calls_for_more() -> None:
    rising = [0.001 * number for number in range(8)]
    assert pairs_needed([rising]) == 24
    shuffled = [rising[index] for index in (4, 1, 6, 2, 7, 0, 5, 3)]
    assert pairs_needed([shuffled]) == 9
    assert pairs_needed([*[shuffled] * 4, rising]) == 9, "the sizes are taken together"


def test_correlated_rounds_are_told_from_independent_ones() -> None:
    chance = random.Random(3)
    independent = sum(correlated([chance.gauss(0, 1) for _ in range(16)]) for _ in range(400))
    assert independent / 400 < 0.07
    assert correlated(list(range(20)))
    drifting = sum(correlated([n * 0.3 + chance.gauss(0, 1) for n in range(20)]) for _ in range(100))
    assert drifting > 60
    assert not correlated([1, 2, 3])


def test_students_p_is_what_the_tables_say() -> None:
    # A mean of t standard errors, for the 97.5 % points of Student's t (NIST, table of critical values).
    for n, point in ((2, 12.706), (3, 4.303), (8, 2.365), (9, 2.306), (30, 2.045), (40, 2.023)):
        spread = [-1.0, 1.0] * (n // 2) + [0.0] * (n % 2)
        shift = point * stdev(spread) / math.sqrt(n)
        assert t_test([value + shift for value in spread]) == pytest.approx(0.05, abs=2e-4)
    assert t_test([1.0] * 8) == 0.0
    assert t_test([0.0, 0.0]) == 1.0
    assert t_test([5.0]) == 1.0
    assert t_test([1.0, -1.0]) == 1.0


def test_holm_adjusts_in_the_order_given() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1))
def test_holm_never_lowers_a_p_value(values: list[float]) -> None:
    assert all(0 <= before <= after <= 1 for before, after in zip(values, holm(values), strict=True))


def test_a_wider_spread_hides_a_larger_ratio() -> None:
    narrow = [0.01 * (-1) ** n for n in range(8)]
    assert 1 < detectable(narrow) < detectable([value * 10 for value in narrow])
    assert detectable([0.1]) == math.inf


def test_figures_in_words() -> None:
    assert [duration(s) for s in (0.44, 12.3, 0.0123, 0.00069, 0.0034)] == [
        "0.44 s",
        "12 s",
        "12 ms",
        "690 µs",
        "3.4 ms",
    ]
    assert duration_interval(Interval(0.44, 0.41, 0.47)) == "0.44 s [0.41, 0.47]"
    assert duration_interval(Interval(0.0007, 0.0006, 0.0012)) == "700 µs [600, 1200]"
    assert duration_interval(Interval(0.44, -math.inf, math.inf)) == "0.44 s"
