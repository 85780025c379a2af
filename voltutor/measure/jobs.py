"""Jobs: the program that a trial runs, and how its output becomes figures in SI units."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from voltutor import fio
from voltutor.images import MIB
from voltutor.text import _, tr

SERIES_STEP_MS = 10
"""Milliseconds of each mean in a series of I/Os per second."""


@dataclass(frozen=True)
class Reading:
    """What one run showed.

    Attributes:
        metrics: by name, in SI units.
        bins: I/Os by their latency in nanoseconds, where the job asked fio for them.
        series: seconds since the job began, and I/Os per second, where the job kept a log.
    """

    metrics: Mapping[str, float]
    bins: Mapping[int, int] = field(default_factory=dict)
    series: Sequence[tuple[float, float]] = ()


class NotReadable(ValueError):
    """A program's output is not what a good run prints."""


class Job(Protocol):
    """A program with its arguments, and how its output becomes a reading."""

    def argv(self, path: str) -> list[str]:
        """The command line that works on this path."""

    def read(self, output: bytes) -> Reading:
        """What one run showed.

        Raises:
            NotFio, FioError, NotReadable: the output is not what a good run prints.
        """


# fio's


def _one_block(path: str, name: str) -> fio.Job:
    """One 4 KiB block that is on disk when the write returns: `fsync=1` syncs between blocks, so after a single
    one it never does; `sync=1` opens with O_SYNC."""
    options: dict[str, fio.job.Value] = {
        "stonewall": True,
        "ioengine": "psync",
        "filename": path,
        "rw": "write",
        "bs": "4k",
        "size": "4k",
        "sync": 1,
    }
    return fio.Job(name, options)


@dataclass(frozen=True)
class FirstWrite:
    """Open an existing file for writing and write one 4 KiB block that is on disk when the write returns.

    Copy-up happens in open(2), where fio's I/O latencies don't look. The `filecreate` engine times exactly
    that: it opens with O_CREAT|O_RDWR, which leaves a file that exists as it is (fio, engines/filecreate.c).

    Attributes:
        again: whether one write, untimed, comes before the one that is timed.
    """

    again: bool = False

    def argv(self, path: str) -> list[str]:
        """fio jobs, one after the other."""
        opening: dict[str, fio.job.Value] = {"ioengine": "filecreate", "filename": path, "filesize": "4k"}
        before = [_one_block(path, "before")] if self.again else []
        timed = fio.Job("open", {"stonewall": True, **opening})
        return fio.command(*before, timed, _one_block(path, "write"))

    def read(self, output: bytes) -> Reading:
        """`seconds` is the sum of `open_seconds` and `write_seconds`."""
        report = fio.parse(output)
        opened = _latency(report.job("open")) / 1e9
        written = _latency(report.job("write")) / 1e9
        return Reading({"seconds": opened + written, "open_seconds": opened, "write_seconds": written})


@dataclass(frozen=True)
class Io:
    """fio works for a while on a file that is there already.

    Attributes:
        options: what differs from workload to workload, in fio's terms.
        metric: what is compared: "iops", "bytes_per_second", or "seconds" for the mean time of an fsync.
        runtime: seconds; None for as long as the file lasts.
    """

    size: int
    options: Mapping[str, fio.job.Value]
    metric: str = "iops"
    runtime: float | None = 1.0

    def prefill(self, path: str) -> list[str]:
        """The command line that writes the file once, so that steady state is measured."""
        job: dict[str, fio.job.Value] = {
            "filename": path,
            "size": self.size,
            "ioengine": "libaio",
            "direct": self.options.get("direct", 0),  # a tmpfs before Linux 6.6 has none
            "fallocate": "none",
            "rw": "write",
            "bs": "1M",
            "iodepth": 4,
            "end_fsync": 1,
        }
        return fio.command(fio.Job("prefill", job))

    def argv(self, path: str) -> list[str]:
        """One fio job, with the distribution of its latencies."""
        job: dict[str, fio.job.Value] = {"filename": path, "size": self.size, "fallocate": "none"}
        if self.runtime is not None:
            job |= {"time_based": True, "runtime": f"{round(self.runtime * 1000)}ms", "ramp_time": "250ms"}
        return fio.command(fio.Job("io", {**job, **self.options}), bins=True)

    def read(self, output: bytes) -> Reading:
        """The metric, and `p99_seconds` where fio printed percentiles."""
        job = fio.parse(output).job("io")
        moving = [way for way in job.directions.values() if way.ios]
        if not moving:
            raise NotReadable(tr(_("fio completed no I/O")))
        if self.metric == "seconds":
            if job.sync is None or job.sync.mean is None:
                raise NotReadable(tr(_("fio timed no fsync")))
            return _distributed({"seconds": job.sync.mean / 1e9}, [job.sync])
        name = "iops" if self.metric == "iops" else "bandwidth"
        figure = math.fsum(getattr(way, name) or 0.0 for way in moving)
        latencies = [latency for way in moving if (latency := way.completion or way.total)]
        return _distributed({self.metric: figure}, latencies)


def _distributed(metrics: dict[str, float], latencies: Sequence[fio.Latency]) -> Reading:
    """With the 99th percentile of the slowest direction, and all directions' bins together."""
    worst = [latency.percentiles[99.0] for latency in latencies if 99.0 in latency.percentiles]
    if worst:
        metrics["p99_seconds"] = max(worst) / 1e9
    bins: dict[int, int] = {}
    for latency in latencies:
        for at, count in latency.bins.items():
            if count:
                bins[at] = bins.get(at, 0) + count
    return Reading(metrics, dict(sorted(bins.items())))


@dataclass(frozen=True)
class Stall:
    """Random writes to several files of the image, one file after the other, with I/Os per second over time:
    fio opens each file when its turn comes, and a copy-up is a gap."""

    files: int = 4
    each: int = 16 * MIB
    blocks: int = 512

    def argv(self, path: str) -> list[str]:
        """fio, then its log. `path` is the first of the files, and ends in 1."""
        names = ":".join(f"{path[:-1]}{number}" for number in range(1, self.files + 1))
        job: dict[str, fio.job.Value] = {
            "filename": names,
            "ioengine": "psync",
            "rw": "randwrite",
            "bs": "4k",
            "sync": 1,
            "filesize": self.each,
            "io_size": self.blocks * self.files * 4096,
            "fallocate": "none",
            # So many blocks to a file, then the next one, which is opened only then.
            "file_service_type": f"roundrobin:{self.blocks}",
            "write_iops_log": "/tmp/log",  # noqa: S108 - in the container
            "log_avg_msec": SERIES_STEP_MS,
        }
        line = 'rm -f /tmp/log*; "$@" && cat /tmp/log_iops.1.log'
        return ["sh", "-c", line, "fio", *fio.command(fio.Job("io", job))]

    def read(self, output: bytes) -> Reading:
        """`seconds` until all blocks were written, and the series."""
        report = fio.parse(output)
        write = report.job("io").directions["write"]
        if not write.ios or not write.iops:
            raise NotReadable(tr(_("fio completed no write")))
        seconds = write.ios / write.iops
        series = tuple((sample.at_ns / 1e9, float(sample.value)) for sample in fio.samples(report.noise))
        # What is done within the first step has no line in the log.
        return Reading({"seconds": seconds}, series=series or ((seconds, write.iops),))


def _latency(job: fio.JobResult) -> float:
    """The one I/O's latency in nanoseconds; filecreate counts its open as a read."""
    for direction in job.directions.values():
        latency = direction.total or direction.completion
        if latency and latency.mean:
            return latency.mean
    raise NotReadable(tr(_("fio timed nothing in its job {job}"), job=job.name))


# the shell's

_CLOCK = "${EPOCHREALTIME:-$(date +%s.%N)}"
"""Microseconds without starting a program (busybox's ash), or nanoseconds by GNU date."""


@dataclass(frozen=True)
class Timed:
    """A few lines of shell between two looks at the clock.

    Attributes:
        script: what is timed; the path is "$0".
        before, after: what isn't: it makes ready, and brings back what was there.
    """

    script: str
    before: str = ":"
    after: str = ":"

    def argv(self, path: str) -> list[str]:
        """The shell; its programs are busybox's."""
        lines = (
            "set -e",
            self.before,
            f"began={_CLOCK}",
            self.script,
            f"ended={_CLOCK}",
            self.after,
            'echo "took $began $ended"',
        )
        return ["sh", "-c", "\n".join(lines), path]

    def read(self, output: bytes) -> Reading:
        """`seconds`."""
        return Reading({"seconds": _took(output)})


def _took(output: bytes) -> float:
    found = re.search(rb"^took (\d+\.\d+) (\d+\.\d+)$", output, re.MULTILINE)
    if not found or float(found[2]) <= float(found[1]):
        raise NotReadable(tr(_("the clock was not read")))
    return float(found[2]) - float(found[1])


# Redis

_SERVER = (
    'redis-server --port 0 --unixsocket /tmp/redis.sock --dir "$data" --save "" --appendonly yes '
    "--appendfsync always --auto-aof-rewrite-percentage 0 --daemonize yes --logfile /tmp/redis.log >/dev/null"
)
_UNTIL_READY = (
    'until [ "$(redis-cli -s /tmp/redis.sock ping 2>/dev/null)" = PONG ]; do '
    "pidof redis-server >/dev/null || { tail -n 1 /tmp/redis.log >&2; exit 1; }; done"
)
_STOP = (
    "redis-cli -s /tmp/redis.sock shutdown nosave 2>/dev/null || :\n"
    "while [ -S /tmp/redis.sock ]; do sleep 0.01; done"
)


@dataclass(frozen=True)
class RedisSet:
    """SET/s of a real redis-server that syncs its append-only file after each command, in a fresh folder."""

    requests: int = 20_000
    clients: int = 16

    def argv(self, path: str) -> list[str]:
        """Server, benchmark, and an end."""
        benchmark = f"redis-benchmark -s /tmp/redis.sock -t set -n {self.requests} -c {self.clients} --csv"
        script = (
            f'set -e\ndata="$0/run"\nrm -rf "$data"; mkdir -p "$data"\n{_SERVER}\n{_UNTIL_READY}\n{benchmark}'
        )
        return ["sh", "-c", f'{script}\n{_STOP}\nrm -rf "$data"', path]

    def read(self, output: bytes) -> Reading:
        """`requests_per_second`."""
        # "SET","54347.83","0.273",…: one line a test (redis-benchmark --csv).
        found = re.search(rb'^"SET","([\d.]+)"', output, re.MULTILINE)
        if not found or float(found[1]) <= 0:
            raise NotReadable(tr(_("redis-benchmark printed no figure for SET")))
        return Reading({"requests_per_second": float(found[1])})


@dataclass(frozen=True)
class RedisStart:
    """From the start of redis-server until it answers, with an append-only file that lies there: Redis opens it
    for appending, which copies it up, and reads it whole."""

    def argv(self, path: str) -> list[str]:
        """Server, the wait, and an end."""
        timed = Timed(f"{_SERVER}\n{_UNTIL_READY}", before='data="$0"', after=_STOP)
        return timed.argv(path)

    def read(self, output: bytes) -> Reading:
        """`seconds`."""
        return Reading({"seconds": _took(output)})
