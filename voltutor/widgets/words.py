"""The words of the cards, and how a text becomes HTML."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from voltutor import diagrams
from voltutor.diagrams import MountScene, Scene
from voltutor.images import MIB
from voltutor.results import (
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
from voltutor.text import _, escape, tr

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


WHOLE = 36
"""Characters of code that are kept on one line, at most."""
_CODE = re.compile(r"`([^`]+)`|(?<![A-Za-z0-9_./:<-])(--[a-z][a-z-]*[a-z]|-[a-z](?![\w-])|/[\w./*-]*[\w/*-])")
_WORDS = re.compile(r"--?[a-z]\S* [^\s-]\S*|\S+")


def html(text: str) -> str:
    """A text as HTML: what stands in backticks is code, and so are options and paths; nothing else is markup."""
    parts, end = [], 0
    for found in _CODE.finditer(text):
        said = found[1] or found[2]
        whole = ' class="vt-whole"' if len(said) <= WHOLE and " " not in said else ""
        parts += [text[end : found.start()], f"<code{whole}>", said, "</code>"]
        end = found.end()
    parts.append(text[end:])
    # Every second part is ours; all else is escaped.
    return "".join(part if number % 2 else escape(part, quote=False) for number, part in enumerate(parts))


def shell(lines: Sequence[str]) -> str:
    """Lines for a shell as HTML: each is broken between its words where it is too long, an option's value stays with
    it, and what is selected and copied is the line."""
    return "".join(
        '<span class="vt-line">'
        + _WORDS.sub(lambda found: f'<span class="vt-word">{escape(found[0], quote=False)}</span>', line)
        + "</span>"
        for each in lines
        for line in each.splitlines()
    )


def picture(scene: Scene, since: Scene | None = None) -> dict[str, str]:
    """A scene as pictures for a wide and a narrow place, and in words where there is anything to tell."""
    empty = scene == MountScene(()) and since in (None, scene)
    return {"html": diagrams.html(scene, since), "text": "" if empty else diagrams.text(scene, since)}


_MODULES = {
    "voltutor.session": (
        "Bind",
        "Commit",
        "CopyOut",
        "CreateVolume",
        "DeviceVolume",
        "Exec",
        "InspectVolume",
        "Kill",
        "Mount",
        "OnHost",
        "Remove",
        "RemoveVolume",
        "Restart",
        "Run",
        "Start",
        "Stop",
        "Tag",
    ),
    "voltutor.labs.common": ("Refusal", "RemoveAsContainer", "RunOnOrphan"),
    "voltutor.labs.sweeping": ("ListDangling", "PruneVolumes", "RemoveDangling", "RemoveOrphan"),
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
    heads = [_("size"), *(place_title(name) for name in result.places), _("times as long"), _("pairs")]
    rows = [
        [
            f"{each.size // MIB} MiB" if each.size else "–",
            amount_interval(result.metric, each.a),
            amount_interval(result.metric, each.b),
            times_interval(slowdown(result, each)),
            str(each.n),
        ]
        for each in found
    ]
    return {"heads": [tr(head) for head in heads], "rows": rows}


def slower(result: Result) -> str:
    """How many times as long the first place took, for the largest size, with its interval."""
    (found,) = compare(result)
    return times_interval(slowdown(result, found[-1]))


def measured(result: Result) -> str:
    """The layer's time for the largest size, with its interval."""
    return duration_interval(median_interval(result.values("layer", result.sizes[-1])))
