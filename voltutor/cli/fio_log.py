"""A log of fio (`write_iops_log`, `write_bw_log`, `write_lat_log`) as a table."""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

from voltutor.cli.fio_table import draw, figure
from voltutor.cli.say import say
from voltutor.errors import UsageError
from voltutor.fio import Log, Sample, decoded, kind, logs
from voltutor.text import _, tr

_UNITS = {"iops": "IOPS", "bw": "KiB/s", "lat": "µs"}
_EXACT_UNITS = {**_UNITS, "lat": "ns"}
_SCALES = {"lat": 1 / 1000}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def show(output: bytes, arguments: argparse.Namespace) -> int:
    """Print a line for each direction of each log.

    Raises:
        UsageError: a latency was asked for, which a log has one of only.
    """
    if arguments.latency:
        raise UsageError(
            _("This is a log, which has one latency only."),
            _("Leave out --latency; --log says what it holds."),
        )
    asked = arguments.log or kind(arguments.file)
    found = list(logs(decoded(output)))
    if asked == "lat-us":
        found = [_in_nanoseconds(log) for log in found]
    what = {"lat-us": "lat"}.get(asked, asked)
    if arguments.json:
        logged = [asdict(log) for log in found]
        print(json.dumps({"kind": what or None, "unit": _EXACT_UNITS.get(what), "logs": logged}, indent=1))
        return 0
    draw(_columns(found, what))
    if not what:
        say(tr(_("A log doesn't say what its values are: name it by --log iops, bw, lat or lat-us.")))
    elif asked == "lat":
        say(tr(_("Taken as nanoseconds, as fio 3 logs latencies; for those of fio 2 give --log lat-us.")))
    if any(log.windowed for log in found):
        say(
            tr(
                _(
                    "Each sample stands for all I/Os of a window (log_avg_msec); p50 to p99.9 are of the samples."
                )
            )
        )
    for since in (log.since_ns for log in found if log.since_ns is not None):
        say(tr(_("The times count from the first sample, at {time}."), time=_moment(since)))
    return 0


def _in_nanoseconds(log: Log) -> Log:
    """A log of latencies in microseconds."""
    scaled = (
        replace(sample, value=sample.value * 1000, peak=None if sample.peak is None else sample.peak * 1000)
        for sample in log.samples
    )
    return replace(log, samples=tuple(scaled))


def _moment(since_ns: int) -> str:
    """A time of day; as it was logged, where no calendar has it: fio counts in ms, others in µs or ns."""
    milliseconds = since_ns // 1_000_000
    try:
        return (_EPOCH + timedelta(milliseconds=milliseconds)).isoformat(sep=" ", timespec="milliseconds")
    except OverflowError:
        return f"{milliseconds} ms"


def _columns(found: Sequence[Log], what: str) -> dict[str, list[str]]:
    rows: list[tuple[int, str, list[Sample]]] = []
    for number, log in enumerate(found, 1):
        for way in dict.fromkeys(sample.direction for sample in log.samples):
            rows.append((number, way, [sample for sample in log.samples if sample.direction == way]))
    scale = _SCALES.get(what, 1.0)
    unit = f" ({_UNITS[what]})" if what in _UNITS else ""
    columns = {tr(_("Log")): [str(number) for number, _way, _samples in rows]} if len(found) > 1 else {}
    columns[tr(_("Direction"))] = [way for _number, way, _samples in rows]
    columns[tr(_("Samples"))] = [str(len(samples)) for _number, _way, samples in rows]
    columns[tr(_("from (s)"))] = [figure(samples[0].at_ns / 1e9) for _number, _way, samples in rows]
    columns[tr(_("to (s)"))] = [figure(samples[-1].at_ns / 1e9) for _number, _way, samples in rows]
    values = [sorted(sample.value * scale for sample in samples) for _number, _way, samples in rows]
    columns[tr(_("mean")) + unit] = [figure(statistics.fmean(each)) for each in values]
    for percent in (50.0, 99.0, 99.9):
        columns[f"p{percent:g}{unit}"] = [figure(_percentile(each, percent)) for each in values]
    columns[tr(_("max")) + unit] = [
        figure(max(sample.value if sample.peak is None else sample.peak for sample in samples) * scale)
        for _number, _way, samples in rows
    ]
    return columns


def _percentile(ordered: Sequence[float], percent: float) -> float:
    """The least value that so many percent of all don't exceed."""
    return ordered[max(0, -int(-len(ordered) * percent // 100) - 1)]
