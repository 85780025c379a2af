"""`voltutor clean`: list what is ours, ask, and remove it by id."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from rich.console import Console
from rich.table import Table

from voltutor import cleanup
from voltutor.cleanup import CleanupPlan, Outcome, Report
from voltutor.engine import Engine, find
from voltutor.errors import UsageError, VoltutorError
from voltutor.home import home
from voltutor.session import LEARNER, Session
from voltutor.text import _, tr


def clean(arguments: argparse.Namespace) -> int:
    """Plan, show, ask, apply, report."""
    engine = find(arguments.engine)
    sessions = _chosen(arguments, engine)
    plan = cleanup.plan(cleanup.find(engine, sessions), by_hand=arguments.all)
    if not arguments.json:
        _show(plan)
    if arguments.dry_run or not plan.remove:
        return _finish(arguments, engine, sessions, plan, [])
    if not arguments.yes and not _confirmed(arguments, len(plan.remove)):
        return 1
    reports: list[Report] = []
    for report in cleanup.apply(engine, plan, sessions):
        reports.append(report)
        if not arguments.json:
            detail = f": {report.detail}" if report.detail else ""
            print(f"{report.thing.kind} {report.thing.name}: {tr(report.outcome.value)}{detail}")
    return _finish(arguments, engine, sessions, plan, reports)


def _chosen(arguments: argparse.Namespace, engine: Engine) -> list[Session]:
    """The sessions whose things may go: this home's only, since only its journals say what is ours."""
    known = Session.all(home())
    if arguments.session:
        named = [session for session in known if session.id == arguments.session]
        if not named:
            raise UsageError(
                _("This home has no session {id!r}."),
                _("Take one of: {ids}."),
                id=arguments.session,
                ids=", ".join(session.id for session in known) or "-",
            )
        return named
    here = [session for session in known if session.engine_id == engine.info.id]
    for session in known:
        if session not in here and not session.journal.state().empty:
            text = _("Session {id} is on another engine ({url}); name it with --engine to clean there.")
            print(tr(text, id=session.id, url=session.url), file=sys.stderr)
    # A run that was killed has nobody to remove what it left; one that goes on removes it itself.
    return [s for s in here if arguments.all or s.purpose == LEARNER or not s.held]


def _confirmed(arguments: argparse.Namespace, count: int) -> bool:
    if arguments.json or not sys.stdin.isatty():
        raise VoltutorError(
            _("{n} things would be removed, and nobody can be asked here."),
            _("Add --yes, or --dry-run."),
            n=count,
        )
    answer = input(tr(_("Remove these {n}? [y/N] "), n=count))
    return answer.strip().lower() in ("y", "yes")


def _show(plan: CleanupPlan) -> None:
    console = Console()
    if plan.remove or plan.keep:
        table = Table(box=None, pad_edge=False)
        for heading in (_("what"), _("name"), _("goes or stays"), _("why")):
            table.add_column(tr(heading), overflow="fold")
        for decisions, word in ((plan.remove, tr(_("goes"))), (plan.keep, tr(_("stays")))):
            for decision in decisions:
                table.add_row(decision.thing.kind, decision.thing.name, word, decision.reason)
        console.print(table)
    else:
        console.print(tr(_("Nothing of ours is on this engine.")))
    text = _("Not ours, and untouched: {container} containers, {volume} volumes, {image} images.")
    console.print(tr(text, **plan.others), highlight=False)


def _finish(
    arguments: argparse.Namespace,
    engine: Engine,
    sessions: list[Session],
    plan: CleanupPlan,
    reports: list[Report],
) -> int:
    failed = [report for report in reports if report.outcome in (Outcome.FAILED, Outcome.CHANGED)]
    if arguments.json:
        print(json.dumps(_document(plan, reports), indent=1))
    if arguments.all and not arguments.dry_run:
        cleanup.end_empty(engine, sessions)
    return 1 if failed else 0


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
    }
