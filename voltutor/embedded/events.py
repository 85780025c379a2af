"""What happened, told to whoever listens, and the last of it kept for who asks later."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

KEPT = 256
"""Events kept, as Docker does."""


class Events:
    """All on the event loop's thread."""

    def __init__(self) -> None:
        self._past: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._listeners: set[asyncio.Queue[dict[str, Any]]] = set()

    def tell(self, kind: str, action: str, id: str, attributes: Mapping[str, str] | None = None) -> None:  # noqa: A002
        """One event: `kind` is container, image or volume."""
        at = time.time_ns()
        extra = dict(attributes or {})
        event: dict[str, Any] = {}
        if kind in ("container", "image"):
            event = {"status": action, "id": id}
            if kind == "container":
                event["from"] = extra.get("image", "")
        event |= {
            "Type": kind,
            "Action": action,
            "Actor": {"ID": id, "Attributes": extra},
            "scope": "local",
            "time": at // 10**9,
            "timeNano": at,
        }
        self._past.append(event)
        for listener in self._listeners:
            listener.put_nowait(event)

    def past(self, since: float, until: float | None = None) -> list[dict[str, Any]]:
        """What is kept from this time on, in seconds since the epoch."""
        end = float("inf") if until is None else until
        return [event for event in self._past if since <= event["timeNano"] / 1e9 <= end]

    def listen(self) -> asyncio.Queue[dict[str, Any]]:
        """A queue of what happens from now on; give it back with `leave`."""
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._listeners.add(queue)
        return queue

    def leave(self, queue: asyncio.Queue[dict[str, Any]]) -> None:
        """No longer listen."""
        self._listeners.discard(queue)
