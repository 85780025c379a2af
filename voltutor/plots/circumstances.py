"""Where results were measured, in words: in full under a figure, short beside a row. Two results that were measured
under different circumstances never read the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from voltutor.results import Result
from voltutor.text import _, tr

TITLES = {
    "engine": _("engine"),
    "engine_version": _("its version"),
    "api": _("API"),
    "storage_driver": _("storage driver"),
    "backing_file_system": _("file system"),
    "device": _("device"),
    "mount_options": _("mount options"),
    "journal": _("journal"),
    "scheduler": _("I/O scheduler"),
    "write_cache": _("write cache"),
    "rotational": _("rotational"),
    "reflink": _("clones files"),
    "kernel": _("kernel"),
    "cpus": _("CPUs"),
    "memory_bytes": _("memory (bytes)"),
    "memory_limit": _("memory limit of the cgroup"),
    "cpu_limit": _("CPU limit of the cgroup"),
    "fio": _("fio"),
    "load_1min": _("load at the start"),
    "dirty_kib": _("dirty pages at the start (KiB)"),
    "free_bytes": _("free on the data root (bytes)"),
    "caches_dropped": _("page cache can be dropped"),
}

MOVING = frozenset({"load_1min", "dirty_kib", "free_bytes"})
"""What differs from one look to the next on one and the same engine, and sets no results apart."""

Setting = tuple[str, str, tuple[tuple[str, str], ...]]
"""Origin, day, and every circumstance that holds still."""


def setting(result: Result) -> Setting:
    """Equal for results of one engine on one machine, file system and day, and of one origin."""
    still = {
        key: str(value)
        for key, value in result.circumstances.items()
        if key not in MOVING and value is not None
    }
    return result.origin, result.started[:10], tuple(sorted(still.items()))


def storage(result: Result) -> str:
    """The engine, its driver and the file system under it: Docker 20.10, overlay2 on ext4."""
    return ", ".join(part for part in (_engine(result), _driver(result)) if part)


def when(result: Result) -> str:
    """Whether it was recorded or measured live, and the day."""
    day = result.started[:10]
    if result.origin == "recorded":
        return tr(_("recorded {day}"), day=day).rstrip()
    return tr(_("live {day}"), day=day).rstrip()


def caption(result: Result) -> str:
    """The circumstances in one line: without them the figures mean little."""
    seen = result.circumstances
    parts = [
        seen.get("engine"),
        _driver(result),
        seen.get("cpus") and tr(_("{n} CPUs"), n=seen["cpus"]),
        seen.get("kernel") and f"Linux {seen['kernel']}",
        seen.get("fio"),
        result.started[:10],
        tr(_("recorded")) if result.origin == "recorded" else tr(_("measured live")),
    ]
    return " · ".join(str(part) for part in parts if part)


def captions(results: Sequence[Result]) -> Mapping[Setting, str]:
    """A line for each setting among the results, in their order. Those that would read the same say in what they
    differ."""
    lines = {setting(result): caption(result) for result in results}
    told: dict[Setting, str] = {}
    for one, line in lines.items():
        alike = [dict(other[2]) for other, its in lines.items() if its == line]
        own = dict(one[2])
        keys = dict.fromkeys([*TITLES, *(key for other in alike for key in other)])
        apart = [key for key in keys if len({other.get(key) for other in alike}) > 1]
        told[one] = " · ".join([line, *(f"{tr(TITLES.get(key, key))}: {own.get(key, '?')}" for key in apart)])
    return told


def tags(results: Sequence[Result]) -> Mapping[Setting, str]:
    """What a row says of its circumstances, by setting, with the number of its line in the caption; empty where all
    are alike."""
    known = {setting(result): result for result in results}
    if len(known) < 2:
        return {}
    return {
        one: ", ".join(part for part in (f"[{number}] {storage(result)}".rstrip(), when(result)) if part)
        for number, (one, result) in enumerate(known.items(), 1)
    }


def _engine(result: Result) -> str:
    """Short: without this kit's name, and without the driver in brackets, which is named beside it."""
    seen = result.circumstances
    title = str(seen.get("engine") or "").removeprefix("voltutor ")
    return title.removesuffix(f"({seen.get('storage_driver')})").rstrip()


def _driver(result: Result) -> str:
    seen = result.circumstances
    driver, below = seen.get("storage_driver"), seen.get("backing_file_system")
    if driver and below:
        return tr(_("{driver} on {below}"), driver=driver, below=below)
    return str(driver or below or "")
