"""fio's log files (`write_iops_log`, `write_bw_log`, `write_lat_log`): one line a sample, or a mean, a maximum or
both over `log_avg_msec`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

DIRECTIONS = ("read", "write", "trim")

# time (ms), value, direction, block size; then offset, priority and issue time where the version or an option
# adds them; with log_window_value=both a second value after the first (fio, HOWTO, "Log File Formats"). A line of a
# histogram log has far more. A sample never leaves its line: with \s, which takes newlines too, a text of blank
# lines would be read over and over. fio's numbers have 64 bits; a priority only, which follows the block, may be hex.
_NUMBER = r"[ \t]*-?[0-9]{1,20}[ \t]*"
_PRIORITY = r"[ \t]*0x[0-9a-fA-F]{1,8}[ \t]*"
_LINE = re.compile(
    rf"^[ \t]*[0-9]{{1,20}}[ \t]*(?:,{_NUMBER}){{3}}(?:,(?:{_NUMBER}|{_PRIORITY})){{0,4}}\r?$", re.MULTILINE
)

_BOTH = 6
"""The fewest columns of a log with both values: it is younger than the column of priorities."""

_EPOCH_MS = 10**11
"""No job runs for three years: a greater time is one since 1970."""


@dataclass(frozen=True)
class Sample:
    """One line of a log.

    Attributes:
        at_ns: nanoseconds since the job began, or since the log's first sample where its times are of day; fio counts
            in ms.
        value: I/Os per second, KiB per second, or nanoseconds, by the kind of log; fio 2 logged latencies in
            microseconds. The log itself doesn't say which.
        direction: "read", "write" or "trim".
        block: bytes of the block; 0 in a log of means.
        peak: the greatest value in the window, where `log_window_value=both` had it logged beside the mean.
    """

    at_ns: int
    value: int
    direction: str
    block: int
    peak: int | None = None


@dataclass(frozen=True)
class Log:
    """A log's samples.

    Attributes:
        since_ns: nanoseconds from 1970 to its first sample, where `log_unix_epoch` had times of day logged.
    """

    samples: tuple[Sample, ...]
    since_ns: int | None = None

    @property
    def windowed(self) -> bool:
        """Whether a sample stands for all I/Os of a window: such a one has no block size."""
        return not any(sample.block for sample in self.samples)


def logs(text: str) -> Iterator[Log]:
    """Every log in a text: lines that follow each other, with as many columns."""
    lines = ((found[0].split(","), found.start(), found.end()) for found in _LINE.finditer(text))
    for _key, block in groupby(_numbered(lines), key=lambda each: (each[0], len(each[1]))):
        if log := _log([columns for _number, columns in block]):
            yield log


def samples(text: str) -> Iterator[Sample]:
    """The samples of a log, or of any text with a log's lines in it."""
    for log in logs(text):
        yield from log.samples


def is_log(text: str) -> bool:
    """Whether a text begins as a log does, and there are samples in it."""
    start = len(text) - len(text.lstrip())
    begins = _LINE.match(text, text.rfind("\n", 0, start) + 1) is not None
    return begins and next(logs(text), None) is not None


def kind(name: str) -> str:
    """What the values of a log are, by the name that fio gives to its file, such as x_clat.1.log: "iops", "bw",
    "lat", "hist", or "" where it is another name."""
    found = re.search(r"_(iops|bw|[sc]?lat|hist)(?:\.[0-9]+)*\.log", name)
    return {"clat": "lat", "slat": "lat"}.get(found[1], found[1]) if found else ""


def _numbered(lines: Iterator[tuple[list[str], int, int]]) -> Iterator[tuple[int, list[str]]]:
    """Each line's columns, with a number that changes where another line lies between."""
    number, after = 0, 0
    for columns, start, end in lines:
        if start > after + 1:
            number += 1
        after = end
        yield number, columns


def _log(lines: list[list[str]]) -> Log | None:
    # Of which column the direction is, only all lines tell: a maximum may be as small as a direction's number.
    both = (
        len(lines[0]) >= _BOTH
        and all(_way(line[3]) and "x" not in line[4] for line in lines)
        and not all(_way(line[2]) for line in lines)
    )
    at = 3 if both else 2
    rows = [(int(line[0]), line) for line in lines if _way(line[at])]
    if not rows:
        return None
    first = rows[0][0] if rows[0][0] >= _EPOCH_MS else None
    found = tuple(
        Sample(
            (time - (first or 0)) * 1_000_000,
            int(line[1]),
            DIRECTIONS[int(line[at])],
            int(line[at + 1]),
            int(line[2]) if both else None,
        )
        for time, line in rows
    )
    return Log(found, None if first is None else first * 1_000_000)


def _way(column: str) -> bool:
    return column.strip() in ("0", "1", "2")
