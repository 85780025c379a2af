"""Clean-up: find what is ours on an engine, plan what goes and what stays, and apply the plan by id.
Never prunes, never removes a volume by force."""

from voltutor.cleanup.apply import Outcome, Report, apply, end_empty
from voltutor.cleanup.find import Owner, Scene, Thing, find
from voltutor.cleanup.plan import CleanupPlan, Decision, plan

__all__ = [
    "CleanupPlan",
    "Decision",
    "Outcome",
    "Owner",
    "Report",
    "Scene",
    "Thing",
    "apply",
    "end_empty",
    "find",
    "plan",
]
