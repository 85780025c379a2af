"""fio: options to a command line, and any fio's JSON to jobs. Standard library only."""

from voltutor.fio.documents import Broken
from voltutor.fio.job import Job, command
from voltutor.fio.log import Log, Sample, kind, logs, samples
from voltutor.fio.parse import Printed, decoded, parse, parse_all
from voltutor.fio.refused import NotFio, Refusal
from voltutor.fio.report import Direction, FioError, JobResult, Latency, Report, Spread, errno_text

__all__ = [
    "Broken",
    "Direction",
    "FioError",
    "Job",
    "JobResult",
    "Latency",
    "Log",
    "NotFio",
    "Printed",
    "Refusal",
    "Report",
    "Sample",
    "Spread",
    "command",
    "decoded",
    "errno_text",
    "kind",
    "logs",
    "parse",
    "parse_all",
    "samples",
]
