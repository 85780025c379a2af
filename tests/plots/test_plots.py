"""Figures carry the right data on the right axes; what they look like has been looked at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.results.test_model import MIB, result
from voltutor import plots
from voltutor.results import Result

SIZES = (MIB, 4 * MIB, 16 * MIB, 64 * MIB, 256 * MIB)


def texts(figure: object) -> str:
    import matplotlib.text

    figure.canvas.draw()  # type: ignore[attr-defined]  # ticks get their labels when drawn
    return "\n".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))  # type: ignore[attr-defined]


def test_growth_is_drawn_on_log_axes_with_fit_guess_and_circumstances() -> None:
    figure = plots.growth(result(300.0, sizes=SIZES), guess=0.02)
    axes, below = figure.axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    residuals = {
        line.get_marker(): list(line.get_ydata()) for line in below.lines if line.get_marker() != "None"
    }
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
    assert (list(star.get_xdata()), list(star.get_ydata())) == ([256 * MIB], [0.02])


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
    assert "first : second" in said
    assert "bind mount : tmpfs" in said


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
    joined = [line for line in axes.lines if list(line.get_xdata()) == [0, 1]]
    assert len(joined) == 12
    assert [label.get_text() for label in axes.get_xticklabels()] == ["container layer", "volume"]
    assert axes.get_ylim()[0] == 0 or axes.get_yscale() == "log"
    with pytest.raises(ValueError, match="no pairs"):
        plots.pairs(result(n=0))


def test_a_distribution_is_a_share_of_all_ios_with_its_percentiles() -> None:
    figure = plots.distribution(with_trials(bins={1000: 90, 10_000: 9, 1_000_000: 1}))
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    heights = [patch.get_data().values for patch in axes.patches]
    assert all(sum(values) == pytest.approx(100) for values in heights)
    assert "p50 1.0 µs, p99 10 µs, p99.9 1.0 ms" in texts(figure)
    with pytest.raises(ValueError, match="no distribution"):
        plots.distribution(result(2.0))


def test_a_step_without_io_is_drawn_at_zero() -> None:
    series = ((0.10, 8000.0), (0.11, 9000.0), (0.15, 7000.0), (0.16, 8000.0))
    figure = plots.over_time(with_trials(series=series))
    upper, lower = figure.axes
    line = upper.lines[0]
    assert list(line.get_xdata()) == pytest.approx([0, 0.01, 0.02, 0.04, 0.05, 0.06])
    assert list(line.get_ydata()) == [8000, 9000, 0, 0, 7000, 8000]
    assert upper.get_ylim() == lower.get_ylim()
    with pytest.raises(ValueError, match="no series"):
        plots.over_time(result(2.0))


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


def test_pyplot_is_never_loaded() -> None:
    import subprocess
    import sys

    code = "import sys, voltutor.plots; assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_guessed_ratio_is_a_star_with_its_words_below() -> None:
    figure = plots.ratios([result(2.0)], guess=40.0)
    (axes,) = figure.axes
    star = next(line for line in axes.lines if line.get_marker() == "*")
    assert (list(star.get_xdata()), list(star.get_ydata())) == ([40.0], [0])
    assert "your guess: 40×" in axes.get_xlabel()
    assert axes.get_xlim()[1] > 40
