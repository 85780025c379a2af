"""`voltutor fio`: what fio printed, of any version, normalised."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from voltutor.errors import UsageError, VoltutorError
from voltutor.fio import Direction, FioError, Latency, NotFio, Report, parse
from voltutor.text import _, tr


def fio(arguments: argparse.Namespace) -> int:
    """Read a file or stdin, and print its jobs in nanoseconds and bytes; then say which of them failed."""
    try:
        output = sys.stdin.buffer.read() if arguments.file == "-" else Path(arguments.file).read_bytes()
    except OSError as error:
        raise UsageError(
            _("{file} can't be read: {detail}."), _("Give a file, or - for stdin."), file=arguments.file,
            detail=error.strerror,
        ) from error  # fmt: skip
    try:
        report = parse(output)
    except NotFio as error:
        raise VoltutorError("{text}", _("Run fio with --output-format=json."), text=error) from error
    except FioError as error:
        _show(error.report, arguments.json)
        # Whoever reads both on one terminal reads the failure last.
        sys.stdout.flush()
        raise VoltutorError(
            "{text}", _("Mend what fio names, and run that job again."), text=_failures(error.report)
        ) from error
    _show(report, arguments.json)
    return 0


def _show(report: Report, as_json: bool) -> None:
    """Every job as JSON, or a line for each direction of those that ran to their end."""
    if as_json:
        print(json.dumps(asdict(report), indent=1))
        return
    print(f"fio {'.'.join(map(str, report.version))}")
    for job in report.jobs:
        if job.error:
            continue
        for name, direction in job.directions.items():
            print(f"{job.name} {name}: {', '.join(_figures(direction))}")
        if job.sync:
            print(f"{job.name} sync: {', '.join(_times(job.sync))}")


def _failures(report: Report) -> str:
    return "\n".join(
        tr(_("The job {job} failed: {text}."), job=job.name, text=report.said(job)) for job in report.failed
    )


def _figures(direction: Direction) -> Iterator[str]:
    if direction.iops is not None:
        yield f"{direction.iops:.0f} IOPS"
    if direction.bandwidth is not None:
        yield f"{direction.bandwidth:.0f} B/s"
    if direction.bytes is not None:
        yield f"{direction.bytes} B"
    latency = direction.total or direction.completion
    if latency:
        yield from _times(latency)


def _times(latency: Latency) -> Iterator[str]:
    if latency.mean is not None:
        yield f"mean {latency.mean:.0f} ns"
    for percent, value in latency.percentiles.items():
        if percent in (50.0, 99.0):
            yield f"p{percent:g} {value:.0f} ns"
