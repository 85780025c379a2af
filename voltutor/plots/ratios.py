"""The paired ratios with their intervals: a forest on a log axis, all as times as long, whatever the metric. A line
that crosses 1 shows no difference."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from voltutor.plots.circumstances import Setting, captions, setting, tags
from voltutor.plots.findings import Direction, direction, words
from voltutor.plots.style import FASTER, GUESS, INK, MUTED, PALE, SLOWER, add_lines, figure, style
from voltutor.results import (
    Comparison,
    Interval,
    Result,
    compare,
    place_title,
    slowdown,
    times,
    times_interval,
)
from voltutor.text import _, tr

MIB = 1 << 20

LOOKS: Mapping[Direction, dict[str, Any]] = {
    Direction.SLOWER: {"color": SLOWER, "marker": ">"},
    Direction.FASTER: {"color": FASTER, "marker": "<"},
    Direction.NEITHER: {"color": INK, "marker": "D"},
    Direction.UNFINISHED: {"color": PALE, "marker": "D", "markerfacecolor": "white", "markeredgecolor": PALE},
}
"""A triangle points to where the ratio lies: what is found is read without colour, too."""

Row = tuple[Result, Comparison]

NEAR = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 1.1, 1.2, 1.4, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0)
"""Ratios beside 1 that may be written at an axis of less than two decades."""

MANY = 15
"""Rows from which on the axis is repeated above."""


def ratios(results: Sequence[Result], guess: float | None = None) -> Figure:
    """Draw every size of every result as one row: how many times as long the first place takes as the second.
    `guess` is such a ratio, and belongs to the last row.

    Where results were measured under different circumstances, each row is tagged, and the caption has a line for
    each.

    Raises:
        ValueError: no result has a pair.
    """
    rows = [
        (result, found) for result, each in zip(results, compare(*results), strict=True) for found in each
    ]
    if not rows:
        raise ValueError("no pairs to draw")
    drawn = [result for result, _found in rows]
    tagged, lines = tags(drawn), captions(drawn)
    alike = len({result.places for result in drawn}) == 1
    with style():
        made = figure(
            width=10.8 if tagged else 7.6,
            height=2.1 + (0.5 if tagged else 0.42) * len(rows) + 0.17 * len(lines) + (0.2 if guess else 0),
        )
        axes = made.add_subplot()
        axes.set_xscale("log")
        axes.axvline(1, color=INK, linewidth=1)
        for row, (result, found) in enumerate(rows):
            _row(axes, row, result, found)
        for row, (above, below) in enumerate(pairwise(drawn)):
            if tagged and above is not below:
                axes.axhline(row + 0.5, color=PALE, linewidth=0.6)
        _name(axes, rows, tagged, alike)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        _scale(axes, rows, guess)
        axes.grid(True, axis="x")
        axes.set_axisbelow(True)
        _title(axes, drawn[0], alike)
        if guess:
            axes.plot([guess], [len(rows) - 1], marker="*", markersize=15, linestyle="", color=GUESS,
                      markeredgecolor="white")  # fmt: skip
            # The frame is low and its title long: the words stand below the axis.
            axes.set_xlabel(f"{axes.get_xlabel()}\n★ {tr(_('your guess: {guess}'), guess=times(guess))}")
        add_lines(made, [f"[{n}] {line}" if tagged else line for n, line in enumerate(lines.values(), 1)])
    return made


def _row(axes: Axes, row: int, result: Result, found: Comparison) -> None:
    """One ratio: each pair as a dot, the interval as a bar, the finding in words."""
    pointing = direction(result, found)
    looking = LOOKS[pointing]
    open_yet = pointing is Direction.UNFINISHED
    each = list(_dots(result, found))
    axes.plot(each, [row] * len(each), linestyle="", marker="o", markersize=4, alpha=0.35,
              color=PALE if open_yet else MUTED)  # fmt: skip
    ratio = slowdown(result, found)
    if _has_ends(ratio):
        axes.plot([ratio.low, ratio.high], [row, row], color=looking["color"], solid_capstyle="butt",
                  linewidth=1 if open_yet else 4)  # fmt: skip
    axes.plot([ratio.median], [row], linestyle="", markersize=8, **{"markeredgecolor": "white", **looking})
    axes.annotate(
        "\n".join(text for text in (times_interval(ratio), words(result, found)) if text),
        (1.015, row),
        xycoords=("axes fraction", "data"),
        va="center",
        fontsize=9,
        color=MUTED if open_yet else INK,
        annotation_clip=False,
    )


def _dots(result: Result, found: Comparison) -> Iterator[float]:
    """Of each pair, how many times as long the first place took."""
    sign = 1 if result.slower_is_more else -1
    return (math.exp(sign * pair.log_ratio(result.metric)) for pair in result.of_size(found.size))


def _has_ends(ratio: Interval) -> bool:
    return math.isfinite(ratio.high) and ratio.low > 0


def _name(axes: Axes, rows: Sequence[Row], tagged: Mapping[Setting, str], alike: bool) -> None:
    """What each row is, and under it where it was measured."""
    axes.set_yticks(range(len(rows)), [_label(result, found, alike) for result, found in rows])
    for row, (label, (result, _found)) in enumerate(zip(axes.get_yticklabels(), rows, strict=True)):
        label.set_color(INK if result.answers else MUTED)
        if tagged:
            label.set_verticalalignment("bottom")
            axes.annotate(
                tagged[setting(result)],
                (0, row),
                (-8, -2),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                ha="right",
                va="top",
                fontsize=8,
                color=MUTED,
                annotation_clip=False,
            )


def _label(result: Result, found: Comparison, alike: bool) -> str:
    size = f" {found.size // MIB} MiB" if found.size else ""
    places = "" if alike else f" {' : '.join(place_title(name) for name in result.places)}"
    return f"{result.workload}{size}{places}  (n={found.n})"


def _title(axes: Axes, result: Result, alike: bool) -> None:
    """What is compared, and which side of 1 means what."""
    if alike:
        a, b = (place_title(name) for name in result.places)
        axes.set_title(tr(_("Pair by pair: {a} against {b}"), a=a, b=b))
        named = tr(_("times as long in {a} as in {b}: median with its 95 % interval"), a=a, b=b)
        sides = tr(_("◀ {a} faster    |    {a} slower ▶"), a=a)
    else:
        axes.set_title(tr(_("Pair by pair: the first place against the second")))
        named = tr(_("times as long in the first place as in the second: median with its 95 % interval"))
        sides = tr(_("◀ first faster    |    first slower ▶"))
    axes.set_xlabel(f"{named}\n{sides}")


def _scale(axes: Axes, rows: Sequence[Row], guess: float | None) -> None:
    """Always with 1 in sight, and never so narrow that noise looks large."""
    seen = [value for result, found in rows for value in _dots(result, found)]
    if guess:
        seen.append(guess)
    low = min(seen) * 0.8 if min(seen) < 0.87 else 0.7
    high = max(max(seen) * 1.3, 1.4)
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(FixedLocator(_ticks(low, high)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _pos: f"{value:g}×"))
    if len(rows) >= MANY:
        axes.tick_params(axis="x", top=True, labeltop=True)


def _ticks(low: float, high: float) -> list[float]:
    """Round ratios in sight, 1 among them, as many as stand side by side."""
    decades = math.log10(high / low)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    near = NEAR if decades < 2 else tuple(10.0**power for power in powers)
    apart = decades / 7
    chosen = [1.0]
    for outwards in (sorted(v for v in near if v > 1), sorted((v for v in near if v < 1), reverse=True)):
        last = 1.0
        for value in outwards:
            if low <= value <= high and abs(math.log10(value / last)) >= apart:
                chosen.append(value)
                last = value
    return sorted(chosen)
