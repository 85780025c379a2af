"""Results: trials, what they add up to, and the files that keep them. Knows no engine."""

from voltutor.results.model import (
    Circumstances,
    Comparison,
    Pair,
    Result,
    Trial,
    compare,
    load,
    save,
)
from voltutor.results.recorded import recorded
from voltutor.results.statistics import (
    Finding,
    Interval,
    correlated,
    detectable,
    holm,
    median_interval,
    pairs_needed,
    sign_test,
)
from voltutor.results.units import duration, duration_interval

__all__ = [
    "Circumstances",
    "Comparison",
    "Finding",
    "Interval",
    "Pair",
    "Result",
    "Trial",
    "compare",
    "correlated",
    "detectable",
    "duration",
    "duration_interval",
    "holm",
    "load",
    "median_interval",
    "pairs_needed",
    "recorded",
    "save",
    "sign_test",
]
