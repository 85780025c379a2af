"""Step and Lab: each step is declared once, and is run, checked, drawn and tested from its declaration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from voltutor.lessons.verdict import Failed, Verdict
from voltutor.session import Bench, Command

Check = Callable[[Bench], Verdict]
Fields = Callable[[Bench], Mapping[str, str]]


@dataclass(frozen=True)
class Choice:
    """A prediction among a few answers. `answer` is the index of the one that the step will show; a guess is
    compared with it, and never called wrong."""

    question: str
    options: tuple[str, ...]
    answer: int


@dataclass(frozen=True)
class Duration:
    """A prediction of a time, in seconds, on a logarithmic scale."""

    question: str
    least: float
    most: float
    start: float


@dataclass(frozen=True)
class Times:
    """A prediction of how many times as long something takes in the first place as in the second, on a logarithmic
    scale around 1."""

    question: str
    least: float = 0.1
    most: float = 1000.0
    start: float = 1.0


Prediction = Choice | Duration | Times


@dataclass(frozen=True)
class ThenNow:
    """What the source of 2018 says, or nothing where it is silent, and what is true today."""

    then: str
    now: str


@dataclass(frozen=True, kw_only=True)
class Step:
    """Attributes:
    goal: what to bring about, in one sentence or two.
    minutes: how long it takes.
    given: what must be there before it; done where it is missing.
    solution: the commands that bring it about.
    check: looks at the engine's state, whichever way it came about.
    hints: from a nudge on; the last hint is always the solution's own line, and not listed here.
    wrong: for each reason that the check can give, commands that earn it.
    shows: the containers that the diagram draws, by logical name; layers where the image is "files", mounts where
        it is another.
    volumes: the volumes that the diagram draws even where nobody mounts them, by logical name.
    files: files of this session's on the host that must be there, with their content; None for a folder. {n} is
        the session's own number.
    needs: capabilities without which the step is not possible.
    measures: the workload whose result the card plots.
    quest: whether its line is kept back until the learner has passed or has asked for every hint.
    sweeps: whether its lines, as the source has them, would take what is not ours; on an engine that is not the
        learner's alone they are played on the session's own things, and the card says so.
    """

    id: str
    title: str
    goal: str
    minutes: int
    solution: Sequence[Command]
    check: Check
    hints: Sequence[str]
    explanation: str
    then_now: ThenNow
    prediction: Prediction | None = None
    given: Sequence[Command] = ()
    wrong: Mapping[Failed, Sequence[Command]] = field(default_factory=dict)
    shows: Sequence[str] = ()
    volumes: Sequence[str] = ()
    files: Mapping[str, str | None] = field(default_factory=dict)
    image: str = "files"
    needs: frozenset[str] = frozenset()
    measures: str = ""
    quest: bool = False
    sweeps: bool = False


@dataclass(frozen=True)
class Lab:
    """A notebook's steps. `fields` gives the names that its texts use, such as {one}. A `private` lab takes this
    home's own engine, even where Docker answers, unless the learner names another."""

    id: str
    title: str
    steps: tuple[Step, ...]
    fields: Fields
    private: bool = False

    def step(self, id: str) -> Step:  # noqa: A002 - as the attribute
        """The step of this id.

        Raises:
            KeyError: there is none.
        """
        for step in self.steps:
            if step.id == id:
                return step
        raise KeyError(id)
