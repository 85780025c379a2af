"""Figures in words: two digits that mean something, and the unit that suits them."""

from __future__ import annotations

import math

from voltutor.results.statistics import Interval

_UNITS = (("s", 1.0), ("ms", 1e3), ("µs", 1e6))


def _unit(seconds: float) -> tuple[str, float]:
    """The unit for a time; from a tenth of a second on, seconds are easier to feel."""
    if seconds >= 0.1:
        return _UNITS[0]
    return _UNITS[1] if seconds >= 1e-3 else _UNITS[2]


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "∞"
    return f"{value:.0f}" if abs(value) >= 10 else f"{value:.1f}" if abs(value) >= 1 else f"{value:.2f}"


def duration(seconds: float) -> str:
    """A time, such as 0.44 s, 12 ms or 690 µs."""
    unit, factor = _unit(seconds)
    return f"{_number(seconds * factor)} {unit}"


def duration_interval(interval: Interval) -> str:
    """A median time with its interval in one unit, such as 0.44 s [0.41, 0.47]; without ends where it has none."""
    unit, factor = _unit(interval.median)
    text = f"{_number(interval.median * factor)} {unit}"
    if not (math.isfinite(interval.low) and math.isfinite(interval.high)):
        return text
    return f"{text} [{_number(interval.low * factor)}, {_number(interval.high * factor)}]"


_RATES = {"iops": "IOPS", "bytes_per_second": "MiB/s", "requests_per_second": "/s"}


def amount(metric: str, value: float) -> str:
    """A figure of a metric with its unit: 0.44 s, 74,200 IOPS, 512 MiB/s, 37,800 /s."""
    if metric == "seconds":
        return duration(value)
    value = value / (1 << 20) if metric == "bytes_per_second" else value
    return f"{value:,.0f} {_RATES[metric]}" if math.isfinite(value) else "∞"


def amount_interval(metric: str, interval: Interval) -> str:
    """A median with its interval in the metric's unit; without ends where it has none."""
    if metric == "seconds":
        return duration_interval(interval)
    text = amount(metric, interval.median)
    if not (math.isfinite(interval.low) and math.isfinite(interval.high)):
        return text
    scale = 1 << 20 if metric == "bytes_per_second" else 1
    return f"{text} [{interval.low / scale:,.0f}, {interval.high / scale:,.0f}]"


def times(value: float) -> str:
    """A ratio, such as 0.93×, 1.42× or 580×."""
    return f"{_ratio(value)}×"


def _ratio(value: float) -> str:
    if 0 < abs(value) < 0.1:  # two places would turn the end of an interval into nothing
        return f"{value:.2g}"
    return f"{value:.2f}" if abs(value) < 10 else _number(value)


def times_interval(interval: Interval) -> str:
    """A median ratio with its interval, such as 41× [27, 50]; without ends where it has none."""
    if not (math.isfinite(interval.low) and math.isfinite(interval.high)):
        return times(interval.median)
    return f"{times(interval.median)} [{_ratio(interval.low)}, {_ratio(interval.high)}]"
