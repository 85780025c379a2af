"""Figures carry the right data on the right axes; what they look like has been looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.results.test_model import MIB, result
from voltutor import plots

SIZES = (MIB, 4 * MIB, 16 * MIB, 64 * MIB, 256 * MIB)


def texts(figure: object) -> str:
    import matplotlib.text

    figure.canvas.draw()  # type: ignore[attr-defined]  # ticks get their labels when drawn
    return "\n".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))  # type: ignore[attr-defined]


def test_growth_is_drawn_on_log_axes_with_fit_guess_and_circumstances() -> None:
    figure = plots.growth(result(300.0, sizes=SIZES), guess=0.02)
    (axes,) = figure.axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
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


def test_a_result_of_one_round_can_be_drawn() -> None:
    plots.svg(plots.growth(result(3.0, n=1, sizes=SIZES)))
    plots.svg(plots.ratios([result(3.0, n=1, sizes=SIZES)]))


def test_figures_are_written_as_what_their_name_says(tmp_path: Path) -> None:
    figure = plots.growth(result(3.0, sizes=SIZES))
    plots.save(figure, tmp_path / "sub" / "a.png")
    plots.save(figure, tmp_path / "a.svg")
    assert (tmp_path / "sub" / "a.png").read_bytes().startswith(b"\x89PNG")
    assert plots.svg(plots.growth(result(3.0, sizes=SIZES))) == (tmp_path / "a.svg").read_text()
    with pytest.raises(ValueError, match=r"\.png or \.svg"):
        plots.save(figure, tmp_path / "a.jpg")


def test_pyplot_is_never_loaded() -> None:
    import subprocess
    import sys

    code = "import sys, voltutor.plots; assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
