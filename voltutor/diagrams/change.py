"""What has changed from one picture to the next, in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from voltutor.text import _, tr


def in_words(new: Iterable[str], gone: Sequence[str]) -> list[str]:
    """The names of what is new or has changed, and of what has gone, a line each; no line for none."""
    found = sorted(new)
    lines = [tr(_("New or changed: {names}"), names=", ".join(found))] if found else []
    return [*lines, *([gone_in_words(gone)] if gone else [])]


def gone_in_words(names: Sequence[str]) -> str:
    """What has gone."""
    return tr(_("Gone: {names}"), names=", ".join(names))
