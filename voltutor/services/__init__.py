"""Services of containers: a stateless one, whose replicas come and go behind a balancer."""

from voltutor.services.answers import Answer, parse, spread
from voltutor.services.scaling import Scaler
from voltutor.services.web import (
    MOST,
    Heal,
    Load,
    SaveLog,
    Scale,
    ScaleByLoad,
    Service,
    answers,
    front,
    look,
    replica,
    under_way,
)

__all__ = [
    "MOST",
    "Answer",
    "Heal",
    "Load",
    "SaveLog",
    "Scale",
    "ScaleByLoad",
    "Scaler",
    "Service",
    "answers",
    "front",
    "look",
    "parse",
    "replica",
    "spread",
    "under_way",
]
