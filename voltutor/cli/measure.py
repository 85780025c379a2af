"""`voltutor measure`: workloads in two places, in the terminal."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from voltutor.cli.surroundings import settle
from voltutor.disk import see_room
from voltutor.engine import find
from voltutor.errors import UsageError, VoltutorError
from voltutor.home import home
from voltutor.images import MIB
from voltutor.measure import Measure, Workload, two_places, workload
from voltutor.results import (
    Comparison,
    Finding,
    Result,
    amount_interval,
    compare,
    load,
    save,
    slowdown,
    times_interval,
)
from voltutor.session import Bench
from voltutor.text import _, legible, tr


def measure(arguments: argparse.Namespace) -> int:
    """Measure, print each comparison, and write what was asked for."""
    a, b = two_places(arguments.places)
    wanted = [workload(name) for name in arguments.workloads or ["first-write"]]
    if arguments.plot and Path(arguments.plot).suffix not in (".png", ".svg"):
        raise UsageError(
            _("A plot is written as .png or .svg, not as {name}."),
            _("Change its suffix."),
            name=arguments.plot,
        )
    check_budget(arguments.budget)
    if arguments.out:
        _may_write(Path(arguments.out))
    if arguments.plot:
        settle(home())
        _may_draw(Path(arguments.plot), wanted)
    bench = Bench(find(arguments.engine))
    console = Console()
    results: list[Result] = []
    try:
        for work in wanted:
            command = Measure(work, a, b, arguments.budget, arguments.seed)
            _follow(console, bench, command, tr(work.title), results)
    finally:
        # What was measured is kept, whatever ended it.
        _write(arguments, results)
    for result, found in zip(results, compare(*results), strict=True):
        for comparison in found:
            _report(console, result, comparison)
    return 0


def check_budget(seconds: float) -> None:
    """See that so many seconds can be spent.

    Raises:
        UsageError: they can't.
    """
    if not (math.isfinite(seconds) and seconds > 0):
        raise UsageError(_("A budget is more than 0 seconds."), _("Write --budget 60."))


def _may_write(path: Path) -> None:
    """See, before anything is measured, that results can be written there, and over nothing but results.

    Raises:
        UsageError: they can't.
        DiskTrouble: there is no room for them.
    """
    if not path.parent.is_dir():
        raise UsageError(_("There is no folder {path}."), _("Make it first."), path=path.parent)
    see_room(path)
    if path.is_file():
        try:
            load(path)
        except (VoltutorError, OSError) as error:
            raise UsageError(
                _("{path} is there, and holds no results."), _("Take another name."), path=path
            ) from error


def _may_draw(path: Path, wanted: Iterable[Workload]) -> None:
    """See, before anything is measured, that figures can be written there over nothing but figures of ours.

    Raises:
        UsageError: something else is there.
    """
    from voltutor import plots

    for one in (path, *(_growth_path(path, work.name) for work in wanted)):
        if one.exists() and not plots.is_ours(one):
            raise UsageError(
                _("{path} is there, and is no figure of this kit."), _("Take another name."), path=one
            )


def _growth_path(path: Path, workload: str) -> Path:
    return path.with_name(f"{path.stem}-{workload}{path.suffix}")


def _follow(console: Console, bench: Bench, command: Measure, title: str, results: list[Result]) -> None:
    """Measure and show it as it goes; the last of `results` is the result so far."""
    console.print(f"[bold]{title}[/]: {tr(command.workload.isolates)}", highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    here, there = command.places
    results.append(Result(command.workload.name, (here.name, there.name), command.workload.metric))
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(tr(_("pairs")), total=None)
        for sign in command.perform(bench):
            if sign.result is not None:
                results[-1] = sign.result
            # While pairs run the bar says which; what else is said (images made, the plan) stays on screen.
            if sign.text and not sign.pair:
                console.print(legible(f"  {sign.text}"), highlight=False, markup=False)
            progress.update(task, completed=sign.done, total=sign.total or None)


def _write(arguments: argparse.Namespace, results: list[Result]) -> None:
    measured = [result for result in results if result.pairs]
    if not measured:
        return
    if arguments.out:
        save(Path(arguments.out), *measured)
    if arguments.plot:
        from voltutor import plots

        path = Path(arguments.plot)
        plots.save(plots.ratios(measured), path)
        for result in measured:
            if result.sizes != (None,):
                plots.save(plots.growth(result), _growth_path(path, result.workload))


WORDS = {
    Finding.NO_DIFFERENCE: _("no difference shown (a factor of {detectable:.2f} would have been)"),
    Finding.NO_CLAIM: _("no claim: successive rounds resemble each other"),
    Finding.TOO_FEW: _("too few pairs for a claim"),
    Finding.BY_CHANCE: _("not beyond chance among so many comparisons"),
    Finding.UNFINISHED: _("unfinished: no claim yet"),
}


def _report(console: Console, result: Result, found: Comparison) -> None:
    size = f" {found.size // MIB} MiB" if found.size else ""
    values = f"{amount_interval(result.metric, found.a)} / {amount_interval(result.metric, found.b)}"
    word = tr(WORDS[found.finding], detectable=found.detectable) if found.finding in WORDS else ""
    ratio = times_interval(slowdown(result, found))
    where = " / ".join(result.places)
    line = tr(
        _("{workload}{size}, {places}: {values}; {ratio} as long, n={n} {word}"),
        workload=result.workload,
        size=size,
        places=where,
        values=values,
        ratio=ratio,
        n=found.n,
        word=word,
    )
    console.print(legible(line.rstrip()), highlight=False, markup=False, soft_wrap=True)
