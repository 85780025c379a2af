"""Several results on one self-contained HTML page: the forest of all of them, a table, and each one's figures with
its circumstances."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, select_autoescape

from voltutor.plots.ratios import FINDINGS, ratios
from voltutor.plots.style import png, svg
from voltutor.plots.views import views
from voltutor.results import (
    Comparison,
    Finding,
    Result,
    amount_interval,
    compare,
    place_title,
    times_interval,
)
from voltutor.text import _, tr

MIB = 1 << 20

TITLES = {
    "engine": _("engine"),
    "engine_version": _("its version"),
    "api": _("API"),
    "storage_driver": _("storage driver"),
    "backing_file_system": _("file system"),
    "device": _("device"),
    "mount_options": _("mount options"),
    "journal": _("journal"),
    "scheduler": _("I/O scheduler"),
    "write_cache": _("write cache"),
    "rotational": _("rotational"),
    "reflink": _("clones files"),
    "kernel": _("kernel"),
    "cpus": _("CPUs"),
    "memory_bytes": _("memory (bytes)"),
    "memory_limit": _("memory limit of the cgroup"),
    "cpu_limit": _("CPU limit of the cgroup"),
    "fio": _("fio"),
    "load_1min": _("load at the start"),
    "dirty_kib": _("dirty pages at the start (KiB)"),
    "free_bytes": _("free on the data root (bytes)"),
    "caches_dropped": _("page cache can be dropped"),
}


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
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found = compare(*measured)
    told = workloads or {}
    return environment.get_template("page.html").render(
        tr=tr,
        _=_,
        forest=_image(svg(ratios(measured))),
        rows=[_row(result, one) for result, each in zip(measured, found, strict=True) for one in each],
        sections=[_section(result, *told.get(result.workload, (result.workload, ""))) for result in measured],
        recorded=any(result.origin == "recorded" for result in measured),
    )


def _image(text: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(text.encode()).decode()


def _row(result: Result, found: Comparison) -> dict[str, object]:
    size = f" {found.size // MIB} MiB" if found.size else ""
    plain = found.finding in FINDINGS
    worse = found.finding is (Finding.HIGHER if result.slower_is_more else Finding.LOWER)
    said = tr(FINDINGS[found.finding]) if plain else tr(_("slower") if worse else _("faster"))
    return {
        "workload": f"{result.workload}{size}",
        "places": " / ".join(place_title(name) for name in result.places),
        "a": amount_interval(result.metric, found.a),
        "b": amount_interval(result.metric, found.b),
        "ratio": times_interval(found.ratio),
        "n": found.n,
        "p": f"{found.p:.3f}",
        "finding": said,
        "could": f"{found.detectable:.2f}" if found.finding is Finding.NO_DIFFERENCE else "",
        "kind": "plain" if plain else "worse" if worse else "better",
    }


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
    return {"title": title, "name": result.workload, "isolates": isolates, "figures": figures, "seen": seen}
