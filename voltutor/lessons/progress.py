"""Progress: which steps were passed and what was guessed, in one small versioned file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

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
        return self._read().get(lab, {}).get(step, StepProgress())

    def update(self, lab: str, step: str, **changes: object) -> StepProgress:
        """Change what is known of a step."""
        with locked(self.path.with_suffix(".lock")):
            labs = {key: dict(value) for key, value in self._read(keep=True).items()}
            new = replace(labs.get(lab, {}).get(step, StepProgress()), **changes)  # type: ignore[arg-type]
            labs.setdefault(lab, {})[step] = new
            write_atomically(self.path, _text(labs))
            return new

    def forget(self, lab: str, step: str) -> None:
        """As if the step had never been begun."""
        self.update(lab, step, **asdict(StepProgress()))

    def export(self, path: Path) -> int:
        """Write it to another file, new or one that an earlier call wrote; the number of steps in it.

        Raises:
            NotProgress: what is known here can't be read, or the file holds what would be lost.
            OSError: the file can't be read or written.
        """
        try:
            labs = _labs(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            labs = {}
        except ValueError as error:
            raise NotProgress(
                _("What you passed can't be read, so nothing was saved: {path} is damaged."),
                _("Move it away, and take in a file that you saved before: voltutor progress load FILE"),
                path=self.path,
            ) from error
        _see_that_nothing_is_lost(path, labs)
        write_atomically(path, _text(labs))
        return sum(len(steps) for steps in labs.values())

    def take_in(self, path: Path) -> int:
        """Add what a file says, as `export` wrote it; what is passed here stays passed. The number of steps that
        it names.

        Raises:
            NotProgress: the file is none.
            OSError: it can't be read.
        """
        try:
            found = _labs(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise NotProgress(
                _("{path} is no progress file of this version."),
                _("Take one that `voltutor progress save` wrote."),
                path=path,
            ) from error
        for lab, steps in found.items():
            for step, new in steps.items():
                if not self.get(lab, step).passed:
                    self.update(lab, step, **asdict(new))
        return sum(len(steps) for steps in found.values())

    def _read(self, keep: bool = False) -> _Labs:
        """What stands in the file; nothing where it can't be read. Before it is written over (`keep`), one that can't
        be read is kept beside it, each under a name of its own, so that nothing is lost."""
        try:
            return _labs(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError:
            if keep:
                kept = (
                    self.path.with_suffix(f".corrupt{n}.json")
                    for n in ("", *map("-{}".format, range(2, 1000)))
                )
                self.path.replace(next(path for path in kept if not path.exists()))
            return {}


_Labs = Mapping[str, Mapping[str, StepProgress]]


def _see_that_nothing_is_lost(path: Path, labs: _Labs) -> None:
    """See that a file may be written over with this.

    Raises:
        NotProgress: it is none of ours, or names steps as passed that this doesn't.
        OSError: it can't be read.
    """
    if not path.exists():
        return
    try:
        # What is no file, such as a pipe, would be waited for.
        there = _labs(path.read_text(encoding="utf-8") if path.is_file() else "")
    except ValueError as error:
        raise NotProgress(
            _("{path} is there, and is no progress file of this version."),
            _("Name another file."),
            path=path,
        ) from error
    if missing := len(_passed(there) - _passed(labs)):
        raise NotProgress(
            _("{path} holds {n} passed steps that are not passed here."),
            _("Take them in first, by `voltutor progress load`; or name another file."),
            path=path,
            n=missing,
        )


def _passed(labs: _Labs) -> set[tuple[str, str]]:
    return {(lab, step) for lab, steps in labs.items() for step, known in steps.items() if known.passed}


def _text(labs: _Labs) -> str:
    plain = {lab: {step: asdict(known) for step, known in steps.items()} for lab, steps in labs.items()}
    return json.dumps({"version": VERSION, "labs": plain}, indent=1) + "\n"


def _labs(text: str) -> _Labs:
    """Read a file's text, and look at every value in it.

    Raises:
        ValueError: it is no progress, or of another version.
    """
    try:
        raw = json.loads(text)
        if raw["version"] != VERSION:
            raise ValueError(raw["version"])
        return {
            str(lab): {str(step): _step(value) for step, value in steps.items()}
            for lab, steps in raw["labs"].items()
        }
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(str(error)) from error


def _step(value: Mapping[str, object]) -> StepProgress:
    known = StepProgress(**{key: value[key] for key in StepProgress.__dataclass_fields__ if key in value})  # type: ignore[arg-type]
    kinds = (
        (known.passed, str),
        (known.guess, float | int | None),
        (known.guessed, bool),
        (known.hints, int),
    )
    if (
        not all(isinstance(one, kind) for one, kind in kinds)
        or isinstance(known.guess, bool)
        or known.hints < 0
    ):
        raise ValueError(value)
    return known
