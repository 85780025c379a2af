"""What the engine says when it says no: an HTTP status and one sentence, as Docker answers."""

from __future__ import annotations

import errno

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What the kernel answers where a disk takes no more (errno(3))."""


class ApiError(Exception):
    """A refusal; `status` is HTTP's."""

    status = 500

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        if status is not None:
            self.status = status


class BadRequest(ApiError):
    """400: the request can't be meant."""

    status = 400


class Forbidden(ApiError):
    """403: it is marked read-only."""

    status = 403


class NotFound(ApiError):
    """404: no such thing."""

    status = 404


class Conflict(ApiError):
    """409: the name is taken, or the thing is in use."""

    status = 409


class NotServed(ApiError):
    """501: this engine leaves it to others; the sentence names who can do it."""

    status = 501


class NotModified(Exception):
    """304: it is so already."""
