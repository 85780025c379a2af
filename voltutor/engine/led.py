"""DOCKER_HOST as the learner set it. This kit sets it too, so that what is typed reaches a lab's engine, and must not
take that for the learner's wish."""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping

LED = "VOLTUTOR_LED"
"""The DOCKER_HOST that was set here: one that differs is the learner's own."""

BEFORE = "VOLTUTOR_LED_FROM"
"""What DOCKER_HOST was before it was set here."""


def docker_host(env: Mapping[str, str] = os.environ) -> str:
    """The DOCKER_HOST that the learner has set; empty where there is none."""
    named = env.get("DOCKER_HOST", "")
    return env.get(BEFORE, "") if named and named == env.get(LED) else named


def lead_here(url: str, env: MutableMapping[str, str] = os.environ) -> None:
    """Have what this process starts, such as `!docker` in a cell, reach an engine."""
    env[BEFORE] = docker_host(env)
    env["DOCKER_HOST"] = env[LED] = url
