"""`voltutor clean`: list what is ours, ask, and remove it by id."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from voltutor import cleanup
from voltutor.cleanup import CleanupPlan, Outcome, Report, Scene, Thing
from voltutor.cli.say import cell, say, word
from voltutor.cli.sockets import remove_left
from voltutor.diagrams import size_text
from voltutor.engine import Engine, EngineError, EngineGone, find
from voltutor.errors import UsageError, VoltutorError
from voltutor.home import home
from voltutor.session import LEARNER, Bench, Session, home_id
from voltutor.session.names import KINDS
from voltutor.text import _, tr


def clean(arguments: argparse.Namespace) -> int:
    """Plan, show, ask, apply, report."""
    engine = find(arguments.engine)
    sessions = _chosen(arguments, engine)
    plan = _plan(arguments, engine, sessions)
    first = _keeping(arguments, engine, plan)
    if first:
        plan = _plan(arguments, engine, sessions)  # what saves them is ours, and goes with the rest
    if not arguments.json:
        _show(plan, _sizes(engine, plan))
    if arguments.dry_run or not plan.remove:
        return _finish(arguments, engine, sessions, plan, [])
    if not arguments.yes and not _confirmed(arguments, len(plan.remove)):
        return 1
    reports: list[Report] = []
    try:
        _apply(arguments, cleanup.apply(engine, plan, sessions, first), reports, len(plan.remove))
    except EngineGone:
        # What was done is told all the same; the rest is found again by the next clean-up.
        if arguments.json:
            print(json.dumps(_document(plan, reports), indent=1))
        left = len(plan.remove) - len(reports)
        say(tr(_("{n} of {all} were not reached; run it again."), n=left, all=len(plan.remove)), error=True)
        raise
    return _finish(arguments, engine, sessions, plan, reports)


def _apply(arguments: argparse.Namespace, work: Iterator[Report], reports: list[Report], total: int) -> None:
    """Follow the removals, and tell each."""
    for report in work:
        reports.append(report)
        if not arguments.json:
            detail = f": {report.detail}" if report.detail else ""
            what = f"{tr(KINDS[report.thing.kind])} {word(report.thing.name)}"
            say(f"{len(reports)}/{total} {what}: {tr(report.outcome.value)}{detail}")


def _plan(arguments: argparse.Namespace, engine: Engine, sessions: list[Session]) -> CleanupPlan:
    here = [session for session in Session.all(home()) if session.engine_id == engine.info.id]
    if arguments.session and not any(session in here for session in sessions):
        scene = _labelled(arguments.session, engine, here)
    else:
        scene = cleanup.find(engine, sessions, by_labels=bool(arguments.session))
    # Those that nobody asked about have journals, which know what bears their labels.
    others = {(session.id, session.home) for session in here if session not in sessions}
    foreign = tuple(one for one in scene.foreign if (one.session, one.home) not in others)
    return cleanup.plan(replace(scene, foreign=foreign), by_hand=arguments.all)


def _keeping(
    arguments: argparse.Namespace, engine: Engine, plan: CleanupPlan
) -> Callable[[Thing], object] | None:
    """What saves each volume before it goes, where that was asked for and there is one."""
    volumes = any(decision.thing.kind == "volume" for decision in plan.remove)
    if not arguments.keep_data or arguments.dry_run or not volumes:
        return None
    bench = Bench(engine)
    for _progress in bench.prepare("lab"):
        pass
    return cleanup.keep_data(bench, Path(arguments.keep_data))


def _labelled(name: str, engine: Engine, here: list[Session]) -> Scene:
    """The things of a session, which was named, that has no journal of this engine in this home; `here` are those
    that have one.

    Raises:
        UsageError: nothing bears its labels, or what bears them is of several homes.
    """
    scene = cleanup.find(engine, here)
    meant = [one for one in scene.foreign if name in (one.session, one.name)]
    if len(meant) == 1:
        return cleanup.find_labelled(engine, meant[0].session, meant[0].home)
    ids = {session.id for session in Session.all(home())}
    if not meant and name in ids | Session.ended(home()):
        return replace(scene, things=())
    ids |= {one.name for one in scene.foreign}
    raise UsageError(
        _("Several homes have a session {id} on {engine}.")
        if meant
        else _("There is no session {id} in this home, and nothing on {engine} bears its labels."),
        _("Take one of: {ids}."),
        id=word(name),
        engine=engine.info.title,
        ids=", ".join(sorted(map(word, [one.name for one in meant] or ids))) or "-",
    )


def _sizes(engine: Engine, plan: CleanupPlan) -> dict[str, int]:
    """Bytes of the volumes that the table shows; none where the engine can't tell."""
    if not any(decision.thing.kind == "volume" for decision in (*plan.remove, *plan.keep)):
        return {}
    try:
        return engine.volume_sizes()
    except EngineError:
        return {}


def _chosen(arguments: argparse.Namespace, engine: Engine) -> list[Session]:
    """The sessions whose things may go: this home's only, since only its journals say what is ours. None where one
    is named that has no journal here."""
    named = arguments.session
    known = [session for session in Session.all(home()) if named in (None, session.id)]
    for session in known:
        if session.engine_id != engine.info.id and not session.journal.state().empty:
            text = _("Session {id} is on another engine ({url}); name it with --engine to clean there.")
            say(tr(text, id=session.id, url=session.url), error=True)
    if named:
        return known
    here = [session for session in known if session.engine_id == engine.info.id]
    # A run that was killed has nobody to remove what it left; one that goes on removes it itself.
    return [s for s in here if arguments.all or s.purpose == LEARNER or not s.held]


def _confirmed(arguments: argparse.Namespace, count: int) -> bool:
    if arguments.json or not sys.stdin.isatty():
        raise VoltutorError(
            _("{n} things would be removed, and nobody can be asked here."),
            _("Add --yes, or --dry-run."),
            n=count,
        )
    try:
        answer = input(tr(_("Remove these {n}? [y/N] "), n=count))
    except EOFError:  # Ctrl+D, which leaves the cursor behind the question
        say()
        return False
    return answer.strip().lower() in ("y", "yes")


def _show(plan: CleanupPlan, sizes: dict[str, int]) -> None:
    if plan.remove or plan.keep:
        table = Table(box=None, pad_edge=False)
        for heading in (_("what"), _("name"), _("size"), _("goes or stays"), _("why")):
            table.add_column(tr(heading), overflow="fold")
        for decisions, state in ((plan.remove, tr(_("goes"))), (plan.keep, tr(_("stays")))):
            for thing, reason in ((decision.thing, decision.reason) for decision in decisions):
                size = size_text(sizes[thing.id]) if thing.kind == "volume" and thing.id in sizes else ""
                table.add_row(tr(KINDS[thing.kind]), cell(thing.name), size, state, cell(reason))
        Console().print(table)
    else:
        say(tr(_("Nothing of ours is on this engine.")))
    text = _("Not ours, and untouched: {container} containers, {volume} volumes, {image} images.")
    say(tr(text, **plan.others))
    here = home_id(home())
    for one in plan.foreign:
        if one.home == here:
            text = _(
                "Session {id} of this home may have made {n} more things, which its journal doesn't know; "
                "only --session {name} would remove them."
            )
        else:
            text = _(
                "Session {id} of another home has {n} things here; only --session {name} would remove them."
            )
        name = one.session if one.home == here else one.name
        say(tr(text, id=word(one.session), n=one.things, name=word(shlex.quote(name))))


def _finish(
    arguments: argparse.Namespace,
    engine: Engine,
    sessions: list[Session],
    plan: CleanupPlan,
    reports: list[Report],
) -> int:
    failed = [
        report for report in reports if report.outcome in (Outcome.FAILED, Outcome.CHANGED, Outcome.UNSAVED)
    ]
    if arguments.json:
        print(json.dumps(_document(plan, reports), indent=1))
    if arguments.all and not arguments.dry_run:
        cleanup.end_empty(engine, sessions)
        remove_left(home())
    silent = any(decision.thing.silent for decision in plan.keep)
    return 1 if failed or silent else 0


def _document(plan: CleanupPlan, reports: list[Report]) -> dict[str, Any]:
    outcomes = {report.thing.id: report for report in reports}
    return {
        "remove": [
            {
                "kind": d.thing.kind,
                "name": d.thing.name,
                "reason": d.reason,
                "outcome": outcomes[d.thing.id].outcome.name.lower() if d.thing.id in outcomes else None,
                "detail": outcomes[d.thing.id].detail if d.thing.id in outcomes else "",
            }
            for d in plan.remove
        ],
        "keep": [{"kind": d.thing.kind, "name": d.thing.name, "reason": d.reason} for d in plan.keep],
        "others": plan.others,
        "foreign": [asdict(one) for one in plan.foreign],
    }
