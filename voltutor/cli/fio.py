"""`voltutor fio`: what fio printed, of any version, normalised."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from voltutor.errors import UsageError, VoltutorError
from voltutor.fio import Direction, FioError, NotFio, parse
from voltutor.text import _


def fio(arguments: argparse.Namespace) -> int:
    """Read a file or stdin, and print its jobs in nanoseconds and bytes."""
    try:
        output = sys.stdin.buffer.read() if arguments.file == "-" else Path(arguments.file).read_bytes()
        report = parse(output)
    except OSError as error:
        raise UsageError(
            _("{file} can't be read: {detail}."), _("Give a file, or - for stdin."), file=arguments.file,
            detail=error.strerror,
        ) from error  # fmt: skip
    except (NotFio, FioError) as error:
        raise VoltutorError("{text}", _("Run fio with --output-format=json."), text=error) from error
    if arguments.json:
        print(json.dumps(asdict(report), indent=1))
        return 0
    print(f"fio {'.'.join(map(str, report.version))}")
    for job in report.jobs:
        for name, direction in job.directions.items():
            print(f"{job.name} {name}: {_line(direction)}")
    return 0


def _line(direction: Direction) -> str:
    latency = direction.total or direction.completion
    parts = [
        None if direction.iops is None else f"{direction.iops:.0f} IOPS",
        None if direction.bandwidth is None else f"{direction.bandwidth:.0f} B/s",
        None if direction.bytes is None else f"{direction.bytes} B",
        None if latency is None or latency.mean is None else f"mean {latency.mean:.0f} ns",
        *(f"p{percent:g} {value:.0f} ns" for percent, value in (latency.percentiles if latency else {}).items()
          if percent in (50.0, 99.0)),
    ]  # fmt: skip
    return ", ".join(part for part in parts if part)
