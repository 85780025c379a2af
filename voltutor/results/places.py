"""What the places of a result are called; who writes there is the business of measure."""

from __future__ import annotations

from voltutor.text import _, tr

PLACE_TITLES = {
    "layer": _("container layer"),
    "volume": _("volume"),
    "bind": _("bind mount"),
    "tmpfs": _("tmpfs"),
}
SECOND = "-2"
"""What a place's name ends in that stands beside another of its kind."""


def place_title(name: str) -> str:
    """What a place is called, translated; its name where it is none of ours."""
    title = tr(PLACE_TITLES.get(name.removesuffix(SECOND), name))
    return tr(_("another {place}"), place=title) if name.endswith(SECOND) else title
