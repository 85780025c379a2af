"""`voltutor doctor`: engines found and refused and why, what the engine can do, what each lab needs."""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
from typing import Any

from rich.console import Console
from rich.table import Table

from voltutor import images
from voltutor.cli.say import marked as escape
from voltutor.cli.say import say
from voltutor.disk import DiskTrouble
from voltutor.engine import Engine, Found, NoEngine, Refusal, embedded, survey
from voltutor.errors import VoltutorError
from voltutor.home import home, place
from voltutor.labs import LABS
from voltutor.programs import find
from voltutor.session import IN_A_CONTAINER, PROBES, Bench, Capability
from voltutor.text import _, tr


def doctor(arguments: argparse.Namespace) -> int:
    """Look and tell. Makes a container for a moment to try what the engine can do, if the lab image is there."""
    answers = survey(arguments.engine)
    found = [answer for answer in answers if isinstance(answer, Found)]
    refusals = tuple(answer for answer in answers if isinstance(answer, Refusal))
    bench, trouble = _bench(found)
    report = {
        "home": str(place()),
        "home_trouble": trouble,
        "python": platform.python_version(),
        "engines": [_engine(answer.engine, answer.candidate.origin) for answer in found],
        "refused": [
            {"url": r.url, "origin": r.origin, "why": r.why.name, "reason": r.reason, "mend": r.mend}
            for r in refusals
        ],
        "capabilities": _capabilities(bench),
        "programs": _programs(found),
        "labs": _labs(bench),
    }
    if arguments.json:
        print(json.dumps(report, indent=1))
    else:
        _show(report)
    if not found:
        error = NoEngine(refusals)
        if arguments.json:
            return error.exit_code
        raise error
    return 0


def _bench(found: list[Found]) -> tuple[Bench | None, str]:
    """A bench on the first engine, if there is one; or why the home is none to work in."""
    try:
        with tempfile.TemporaryFile(dir=home()):  # root may write anywhere but on a read-only disk
            pass
        return (Bench(found[0].engine) if found else None), ""
    except (OSError, DiskTrouble) as error:
        return None, embedded.unwritable(error)


def _engine(engine: Engine, origin: str) -> dict[str, Any]:
    info = engine.info
    return {
        "url": engine.url,
        "origin": origin,
        "title": info.title,
        "version": info.version,
        "api": info.api,
        "driver": info.driver,
        "backing_file_system": info.backing,
        "data_root": info.data_root,
        "kernel": info.kernel,
        "system": info.system,
        "architecture": info.architecture,
        "cpus": info.cpus,
        "memory_bytes": info.memory,
        "rootless": info.rootless,
    }


def _capabilities(bench: Bench | None) -> list[dict[str, Any]]:
    if bench is None:
        return []
    there = bench.has_image("lab")
    why = tr(_("not tried: needs the lab image (`voltutor images build`)"))
    tried = [
        bench.capability(name) if there or name not in IN_A_CONTAINER else Capability(name, None, why)
        for name in PROBES
    ]
    return [{"name": one.name, "available": one.available, "why": one.why} for one in tried]


def _programs(found: list[Found]) -> dict[str, str]:
    programs = {name: str(find(name, place()) or "") for name in ("docker", "fio", "busybox", "proot")}
    if found:
        try:
            images.locate(found[0].engine.info.architecture, place())
            programs["lab image"] = tr(_("can be assembled from this machine's programs"))
        except VoltutorError as error:
            programs["lab image"] = str(error)
    return programs


def _labs(bench: Bench | None) -> list[dict[str, Any]]:
    rows = []
    for lab in LABS.values():
        needs = sorted({need for step in lab.steps for need in step.needs})
        lacking = [need for need in needs if bench and bench.capability(need).available is False]
        rows.append(
            {"id": lab.id, "needs": needs, "works": bench is not None and not lacking, "lacking": lacking}
        )
    return rows


def _show(report: dict[str, Any]) -> None:
    console = Console()
    table = Table(title=tr(_("Engines")), title_justify="left", box=None, pad_edge=False)
    for heading in (_("engine"), _("where"), _("storage"), _("kernel")):
        table.add_column(tr(heading), overflow="fold")
    for engine in report["engines"]:
        storage = f"{engine['driver']}, {engine['backing_file_system'] or '?'}, {engine['data_root']}"
        title = f"[bold]{escape(engine['title'])}[/] (API {escape(engine['api'])})"
        table.add_row(
            title, escape(f"{engine['url']} ({engine['origin']})"), escape(storage), escape(engine["kernel"])
        )
    for refusal in report["refused"]:
        table.add_row(*(f"[dim]{escape(refusal[key])}[/]" for key in ("origin", "url", "reason")), "")
    console.print(table)
    for refusal in report["refused"]:
        if refusal["why"] != "NO_SOCKET":
            say(f"  {refusal['url'] or refusal['origin']}: {refusal['mend']}")
    if report["capabilities"]:
        console.print()
        table = Table(title=tr(_("What it can do")), title_justify="left", box=None, pad_edge=False)
        for heading in (_("capability"), _("answer"), _("found out by")):
            table.add_column(tr(heading), overflow="fold")
        words = {True: tr(_("yes")), False: tr(_("no")), None: "?"}
        for one in report["capabilities"]:
            table.add_row(one["name"], words[one["available"]], escape(one["why"]))
        console.print(table)
    console.print()
    for name, where in report["programs"].items():
        say(f"{name}: {where or tr(_('not found'))}")
    for lab in report["labs"]:
        state = (
            tr(_("works here"))
            if lab["works"]
            else tr(_("needs an engine"))
            if not report["engines"]
            else tr(_("needs a home that can be written"))
            if report["home_trouble"]
            else ""
        )
        lacking = ", ".join(lab["lacking"])
        console.print(
            f"lab {lab['id']}: {state or tr(_('lacks {names}'), names=lacking)}",
            highlight=False,
            markup=False,
        )
    say(f"home: {report['home']}")
    if report["home_trouble"]:
        say(report["home_trouble"])
