"""Engines: find one, connect, and call it with plain data. The only room that imports docker; it knows
nothing of sessions, lessons or measurements."""

from voltutor.engine.client import CALL_LIMIT, Engine
from voltutor.engine.errors import (
    Conflict,
    EngineError,
    EngineGone,
    EngineTimeout,
    NoEngine,
    NotFound,
    NotServed,
    Refusal,
    Refused,
    Why,
)
from voltutor.engine.find import Candidate, Found, candidates, find, find_for_deletion, for_deletion, survey
from voltutor.engine.views import (
    Change,
    ContainerSpec,
    ContainerView,
    EngineInfo,
    Event,
    ExecResult,
    ImageView,
    LayerView,
    Mount,
    MountView,
    VolumeView,
)

__all__ = [
    "CALL_LIMIT",
    "Candidate",
    "Change",
    "Conflict",
    "ContainerSpec",
    "ContainerView",
    "Engine",
    "EngineError",
    "EngineGone",
    "EngineInfo",
    "EngineTimeout",
    "Event",
    "ExecResult",
    "Found",
    "ImageView",
    "LayerView",
    "Mount",
    "MountView",
    "NoEngine",
    "NotFound",
    "NotServed",
    "Refusal",
    "Refused",
    "VolumeView",
    "Why",
    "candidates",
    "find",
    "find_for_deletion",
    "for_deletion",
    "survey",
]
