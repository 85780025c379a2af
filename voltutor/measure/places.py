"""Places: where a workload writes."""

from __future__ import annotations

from dataclasses import dataclass

from voltutor.errors import UsageError
from voltutor.text import _


@dataclass(frozen=True)
class Place:
    """Attributes:
    name: the word that results and command lines use.
    volume: whether a volume is mounted over the workload's folder. An engine fills a new one from what the
        image has there, so both places hold the same files.
    """

    name: str
    title: str
    volume: bool = False

    def __repr__(self) -> str:
        return f"place({self.name!r})"


LAYER = Place("layer", _("container layer"))
VOLUME = Place("volume", _("volume"), volume=True)

PLACES = {place.name: place for place in (LAYER, VOLUME)}


def place(name: str) -> Place:
    """The place of this name.

    Raises:
        UsageError: there is none.
    """
    if name not in PLACES:
        raise UsageError(
            _("There is no place {name!r}."), _("Take one of: {names}."), name=name, names=", ".join(PLACES)
        )
    return PLACES[name]
