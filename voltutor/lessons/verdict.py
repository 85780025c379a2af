"""Verdicts: what a check found. Each is a constant with named fields; `seen` fills them in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

from voltutor.text import _, tr

RESET = _("Reset sets it up again.")


@dataclass(frozen=True)
class _Verdict:
    """Two verdicts are the same when their texts are, whatever was seen."""

    template: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict, compare=False)

    word: ClassVar[str] = ""
    kind: ClassVar[str] = ""

    def seen(self, **fields: object) -> Self:
        """The same verdict with what was seen."""
        return replace(self, fields={**self.fields, **fields})

    @property
    def text(self) -> str:
        """The sentence that a learner reads, translated."""
        return tr(self.template, **self.fields)


@dataclass(frozen=True)
class Passed(_Verdict):
    """The engine's state is right; the text says what was seen."""

    word = _("passed")
    kind = "passed"


@dataclass(frozen=True)
class Failed(_Verdict):
    """Something was done, and it is not that; the text is the reason. From a `stuck` one nothing that a learner does
    leads on: the text says that a reset does."""

    stuck: bool = field(default=False, compare=False)

    word = _("not yet")
    kind = "failed"

    @property
    def text(self) -> str:
        """The sentence that a learner reads, translated, and the way on where there is only one."""
        said = super().text
        return f"{said} {tr(RESET)}" if self.stuck else said


@dataclass(frozen=True)
class NotAttempted(_Verdict):
    """Nothing to judge so far."""

    template: str = _("Nothing to check yet.")
    word = _("to do")
    kind = "todo"


@dataclass(frozen=True)
class EngineTrouble(_Verdict):
    """The engine did not let itself be asked; says nothing about the learner's work."""

    word = _("engine error")
    kind = "trouble"


@dataclass(frozen=True)
class NotPossible(_Verdict):
    """This engine can't do what the step is about."""

    word = _("not possible here")
    kind = "impossible"


Verdict = Passed | Failed | NotAttempted | EngineTrouble | NotPossible
