"""Places: where a workload writes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from voltutor.errors import UsageError
from voltutor.results import SECOND, place_title
from voltutor.session import HOST_PATHS
from voltutor.text import _

AWAY = "/place"
"""Where a bind mount or a tmpfs is mounted: beside the image's files, so that it can be filled from them."""


Kind = Literal["layer", "volume", "bind", "tmpfs"]


@dataclass(frozen=True)
class Place:
    """Attributes:
    name: the word that results and command lines use.
    kind: what is mounted. An engine fills a new volume from what the image has there; bind mounts and tmpfs are
        filled with a copy, so that every place holds the same files.
    """

    name: str
    kind: Kind

    def __repr__(self) -> str:
        return f"place({self.name!r})"

    @property
    def apart(self) -> bool:
        """Whether its files lie elsewhere than in the image."""
        return self.kind in ("bind", "tmpfs")

    @property
    def needs(self) -> frozenset[str]:
        """What an engine must be able to do."""
        return frozenset({HOST_PATHS}) if self.kind == "bind" else frozenset()

    def inside(self, path: str) -> str:
        """Where a file of the image lies in this place."""
        return f"{AWAY}{path}" if self.apart else path

    @property
    def title(self) -> str:
        """What a learner reads, translated."""
        return place_title(self.name)

    def again(self) -> Place:
        """Another one of the same kind, to compare it with: the noise floor."""
        return replace(self, name=f"{self.name}{SECOND}")


LAYER = Place("layer", "layer")
VOLUME = Place("volume", "volume")
BIND = Place("bind", "bind")
TMPFS = Place("tmpfs", "tmpfs")

PLACES = {place.name: place for place in (LAYER, VOLUME, BIND, TMPFS)}


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


def two_places(text: str) -> tuple[Place, Place]:
    """Two places from "A,B"; "A,A" compares a place with another one of its kind.

    Raises:
        UsageError: not two, or not places.
    """
    names = [name.strip() for name in text.split(",")]
    if len(names) != 2:
        raise UsageError(_("--places takes two places, not {given!r}."), _("Write layer,volume."), given=text)
    a, b = place(names[0]), place(names[1])
    return (a, b.again()) if a == b else (a, b)
