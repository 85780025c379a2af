"""Texts as fio prints them, small: what a test doesn't name is as in a run that went well."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

Document = dict[str, object]


def way(ios: int = 1000, **more: object) -> Document:
    """A direction: so many reads of 4 KiB in a second, with clat's percentiles, which fio prints by default."""
    clat = {"min": 900, "max": 90000, "mean": 2000.0, "stddev": 10.0, "N": ios,
            "percentile": {"50.000000": 1800, "99.000000": 40000, "99.900000": 80000}}  # fmt: skip
    lat = {"min": 950, "max": 90050, "mean": 2050.0, "stddev": 10.0, "N": ios}
    slat = {"min": 0, "max": 0, "mean": 0.0, "stddev": 0.0, "N": 0}
    figures: Document = {
        "io_bytes": ios * 4096, "io_kbytes": ios * 4, "bw_bytes": ios * 4096, "bw": ios * 4, "iops": float(ios),
        "runtime": 1000, "total_ios": ios, "slat_ns": slat, "clat_ns": clat, "lat_ns": lat,
    }  # fmt: skip
    return figures | more


IDLE = way(0, clat_ns={"mean": 0.0, "N": 0}, lat_ns={"mean": 0.0, "N": 0}, bw_bytes=0)


def job(name: str = "a", read: Document | None = None, **more: Any) -> Document:
    """A job that read, and wrote nothing."""
    return {
        "jobname": name, "groupid": 0, "error": 0, "read": way() if read is None else read, "write": IDLE, **more,
    }  # fmt: skip


def idle(name: str) -> Document:
    """A job that did nothing."""
    return job(name, IDLE)


def run(*jobs: Document, **more: object) -> Document:
    """A document of these jobs."""
    return {"fio version": "fio-3.36", **more, "jobs": list(jobs)}


def clients(*jobs: Document) -> Document:
    """A document of several clients' jobs."""
    return {"fio version": "fio-3.36", "global options": {}, "client_stats": list(jobs)}


def printed(*documents: Document | Sequence[Document]) -> str:
    """The documents one after the other, each on lines of its own as fio prints it."""
    return "\n".join(json.dumps(document, indent=2) for document in documents)
