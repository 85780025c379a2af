"""Time against the size of the file, on log axes, with the line that copying at one rate would give, and
the learner's guess."""

from __future__ import annotations

from itertools import pairwise
from statistics import median

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from voltutor.plots.style import GUESS, MUTED, add_caption, figure, looks, style, time_label
from voltutor.results import Interval, Result, duration, median_interval, place_title
from voltutor.text import _, tr

MIB = 1 << 20
LEAST, MOST = 3e-4, 1.0
"""Seconds that the time axis always shows."""


def growth(result: Result, guess: float | None = None, guess_size: int = 256 * MIB) -> Figure:
    """Draw it; `guess` is in seconds, for a file of `guess_size` bytes."""
    sizes = [size for size in result.sizes if size]
    with style():
        made = figure(height=5.2)
        axes, below = made.subplots(2, 1, sharex=True, height_ratios=[5, 1])
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        for place in result.places:
            looking = looks(place)
            for size in sizes:
                values = result.values(place, size)
                axes.plot([size] * len(values), values, linestyle="", alpha=0.3, markersize=4, **looking)
            found = [(size, median_interval(result.values(place, size))) for size in sizes]
            axes.errorbar(
                [size for size, _interval in found],
                [interval.median for _size, interval in found],
                yerr=_bars([interval for _size, interval in found]),
                capsize=3,
                markersize=7,
                linewidth=1.4,
                label=place_title(place),
                linestyle="",
                **looking,
            )
            _residuals(below, result, place, sizes, _fit(axes, result, place, sizes))
        if guess:
            axes.plot([guess_size], [guess], marker="*", markersize=15, linestyle="", color=GUESS,
                      markeredgecolor="white", label=tr(_("your guess: {guess}"), guess=duration(guess)))  # fmt: skip
        axes.set_title(tr(_("One 4 KiB write to a file of the image, by the file's size")))
        below.set_xlabel(tr(_("size of the file")))
        axes.set_ylabel(tr(_("time until the write is on disk")))
        axes.set_xticks(sorted({*sizes, guess_size}))
        # A frame that holds still while points come in, and leaves room above for the legend.
        seen = [value for place in result.places for size in sizes for value in result.values(place, size)]
        axes.set_ylim(min(*seen, guess or 1.0, LEAST) / 1.5, max(*seen, guess or 0.0, MOST) * 3)
        axes.set_xlim(min(*sizes, MIB) / 1.4, max(*sizes, guess_size) * 1.4)
        below.xaxis.set_major_formatter(FuncFormatter(lambda value, _pos: f"{value / MIB:.0f} MiB"))
        below.xaxis.set_minor_formatter(NullFormatter())
        _frame_residuals(below)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _pos: time_label(value)))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.grid(True, which="major")
        axes.set_axisbelow(True)
        axes.legend(frameon=False, loc="upper left")
        add_caption(made, result)
    return made


def _bars(intervals: list[Interval]) -> list[list[float]] | None:
    """The ends of intervals as distances; without ends (too few values), no bars."""
    if any(interval.low < 0 or interval.high == float("inf") for interval in intervals):
        return None
    return [
        [interval.median - interval.low for interval in intervals],
        [interval.high - interval.median for interval in intervals],
    ]


def _fit(axes: Axes, result: Result, place: str, sizes: list[int]) -> dict[int, float]:
    """A fixed part plus the file's bytes at one rate: what copying a file whole looks like; seconds by size."""
    medians = [median(result.values(place, size)) for size in sizes]
    if len(sizes) < 3:
        return {}
    points = pairwise(zip(sizes, medians, strict=True))
    rates = [(large - small) / (slow - fast) for (small, fast), (large, slow) in points if slow > fast]
    rate = median(rates) if rates else 0.0
    looking = looks(place)
    if rate and medians[-1] > 3 * medians[0]:
        fixed = max(medians[0] - sizes[0] / rate, 0.0)
        fitted = {size: fixed + size / rate for size in sizes}
        label = tr(_("copied at {rate:.0f} MiB/s"), rate=rate / MIB)
        axes.plot(
            sizes, list(fitted.values()), linewidth=1, linestyle="--", color=looking["color"], label=label
        )
        return fitted
    level = median(medians)
    label = tr(_("the same for every size: {level}"), level=duration(level))
    axes.plot(
        [sizes[0], sizes[-1]], [level, level], linewidth=1, linestyle=":", color=looking["color"], label=label
    )
    return dict.fromkeys(sizes, level)


def _residuals(axes: Axes, result: Result, place: str, sizes: list[int], fitted: dict[int, float]) -> None:
    """How many times the line each size's median is."""
    if fitted:
        off = [median(result.values(place, size)) / fitted[size] for size in sizes]
        axes.plot(sizes, off, linestyle="", markersize=6, **looks(place))


def _frame_residuals(axes: Axes) -> None:
    axes.set_yscale("log", base=2)
    low, high = axes.get_ylim()
    reach = max(2.2, high, 1 / low if low > 0 else 1)
    axes.set_ylim(1 / reach, reach)
    axes.axhline(1, color=MUTED, linewidth=1)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _pos: f"{value:g}×"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylabel(tr(_("to the line")), fontsize=9)
    axes.grid(True)
    axes.set_axisbelow(True)
