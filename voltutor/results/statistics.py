"""The method: a number of pairs fixed by the spread and the order of a pilot, then one exact interval over all of
them.

Bootstrap intervals of eight pairs, and stopping when an interval looks narrow, cover less than they say;
order statistics cover what they say whatever the distribution is (David & Nagaraja, Order Statistics, 7.1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from statistics import NormalDist, fmean, median, stdev

CONFIDENCE = 0.95
PILOT = 8
LEAST = 9
"""Pairs, at least: the interval of eight goes from the least of them to the largest, so one odd round would hide any
difference; that of nine leaves out one at either end."""
MOST = 40
TO_TELL = 24
"""Pairs that can tell whether rounds resemble each other, where eight seem to."""

TARGET = math.log(1.05)
"""The half-width of the interval of the log-ratio that the number of pairs aims at: 5 %."""


class Finding(Enum):
    """What a comparison found."""

    HIGHER = "higher"
    LOWER = "lower"
    NO_DIFFERENCE = "no difference shown"
    NO_CLAIM = "no claim"
    TOO_FEW = "too few pairs"
    BY_CHANCE = "not beyond chance among so many questions"
    UNFINISHED = "unfinished"


@dataclass(frozen=True)
class Interval:
    """A median with its interval, in the values' own unit; without an end where there are too few values."""

    median: float
    low: float
    high: float

    def covers(self, value: float) -> bool:
        """Whether the value lies in it."""
        return self.low <= value <= self.high


def _rank(n: int, confidence: float) -> int:
    """The largest k for which [x_k, x_(n+1-k)] covers the median so often; 0 where no k does."""
    tail, rank = 0.0, 0
    for j in range(n // 2):
        tail += math.comb(n, j) / 2**n
        if 2 * tail > 1 - confidence:
            break
        rank = j + 1
    return rank


def median_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """The median with its exact order-statistic interval; below six values a 95 % one has no ends.

    Raises:
        ValueError: no values.
    """
    if not values:
        raise ValueError("a median needs at least one value")
    ordered = sorted(values)
    rank = _rank(len(ordered), confidence)
    if rank == 0:
        return Interval(median(ordered), -math.inf, math.inf)
    return Interval(median(ordered), ordered[rank - 1], ordered[len(ordered) - rank])


def t_test(values: Sequence[float]) -> float:
    """The two-sided p-value of Student's t for a mean of 0, by the finite series that whole degrees of freedom
    have (Abramowitz & Stegun, 26.7.3 and 26.7.4); 1 below two values.

    A sign test of eight pairs can't fall below 2/256, so among seven questions it could never show anything.
    """
    n = len(values)
    if n < 2:
        return 1.0
    error = stdev(values) / math.sqrt(n)
    if error == 0:
        return 1.0 if values[0] == 0 else 0.0
    freedom = n - 1
    angle = math.atan(fmean(values) / error / math.sqrt(freedom))
    sine, cosine = abs(math.sin(angle)), math.cos(angle)
    odd = freedom % 2
    term, total = (cosine, 0.0) if odd else (1.0, 0.0)
    for k in range(3 if odd else 2, freedom + 1, 2):
        total += term
        term *= cosine**2 * (k - 1) / k
    inside = 2 / math.pi * (abs(angle) + sine * total) if odd else sine * total
    return min(1.0, max(0.0, 1.0 - inside))


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for asking several questions at once (Holm 1979), in the order given."""
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for position, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(p_values) - position) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def spread(values: Sequence[float]) -> float:
    """A standard deviation that one odd round can't drive: the scaled median absolute deviation."""
    centre = median(values)
    return 1.4826 * median(abs(value - centre) for value in values)


def pairs_needed(pilots: Sequence[Sequence[float]], target: float = TARGET) -> int:
    """How many pairs give an interval of this half-width, from the pilot's log-ratios, one sequence a size; 9 to 40.

    Their spread decides, and their order; their median is not looked at: what steers the number must not be what is
    asked.
    """
    sd = max(spread(values) for values in pilots)
    least = TO_TELL if resembling(pilots) else LEAST
    return next((n for n in range(least, MOST) if sd * _reach(n) <= target), MOST)


def _reach(n: int) -> float:
    """Where the interval of so many values ends, on average, in their standard deviations (Blom 1958, for normal
    ones)."""
    rank = _rank(n, CONFIDENCE)
    return NormalDist().inv_cdf((n + 1 - rank - 0.375) / (n + 0.25)) if rank else math.inf


POWER = 0.8
"""How often a difference is shown that counts as one that likely would have been."""


def detectable(log_ratios: Sequence[float]) -> float:
    """The smallest ratio, above 1, that the interval of so many pairs of this spread shows four times out of five."""
    n = len(log_ratios)
    rank = _rank(n, CONFIDENCE)
    if rank == 0:
        return math.inf
    # It is shown where fewer than `rank` pairs lie on the other side of 1: how seldom must a pair do that?
    low, high = 0.0, 0.5
    for _step in range(40):
        share = (low + high) / 2
        shown = sum(math.comb(n, j) * share**j * (1 - share) ** (n - j) for j in range(rank))
        low, high = (share, high) if shown > POWER else (low, share)
    return math.exp(-NormalDist().inv_cdf(low) * spread(log_ratios))


def correlated(values: Sequence[float]) -> bool:
    """Whether successive rounds resemble each other beyond chance, or go one way: each at 2.5 %.

    Then the rounds are not so many independent looks, and the interval covers less than it says.
    """
    return len(values) >= PILOT and _suspicious([values], 0.025)


def resembling(pilots: Sequence[Sequence[float]]) -> bool:
    """Whether the pilot's rounds seem to resemble each other or to go one way, the sizes taken together: too few to
    tell, so more pairs are wanted to find out. It looks at the order of the ratios only, not at where they lie."""
    return _suspicious(pilots, 0.3)


def _suspicious(series: Sequence[Sequence[float]], chance: float) -> bool:
    """Whether the lag-1 correlation of the ranks, or their correlation with time, is such as independent values
    seldom have: the first is then about normal with mean -1/n and deviation 1/sqrt(n) (Bartels 1982), the second with
    mean 0 and deviation 1/sqrt(n - 1) (Spearman)."""
    n = min(map(len, series))
    ranks = [_ranks(values) for values in series]
    lag = fmean(_product(one, one[1:]) for one in ranks)
    trend = fmean(_product(one, range(n)) for one in ranks)
    normal = NormalDist()
    return (lag + 1 / n) * math.sqrt(n) > normal.inv_cdf(1 - chance) or abs(trend) * math.sqrt(
        n - 1
    ) > normal.inv_cdf(1 - chance / 2)


def _ranks(values: Sequence[float]) -> list[float]:
    """From 0 on; equal values share the mean of theirs."""
    ordered = sorted(values)
    return [ordered.index(value) + (ordered.count(value) - 1) / 2 for value in values]


def _product(ranks: Sequence[float], others: Sequence[float]) -> float:
    """The sum of products of two series of ranks about their middle, as a share of what it is at most."""
    centre = (len(ranks) - 1) / 2
    most = sum((i - centre) ** 2 for i in range(len(ranks)))
    varies = sum((rank - centre) ** 2 for rank in ranks) > 0
    total = sum((one - centre) * (other - centre) for one, other in zip(ranks, others, strict=False))
    return total / most if varies and most else 0.0
