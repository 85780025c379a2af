"""Progress: which steps were passed and what was guessed, in one small versioned file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from voltutor.home import locked, write_atomically

VERSION = 1


@dataclass(frozen=True)
class StepProgress:
    """Attributes:
    passed: what the check saw when it passed, or empty.
    guess: the index of a choice, or seconds; None for "I don't know".
    guessed: whether a prediction was made, "I don't know" included.
    hints: how many were shown.
    """

    passed: str = ""
    guess: float | None = None
    guessed: bool = False
    hints: int = 0


@dataclass
class Progress:
    """The file, read anew at each look, so that several kernels may write it."""

    path: Path

    @classmethod
    def of(cls, home: Path) -> Progress:
        """The progress of a home."""
        return cls(home / "progress.json")

    def get(self, lab: str, step: str) -> StepProgress:
        """What is known of a step."""
        raw = self._read().get(lab, {}).get(step, {})
        known = {key: raw[key] for key in StepProgress.__dataclass_fields__ if key in raw}
        return StepProgress(**known)

    def update(self, lab: str, step: str, **changes: object) -> StepProgress:
        """Change what is known of a step."""
        with locked(self.path.with_suffix(".lock")):
            new = replace(self.get(lab, step), **changes)  # type: ignore[arg-type]
            labs = {key: dict(value) for key, value in self._read().items()}
            labs.setdefault(lab, {})[step] = asdict(new)
            write_atomically(self.path, json.dumps({"version": VERSION, "labs": labs}, indent=1) + "\n")
            return new

    def _read(self) -> Mapping[str, Mapping[str, Any]]:
        try:
            raw = json.loads(self.path.read_text(encoding="utf-8"))
            labs = raw["labs"]
            if raw["version"] == VERSION and isinstance(labs, dict):
                return labs
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError):
            pass
        # Nothing is lost: what can't be read is kept beside it.
        self.path.replace(self.path.with_suffix(".corrupt.json"))
        return {}
