"""The words of the cards, and how a text becomes HTML."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from html import escape
from typing import Any

from voltutor.images import MIB
from voltutor.results import (
    Interval,
    Result,
    amount_interval,
    compare,
    duration_interval,
    median_interval,
    place_title,
    slowdown,
    times_interval,
)
from voltutor.session import Command
from voltutor.text import _, tr

_LABELS = {
    "step": _("Step {number} of {of}"),
    "predict": _("Your prediction"),
    "unknown": _("I don't know"),
    "guess": _("That's my guess"),
    "command": _("The command"),
    "copy": _("Copy"),
    "copied": _("Copied"),
    "run": _("Run"),
    "check": _("Check"),
    "cancel": _("Cancel"),
    "reset": _("Reset"),
    "hint": _("Hint {n} of {of}"),
    "hints": _("Hints"),
    "log": _("What the engine said"),
    "explanation": _("What happened"),
    "then": _("2018"),
    "now": _("Now"),
    "solution": _("The same in Python"),
    "asleep": _("Asleep: this card's kernel has gone. Wake it with Run › Run All Cells."),
    "words": _("The picture in words"),
    "mounts": _("The mounts, field by field"),
    "figures": _("What was measured"),
    "table": _("The figures as a table"),
    "unheard": _("Waiting for the notebook: a cell is running. If none is, reload the page."),
    "pairs": _("{done} of {total} pairs"),
}


def labels() -> dict[str, str]:
    """Every fixed word of a card, translated; fields in braces are filled in by the view."""
    return {key: tr(text) for key, text in _LABELS.items()}


def html(text: str) -> str:
    """A text as HTML: nothing in it is markup but `code` in backticks."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))


_MODULES = {
    "voltutor.session": (
        "Bind",
        "Commit",
        "CreateVolume",
        "DeviceVolume",
        "Exec",
        "Kill",
        "Mount",
        "OnHost",
        "Remove",
        "RemoveVolume",
        "Run",
        "Start",
        "Stop",
        "Tag",
    ),
    "voltutor.labs.common": ("Refusal", "RunOnOrphan"),
    "voltutor.labs.sweeping": ("PruneVolumes", "RemoveDangling", "RemoveOrphan"),
    "voltutor.labs.rescue": ("Restore",),
    "voltutor.services": ("Backup", "Deploy", "Heal", "Load", "Scale", "ScaleByLoad"),
    "voltutor.measure": ("Measure", "place", "workload"),
}


def python(commands: Sequence[Command]) -> list[str]:
    """The lines of Python that do the same in a cell of the notebook."""
    calls = [f"lab.bench.do({command!r})" for command in commands]
    used = set(re.findall(r"\b(\w+)\(", " ".join(calls)))
    imports = [
        f"from {module} import {', '.join(sorted(used & set(names)))}"
        for module, names in _MODULES.items()
        if used & set(names)
    ]
    return [*imports, *calls]


def figures(result: Result) -> dict[str, Any]:
    """What the plots show, as a table: a row a size, with intervals."""
    (found,) = compare(result)
    heads = [_("size"), *(place_title(name) for name in result.places), _("ratio"), _("pairs")]
    rows = [
        [
            f"{each.size // MIB} MiB" if each.size else tr(_("one")),
            amount_interval(result.metric, each.a),
            amount_interval(result.metric, each.b),
            f"{each.ratio.median:.3g}" + _ends(each.ratio),
            str(each.n),
        ]
        for each in found
    ]
    return {"heads": [tr(head) for head in heads], "rows": rows}


def _ends(interval: Interval) -> str:
    return f" [{interval.low:.3g}, {interval.high:.3g}]" if math.isfinite(interval.high) else ""


def slower(result: Result) -> str:
    """How many times as long the first place took, for the largest size, with its interval."""
    (found,) = compare(result)
    return times_interval(slowdown(result, found[-1]))


def measured(result: Result) -> str:
    """The layer's time for the largest size, with its interval."""
    return duration_interval(median_interval(result.values("layer", result.sizes[-1])))
