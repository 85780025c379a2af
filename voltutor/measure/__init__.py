"""Measuring: workloads, the places where they write, and experiments of paired trials on a bench."""

from voltutor.measure.circumstances import circumstances
from voltutor.measure.command import Measure
from voltutor.measure.experiment import Experiment, Update
from voltutor.measure.places import LAYER, PLACES, VOLUME, Place, place
from voltutor.measure.workloads import (
    FIRST_WRITE,
    FIRST_WRITE_LARGE,
    RANDOM_WRITE,
    WORKLOADS,
    Workload,
    workload,
)

__all__ = [
    "FIRST_WRITE",
    "FIRST_WRITE_LARGE",
    "LAYER",
    "PLACES",
    "RANDOM_WRITE",
    "VOLUME",
    "WORKLOADS",
    "Experiment",
    "Measure",
    "Place",
    "Update",
    "Workload",
    "circumstances",
    "place",
    "workload",
]
