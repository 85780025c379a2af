"""Places: where a workload writes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from voltutor.errors import UsageError
from voltutor.session import HOST_PATHS
from voltutor.text import _, tr

AWAY = "/place"
"""Where a bind mount or a tmpfs is mounted: beside the image's files, so that it can be filled from them."""


@dataclass(frozen=True)
class Place:
    """Attributes:
    name: the word that results and command lines use.
    kind: what is mounted. An engine fills a new volume from what the image has there; bind mounts and tmpfs are
        filled with a copy, so that every place holds the same files.
    """

    name: str
    title: str
    kind: Literal["layer", "volume", "bind", "tmpfs"]

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

    def again(self) -> Place:
        """Another one of the same kind, to compare it with: the noise floor."""
        return replace(self, name=f"{self.name}-2", title=tr(_("another {place}"), place=tr(self.title)))


LAYER = Place("layer", _("container layer"), "layer")
VOLUME = Place("volume", _("volume"), "volume")
BIND = Place("bind", _("bind mount"), "bind")
TMPFS = Place("tmpfs", _("tmpfs"), "tmpfs")

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


def place_title(name: str) -> str:
    """What the place of a result is called, translated; its name where it is none of ours."""
    known = PLACES.get(name.removesuffix("-2"))
    if known is None:
        return name
    return tr((known.again() if name.endswith("-2") else known).title)


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
