"""Progress: which steps were passed and what was guessed, in one small versioned file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from voltutor.errors import VoltutorError
from voltutor.home import locked, write_atomically
from voltutor.text import _

VERSION = 1


class NotProgress(VoltutorError):
    """A file that should hold progress holds none."""


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

    def export(self, path: Path) -> int:
        """Write it to another file; the number of steps in it.

        Raises:
            OSError: the file can't be written.
        """
        labs = self._read()
        write_atomically(path, json.dumps({"version": VERSION, "labs": labs}, indent=1) + "\n")
        return sum(len(steps) for steps in labs.values())

    def take_in(self, path: Path) -> int:
        """Add what a file says, as `export` wrote it; what is passed here stays passed. The number of steps that
        it names.

        Raises:
            NotProgress: the file is none.
            OSError: it can't be read.
        """
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            if raw["version"] != VERSION:
                raise ValueError
            found = {
                (str(lab), str(step)): StepProgress(**value)
                for lab, steps in raw["labs"].items()
                for step, value in steps.items()
            }
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise NotProgress(
                _("{path} is no progress file of this version."),
                _("Take one that `voltutor progress save` wrote."),
                path=path,
            ) from error
        for (lab, step), new in found.items():
            if not self.get(lab, step).passed:
                self.update(lab, step, **asdict(new))
        return len(found)

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
