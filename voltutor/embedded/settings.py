"""What a container runs with: settings of its own over its image's, variables, user, signals. Pure."""

from __future__ import annotations

import contextlib
import re
import signal
from collections.abc import Iterable, Mapping
from typing import Any

from voltutor.embedded.errors import BadRequest, NotServed

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Docker's default PATH (moby, oci/defaults.go)."""


_PORT = re.compile(r"\d{1,5}(/(tcp|udp|sctp))?")
_LISTS = ("Env", "Cmd", "Entrypoint", "Binds", "VolumesFrom")
_OBJECTS = ("Labels", "Volumes", "ExposedPorts", "Tmpfs", "PortBindings", "LogConfig", "RestartPolicy")


def check_shape(body: Mapping[str, Any]) -> None:
    """Whether what is read of a container's or an exec's settings has the types that the API gives it.

    Raises:
        BadRequest: it has not.
    """
    for key, value in body.items():
        if value is None:
            continue
        words = isinstance(value, list) and all(isinstance(item, str) for item in value)
        if key in _LISTS and not words and not (key in ("Cmd", "Entrypoint") and isinstance(value, str)):
            raise BadRequest(f"invalid JSON: {key} must be a list of strings")
        if key in _OBJECTS and not isinstance(value, dict):
            raise BadRequest(f"invalid JSON: {key} must be an object")
        if key == "Labels" and not all(isinstance(item, str) for item in value.values()):
            raise BadRequest("invalid JSON: a label's value must be a string")
        if key in ("ExposedPorts", "PortBindings") and not all(map(_PORT.fullmatch, value)):
            raise BadRequest(f"invalid JSON: {key} must be named by ports, such as 80/tcp")
        if key == "Hostname" and len(str(value)) > 64:
            raise BadRequest("invalid hostname: it has more than 64 characters")
        if words and any("\0" in item for item in value):
            raise BadRequest(f"invalid JSON: {key} has a NUL in it")
        if key == "Mounts" and not (
            isinstance(value, list) and all(isinstance(item, dict) for item in value)
        ):
            raise BadRequest("invalid JSON: Mounts must be a list of objects")
        if key in ("Image", "User", "WorkingDir", "Hostname", "NetworkMode") and not isinstance(value, str):
            raise BadRequest(f"invalid JSON: {key} must be a string")


def merged(config: dict[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """A container's own settings over its image's, `base` (moby, daemon/commit.go, merge)."""
    found = dict(config)
    if not found.get("Entrypoint"):
        if not found.get("Cmd"):
            found["Cmd"] = base.get("Cmd")
        if found.get("Entrypoint") is None:
            found["Entrypoint"] = base.get("Entrypoint")
    if found.get("Entrypoint") == [""]:
        found["Entrypoint"] = None
    # A name without a value is kept: it takes the image's variable away.
    lines = map(str, [*(base.get("Env") or ()), *(found.get("Env") or ())])
    found["Env"] = [*{line.partition("=")[0]: line for line in lines}.values()]
    for key in ("WorkingDir", "User", "StopSignal", "StopTimeout"):
        if not found.get(key) and base.get(key):
            found[key] = base[key]
    for key in ("Labels", "Volumes", "ExposedPorts"):
        both = {**(base.get(key) or {}), **(found.get(key) or {})}
        if both or key == "Labels":
            found[key] = both
    for key in ("Entrypoint", "Cmd"):
        if isinstance(found.get(key), str):
            found[key] = [found[key]]
    return found


def environment(config: Mapping[str, Any]) -> dict[str, str]:
    """A program's variables."""
    found = {"PATH": PATH, "HOME": "/root"}
    if config.get("Tty"):
        found["TERM"] = "xterm"
    found |= pairs(config.get("Env") or ())
    for line in config.get("Env") or ():
        if "=" not in line:
            found.pop(line, None)
    return found


def pairs(lines: Iterable[object]) -> dict[str, str]:
    """Lines of NAME=VALUE, the last of a name; a name alone is none."""
    found = {}
    for line in lines:
        key, equals, value = str(line).partition("=")
        if equals:
            found[key] = value
    return found


def check_user(user: str) -> None:
    """Only the one user there is.

    Raises:
        NotServed: another one is named.
    """
    name, _, group = user.partition(":")
    if name not in ("", "0", "root") or group not in ("", "0", "root"):
        raise NotServed(
            f'user "{user}": this engine has one user id, which is root in a container; Docker has them all'
        )


def signal_number(text: str) -> int:
    """A signal by name or number.

    Raises:
        BadRequest: there is no such signal.
    """
    if text.isdigit():
        if 0 < int(text) < 65:
            return int(text)
    else:
        name = text.upper().removeprefix("SIG")
        with contextlib.suppress(KeyError):
            return int(signal.Signals[f"SIG{name}"])
    raise BadRequest(f"invalid signal: {text}")
