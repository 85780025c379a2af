"""Several results on one self-contained HTML page: the forest of all of them, a table, and each one's figures with
its circumstances."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, select_autoescape

from voltutor.plots.circumstances import TITLES, setting, storage, tags, when
from voltutor.plots.findings import Direction, direction, unfinished, words
from voltutor.plots.ratios import ratios
from voltutor.plots.style import png, svg
from voltutor.plots.views import views
from voltutor.results import (
    Comparison,
    Finding,
    Result,
    amount_interval,
    compare,
    place_title,
    slowdown,
    times_interval,
)
from voltutor.text import _, legible, tr

MIB = 1 << 20


def page(results: Sequence[Result], workloads: dict[str, tuple[str, str]] | None = None) -> str:
    """The page as HTML. `workloads` gives a title and a sentence by a workload's name, translated.

    Raises:
        ValueError: no result has a pair.
    """
    measured = [result for result in results if result.pairs]
    if not measured:
        raise ValueError("no pairs to report")
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(("html",), default=True),
        finalize=lambda value: legible(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    told = workloads or {}
    numbers = {one: number for number, one in enumerate(tags(measured), 1)}
    compared = list(zip(measured, compare(*measured), strict=True))
    # Where all compare the same two places, these are the columns' names.
    alike = len({result.places for result in measured}) == 1
    a, b = (place_title(name) for name in measured[0].places) if alike else (tr(_("first")), tr(_("second")))
    places = [] if alike else [tr(_("places"))]
    ends = [
        tr(head) for head in (_("times as long"), _("pairs"), _("p"), _("finding"), _("would have shown"))
    ]
    return environment.get_template("page.html").render(
        tr=tr,
        _=_,
        heads=[tr(_("workload")), tr(_("measured on")), *places, a, b, *ends],
        alike=alike,
        forest=_image(svg(ratios(measured))),
        rows=[
            {**_row(result, found), "section": section, "number": numbers.get(setting(result))}
            for section, (result, each) in enumerate(compared, 1)
            for found in each
        ],
        sections=[_section(result, *told.get(result.workload, (result.workload, ""))) for result in measured],
        recorded=any(result.origin == "recorded" for result in measured),
    )


def _image(text: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(text.encode()).decode()


def _row(result: Result, found: Comparison) -> dict[str, object]:
    size = f" {found.size // MIB}\N{NO-BREAK SPACE}MiB" if found.size else ""
    pointing = direction(result, found)
    slower = pointing is Direction.SLOWER
    said = words(result, found) or tr(
        _("{place} slower") if slower else _("{place} faster"), place=place_title(result.places[0])
    )
    return {
        "workload": f"{result.workload}{size}",
        "places": [place_title(name) for name in result.places],
        "storage": storage(result),
        "when": when(result),
        "a": amount_interval(result.metric, found.a),
        "b": amount_interval(result.metric, found.b),
        "ratio": times_interval(slowdown(result, found)),
        "n": found.n,
        "p": _chance(found.p) if result.answers and found.finding is not Finding.TOO_FEW else "",
        "finding": said,
        "could": f"{found.detectable:.2f}"
        if result.answers and found.finding is Finding.NO_DIFFERENCE
        else "",
        "kind": pointing.value,
    }


def _chance(p: float) -> str:
    return f"{p:.3f}" if p >= 0.001 else "<0.001"


def _section(result: Result, title: str, isolates: str) -> dict[str, object]:
    seen = {
        tr(TITLES.get(key, key)): value for key, value in result.circumstances.items() if value is not None
    }
    seen[tr(_("seed of the order"))] = result.seed
    seen[tr(_("begun"))] = result.started
    seen[tr(_("origin"))] = tr(_("recorded")) if result.origin == "recorded" else tr(_("measured live"))
    seen[tr(_("pairs, planned and needed"))] = f"{result.planned or '?'}, {result.needed or '?'}"
    # Dense figures as pictures: as paths they would weigh megabytes.
    figures = [
        {
            "source": "data:image/png;base64," + base64.b64encode(png(draw(), dpi=110)).decode(),
            "words": words,
        }
        for name, draw, words in views(result)
        if name != "ratios"
    ]
    return {
        "title": title,
        "name": result.workload,
        "where": ", ".join(part for part in (storage(result), when(result)) if part),
        "unfinished": unfinished(result, result.rounds),
        "isolates": isolates,
        "figures": figures,
        "seen": seen,
    }
