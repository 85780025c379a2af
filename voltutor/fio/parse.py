"""What fio printed, as jobs in nanoseconds and bytes. What a version did not print is None, never 0."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


class NotFio(ValueError):
    """The text holds no fio JSON; the message is one sentence, with what was there instead."""


class FioError(RuntimeError):
    """fio ran and reported an error of its own; the message is fio's text."""


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
    """One of a job's directions (read, write, trim).

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
    """One fio run: its version such as (3, 33), its jobs, and what it printed around the JSON."""

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


def parse(output: bytes | str) -> Report:
    """Read what fio printed with `--output-format=json`, `json+` or `json,normal`; of several documents,
    as `--status-interval` prints them, the last counts.

    Raises:
        NotFio: there is no fio JSON in it.
        FioError: a job failed; the text is what fio said about it.
    """
    text = output.decode("utf-8", errors="replace") if isinstance(output, bytes) else output
    documents, noise = _documents(text)
    if not documents:
        first = next((line.strip() for line in text.splitlines() if line.strip()), "")
        raise NotFio(f"This is not fio's JSON: {first[:200]!r}." if first else "fio printed nothing.")
    raw = documents[-1]
    version = tuple(int(part) for part in re.findall(r"\d+", str(raw["fio version"]))[:3])
    common = _options(raw.get("global options"))
    listed = raw.get("jobs") or raw.get("client_stats")
    jobs = tuple(
        _job(item, common, version)
        for item in (listed if isinstance(listed, list) else [])
        if isinstance(item, dict) and item.get("jobname") != "All clients"
    )
    failed = next((job for job in jobs if job.error), None)
    if failed:
        raise FioError(noise or f"job {failed.name} ended with error {failed.error}")
    return Report(version, jobs, noise)


def _documents(text: str) -> tuple[list[dict[str, Any]], str]:
    """Every fio document in the text, and the text around them."""
    # Control characters and bare nan or inf occur in what fio prints; strict JSON has neither.
    decoder = json.JSONDecoder(strict=False)
    if "nan" in text or "inf" in text:
        text = re.sub(r"(?<=[:\s,\[])-?(?:nan|inf)(?=[\s,\]}])", "null", text)
    documents: list[dict[str, Any]] = []
    noise: list[str] = []
    position = 0
    while (start := text.find("{", position)) >= 0:
        noise.append(text[position:start])
        try:
            value, position = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            position = start + 1
            continue
        if isinstance(value, dict) and "fio version" in value:
            documents.append(value)
    noise.append(text[position:])
    return documents, "\n".join(part.strip() for part in noise if part.strip())


def _options(raw: Any) -> dict[str, str]:
    """Options as a dict; some versions print a list of one-entry dicts."""
    parts = raw if isinstance(raw, list) else [raw]
    return {str(key): str(value) for part in parts if isinstance(part, dict) for key, value in part.items()}


def _job(raw: dict[str, Any], common: Mapping[str, str], version: tuple[int, ...]) -> JobResult:
    directions = {
        name: _direction(raw[name], version)
        for name in ("read", "write", "trim")
        if isinstance(raw.get(name), dict) and _number(raw[name].get("total_ios", raw[name].get("iops")))
    }
    sync = raw.get("sync")
    return JobResult(
        name=str(raw.get("jobname", "")),
        error=int(_number(raw.get("error")) or 0),
        directions=directions,
        sync=_latency(sync, "lat", sync.get("total_ios")) if isinstance(sync, dict) else None,
        options={**common, **_options(raw.get("job options"))},
        runtime_ns=_scaled(raw.get("job_runtime"), 1_000_000),
        user_cpu=_number(raw.get("usr_cpu")),
        system_cpu=_number(raw.get("sys_cpu")),
        group=_whole(raw.get("groupid")),
        host=str(raw.get("hostname", "")),
    )


def _direction(raw: dict[str, Any], version: tuple[int, ...]) -> Direction:
    moved = _number(raw.get("io_bytes"))
    if moved is not None and version and version[:2] <= (2, 18):
        moved *= 1024  # KiB through 2.18
    rate = _number(raw.get("bw_bytes"))
    if rate is None and (kib := _number(raw.get("bw"))) is not None:
        rate = kib * 1024
    ios = _number(raw.get("total_ios"))
    return Direction(
        ios=None if ios is None else int(ios),
        bytes=None if moved is None else int(moved),
        runtime_ns=_scaled(raw.get("runtime"), 1_000_000),
        iops=_number(raw.get("iops")),
        bandwidth=rate,
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
    numbers = [_number(raw.get(f"{name}_{key}")) for key in keys]
    if count == 0 or not any(numbers):
        return None
    return Spread(count, *(None if number is None else number * scale for number in numbers))


def _latency(raw: Mapping[str, Any], name: str, ios: Any) -> Latency | None:
    """`lat_ns` and its kin; fio 2.x has `lat` in microseconds."""
    value, scale = raw.get(f"{name}_ns"), 1
    if not isinstance(value, dict):
        value, scale = raw.get(name), 1000
    if not isinstance(value, dict):
        return None
    count = _number(value.get("N", ios))
    summary = {key: _number(value.get(key)) for key in ("min", "max", "mean", "stddev")}
    if count == 0 or not any(summary.values()):
        return None  # of no I/O fio prints zeros
    return Latency(
        count=None if count is None else int(count),
        percentiles=dict(_pairs(value.get("percentile"), scale)),
        bins=_bins(value.get("bins")),
        **{key: None if number is None else number * scale for key, number in summary.items()},
    )


def _bins(raw: Any) -> dict[int, int]:
    """Counts by nanoseconds: thousands a job, so the plain case is taken the short way."""
    if not isinstance(raw, dict):
        return {}
    try:
        return {int(key): count for key, count in raw.items() if count.__class__ is int}
    except ValueError:
        return {int(key): int(count) for key, count in _pairs(raw, 1)}


def _pairs(raw: Any, scale: int) -> Iterator[tuple[float, float]]:
    for key, value in raw.items() if isinstance(raw, dict) else ():
        number = _number(value)
        percent = _number(key)
        # Old versions pad their list of percentiles with "0.00".
        if number is not None and percent is not None and not (percent == 0 and scale == 1000):
            yield percent, number * scale


def _scaled(raw: Any, scale: int) -> int | None:
    number = _number(raw)
    return None if number is None else int(number * scale)


def _whole(raw: Any) -> int | None:
    number = _number(raw)
    return None if number is None else int(number)


def _number(raw: Any) -> float | None:
    """A finite number, also where it was printed as a string; else None."""
    try:
        number = float(raw)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
