"""One of fio's JSON documents, of any version, as a report."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from typing import Any

from voltutor.fio.numbers import number, whole
from voltutor.fio.report import ALL_CLIENTS, Direction, JobResult, Latency, Report, Spread


def report(raw: Mapping[str, Any], noise: str = "") -> Report:
    """The run of one document, and what fio printed around it."""
    version = _version(raw.get("fio version", ""))
    common = _options(raw.get("global options"))
    listed = raw.get("jobs") or raw.get("client_stats")
    items = [item for item in (listed if isinstance(listed, list) else []) if isinstance(item, dict)]
    # fio gives the sum this name (client.c); a job of a run without clients may have it, too.
    name_of_sums = ALL_CLIENTS if "client_stats" in raw else None
    jobs = [_job(item, common, version) for item in items]
    sums = [job for job in jobs if job.name == name_of_sums]
    return Report(
        version, tuple(job for job in jobs if job.name != name_of_sums), noise, sums[-1] if sums else None
    )


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
        error=int(error) if isinstance(error, int) else whole(error) or 0,
        directions=directions,
        sync=_latency(sync, "lat", sync.get("total_ios")) if isinstance(sync, dict) else None,
        options={**common, **_options(raw.get("job options"))},
        runtime_ns=whole(raw.get("job_runtime"), 1_000_000),
        user_cpu=number(raw.get("usr_cpu")),
        system_cpu=number(raw.get("sys_cpu")),
        group=whole(raw.get("groupid")),
        host=str(raw.get("hostname", "")),
        port=whole(raw.get("port")),
        total_errors=whole(raw.get("total_err")),
        first_error=whole(raw.get("first_error")),
    )


def _moved(raw: Mapping[str, Any]) -> bool:
    """Whether a direction did anything: fio before 2.1.14 prints no count, and before 2.2.6 cuts `iops` to a whole
    number, which is 0 for a slow job."""
    return any(number(raw.get(key)) for key in ("total_ios", "io_bytes", "iops"))


def _direction(raw: dict[str, Any], version: tuple[int, ...]) -> Direction:
    # `io_bytes` was KiB through 2.20; what made it bytes put `io_kbytes` beside it (fio, commit c12d597a).
    kib = "io_kbytes" not in raw and (version[:2] <= (2, 20) if version else "clat_ns" not in raw)
    rate = number(raw.get("bw_bytes"))  # from 3.2 on
    ios = whole(raw.get("total_ios"))
    return Direction(
        ios=ios,
        bytes=whole(raw.get("io_bytes"), 1024 if kib else 1),
        runtime_ns=whole(raw.get("runtime"), 1_000_000),
        iops=number(raw.get("iops")),
        bandwidth=number(raw.get("bw"), 1024) if rate is None else rate,
        submission=_latency(raw, "slat", ios),
        completion=_latency(raw, "clat", ios),
        total=_latency(raw, "lat", ios),
        iops_spread=_spread(raw, "iops", 1),
        bandwidth_spread=_spread(raw, "bw", 1024),
        short=whole(raw.get("short_ios")),
        dropped=whole(raw.get("drop_ios")),
    )


def _spread(raw: Mapping[str, Any], name: str, scale: int) -> Spread | None:
    """`iops_min` and its kin; bandwidth is printed in KiB per second. Without samples there is none."""
    count = whole(raw.get(f"{name}_samples"))
    keys = ("min", "max", "mean", "stddev" if f"{name}_stddev" in raw else "dev")
    numbers = [number(raw.get(f"{name}_{key}"), scale) for key in keys]
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
    count = whole(value.get("N", ios))
    summary = {key: number(value.get(key), scale) for key in ("min", "max", "mean", "stddev")}
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
    found = ((number(key), number(value, scale)) for key, value in pairs if key != "0.00")
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
    found = ((whole(key, scale), whole(count)) for key, count in raw.items())
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
