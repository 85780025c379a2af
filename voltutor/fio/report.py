"""What a run of fio is, once read: nanoseconds and bytes. What a version did not print is None, never 0."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

ALL_CLIENTS = "All clients"
"""The name that fio gives to the sum of several clients."""


class FioError(RuntimeError):
    """fio ran and reported an error of its own; the message is fio's text.

    Attributes:
        report: what fio printed all the same: the jobs that ran, and those that failed with their `error`.
    """

    def __init__(self, text: str, report: Report) -> None:
        self.report = report
        super().__init__(text)


@dataclass(frozen=True)
class Latency:
    """A latency summary in nanoseconds; `percentiles` by percent, such as 99.0, and `bins` from json+."""

    count: int | None = None
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    stddev: float | None = None
    percentiles: Mapping[float, float] = field(default_factory=dict)
    bins: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Spread:
    """What fio sampled while it ran (every `iopsavgtime` or `bwavgtime` ms): I/Os or bytes per second, and how
    many samples there were."""

    samples: int | None = None
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    stddev: float | None = None


@dataclass(frozen=True)
class Direction:
    """One of a job's directions (read, write, trim), or `mixed`: all of them in one, which fio prints instead of
    them with `unified_rw_reporting=mixed`, and beside them with `both`.

    Attributes:
        ios: I/Os completed.
        bytes: bytes transferred.
        runtime_ns: nanoseconds; fio counts in ms, so a short job shows 0.
        iops: per second, over the whole run.
        bandwidth: bytes per second.
        iops_spread, bandwidth_spread: of the samples that fio took meanwhile; short jobs have none.
        short, dropped: I/Os that moved less than asked, or nothing.
    """

    ios: int | None = None
    bytes: int | None = None
    runtime_ns: int | None = None
    iops: float | None = None
    bandwidth: float | None = None
    submission: Latency | None = None
    completion: Latency | None = None
    total: Latency | None = None
    iops_spread: Spread | None = None
    bandwidth_spread: Spread | None = None
    short: int | None = None
    dropped: int | None = None

    @property
    def latencies(self) -> Mapping[str, Latency]:
        """Those that fio timed, by the names that it gives them: slat, clat and lat."""
        named = (("slat", self.submission), ("clat", self.completion), ("lat", self.total))
        return {name: latency for name, latency in named if latency}

    @property
    def latency(self) -> tuple[str, Latency] | None:
        """The name and the figures of the latency that tells most: of those with percentiles the widest, lat before
        clat before slat; by default fio prints them of clat only. Without any percentile the widest of all."""
        found = list(self.latencies.items())
        detailed = [each for each in found if each[1].percentiles]
        return (detailed or found)[-1] if found else None


@dataclass(frozen=True)
class JobResult:
    """One job: those of its directions, by name, that did anything; `sync` is the latency of fsync; CPU shares in
    percent.

    Attributes:
        error: an errno, 0 for none.
        total_errors, first_error: how many I/Os failed, and the first one's errno, where `continue_on_error` let the
            job go on.
        host, port: of the client, where there are several.
    """

    name: str
    error: int
    directions: Mapping[str, Direction]
    sync: Latency | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    runtime_ns: int | None = None
    user_cpu: float | None = None
    system_cpu: float | None = None
    group: int | None = None
    host: str = ""
    port: int | None = None
    total_errors: int | None = None
    first_error: int | None = None


@dataclass(frozen=True)
class Report:
    """One fio run: its version such as (3, 33), () where it says none, its jobs, and what it printed around the
    JSON.

    Attributes:
        all_clients: the sum of all clients' jobs, where fio printed one.
        earlier: how many documents came before this one, and are not shown by it.
    """

    version: tuple[int, ...]
    jobs: tuple[JobResult, ...]
    noise: str = ""
    all_clients: JobResult | None = None
    earlier: int = 0

    def job(self, name: str) -> JobResult:
        """The job of this name.

        Raises:
            KeyError: there is none.
        """
        for job in self.jobs:
            if job.name == name:
                return job
        raise KeyError(name)

    @property
    def failed(self) -> tuple[JobResult, ...]:
        """The jobs that ended with an error."""
        return tuple(job for job in self.jobs if job.error)

    def said(self, job: JobResult) -> str:
        """fio's line about a job that failed; where it printed none, what the errno means on this machine."""
        # "fio: pid=7, err=28/file:io_u.c:1876, func=io_u error, error=No space left on device" (fio, backend.c).
        line = re.search(rf"^.*\berr= ?{job.error}\b.*$", self.noise, re.MULTILINE)
        return line[0].strip() if line else errno_text(job.error)


def errno_text(number: int) -> str:
    """An errno, and what it means on this machine where that is known."""
    known = os.strerror(number) if 0 < number < 2**31 else ""
    return f"error {number}" + (f", {known}" if known else "")
