"""Whether a document of fio is a later snapshot of the run of another one, as `--status-interval` prints them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from voltutor.fio.numbers import number

_GROWING = ("total_ios", "io_bytes", "runtime")
_DIRECTIONS = ("read", "write", "trim", "mixed")


def is_later(later: Mapping[str, Any], earlier: Mapping[str, Any]) -> bool:
    """Whether both show one run. Where fio printed too little to tell, they are two."""
    jobs, before = list(_jobs(later)), list(_jobs(earlier))
    if not jobs or list(map(_identity, jobs)) != list(map(_identity, before)):
        return False
    if later.get("fio version") != earlier.get("fio version"):
        return False
    if any(now < then for job, old in zip(jobs, before, strict=True) for now, then in _counts(job, old)):
        return False
    starts = [(job.get("job_start"), old.get("job_start")) for job, old in zip(jobs, before, strict=True)]
    # From 3.36 on; a job that waits has 0.
    if known := [now == then for now, then in starts if now and then]:
        return all(known)
    passed, exact = _passed(later, earlier)
    if passed is None:
        return _unfinished(before)
    elapsed = max((number(job.get("elapsed"), 1000) or 0.0 for job in jobs), default=0.0)
    if _unfinished(before) and (not elapsed or elapsed > passed + 1000):
        return True
    return any(
        _went_on(_runtime(job), _runtime(old), passed, exact) for job, old in zip(jobs, before, strict=True)
    )


def _went_on(now: float, then: float, passed: float, exact: bool) -> bool:
    """Whether a job ran so long, in ms, because it had run when the earlier document was printed: a run that began
    only afterwards is no longer than what has passed since."""
    if now - passed - (0 if exact else 1000) > then / 2:
        return True
    return not exact and now > 1.05 * then > 0 and abs(now - then - passed) <= 1000


def _jobs(raw: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    listed = raw.get("jobs") or raw.get("client_stats")
    yield from (job for job in (listed if isinstance(listed, list) else []) if isinstance(job, dict))


def _identity(job: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(job.get(key)) for key in ("jobname", "groupid", "hostname", "port", "job options"))


def _counts(job: Mapping[str, Any], old: Mapping[str, Any]) -> Iterator[tuple[float, float]]:
    for name in _DIRECTIONS:
        way, before = job.get(name), old.get(name)
        if isinstance(way, dict) and isinstance(before, dict):
            yield from ((number(way.get(key)) or 0.0, number(before.get(key)) or 0.0) for key in _GROWING)


def _unfinished(jobs: list[Mapping[str, Any]]) -> bool:
    return any(number(job.get("eta")) for job in jobs)


def _passed(later: Mapping[str, Any], earlier: Mapping[str, Any]) -> tuple[float | None, bool]:
    """Milliseconds between the two, None where fio printed no time, and whether they are more than whole seconds."""
    for key, scale in (("timestamp_ms", 1), ("timestamp", 1000)):
        now, then = number(later.get(key), scale), number(earlier.get(key), scale)
        if now is not None and then is not None:
            return now - then, scale == 1
    return None, False


def _runtime(job: Mapping[str, Any]) -> float:
    """Milliseconds."""
    whole = number(job.get("job_runtime"))  # from 3.8 on
    if whole is not None:
        return whole
    ways = (job.get(name) for name in _DIRECTIONS)
    return max((number(way.get("runtime")) or 0.0 for way in ways if isinstance(way, dict)), default=0.0)
