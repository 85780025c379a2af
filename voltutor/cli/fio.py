"""`voltutor fio`: what fio printed or logged, of any version, as a table for a report."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from voltutor.cli import fio_log, fio_table
from voltutor.cli.say import word
from voltutor.errors import UsageError, VoltutorError
from voltutor.fio import Broken, NotFio, Refusal, Report, errno_text, parse_all
from voltutor.text import _, tr

_COPY = _("Copy the file whole, and try again.")
_RUN_AGAIN = _("Run fio with --output-format=json.")
_REFUSED = {
    Refusal.EMPTY: (_("There is nothing in it."), _RUN_AGAIN),
    Refusal.CUT: (_("The file ends in the middle of fio's JSON."), _COPY),
    Refusal.BROKEN: (_("fio's JSON breaks off before its end, at: {detail}"), _COPY),
    Refusal.HEADLESS: (_("The file begins in the middle of fio's JSON."), _COPY),
    Refusal.TERSE: (_("This is fio's terse output, as --minimal and --output-format=terse print it."), _RUN_AGAIN),
    Refusal.NORMAL: (_("This is fio's normal output, which is made for reading."), _RUN_AGAIN),
    Refusal.ERROR: (_("fio printed no results, but: {detail}"), _("Mend what fio names, and run it again.")),
    Refusal.HISTOGRAM_LOG: (
        _("This is a histogram log, as write_hist_log keeps it."),
        _("Read it with fio's own fio-histo-log-pctiles.py, or give fio's JSON."),
    ),
    Refusal.IO_LOG: (_("This is a log of I/Os, as write_iolog keeps it: it has no figures."), _RUN_AGAIN),
    Refusal.JOB_FILE: (
        _("This is a job file: what fio is to do, and not what it did."),
        _("Run it with `fio --output-format=json FILE`, and give what that prints."),
    ),
    Refusal.OTHER_JSON: (_("This is JSON, but there is no run of fio in it."), _RUN_AGAIN),
    Refusal.COMPRESSED: (_("This file is compressed."), _("Unpack it first.")),
    Refusal.UNKNOWN: (_("This is not fio's JSON: {detail}"), _RUN_AGAIN),
}  # fmt: skip


def fio(arguments: argparse.Namespace) -> int:
    """Read a file or stdin, and print its runs or its log's samples as a table; then say what went wrong in a run."""
    try:
        output = sys.stdin.buffer.read() if arguments.file == "-" else Path(arguments.file).read_bytes()
    except OSError as error:
        raise UsageError(
            _("{file} can't be read: {detail}."), _("Give a file, or - for stdin."), file=word(arguments.file),
            detail=error.strerror,
        ) from error  # fmt: skip
    try:
        printed = parse_all(output)
    except NotFio as error:
        if error.why is Refusal.LOG:
            return fio_log.show(output, arguments)
        raise VoltutorError(*_REFUSED[error.why], detail=word(error.detail)) from error
    if arguments.log:
        raise UsageError(_("This is fio's JSON, and no log."), _("Leave out --log."))
    if arguments.json:
        print(json.dumps({"runs": [asdict(run) for run in printed.runs]}, indent=1))
    else:
        fio_table.show(printed.runs, arguments.latency)
    troubles = [*_troubles(printed.runs), *map(_cut, printed.broken)]
    if not troubles:
        return 0
    # Whoever reads both on one terminal reads the failure last.
    sys.stdout.flush()
    whats, mends = zip(*troubles, strict=True)
    raise VoltutorError("{text}", " ".join(dict.fromkeys(mends)), text="\n".join(whats))


def _troubles(runs: Sequence[Report]) -> Iterator[tuple[str, str]]:
    """What went wrong in a run, and what to do about it."""
    mend = tr(_("Mend what fio names, and run that job again."))
    for number, run in enumerate(runs, 1):
        if not run.jobs and not run.all_clients:
            yield (
                tr(_("The run {number} has no jobs."), number=number),
                tr(_("Look at what fio said on stderr; a client may not have reached its server.")),
            )
        for job in run.jobs:
            name = word(job.name)
            if job.total_errors:
                first = word(errno_text(job.first_error or job.error))
                what = _("I/Os that failed in the job {job}: {count}; the first: {text}.")
                yield tr(what, job=name, count=job.total_errors, text=first), mend
            elif job.error:
                yield tr(_("The job {job} failed: {text}."), job=name, text=word(run.said(job))), mend


def _cut(broken: Broken) -> tuple[str, str]:
    if not broken.line:
        return tr(_("The document {number} of this file is cut short."), number=broken.number), tr(_COPY)
    what = _("The document {number} of this file breaks off at: {detail}")
    return tr(what, number=broken.number, detail=word(broken.line[:200])), tr(_COPY)
