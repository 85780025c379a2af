"""What a comparison found, in words and as a direction: which place is the slower one. A result that isn't finished
has none."""

from __future__ import annotations

from enum import Enum

from voltutor.results import Comparison, Finding, Result
from voltutor.text import _, tr

FINDINGS = {
    Finding.NO_DIFFERENCE: _("no difference shown"),
    Finding.NO_CLAIM: _("no claim: rounds resemble each other"),
    Finding.TOO_FEW: _("too few pairs for a claim"),
    Finding.BY_CHANCE: _("not beyond chance among so many"),
}


class Direction(Enum):
    """Which way a finding points, seen from the first place; whether its metric counts time or speed."""

    SLOWER = "slower"
    FASTER = "faster"
    NEITHER = "neither"
    UNFINISHED = "unfinished"


def direction(result: Result, found: Comparison) -> Direction:
    """Which of the two places is the slower one, where that is found."""
    if not result.answers:
        return Direction.UNFINISHED
    if found.finding not in (Finding.HIGHER, Finding.LOWER):
        return Direction.NEITHER
    more = found.finding is Finding.HIGHER
    return Direction.SLOWER if more == result.slower_is_more else Direction.FASTER


def words(result: Result, found: Comparison) -> str:
    """What to say beside the figures where they show no difference; empty where they show one."""
    return unfinished(result, found.n) or tr(FINDINGS.get(found.finding, ""))


def unfinished(result: Result, n: int) -> str:
    """How far a result with `n` pairs is, while no claim may rest on it; empty once one may."""
    if result.answers:
        return ""
    if result.planned is None:
        return tr(_("unfinished, {n} pairs so far"), n=n)
    return tr(_("unfinished, {n} of {planned} pairs"), n=n, planned=result.planned)
