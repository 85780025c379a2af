"""The method as a whole, on noise of known kinds: what it covers, how often it cries wolf, and what it can show."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist, fmean

import numpy as np
import pytest

from voltutor.results import Finding, Pair, Result, Trial, compare, pairs_needed
from voltutor.results.statistics import PILOT, detectable, spread

SEEDS = 4000
SD = 0.1
"""Of a pair's log-ratio, as random-write's was measured to be."""

Noise = Callable[[np.random.Generator, int], np.ndarray]


def contaminated(source: np.random.Generator, n: int) -> np.ndarray:
    """One round in ten is five times as wild."""
    return source.normal(size=n) * np.where(source.random(n) < 0.1, 5, 1)


def skewed(source: np.random.Generator, n: int) -> np.ndarray:
    """Long to one side, with its median at 0."""
    return np.exp(0.8 * source.normal(size=n)) - 1


NOISES: dict[str, Noise] = {
    "normal": lambda source, n: source.normal(size=n),
    "t3": lambda source, n: source.standard_t(3, size=n),
    "contaminated": contaminated,
    "skewed": skewed,
}


@dataclass(frozen=True)
class Score:
    """Shares of all seeds, and means over them."""

    covered: float
    called: float
    no_claim: float
    width: float
    pairs: float


def measured(logs: np.ndarray) -> Result:
    """A result with these log-ratios."""
    pairs = [
        Pair(number, Trial("layer", {"seconds": math.exp(value)}), Trial("volume", {"seconds": 1.0}), "layer")
        for number, value in enumerate(logs)
    ]
    return Result("w", ("layer", "volume"), "seconds", tuple(pairs), complete=True)


def play(noise: Noise, ratio: float, drift: Callable[[np.ndarray], np.ndarray] = lambda x: x) -> Score:
    """Both stages, for every seed: the pilot's spread fixes the number, then one verdict over all pairs."""
    found, widths, counts = [], [], []
    for seed in range(SEEDS):
        source = np.random.default_rng(seed)
        logs = math.log(ratio) + SD * drift(noise(source, 40))
        n = pairs_needed([list(logs[:PILOT])])
        ((one,),) = compare(measured(logs[:n]))
        found.append((one.ratio.low <= ratio <= one.ratio.high, one.finding))
        widths.append(math.log(one.ratio.high / one.ratio.low))
        counts.append(n)
    kinds = [finding for _covers, finding in found]
    called = sum(kind in (Finding.HIGHER, Finding.LOWER) for kind in kinds)
    no_claim = kinds.count(Finding.NO_CLAIM)
    covered = fmean(covers for covers, kind in found if kind is not Finding.NO_CLAIM)
    return Score(covered, called / SEEDS, no_claim / SEEDS, fmean(widths), fmean(counts))


@pytest.mark.parametrize("name", NOISES)
def test_the_interval_covers_and_equal_places_are_seldom_called_different(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    same = play(NOISES[name], 1.0)
    record_property("score", str(same))
    print(f"{name}: {same}")
    assert same.covered >= 0.94
    assert same.called <= 0.06
    assert same.no_claim <= 0.06
    other = play(NOISES[name], 1.2)
    assert other.covered >= 0.94
    assert other.called >= 0.9, "a fifth more is found"


def resembling(share: float) -> Callable[[np.ndarray], np.ndarray]:
    """Each round keeps so much of the one before (an autoregression of the first order)."""

    def made(noise: np.ndarray) -> np.ndarray:
        out = np.empty_like(noise)
        out[0] = noise[0]
        for index in range(1, len(noise)):
            out[index] = share * out[index - 1] + math.sqrt(1 - share**2) * noise[index]
        return out

    return made


def trend(noise: np.ndarray) -> np.ndarray:
    """A machine that slows one place down, round by round."""
    slowed: np.ndarray = noise + 0.4 * np.arange(len(noise))
    return slowed


def test_rounds_that_drift_or_resemble_each_other_mostly_make_no_claim() -> None:
    drifting = play(NOISES["normal"], 1.0, trend)
    strong = play(NOISES["normal"], 1.0, resembling(0.9))
    weak = play(NOISES["normal"], 1.0, resembling(0.5))
    print(f"trend: {drifting}\n0.9: {strong}\n0.5: {weak}")
    assert drifting.no_claim >= 0.85
    assert drifting.called <= 0.06
    assert weak.called <= 0.12
    # Ratios that hardly move from round to round look like a true difference; most of them are still found out.
    assert strong.no_claim >= 0.75
    assert strong.called <= 0.15


@pytest.mark.parametrize("n", [9, 12, 24, 40])
def test_what_would_likely_have_been_shown_is_shown_four_times_out_of_five(n: int) -> None:
    source = np.random.default_rng(n)
    shown = 0
    # The spread of normal values as it is, not as one sample guesses it: these quantiles have it.
    ideal = [NormalDist().inv_cdf((i + 0.5) / n) for i in range(n)]
    ratio = math.log(detectable([SD * value / spread(ideal) for value in ideal]))
    for _seed in range(SEEDS):
        logs = ratio + SD * source.normal(size=n)
        ((one,),) = compare(measured(logs))
        shown += one.ratio.low > 1
    assert 0.78 <= shown / SEEDS <= 0.83


def test_one_odd_round_hides_no_difference_and_makes_none() -> None:
    logs = np.array([0.05, 0.06, 0.04, 0.05, 0.055, 0.045, 0.06, 0.05, 0.04])
    for stall in (-3.0, 3.0):
        ((one,),) = compare(measured(np.append(logs[:4], [stall, *logs[5:]])))
        assert one.finding is Finding.HIGHER
    none = np.array([0.02, -0.01, 0.01, -0.02, 0.0, 0.015, -0.015, 0.01, -0.01])
    ((one,),) = compare(measured(np.append(none[:4], [3.0, *none[5:]])))
    assert one.finding is Finding.NO_DIFFERENCE
