"""Measuring: workloads, the places where they write, and experiments of paired trials on a bench."""

from voltutor.measure.circumstances import look
from voltutor.measure.command import Measure
from voltutor.measure.experiment import Experiment, NoSpace, NothingToMeasure, Update
from voltutor.measure.line import Line
from voltutor.measure.places import BIND, LAYER, PLACES, TMPFS, VOLUME, Place, place, two_places
from voltutor.measure.workloads import (
    FIRST_WRITE,
    RANDOM_WRITE,
    WORKLOADS,
    Workload,
    titles,
    workload,
)

__all__ = [
    "BIND",
    "FIRST_WRITE",
    "LAYER",
    "PLACES",
    "RANDOM_WRITE",
    "TMPFS",
    "VOLUME",
    "WORKLOADS",
    "Experiment",
    "Line",
    "Measure",
    "NoSpace",
    "NothingToMeasure",
    "Place",
    "Update",
    "Workload",
    "look",
    "place",
    "titles",
    "two_places",
    "workload",
]
