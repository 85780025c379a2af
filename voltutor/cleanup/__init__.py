"""Clean-up: find what is ours on an engine, plan what goes and what stays, and apply the plan by id.
Never prunes, never removes a volume by force."""

from voltutor.cleanup.apply import Outcome, Report, apply, end_empty
from voltutor.cleanup.find import Foreign, Owner, Scene, Thing, find, find_labelled
from voltutor.cleanup.keep import keep_data
from voltutor.cleanup.plan import CleanupPlan, Decision, plan
from voltutor.cleanup.volumes import VolumeSeen, plan_for, volumes

__all__ = [
    "CleanupPlan",
    "Decision",
    "Foreign",
    "Outcome",
    "Owner",
    "Report",
    "Scene",
    "Thing",
    "VolumeSeen",
    "apply",
    "end_empty",
    "find",
    "find_labelled",
    "keep_data",
    "plan",
    "plan_for",
    "volumes",
]
