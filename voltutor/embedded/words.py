"""Names, ids, times and references, as Docker writes them."""

from __future__ import annotations

import re
import secrets
import time
from datetime import UTC, datetime

from voltutor.embedded.errors import BadRequest

NEVER = "0001-01-01T00:00:00Z"
"""Go's zero time: "not yet"."""

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_HOW = ("brisk", "calm", "clear", "eager", "fair", "keen", "light", "mild", "neat", "plain", "quick", "sound")
_WHAT = (
    "anvil",
    "basin",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "grove",
    "heron",
    "islet",
    "kettle",
    "larch",
    "mesa",
)


def new_id() -> str:
    """64 hex digits; never all digits in the short form, which would be a host's name that is a number."""
    while True:
        made = secrets.token_hex(32)
        if not made[:12].isdigit():
            return made


def random_name() -> str:
    """A name for a container that was given none."""
    return f"{secrets.choice(_HOW)}_{secrets.choice(_WHAT)}"


def container_name(name: str) -> str:
    """A container's name, checked."""
    name = name.removeprefix("/")
    if not _NAME.fullmatch(name):
        raise BadRequest(
            f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
        )
    return name


def volume_name(name: str) -> str:
    """A volume's name, checked."""
    if len(name) == 1:
        raise BadRequest("volume name is too short, names should be at least two alphanumeric characters")
    if not _NAME.fullmatch(name) or len(name) > 255:
        raise BadRequest(
            f'create {name}: "{name}" includes invalid characters for a local volume name, only '
            '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path'
        )
    return name


def now() -> str:
    """The time in UTC with nanoseconds, RFC 3339."""
    return stamp(time.time_ns())


def stamp(nanoseconds: int) -> str:
    """A time since the epoch, RFC 3339."""
    whole = datetime.fromtimestamp(nanoseconds // 10**9, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{nanoseconds % 10**9:09d}Z"


def seconds(text: str) -> float:
    """A time as clients send it, in seconds since the epoch: a number, or RFC 3339."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        # More digits than microseconds are cut: fromisoformat takes six at most on Python 3.11.
        cut = re.sub(r"(\.\d{6})\d+", r"\1", text.replace("Z", "+00:00"))
        return datetime.fromisoformat(cut).timestamp()
    except ValueError as error:
        raise BadRequest(f"invalid time {text!r}") from error


_REFERENCE = re.compile(
    r"(?P<name>[a-z0-9]+(?:[._/-]+[a-z0-9]+|:\d+/[a-z0-9]+)*)(?::(?P<tag>[\w][\w.-]{0,127}))?"
)


def reference(text: str) -> str:
    """An image's name with its tag, "latest" where none is given.

    Raises:
        BadRequest: no such name is possible.
    """
    for prefix in ("docker.io/library/", "docker.io/"):
        text = text.removeprefix(prefix)
    match = _REFERENCE.fullmatch(text)
    if not match or re.fullmatch("[0-9a-f]{64}", text):
        hint = " must be lowercase" if text != text.lower() else ""
        raise BadRequest(f"invalid reference format{': repository name' + hint if hint else ''}")
    return f"{match['name']}:{match['tag'] or 'latest'}"
