"""fio's log files (`write_iops_log`, `write_bw_log`, `write_lat_log`): one line a sample, or a mean over
`log_avg_msec`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

DIRECTIONS = ("read", "write", "trim")

# time (ms), value, direction, block size; then offset, priority and issue time where the version or an option
# adds them (fio, HOWTO, "Log File Formats"). A sample never leaves its line: with \s, which takes newlines too, a
# text of blank lines would be read over and over. fio's numbers have 64 bits.
_FIELD = "[ \\t]*([0-9]{1,20})[ \\t]*"
_LINE = re.compile(rf"^{_FIELD},{_FIELD},[ \t]*([012])[ \t]*,{_FIELD}(?:,.*)?$", re.MULTILINE)


@dataclass(frozen=True)
class Sample:
    """One line of a log.

    Attributes:
        at_ns: nanoseconds since the job began; fio counts in ms.
        value: I/Os per second, KiB per second, or nanoseconds, by the kind of log.
        direction: "read", "write" or "trim".
        block: bytes of the block; 0 in a log of means.
    """

    at_ns: int
    value: int
    direction: str
    block: int


def samples(text: str) -> Iterator[Sample]:
    """The samples of a log, or of any text with a log's lines in it."""
    for at, value, direction, block in _LINE.findall(text):
        yield Sample(int(at) * 1_000_000, int(value), DIRECTIONS[int(direction)], int(block))
