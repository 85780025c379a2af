"""Figures carry the right data on the right axes; what they look like has been looked at."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.lines import Line2D
from matplotlib.patches import StepPatch
from matplotlib.text import Annotation

from tests.results.test_model import MIB
from tests.results.test_model import result as measured
from voltutor import plots
from voltutor.plots.style import FASTER, INK, SLOWER
from voltutor.results import Result
from voltutor.text import legible

SIZES = (MIB, 4 * MIB, 16 * MIB, 64 * MIB, 256 * MIB)


def result(ratio: float = 1.0, n: int = 12, **more: Any) -> Result:
    """A finished result of so many pairs."""
    return replace(measured(ratio, n, **more), needed=n, planned=n, complete=True)


def in_iops(one: Result) -> Result:
    """The same, told as I/Os per second: what took twice as long did half as many."""
    pairs = tuple(
        replace(
            pair,
            a=replace(pair.a, metrics={"iops": 1 / pair.a.metrics["seconds"]}),
            b=replace(pair.b, metrics={"iops": 1 / pair.b.metrics["seconds"]}),
        )
        for pair in one.pairs
    )
    return replace(one, workload="random-write", metric="iops", pairs=pairs)


def on(one: Result, file_system: str = "ext4", **more: Any) -> Result:
    """The same on Docker over this file system."""
    seen = {"engine": "Docker 20.10", "storage_driver": "overlay2", "backing_file_system": file_system}
    started = "2026-11-24T18:09:45+00:00"
    return replace(one, circumstances={**one.circumstances, **seen}, **{"started": started, **more})


def row(axes: Any, number: int) -> dict[str, Any]:
    """What is drawn in one row of a forest: the dots of its pairs, its marker, its interval if any; and the texts
    beside it, left and right."""
    lines = [line for line in axes.lines if set(line.get_ydata()) == {number}]
    dots = next(line for line in lines if line.get_marker() == "o")
    median = next(line for line in lines if line.get_marker() in "<>D" and len(line.get_xdata()) == 1)
    bars = [line for line in lines if line.get_linestyle() == "-" and len(line.get_xdata()) == 2]
    beside = [text for text in axes.texts if isinstance(text, Annotation) and text.xy[1] == number]
    return {
        "dots": list(dots.get_xdata()),
        "median": median,
        "bar": bars[0] if bars else None,
        "right": next(text for text in beside if text.xy[0] > 1),
        "left": [text.get_text() for text in beside if text.xy[0] == 0],
        "name": axes.get_yticklabels()[number],
    }


def xs(line: Line2D) -> list[float]:
    """Where a line's points are, from left to right."""
    return [float(x) for x in np.asarray(line.get_xdata())]


def ys(line: Line2D) -> list[float]:
    """How high they are."""
    return [float(y) for y in np.asarray(line.get_ydata())]


def texts(figure: object) -> str:
    import matplotlib.text

    figure.canvas.draw()  # type: ignore[attr-defined]  # ticks get their labels when drawn
    return "\n".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))  # type: ignore[attr-defined]


def test_growth_is_drawn_on_log_axes_with_fit_guess_and_circumstances() -> None:
    figure = plots.growth(result(300.0, sizes=SIZES), guess=0.02)
    axes, below = figure.axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    residuals = {line.get_marker(): ys(line) for line in below.lines if line.get_marker() != "None"}
    assert set(residuals) == {"o", "s"}
    assert all(0.5 < value < 2 for values in residuals.values() for value in values)
    said = texts(figure)
    for word in (
        "container layer",
        "volume",
        "your guess: 20 ms",
        "MiB/s",
        "256 MiB",
        "fio-3.33",
        "measured live",
    ):
        assert word in said
    star = next(line for line in axes.lines if line.get_marker() == "*")
    assert (xs(star), ys(star)) == ([256 * MIB], [0.02])


def test_the_forest_has_a_row_for_each_comparison_and_says_where_none_is_shown() -> None:
    figure = plots.ratios([result(2.0, sizes=SIZES), result(1.0)])
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    assert len(axes.get_yticks()) == 6
    low, high = axes.get_xlim()
    assert low < 1 < high
    said = texts(figure)
    assert said.count("no difference shown") == 1
    assert "n=12" in said
    assert "too few pairs" in texts(plots.ratios([result(5.0, n=6)]))
    with pytest.raises(ValueError, match="no pairs"):
        plots.ratios([result(n=0)])


def test_results_of_several_places_name_them_row_by_row() -> None:
    other = result(2.0)
    moved = [replace(p, a=replace(p.a, place="bind"), b=replace(p.b, place="tmpfs")) for p in other.pairs]
    elsewhere = replace(other, places=("bind", "tmpfs"), pairs=tuple(moved))
    said = texts(plots.ratios([result(2.0), elsewhere]))
    assert "times as long in the first place as in the second" in said
    assert "first faster" in said
    assert "bind mount : tmpfs" in said
    table = plots.page([result(2.0), elsewhere])
    assert "<td>bind mount :<small>tmpfs</small></td>" in table


def test_rows_measured_elsewhere_are_tagged_and_each_circumstance_has_its_line() -> None:
    kept = on(result(2.0), origin="recorded")
    figure = plots.ratios([kept, on(kept, "xfs"), on(result(2.0), started="2026-12-01T09:00:00+00:00")])
    (axes,) = figure.axes
    assert [row(axes, number)["left"] for number in range(3)] == [
        ["[1] Docker 20.10, overlay2 on ext4, recorded 2026-11-24"],
        ["[2] Docker 20.10, overlay2 on xfs, recorded 2026-11-24"],
        ["[3] Docker 20.10, overlay2 on ext4, live 2026-12-01"],
    ]
    assert figure.get_supxlabel().splitlines() == [
        "[1] Docker 20.10 · overlay2 on ext4 · fio-3.33 · 2026-11-24 · recorded",
        "[2] Docker 20.10 · overlay2 on xfs · fio-3.33 · 2026-11-24 · recorded",
        "[3] Docker 20.10 · overlay2 on ext4 · fio-3.33 · 2026-12-01 · measured live",
    ]


def test_rows_measured_alike_have_one_caption_and_no_tags() -> None:
    loaded = on(result(1.0))
    loaded = replace(loaded, circumstances={**loaded.circumstances, "load_1min": "3.1", "free_bytes": 1})
    figure = plots.ratios([on(result(2.0, sizes=SIZES)), loaded])
    (axes,) = figure.axes
    assert all(not row(axes, number)["left"] for number in range(6))
    assert figure.get_supxlabel() == "Docker 20.10 · overlay2 on ext4 · fio-3.33 · 2026-11-24 · measured live"


def test_a_result_without_pairs_lends_no_circumstances_to_the_others() -> None:
    figure = plots.ratios([on(result(n=0), "xfs", places=("bind", "tmpfs")), on(result(2.0))])
    assert "ext4" in figure.get_supxlabel()
    assert "xfs" not in figure.get_supxlabel()
    assert "container layer" in figure.axes[0].get_title(loc="left")


def test_a_caption_wider_than_its_figure_goes_on_in_the_next_line() -> None:
    long = on(result(2.0), "ext4", started="2026-11-24")
    long = replace(long, circumstances={**long.circumstances, "kernel": "6.18 " + "x" * 100})
    figure = plots.ratios([long])
    first, second, *_rest = figure.get_supxlabel().splitlines()
    assert first.endswith("overlay2 on ext4 ·")
    assert second.strip().startswith("Linux 6.18 xxx")


@pytest.mark.parametrize("metric", ["seconds", "iops"])
@pytest.mark.parametrize(
    ("ratio", "marker", "colour"), [(2.0, ">", SLOWER), (0.5, "<", FASTER), (1.0, "D", INK)]
)
def test_every_ratio_is_times_as_long_and_points_to_the_side_that_it_lies_on(
    metric: str, ratio: float, marker: str, colour: str
) -> None:
    one = result(ratio) if metric == "seconds" else in_iops(result(ratio))
    (axes,) = plots.ratios([one]).axes
    found = row(axes, 0)
    assert list(found["median"].get_xdata()) == pytest.approx([ratio], rel=0.1)
    assert all(value == pytest.approx(ratio, rel=0.12) for value in found["dots"])
    low, high = found["bar"].get_xdata()
    assert low < found["median"].get_xdata()[0] < high
    assert (found["median"].get_marker(), found["median"].get_color()) == (marker, colour)
    assert found["bar"].get_color() == colour
    assert found["right"].get_text().startswith(f"{found['median'].get_xdata()[0]:.2f}×")
    said, sides = axes.get_xlabel().splitlines()
    assert said.startswith("times as long in container layer as in volume")
    assert re.fullmatch("◀ container layer faster +[|] +container layer slower ▶", sides)


def test_a_forest_of_several_metrics_has_slower_on_one_side() -> None:
    (axes,) = plots.ratios([result(2.0), in_iops(result(2.0)), in_iops(result(0.5))]).axes
    assert [row(axes, number)["median"].get_marker() for number in range(3)] == [">", ">", "<"]


def test_a_few_round_ratios_stand_at_the_axis() -> None:
    for largest in (1.0, 3.0, 600.0, 1e6):
        (axes,) = plots.ratios([result(1.0), result(largest)]).axes
        low, high = axes.get_xlim()
        ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
        assert 1.0 in ticks
        assert 3 <= len(ticks) <= 8, largest


def test_the_table_of_the_page_tells_where_each_row_was_measured_and_who_is_slower() -> None:
    kept = on(result(2.0), origin="recorded")
    text = plots.page([kept, on(in_iops(kept), "xfs"), on(in_iops(result(0.5)))])
    rows = re.findall(r"<tr class=.*?</tr>", text, re.DOTALL)
    assert ["Docker 20.10, overlay2 on ext4<small>recorded 2026-11-24" in each for each in rows] == [
        True,
        False,
        False,
    ]
    assert "[2] Docker 20.10, overlay2 on xfs<small>recorded 2026-11-24" in rows[1]
    assert "[3] Docker 20.10, overlay2 on ext4<small>live 2026-11-24" in rows[2]
    assert ["container layer slower" in each for each in rows] == [True, True, False]
    assert "container layer faster" in rows[2]
    assert [float(ratio) for ratio in re.findall(r">([\d.]+)×", "".join(rows))] == pytest.approx(
        [2.0, 2.0, 0.5], rel=0.1
    )
    assert "times as long</th>" in text
    headings = re.findall(r"<h2>.*?<small>(.*?)</small></h2>", text)
    assert headings[1] == "Docker 20.10, overlay2 on xfs, recorded 2026-11-24"


@pytest.mark.parametrize(
    ("stopped", "planned", "words"),
    [
        ("", None, "unfinished, 9 pairs so far"),
        ("", 20, "unfinished, 9 of 20 pairs"),
        ("cancelled", 20, "unfinished, 9 of 20 pairs"),
    ],
)
def test_what_is_unfinished_is_grey_and_says_so(stopped: str, planned: int | None, words: str) -> None:
    part = replace(result(5.0, n=9), complete=False, planned=planned, stopped=stopped)
    (axes,) = plots.ratios([result(2.0), part]).axes
    found, finished = row(axes, 1), row(axes, 0)
    assert found["right"].get_text().endswith(words)
    assert found["median"].get_marker() == "D"
    assert found["median"].get_markerfacecolor() == "white"
    assert found["bar"].get_linewidth() < finished["bar"].get_linewidth()
    for colour in (
        found["median"].get_color(),
        found["bar"].get_color(),
        found["right"].get_color(),
        found["name"].get_color(),
    ):
        assert is_grey(colour)
    assert finished["right"].get_color() == finished["name"].get_color() == INK
    (line,) = re.findall(r'<tr class="unfinished">.*?</tr>', plots.page([result(2.0), part]), re.DOTALL)
    assert f'<td class="finding">{words}</td>' in line
    assert plots.pairs(part).get_supxlabel().endswith(words)


def test_what_the_budget_ended_after_the_pilot_is_an_answer() -> None:
    ended = replace(result(5.0, n=9), complete=False, planned=20, stopped="budget")
    (axes,) = plots.ratios([ended]).axes
    assert row(axes, 0)["median"].get_marker() == ">"
    assert "unfinished" not in plots.page([ended]).partition("<body>")[2]
    early = replace(result(5.0, n=6), complete=False, planned=20, stopped="budget")
    assert "unfinished, 6 of 20 pairs" in texts(plots.ratios([early]))


def is_grey(colour: str) -> bool:
    """Whether it is neither dark as ink nor strongly coloured."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return max(red, green, blue) - min(red, green, blue) < 40 and min(red, green, blue) > 80


def with_trials(**more: object) -> Result:
    """A result whose trials have more than a metric."""
    made = result(2.0, n=3)
    pairs = tuple(
        replace(pair, a=replace(pair.a, **more), b=replace(pair.b, **more))  # type: ignore[arg-type]
        for pair in made.pairs
    )
    return replace(made, pairs=pairs)


def test_pairs_are_joined_and_each_place_has_its_median() -> None:
    figure = plots.pairs(result(2.0))
    (axes,) = figure.axes
    joined = [line for line in axes.lines if xs(line) == [0, 1]]
    assert len(joined) == 12
    assert [label.get_text() for label in axes.get_xticklabels()] == ["container layer", "volume"]
    assert axes.get_ylim()[0] == 0 or axes.get_yscale() == "log"
    with pytest.raises(ValueError, match="no pairs"):
        plots.pairs(result(n=0))


def test_a_distribution_is_a_share_of_all_ios_with_its_percentiles() -> None:
    figure = plots.distribution(with_trials(bins={1000: 90, 10_000: 9, 1_000_000: 1}))
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    heights = [patch.get_data()[0] for patch in axes.patches if isinstance(patch, StepPatch)]
    assert len(heights) == len(axes.patches)
    assert all(sum(values) == pytest.approx(100) for values in heights)
    assert "p50 1.0 µs, p99 10 µs, p99.9 1.0 ms" in texts(figure)
    with pytest.raises(ValueError, match="no distribution"):
        plots.distribution(result(2.0))


def test_a_step_without_io_is_drawn_at_zero() -> None:
    series = ((0.01, 8000.0), (0.02, 9000.0), (0.06, 7000.0), (0.07, 8000.0))
    figure = plots.over_time(with_trials(series=series))
    upper, lower = figure.axes
    line = upper.lines[0]
    assert xs(line) == pytest.approx([0.01, 0.02, 0.03, 0.05, 0.06, 0.07])
    assert ys(line) == [8000, 9000, 0, 0, 7000, 8000]
    assert upper.get_ylim() == lower.get_ylim()
    with pytest.raises(ValueError, match="no series"):
        plots.over_time(result(2.0))


def test_the_first_files_stall_is_drawn_from_the_start_of_the_job() -> None:
    series = ((0.05, 3000.0), (0.06, 9000.0), (0.07, 8000.0))
    figure = plots.over_time(with_trials(series=series))
    upper, lower = figure.axes
    line = upper.lines[0]
    assert xs(line) == pytest.approx([0, 0.04, 0.05, 0.06, 0.07])
    assert ys(line) == [0, 0, 3000, 9000, 8000]
    assert upper.get_xlim()[0] == lower.get_xlim()[0] == 0
    assert "since the job began" in lower.get_xlabel()


def test_time_never_runs_backwards_and_a_lone_sample_is_a_dot() -> None:
    late = plots.over_time(with_trials(series=((0.01, 1.0), (0.02, 1.0), (0.039, 1.0), (0.049, 1.0))))
    at = xs(late.axes[0].lines[0])
    assert at == sorted(at)
    lone = plots.over_time(with_trials(series=((0.008, 8000.0),)))
    line = lone.axes[0].lines[0]
    assert (xs(line), ys(line)) == ([0.008], [8000])
    assert line.get_marker() == "."


def test_a_result_has_the_figures_that_its_data_allow() -> None:
    assert [name for name, _draw, _words in plots.views(result(2.0, sizes=SIZES))] == ["growth", "ratios"]
    assert [name for name, _draw, _words in plots.views(result(2.0))] == ["pairs", "ratios"]
    rich = with_trials(bins={1: 1}, series=((0.0, 1.0),))
    assert [name for name, _d, _w in plots.views(rich)] == ["pairs", "ratios", "over-time", "distribution"]
    assert list(plots.views(result(n=0))) == []


def test_a_page_stands_by_itself_and_tells_what_is_recorded() -> None:
    text = plots.page(
        [result(2.0, sizes=SIZES), replace(result(1.0), origin="recorded")], {"first-write": ("<T>", "why")}
    )
    assert "http" not in text.replace("http://www.w3.org", "")
    assert "&lt;T&gt;" in text
    assert text.count("<h2>") == 2
    assert "recorded elsewhere" in text
    assert "no difference shown" in text
    assert "recorded elsewhere" not in plots.page([result(2.0)])
    with pytest.raises(ValueError, match="no pairs"):
        plots.page([result(n=0)])


@pytest.mark.parametrize(
    "name", ["[/bold] x", "<script>alert(1)</script>", "\x1b[31m", "]]>", "&", "-->", "$x$ $", "\u202e"]
)
def test_hostile_circumstances_are_shown_in_pages_and_figures(name: str) -> None:
    seen = {"engine": name, "storage_driver": name, "device": name}
    one = replace(result(2.0), circumstances=seen, workload="x-<script>")
    page = plots.page([one], {one.workload: (name, name)})
    assert "<script" not in page
    assert not {*page} & {"\x1b", "\u202e"}
    assert html.escape(legible(name), quote=False) in page.replace("&#34;", '"').replace("&#39;", "'")
    for drawn in (plots.ratios([one]), plots.pairs(one)):
        read = ElementTree.fromstring(plots.svg(drawn))
        assert not [part for part in read.iter() if part.tag.endswith("script")]


def test_a_result_of_one_round_can_be_drawn() -> None:
    plots.svg(plots.growth(result(3.0, n=1, sizes=SIZES)))
    plots.svg(plots.ratios([result(3.0, n=1, sizes=SIZES)]))


def test_figures_are_written_as_what_their_name_says(tmp_path: Path) -> None:
    plots.save(plots.growth(result(3.0, sizes=SIZES)), tmp_path / "sub" / "a.png")
    plots.save(plots.growth(result(3.0, sizes=SIZES)), tmp_path / "a.svg")
    assert (tmp_path / "sub" / "a.png").read_bytes().startswith(b"\x89PNG")
    assert plots.svg(plots.growth(result(3.0, sizes=SIZES))) == (tmp_path / "a.svg").read_text()
    with pytest.raises(ValueError, match=r"\.png or \.svg"):
        plots.save(plots.growth(result(3.0, sizes=SIZES)), tmp_path / "a.jpg")


def test_figures_owe_nothing_to_a_matplotlibrc() -> None:
    import matplotlib as mpl

    plain = plots.svg(plots.ratios([result()]))
    with mpl.rc_context({"text.usetex": True, "font.size": 40, "lines.linewidth": 9}):
        assert plots.svg(plots.ratios([result()])) == plain
        assert mpl.rcParams["text.usetex"], "the learner's own figures keep to it"


def test_pyplot_is_never_loaded() -> None:
    import subprocess
    import sys

    code = "import sys, voltutor.plots; assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_guessed_ratio_is_a_star_with_its_words_below() -> None:
    figure = plots.ratios([result(2.0)], guess=40.0)
    (axes,) = figure.axes
    star = next(line for line in axes.lines if line.get_marker() == "*")
    assert (xs(star), ys(star)) == ([40.0], [0])
    assert "your guess: 40×" in axes.get_xlabel()
    assert axes.get_xlim()[1] > 40


def test_a_guess_is_times_as_long_whatever_the_metric() -> None:
    for one in (result(2.0), in_iops(result(2.0))):
        draw = {name: draw for name, draw, _words in plots.views(one, slower=3.0)}["ratios"]
        (axes,) = draw().axes
        star = next(line for line in axes.lines if line.get_marker() == "*")
        assert xs(star) == [3.0]
