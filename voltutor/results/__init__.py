"""Results: trials, what they add up to, and the files that keep them. Knows no engine."""

from voltutor.results.model import (
    Circumstances,
    Comparison,
    Metric,
    Pair,
    Result,
    Trial,
    compare,
    save,
    slowdown,
)
from voltutor.results.places import PLACE_TITLES, SECOND, place_title
from voltutor.results.reading import load
from voltutor.results.recorded import recorded
from voltutor.results.statistics import (
    Finding,
    Interval,
    correlated,
    detectable,
    holm,
    median_interval,
    pairs_needed,
    t_test,
)
from voltutor.results.units import amount, amount_interval, duration, duration_interval, times, times_interval

__all__ = [
    "PLACE_TITLES",
    "SECOND",
    "Circumstances",
    "Comparison",
    "Finding",
    "Interval",
    "Metric",
    "Pair",
    "Result",
    "Trial",
    "amount",
    "amount_interval",
    "compare",
    "correlated",
    "detectable",
    "duration",
    "duration_interval",
    "holm",
    "load",
    "median_interval",
    "pairs_needed",
    "place_title",
    "recorded",
    "save",
    "slowdown",
    "t_test",
    "times",
    "times_interval",
]
