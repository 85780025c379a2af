"""The paired ratios with their intervals: a forest on a log axis. A line that crosses 1 shows no difference."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from voltutor.plots.style import GUESS, INK, LAYER, MUTED, VOLUME, add_caption, figure, style
from voltutor.results import Comparison, Finding, Result, compare, place_title, times, times_interval
from voltutor.text import _, tr

MIB = 1 << 20

FINDINGS = {
    Finding.NO_DIFFERENCE: _("no difference shown"),
    Finding.NO_CLAIM: _("no claim: rounds resemble each other"),
    Finding.TOO_FEW: _("too few pairs for a claim"),
    Finding.BY_CHANCE: _("not beyond chance among so many"),
}


def ratios(results: Sequence[Result], guess: float | None = None) -> Figure:
    """Draw every size of every result as one row; above 1 the first place took longer, or did more. `guess` is a
    ratio, and belongs to the last row.

    Raises:
        ValueError: no result has a pair.
    """
    rows = [
        (result, found) for result, each in zip(results, compare(*results), strict=True) for found in each
    ]
    if not rows:
        raise ValueError("no pairs to draw")
    with style():
        made = figure(height=1.9 + 0.42 * len(rows) + (0.2 if guess else 0))
        axes = made.add_subplot()
        axes.set_xscale("log")
        axes.axvline(1, color=INK, linewidth=1)
        for row, (result, found) in enumerate(rows):
            _row(axes, row, result, found)
        alike = len({result.places for result in results}) == 1
        axes.set_yticks(range(len(rows)), [_label(result, found, alike) for result, found in rows])
        axes.invert_yaxis()
        axes.set_ylim(len(rows) - 0.4, -0.6)
        _limits(axes, rows, guess)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _pos: f"{value:g}×"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.grid(True, axis="x")
        axes.set_axisbelow(True)
        a, b = (place_title(name) for name in results[0].places)
        if alike:
            axes.set_title(tr(_("Pair by pair: {a} against {b}"), a=a, b=b))
            axes.set_xlabel(tr(_("{a} : {b}, median ratio with its 95 % interval"), a=a, b=b))
        else:
            axes.set_title(tr(_("Pair by pair: the first place against the second")))
            axes.set_xlabel(tr(_("first : second, median ratio with its 95 % interval")))
        if guess:
            axes.plot([guess], [len(rows) - 1], marker="*", markersize=15, linestyle="", color=GUESS,
                      markeredgecolor="white")  # fmt: skip
            # The frame is low and its title long: the words stand below the axis.
            axes.set_xlabel(f"{axes.get_xlabel()}\n★ {tr(_('your guess: {guess}'), guess=times(guess))}")
        add_caption(made, results[0])
    return made


def _row(axes: Axes, row: int, result: Result, found: Comparison) -> None:
    """One ratio: each pair as a dot, the interval as a bar, the finding in words."""
    each = [math.exp(pair.log_ratio(result.metric)) for pair in result.of_size(found.size)]
    axes.plot(each, [row] * len(each), linestyle="", marker="o", markersize=4, color=MUTED, alpha=0.35)
    finite = math.isfinite(found.ratio.high) and found.ratio.low > 0
    worse = found.finding is (Finding.HIGHER if result.slower_is_more else Finding.LOWER)
    plain = found.finding in FINDINGS
    colour = MUTED if plain else LAYER if worse else VOLUME
    if finite:
        axes.plot(
            [found.ratio.low, found.ratio.high], [row, row], color=colour, linewidth=4, solid_capstyle="butt"
        )
    axes.plot([found.ratio.median], [row], marker="D", markersize=8, color=colour, markeredgecolor="white")
    text = times_interval(found.ratio)
    if plain:
        text += f"  {tr(FINDINGS[found.finding])}"
    axes.annotate(
        text, (1.015, row), xycoords=("axes fraction", "data"), va="center", fontsize=9, annotation_clip=False
    )


def _label(result: Result, found: Comparison, alike: bool) -> str:
    size = f" {found.size // MIB} MiB" if found.size else ""
    places = "" if alike else f" {' : '.join(place_title(name) for name in result.places)}"
    return f"{result.workload}{size}{places}  (n={found.n})"


def _limits(axes: Axes, rows: list[tuple[Result, Comparison]], guess: float | None) -> None:
    """Always with 1 in sight, and never so narrow that noise looks large."""
    low = min(min(math.exp(p.log_ratio(r.metric)) for p in r.of_size(f.size)) for r, f in rows)
    high = max(max(math.exp(p.log_ratio(r.metric)) for p in r.of_size(f.size)) for r, f in rows)
    axes.set_xlim(
        min(low, guess or low) * 0.8 if min(low, guess or low) < 0.87 else 0.7,
        max(high * 1.3, (guess or 0) * 1.3, 1.4),
    )
