"""fio: options to a command line, and any fio's JSON to jobs. Standard library only."""

from voltutor.fio.job import Job, command
from voltutor.fio.log import Sample, samples
from voltutor.fio.parse import (
    Direction,
    FioError,
    JobResult,
    Latency,
    NotFio,
    Report,
    Spread,
    parse,
)

__all__ = [
    "Direction",
    "FioError",
    "Job",
    "JobResult",
    "Latency",
    "NotFio",
    "Report",
    "Sample",
    "Spread",
    "command",
    "parse",
    "samples",
]
