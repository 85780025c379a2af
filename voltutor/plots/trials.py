"""One result's trials: each pair as a line between its two places; latencies as a distribution; I/Os per second
over time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import pairwise
from statistics import median

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from voltutor.plots.style import INK, MUTED, add_caption, figure, looks, style, time_label
from voltutor.results import Result, Trial, amount, duration, median_interval, place_title
from voltutor.text import _, tr

PERCENTILES = (50.0, 99.0, 99.9)
CLASSES_PER_DECADE = 12
"""fio's bins grow with the latency; equal steps on a log axis make their heights comparable."""

Series = tuple[tuple[float, float], ...]
"""Seconds since the job began, and I/Os per second."""

METRICS = {
    "seconds": _("time"),
    "iops": _("I/Os per second"),
    "bytes_per_second": _("bandwidth"),
    "requests_per_second": _("requests per second"),
}


def pairs(result: Result) -> Figure:
    """Every trial as a dot, the two of a pair joined, and each place's median with its interval.

    Raises:
        ValueError: no pairs.
    """
    chosen = result.of_size(result.sizes[-1]) if result.pairs else ()
    if not chosen:
        raise ValueError("no pairs to draw")
    with style():
        made = figure(height=4.0)
        axes = made.add_subplot()
        values = [
            (pair.a.metrics[result.metric], pair.b.metrics[result.metric])
            for pair in sorted(chosen, key=lambda p: p.round)
        ]
        for both in values:
            axes.plot([0, 1], both, color=MUTED, linewidth=0.8, alpha=0.45)
        for x, name in enumerate(result.places):
            own = [both[x] for both in values]
            axes.plot([x] * len(own), own, linestyle="", markersize=5, alpha=0.5, **looks(name))
            found = median_interval(own)
            side = -0.12 if x == 0 else 0.12
            if math.isfinite(found.low) and math.isfinite(found.high):
                axes.plot([x + side] * 2, [found.low, found.high], linewidth=4, solid_capstyle="butt",
                          color=looks(name)["color"])  # fmt: skip
            axes.plot([x + side], [found.median], markersize=9, markeredgecolor="white", linestyle="",
                      marker="D", color=looks(name)["color"])  # fmt: skip
            axes.annotate(
                amount(result.metric, found.median),
                (x + side * 1.5, found.median),
                ha="right" if x == 0 else "left",
                va="center",
                weight="bold",
                color=looks(name)["color"],
            )
        axes.set_xlim(-0.75, 1.75)
        axes.set_xticks([0, 1], [place_title(name) for name in result.places])
        flat = [value for both in values for value in both]
        if max(flat) > 5 * min(flat):
            axes.set_yscale("log")
            axes.set_ylim(min(flat) / 1.6, max(flat) * 1.6)
        else:
            axes.set_ylim(0, max(flat) * 1.15)
        _label_values(axes, result)
        axes.grid(True, axis="y")
        axes.set_axisbelow(True)
        axes.set_title(tr(_("{workload}: {n} pairs"), workload=result.workload, n=len(values)))
        add_caption(made, result)
    return made


def _label_values(axes: Axes, result: Result) -> None:
    axes.set_ylabel(tr(METRICS[result.metric]))
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _pos: amount(result.metric, value) if value else "0")
    )
    axes.yaxis.set_minor_formatter(NullFormatter())


def distribution(result: Result) -> Figure:
    """How long single I/Os took, all trials of a place together, with percentiles marked.

    Raises:
        ValueError: the workload keeps no distribution.
    """
    bins = {name: _together(result, name) for name in result.places}
    if not all(bins.values()):
        raise ValueError("no distribution to draw")
    with style():
        made = figure(height=4.2)
        axes = made.add_subplot()
        axes.set_xscale("log")
        for row, (name, counts) in enumerate(bins.items()):
            looking, y = looks(name), -0.05 - 0.06 * row
            edges, shares = _classes(counts)
            found = _percentiles(counts, PERCENTILES)
            words = ", ".join(f"p{percent:g} {duration(at)}" for percent, at in found.items())
            axes.stairs(shares, edges, fill=True, alpha=0.16, color=looking["color"])
            axes.stairs(
                shares,
                edges,
                linewidth=1.6,
                color=looking["color"],
                linestyle="-" if row == 0 else "--",
                label=f"{place_title(name)}: {words}",
            )
            # Below the axis, a row a place: marks that don't hide the distribution.
            axes.plot(
                list(found.values()),
                [y] * len(found),
                transform=axes.get_xaxis_transform(),
                clip_on=False,
                markersize=6,
                linestyle="",
                **looking,
            )
        axes.set_ylim(0)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _pos: f"{value:.0f} %"))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _pos: time_label(value)))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.tick_params(axis="x", pad=22)
        axes.set_ylabel(tr(_("share of all I/Os")))
        axes.set_xlabel(tr(_("time of one I/O; the marks are its percentiles")))
        axes.set_title(tr(_("{workload}: how long one I/O takes"), workload=result.workload), pad=34)
        axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0, fontsize=9)
        add_caption(made, result)
    return made


def _together(result: Result, place: str) -> dict[int, int]:
    counts: dict[int, int] = {}
    for trial in _trials(result, place):
        for at, count in trial.bins.items():
            counts[at] = counts.get(at, 0) + count
    return dict(sorted(counts.items()))


def _trials(result: Result, place: str) -> Iterable[Trial]:
    for pair in result.pairs:
        yield from (trial for trial in (pair.a, pair.b) if trial.place == place)


def _classes(counts: Mapping[int, int]) -> tuple[list[float], list[float]]:
    """Edges in seconds and shares in percent, of classes that are equal on a log axis."""
    total = sum(counts.values())
    shares: dict[int, float] = {}
    for at, count in counts.items():
        index = math.floor(math.log10(max(at, 1)) * CLASSES_PER_DECADE)
        shares[index] = shares.get(index, 0.0) + 100 * count / total
    low, high = min(shares), max(shares)
    edges = [10 ** (index / CLASSES_PER_DECADE) / 1e9 for index in range(low, high + 2)]
    return edges, [shares.get(index, 0.0) for index in range(low, high + 1)]


def _percentiles(counts: Mapping[int, int], wanted: Iterable[float]) -> dict[float, float]:
    """In seconds: the latency that so many percent of the I/Os don't exceed."""
    total, passed = sum(counts.values()), 0
    left, found = list(wanted), {}
    for at, count in counts.items():
        passed += count
        while left and passed >= total * left[0] / 100:
            found[left.pop(0)] = at / 1e9
    return found


def over_time(result: Result) -> Figure:
    """I/Os per second while the job ran: a row a place, a line a trial. Where nothing was done, the line is at 0; the
    time is counted from the job's start, since the first file's copy-up comes before the first I/O.

    Raises:
        ValueError: the workload keeps no series.
    """
    shown = {name: [t.series for t in _trials(result, name) if t.series] for name in result.places}
    if not all(shown.values()):
        raise ValueError("no series to draw")
    step = _step(series for every in shown.values() for series in every)
    with style():
        made = figure(height=4.6)
        rows = made.subplots(2, 1, sharex=True, sharey=True)
        for axes, (name, all_series) in zip(rows, shown.items(), strict=True):
            looking = looks(name)
            for number, series in enumerate(all_series):
                filled = _with_gaps(series, step)
                axes.plot(
                    [at for at, _value in filled],
                    [value for _at, value in filled],
                    color=looking["color"],
                    linewidth=1.8 if number == 0 else 0.7,
                    alpha=1 if number == 0 else 0.3,
                    clip_on=False,  # or half of a line at 0 is cut off
                    marker="." if len(filled) == 1 else None,  # of one point there is no line
                )
            axes.set_title(place_title(name), fontsize=10, color=looking["color"])
            axes.set_ylim(0)
            axes.grid(True)
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _pos: f"{value / 1000:g} k"))
        rows[1].set_xlim(0)
        rows[1].set_xlabel(tr(_("seconds since the job began; fio's own start comes first")))
        made.supylabel(tr(_("I/Os per second")), fontsize=10, color=INK)
        made.suptitle(
            tr(_("{workload}: I/Os per second while file after file is opened"), workload=result.workload),
            x=0.01, ha="left", fontsize=12, weight="bold",
        )  # fmt: skip
        add_caption(made, result)
    return made


def _step(every: Iterable[Series]) -> float:
    """The usual time between two samples, in seconds; 0 where no series has two."""
    steps = [later - earlier for series in every for (earlier, _a), (later, _b) in pairwise(series)]
    return median(steps) if steps else 0.0


def _with_gaps(series: Series, step: float) -> list[tuple[float, float]]:
    """With zeros where samples are missing, from the job's start on: fio writes none for a step without an I/O, and
    a sample stands at the end of the step that it sums up."""
    filled: list[tuple[float, float]] = []
    before = 0.0
    for at, value in series:
        if step and at - before > 1.8 * step:
            begun = before + step if filled else 0.0
            filled += [(begun, 0.0), (max(begun, at - step), 0.0)]
        filled.append((at, value))
        before = at
    return filled
