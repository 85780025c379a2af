"""fio's runs as a table that one can paste into a report: Markdown, its units in its head."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from rich import box
from rich.console import Console
from rich.table import Table

from voltutor.cli.say import cell, say, word
from voltutor.errors import UsageError
from voltutor.fio import Direction, JobResult, Latency, Report
from voltutor.text import _, tr

_MEANINGS = {
    "clat": _("clat: from an I/O's submission to its completion."),
    "lat": _("lat: the whole time of an I/O, submission and completion."),
    "slat": _("slat: what the submission of an I/O took."),
    "sync": _("sync: the time of an fsync or its kin."),
}
_PERCENTS = (50.0, 99.0, 99.9)
_NOTHING = "-"
_FIGURE = re.compile(r"-?[0-9.]+(?:e[+-]?[0-9]+)?")
_WIDTH = 10_000
"""Columns: a line of a table is never folded, wherever it is printed."""


@dataclass(frozen=True)
class _Row:
    """What one line shows: one direction of a job, or a job that did no I/O."""

    run: int
    job: JobResult
    summed: bool
    way: str = _NOTHING
    figures: Direction | None = None
    timed: tuple[str, Latency] | None = None


def show(runs: Sequence[Report], asked: str | None) -> None:
    """Print the runs; `asked` is the latency to show, where it is not the one that tells most.

    Raises:
        UsageError: no job has that latency.
    """
    rows = [row for number, run in enumerate(runs, 1) for row in _rows(number, run)]
    _refuse(rows, asked)
    rows = list(_timed(rows, asked))
    for version in dict.fromkeys(run.version for run in runs):
        say(f"fio {'.'.join(map(str, version))}".rstrip())
    if rows:
        draw(_columns(rows, several=len(runs) > 1))
    for name in dict.fromkeys(row.timed[0] for row in rows if row.timed):
        say(tr(_MEANINGS[name]))
    others = {percent for row in rows if row.timed for percent in row.timed[1].percentiles}
    if others and others.isdisjoint(_PERCENTS):
        all_of_them = ", ".join(f"p{percent:g}" for percent in sorted(others))
        say(tr(_("fio printed other percentiles, which --json shows: {all}."), all=all_of_them))
    if idle := [word(row.job.name) for row in rows if row.way == _NOTHING]:
        say(tr(_("Jobs without any I/O: {jobs}."), jobs=", ".join(idle)))
    for number, run in enumerate(runs, 1):
        if run.earlier:
            say(tr(_("Run {number}: the last of {count} snapshots."), number=number, count=run.earlier + 1))


def draw(columns: Mapping[str, Sequence[str]]) -> None:
    """Print a Markdown table of these columns, each by its head; figures stand on the right."""
    table = Table(box=box.MARKDOWN)
    for head, cells in columns.items():
        table.add_column(cell(head), justify="left" if any(map(_is_word, cells)) else "right", no_wrap=True)
    for row in zip(*columns.values(), strict=True):
        table.add_row(*(cell(text.replace("|", "\\|")) for text in row))
    console = Console(width=_WIDTH, color_system=None)
    for line in console.render_lines(table, pad=False):
        if text := "".join(segment.text for segment in line).rstrip():
            say(text)


def figure(value: float | None) -> str:
    """Three digits or more, so that one can compare: 0.045, 8.25, 40.0, 1000."""
    if value is None:
        return _NOTHING
    if not value or abs(value) >= 99.95:
        return f"{value:.0f}"
    return f"{value:#.3g}".rstrip(".")


def _is_word(text: str) -> bool:
    return text != _NOTHING and not _FIGURE.fullmatch(text)


def _rows(number: int, run: Report) -> Iterator[_Row]:
    clients = [(job, False) for job in run.jobs] + ([(run.all_clients, True)] if run.all_clients else [])
    for job, summed in clients:
        if not job.directions and not job.sync:
            yield _Row(number, job, summed)
        for way, direction in job.directions.items():
            yield _Row(number, job, summed, way, direction)
        if job.sync:
            yield _Row(number, job, summed, "sync", timed=("sync", job.sync))


def _timed(rows: Sequence[_Row], asked: str | None) -> Iterator[_Row]:
    """The rows, each with the latency that it shows."""
    best = [row.figures.latency for row in rows if row.figures]
    common = next((each[0] for each in best if each and each[1].percentiles), None)
    for row in rows:
        yield replace(row, timed=_latency(row.figures, asked, common)) if row.figures else row


def _latency(figures: Direction, asked: str | None, common: str | None) -> tuple[str, Latency] | None:
    """The one that was asked for, or the one that tells most; where that has no percentiles, as in the sum of
    clients, the `common` one of the other rows, so that one can compare."""
    own = figures.latency
    if asked is None and (own is None or own[1].percentiles):
        return own
    name = asked or common
    if name and (found := figures.latencies.get(name)):
        return name, found
    return None if asked else own


def _refuse(rows: Sequence[_Row], asked: str | None) -> None:
    there = dict.fromkeys(name for row in rows if row.figures for name in row.figures.latencies)
    if asked and there and asked not in there:
        raise UsageError(
            _("fio printed no {asked} here."), _("Take one of: {all}."), asked=asked, all=", ".join(there)
        )


def _columns(rows: Sequence[_Row], several: bool) -> dict[str, list[str]]:
    columns: dict[str, list[str]] = {}
    if several:
        columns[tr(_("Run"))] = [str(row.run) for row in rows]
    columns[tr(_("Job"))] = [tr(_("All clients (sum)")) if row.summed else row.job.name for row in rows]
    if any(row.job.host for row in rows):
        columns[tr(_("Client"))] = [_NOTHING if row.summed else _client(row.job) for row in rows]
    columns[tr(_("Direction"))] = [row.way for row in rows]
    columns["IOPS"] = [figure(row.figures.iops if row.figures else None) for row in rows]
    columns[tr(_("Bandwidth (MiB/s)"))] = [_mebibytes(row.figures) for row in rows]
    columns[tr(_("Latency"))] = [row.timed[0] if row.timed else _NOTHING for row in rows]
    latencies = [row.timed[1] if row.timed else Latency() for row in rows]
    columns[tr(_("mean (µs)"))] = [_microseconds(latency.mean) for latency in latencies]
    for percent in _PERCENTS:
        columns[f"p{percent:g} (µs)"] = [_microseconds(each.percentiles.get(percent)) for each in latencies]
    columns[tr(_("max (µs)"))] = [_microseconds(latency.max) for latency in latencies]
    if any(row.job.error or row.job.total_errors for row in rows):
        columns[tr(_("Errors"))] = [_errors(row.job) for row in rows]
    return columns


def _client(job: JobResult) -> str:
    """Two clients on one host differ by their port only."""
    return job.host if job.port is None else f"{job.host}:{job.port}"


def _errors(job: JobResult) -> str:
    """How many I/Os failed, or, of a job that ended with its first error, at least that one."""
    return str(job.total_errors if job.total_errors else int(bool(job.error)))


def _mebibytes(direction: Direction | None) -> str:
    return figure(None if direction is None or direction.bandwidth is None else direction.bandwidth / 2**20)


def _microseconds(nanoseconds: float | None) -> str:
    return figure(None if nanoseconds is None else nanoseconds / 1000)
