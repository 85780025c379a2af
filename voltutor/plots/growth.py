"""Time against the size of the file, on log axes, with the line that copying at one rate would give, and
the learner's guess."""

from __future__ import annotations

from itertools import pairwise
from statistics import median

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from voltutor.plots.style import GUESS, PLACE_STYLE, add_caption, figure, place_title, style
from voltutor.results import Interval, Result, duration, median_interval
from voltutor.text import _, tr

MIB = 1 << 20
LEAST, MOST = 3e-4, 1.0
"""Seconds that the time axis always shows."""


def growth(result: Result, guess: float | None = None, guess_size: int = 256 * MIB) -> Figure:
    """Draw it; `guess` is in seconds, for a file of `guess_size` bytes."""
    sizes = [size for size in result.sizes if size]
    with style():
        made = figure()
        axes = made.add_subplot()
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        for place in result.places:
            looks = PLACE_STYLE[place]
            for size in sizes:
                values = result.values(place, size)
                axes.plot([size] * len(values), values, linestyle="", alpha=0.3, markersize=4, **looks)
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
                **looks,
            )
            _fit(axes, result, place, sizes)
        if guess:
            axes.plot([guess_size], [guess], marker="*", markersize=15, linestyle="", color=GUESS,
                      markeredgecolor="white", label=tr(_("your guess: {guess}"), guess=duration(guess)))  # fmt: skip
        axes.set_title(tr(_("One 4 KiB write to a file of the image, by the file's size")))
        axes.set_xlabel(tr(_("size of the file")))
        axes.set_ylabel(tr(_("time until the write is on disk")))
        axes.set_xticks(sorted({*sizes, guess_size}))
        # A frame that holds still while points come in, and leaves room above for the legend.
        seen = [value for place in result.places for size in sizes for value in result.values(place, size)]
        axes.set_ylim(min(*seen, guess or 1.0, LEAST) / 1.5, max(*seen, guess or 0.0, MOST) * 3)
        axes.set_xlim(min(*sizes, MIB) / 1.4, max(*sizes, guess_size) * 1.4)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _pos: f"{value / MIB:.0f} MiB"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _pos: _decade(value)))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.grid(True, which="major")
        axes.set_axisbelow(True)
        axes.legend(frameon=False, loc="upper left")
        add_caption(made, result)
    return made


def _decade(value: float) -> str:
    """A tick's label in the shortest form: 1 ms, 10 ms, 1 s."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if value * factor >= 0.999:
            return f"{value * factor:.0f} {unit}"
    return f"{value:g} s"


def _bars(intervals: list[Interval]) -> list[list[float]] | None:
    """The ends of intervals as distances; without ends (too few values), no bars."""
    if any(interval.low < 0 or interval.high == float("inf") for interval in intervals):
        return None
    return [
        [interval.median - interval.low for interval in intervals],
        [interval.high - interval.median for interval in intervals],
    ]


def _fit(axes: Axes, result: Result, place: str, sizes: list[int]) -> None:
    """A fixed part plus the file's bytes at one rate: what copying a file whole looks like."""
    medians = [median(result.values(place, size)) for size in sizes]
    if len(sizes) < 3:
        return
    points = pairwise(zip(sizes, medians, strict=True))
    rates = [(large - small) / (slow - fast) for (small, fast), (large, slow) in points if slow > fast]
    rate = median(rates) if rates else 0.0
    looks = PLACE_STYLE[place]
    if rate and medians[-1] > 3 * medians[0]:
        fixed = max(medians[0] - sizes[0] / rate, 0.0)
        label = tr(_("copied at {rate:.0f} MiB/s"), rate=rate / MIB)
        axes.plot(sizes, [fixed + size / rate for size in sizes], linewidth=1, linestyle="--",
                  color=looks["color"], label=label)  # fmt: skip
    else:
        level = median(medians)
        label = tr(_("the same for every size: {level}"), level=duration(level))
        axes.plot([sizes[0], sizes[-1]], [level, level], linewidth=1, linestyle=":", color=looks["color"],
                  label=label)  # fmt: skip
