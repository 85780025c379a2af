"""One style for every figure: colours that a colour-blind reader tells apart and that differ in grey, and
markers that say the same without colour."""

from __future__ import annotations

import io
import textwrap
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from voltutor.home import write_atomically
from voltutor.plots.circumstances import caption
from voltutor.plots.findings import unfinished
from voltutor.results import SECOND, Result
from voltutor.text import ENGLISH, language, legible

LAYER = "#b3400a"
VOLUME = "#1f6fb4"
INK = "#22272e"
MUTED = "#667080"
GUESS = "#6b3fa0"

PALE = "#9aa3af"
SLOWER, FASTER = LAYER, VOLUME
"""Of a finding, whichever places it compares."""

CAPTION = 8
"""Points."""

BIND = "#2e7d4f"
TMPFS = "#7a5c00"

PLACE_STYLE: dict[str, dict[str, Any]] = {
    "layer": {"color": LAYER, "marker": "o"},
    "volume": {"color": VOLUME, "marker": "s"},
    "bind": {"color": BIND, "marker": "^"},
    "tmpfs": {"color": TMPFS, "marker": "v"},
}

_STYLE: Any = {
    "font.family": ["DejaVu Sans"],
    "font.size": 10,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "text.color": INK,
    "text.parse_math": False,  # a name or a circumstance may hold two dollar signs
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": "#d9dee5",
    "grid.linewidth": 0.6,
    "figure.facecolor": "white",
    "svg.fonttype": "path",
    "svg.hashsalt": "voltutor",
}


_WIDE_FONTS = (
    "Noto Sans CJK SC",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "PingFang SC",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "SimHei",
)
"""Fonts with Chinese characters, of Linux distributions, macOS and Windows."""


@contextmanager
def style() -> Iterator[None]:
    """The style, for as long as a figure is drawn, and nothing of a matplotlibrc: one with `text.usetex` would have
    every text set by a TeX that is not there."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update({**_STYLE, **_letters(language())})
        yield


@lru_cache
def _letters(language: str) -> Any:
    """What a language needs beside Latin letters: a font of this machine that has them, after which Matplotlib looks
    letter by letter; without one, an SVG's texts are left to the fonts of whoever looks at it."""
    if language == ENGLISH:
        return {}
    there = {font.name for font in font_manager.fontManager.ttflist}
    found = next((name for name in _WIDE_FONTS if name in there), None)
    return {"font.family": [*_STYLE["font.family"], found]} if found else {"svg.fonttype": "none"}


MARK = "voltutor, by Matplotlib"
"""What the figures' metadata name as the program that made them."""

MARKED_WITHIN = 2000
"""Bytes of a file among which the mark stands."""


def figure(width: float = 7.6, height: float = 4.4) -> Figure:
    """An empty figure of this size in inches, with a canvas of its own."""
    made = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(made)
    return made


def looks(name: str) -> dict[str, Any]:
    """A place's colour and marker; hollow where it stands beside another of its kind."""
    own = PLACE_STYLE.get(name.removesuffix(SECOND), {"color": MUTED, "marker": "o"})
    return {**own, "markerfacecolor": "white"} if name.endswith(SECOND) else own


def time_label(seconds: float) -> str:
    """A tick's label in the shortest form: 1 ms, 10 ms, 1 s."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6), ("ns", 1e9)):
        if seconds * factor >= 0.999:
            return f"{seconds * factor:.0f} {unit}"
    return f"{seconds:g} s"


def add_caption(made: Figure, result: Result) -> None:
    """Put the circumstances of the one result under its figure, and whether it is finished."""
    parts = (caption(result), unfinished(result, result.rounds))
    add_lines(made, [" · ".join(part for part in parts if part)])


def add_lines(made: Figure, lines: Iterable[str]) -> None:
    """Put small lines under the figure. What is longer than the figure is wide goes on in the next line, after one of
    its dots."""
    lines = [legible(line) for line in lines]
    # A Chinese character is as wide as it is high.
    wide = any(unicodedata.east_asian_width(letter) in "WF" for line in lines for letter in line)
    fitting = int(made.get_figwidth() * 72 / (CAPTION * (0.8 if wide else 0.55)))
    whole = "\N{NO-BREAK SPACE}"  # textwrap leaves it alone
    wrapped = [
        part.replace(whole, " ")
        for line in lines
        for part in textwrap.wrap(
            line.replace(" ", whole).replace(f"{whole}·{whole}", f"{whole}· "),
            fitting,
            subsequent_indent="    ",
        )
    ]
    made.supxlabel("\n".join(wrapped), fontsize=CAPTION, color=MUTED, x=0.01, ha="left", linespacing=1.4)


def svg(made: Figure) -> str:
    """The figure as SVG text, the same for the same data."""
    with style():
        buffer = io.StringIO()
        made.savefig(buffer, format="svg", metadata={"Date": None, "Creator": MARK})
    return buffer.getvalue()


def png(made: Figure, dpi: int = 144) -> bytes:
    """The figure as PNG."""
    with style():
        buffer = io.BytesIO()
        made.savefig(buffer, format="png", dpi=dpi, metadata={"Software": MARK})
    return buffer.getvalue()


def is_ours(path: Path) -> bool:
    """Whether a file is a figure that `save` wrote, so that another may be written over it."""
    return MARK.encode() in path.read_bytes()[:MARKED_WITHIN]


def save(made: Figure, path: Path) -> None:
    """Write the figure; the suffix says as what: .png or .svg.

    Raises:
        ValueError: another suffix.
        DiskTrouble: the disk takes no more.
    """
    if path.suffix not in (".png", ".svg"):
        raise ValueError(f"{path.name}: a figure is written as .png or .svg")
    write_atomically(path, svg(made) if path.suffix == ".svg" else png(made), private=False)
