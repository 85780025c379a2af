"""What fio printed, as jobs in nanoseconds and bytes. What a version did not print is None, never 0."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class NotFio(ValueError):
    """The text holds no fio JSON; the message is one sentence, with what was there instead."""


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


@dataclass(frozen=True)
class JobResult:
    """One job: its directions by name; `sync` is the latency of fsync; `error` an errno, 0 for none; CPU shares in
    percent."""

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


@dataclass(frozen=True)
class Report:
    """One fio run: its version such as (3, 33), () where it says none, its jobs, and what it printed around the
    JSON."""

    version: tuple[int, ...]
    jobs: tuple[JobResult, ...]
    noise: str = ""

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
        if line:
            return line[0].strip()
        known = os.strerror(job.error) if 0 < job.error < 2**31 else ""
        return f"error {job.error}" + (f", {known}" if known else "")


def parse(output: bytes | str) -> Report:
    """Read what fio printed with `--output-format=json`, `json+` or `json,normal`; of several documents,
    as `--status-interval` prints them, the last counts.

    Raises:
        NotFio: there is no fio JSON in it.
        FioError: a job failed; the text is what fio said about it, and `report` has the other jobs.
    """
    text = output.decode("utf-8", errors="replace") if isinstance(output, bytes) else output
    documents, noise = _documents(text)
    if not documents:
        first = next((line.strip() for line in text.splitlines() if line.strip()), "")
        raise NotFio(f"This is not fio's JSON: {first[:200]!r}." if first else "fio printed nothing.")
    raw = documents[-1]
    version = _version(raw["fio version"])
    common = _options(raw.get("global options"))
    listed = raw.get("jobs") or raw.get("client_stats")
    jobs = tuple(
        _job(item, common, version)
        for item in (listed if isinstance(listed, list) else [])
        if isinstance(item, dict) and item.get("jobname") != "All clients"
    )
    report = Report(version, jobs, noise)
    if report.failed:
        first_failed = report.failed[0]
        raise FioError(noise or f"job {first_failed.name} ended with error {first_failed.error}", report)
    return report


# fio prints its floats with %f (json.c), so that nan, -nan, inf and -inf occur, and each is the value of a key.
# Such a key holds no colon and no comma, and between two strings there is always one of them: what fits here
# begins with a whole key, so it can't lie within a string.
_BARE = re.compile(r'("[^"\\:,]+"\s*:\s*)(-?(?:nan|inf))(?=\s*[,}])')


def _documents(text: str) -> tuple[list[dict[str, Any]], str]:
    """Every fio document in the text, and the text around them."""
    if '"fio version"' not in text:
        return [], ""
    # Control characters and bare nan or inf occur in what fio prints; strict JSON has neither.
    decoder = json.JSONDecoder(strict=False, parse_constant=lambda _name: None)
    plain = text
    if "nan" in text or "inf" in text:
        # Python's own NaN is as long as what it stands for, so a position is the same in both texts.
        plain = _BARE.sub(lambda found: found[1] + "NaN".rjust(len(found[2])), text)
    documents: list[dict[str, Any]] = []
    noise: list[str] = []
    position = 0
    while (start := plain.find("{", position)) >= 0:
        noise.append(text[position:start])
        try:
            value, position = decoder.raw_decode(plain, start)
        except (ValueError, RecursionError):
            position = start + 1
            continue
        if isinstance(value, dict) and "fio version" in value:
            documents.append(value)
    noise.append(text[position:])
    return documents, "\n".join(part.strip() for part in noise if part.strip())


def _version(raw: Any) -> tuple[int, ...]:
    """The dotted numbers of "fio-3.33", or of "fio-3.26-19-ge7e53" as a build between two releases has it."""
    found = re.match(r"\D*([0-9]{1,9}(?:\.[0-9]{1,9})*)(?![0-9])", str(raw))
    return tuple(int(part) for part in found[1].split(".")) if found else ()


def _options(raw: Any) -> dict[str, str]:
    """Options as a dict; some versions print a list of one-entry dicts."""
    parts = raw if isinstance(raw, list) else [raw]
    return {str(key): str(value) for part in parts if isinstance(part, dict) for key, value in part.items()}


def _job(raw: dict[str, Any], common: Mapping[str, str], version: tuple[int, ...]) -> JobResult:
    directions = {
        name: _direction(raw[name], version)
        for name in ("read", "write", "trim", "mixed")
        if isinstance(raw.get(name), dict) and _moved(raw[name])
    }
    sync, error = raw.get("sync"), raw.get("error")
    return JobResult(
        name=str(raw.get("jobname", "")),
        # Of any size: one that no float holds is an error all the same.
        error=int(error) if isinstance(error, int) else _whole(error) or 0,
        directions=directions,
        sync=_latency(sync, "lat", sync.get("total_ios")) if isinstance(sync, dict) else None,
        options={**common, **_options(raw.get("job options"))},
        runtime_ns=_whole(raw.get("job_runtime"), 1_000_000),
        user_cpu=_number(raw.get("usr_cpu")),
        system_cpu=_number(raw.get("sys_cpu")),
        group=_whole(raw.get("groupid")),
        host=str(raw.get("hostname", "")),
    )


def _moved(raw: Mapping[str, Any]) -> bool:
    """Whether a direction did anything: fio before 2.1.14 prints no count, and before 2.2.6 cuts `iops` to a whole
    number, which is 0 for a slow job."""
    return any(_number(raw.get(key)) for key in ("total_ios", "io_bytes", "iops"))


def _direction(raw: dict[str, Any], version: tuple[int, ...]) -> Direction:
    # `io_bytes` was KiB through 2.20; what made it bytes put `io_kbytes` beside it (fio, commit c12d597a).
    kib = "io_kbytes" not in raw and version[:2] <= (2, 20)
    rate = _number(raw.get("bw_bytes"))  # from 3.2 on
    ios = _whole(raw.get("total_ios"))
    return Direction(
        ios=ios,
        bytes=_whole(raw.get("io_bytes"), 1024 if kib else 1),
        runtime_ns=_whole(raw.get("runtime"), 1_000_000),
        iops=_number(raw.get("iops")),
        bandwidth=_number(raw.get("bw"), 1024) if rate is None else rate,
        submission=_latency(raw, "slat", ios),
        completion=_latency(raw, "clat", ios),
        total=_latency(raw, "lat", ios),
        iops_spread=_spread(raw, "iops", 1),
        bandwidth_spread=_spread(raw, "bw", 1024),
        short=_whole(raw.get("short_ios")),
        dropped=_whole(raw.get("drop_ios")),
    )


def _spread(raw: Mapping[str, Any], name: str, scale: int) -> Spread | None:
    """`iops_min` and its kin; bandwidth is printed in KiB per second. Without samples there is none."""
    count = _whole(raw.get(f"{name}_samples"))
    keys = ("min", "max", "mean", "stddev" if f"{name}_stddev" in raw else "dev")
    numbers = [_number(raw.get(f"{name}_{key}"), scale) for key in keys]
    if count == 0 or not any(numbers):
        return None
    return Spread(count, *numbers)


def _latency(raw: Mapping[str, Any], name: str, ios: Any) -> Latency | None:
    """`lat_ns` and its kin; fio 2.x has `lat` in microseconds."""
    value, scale = raw.get(f"{name}_ns"), 1
    if not isinstance(value, dict):
        value, scale = raw.get(name), 1000
    if not isinstance(value, dict):
        return None
    count = _whole(value.get("N", ios))
    summary = {key: _number(value.get(key), scale) for key in ("min", "max", "mean", "stddev")}
    if count == 0 or not any(summary.values()):
        return None  # of no I/O fio prints zeros
    return Latency(
        count=count,
        percentiles=_percentiles(value.get("percentile"), scale),
        bins=_bins(value.get("bins"), scale),
        **summary,
    )


def _percentiles(raw: Any, scale: int) -> dict[float, float]:
    # A percentile's key has six decimals; "0.00" pads the list through fio 3.3.
    pairs = raw.items() if isinstance(raw, dict) else ()
    found = ((_number(key), _number(value, scale)) for key, value in pairs if key != "0.00")
    return {percent: value for percent, value in found if percent is not None and value is not None}


def _bins(raw: Any, scale: int) -> dict[int, int]:
    """Counts by nanoseconds: thousands a job, so the plain case is taken the short way."""
    if not isinstance(raw, dict):
        return {}
    if "FIO_IO_U_PLAT_BITS" in raw:
        return _table(raw)
    if scale == 1 and set(map(type, raw.values())) == {int}:
        with contextlib.suppress(ValueError):
            return dict(zip(map(int, raw), raw.values(), strict=True))
    found = ((_whole(key, scale), _whole(count)) for key, count in raw.items())
    return {at: count for at, count in found if at is not None and count is not None}


_GROUP_BITS, _GROUPS = 6, 19
"""The measures of fio 2's table of latencies (FIO_IO_U_PLAT_BITS and _GROUP_NR in its stat.h)."""


def _table(raw: Mapping[str, Any]) -> dict[int, int]:
    """From 2.2.12 through 2.19 json+ prints the table itself: every count by its index, then the table's measures.
    Of one with other measures than any release has, nothing is known."""
    size = _GROUPS << _GROUP_BITS
    measures = [raw.get(f"FIO_IO_U_PLAT_{name}") for name in ("BITS", "VAL", "NR")]
    if measures != [_GROUP_BITS, 1 << _GROUP_BITS, size]:
        return {}
    counts = ((index, raw.get(str(index))) for index in range(size))
    return {_middle(index) * 1000: count for index, count in counts if count.__class__ is int and count}


def _middle(index: int) -> int:
    """A bucket's middle in microseconds, as fio's `plat_idx_to_val` (stat.c) has it: two groups of one microsecond a
    bucket, then each group's buckets twice as wide as the group's before."""
    if index < 2 << _GROUP_BITS:
        return index
    wider = (index >> _GROUP_BITS) - 1
    place = index % (1 << _GROUP_BITS)
    return (1 << _GROUP_BITS + wider) + ((2 * place + 1) << wider - 1)


def _whole(raw: Any, scale: int = 1) -> int | None:
    number = _number(raw, scale)
    return None if number is None else int(number)


def _number(raw: Any, scale: int = 1) -> float | None:
    """A number times `scale`, also where it was printed as a string; None where it is not, or is not finite then."""
    try:
        number = float(raw) * scale
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
