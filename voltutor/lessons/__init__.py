"""Lessons: the machinery of steps, verdicts, predictions and progress. Knows no particular lab, and draws
nothing."""

from voltutor.lessons.mounts import FieldSeen, in_words
from voltutor.lessons.pictures import mount_picture, picture
from voltutor.lessons.play import (
    clear,
    lay_out,
    names_of,
    not_possible,
    perform,
    prepare,
    reserve,
    reset_plan,
    solve,
    take_down,
    verdict,
    volumes_of,
)
from voltutor.lessons.progress import NotProgress, Progress, StepProgress
from voltutor.lessons.step import Choice, Duration, Lab, Prediction, Step, ThenNow, Times
from voltutor.lessons.verdict import EngineTrouble, Failed, NotAttempted, NotPossible, Passed, Verdict

__all__ = [
    "Choice",
    "Duration",
    "EngineTrouble",
    "Failed",
    "FieldSeen",
    "Lab",
    "NotAttempted",
    "NotPossible",
    "NotProgress",
    "Passed",
    "Prediction",
    "Progress",
    "Step",
    "StepProgress",
    "ThenNow",
    "Times",
    "Verdict",
    "clear",
    "in_words",
    "lay_out",
    "mount_picture",
    "names_of",
    "not_possible",
    "perform",
    "picture",
    "prepare",
    "reserve",
    "reset_plan",
    "solve",
    "take_down",
    "verdict",
    "volumes_of",
]
