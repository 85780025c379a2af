"""Lab 07: services whose instances come and go, and a service whose data must not."""

from __future__ import annotations

from collections.abc import Mapping

from voltutor.labs import stateful, stateless
from voltutor.lessons import Lab
from voltutor.session import Bench
from voltutor.text import _


def fields(bench: Bench) -> Mapping[str, str]:
    """The names that the texts use."""
    return {**stateless.fields(bench), **stateful.fields(bench)}


STATELESS_AND_STATEFUL = Lab(
    id="07-stateless-and-stateful",
    title=_("Stateless and stateful services"),
    steps=(*stateless.STEPS, *stateful.STEPS),
    fields=fields,
)
