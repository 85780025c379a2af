"""Results recorded on real engines, for where none can be measured; each says that it was recorded, and where."""

from __future__ import annotations

from pathlib import Path

from voltutor.results.model import Result, load

PACKAGE = Path(__file__).resolve().parents[1]


def folder() -> Path:
    """Where they lie: inside an installed wheel, or beside the package in a clone."""
    inside = PACKAGE / "recorded"
    return inside if inside.is_dir() else PACKAGE.parent / "data"


def recorded(workload: str) -> Result | None:
    """A result of this workload, or None; the first in the order of the files' names."""
    for path in sorted(folder().glob("*.json")):
        for result in load(path):
            if result.workload == workload and result.origin == "recorded":
                return result
    return None
