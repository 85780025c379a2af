"""A container's log: a line of JSON per line of output, in Docker's json-file format, followed as it grows."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from voltutor.embedded import words
from voltutor.embedded.errors import NO_ROOM
from voltutor.embedded.streams import STDERR, STDOUT

LINE_AT_MOST = 16 << 10
"""Bytes after which a line without an end is logged in parts, as Docker does."""

_NAMES = {STDOUT: "stdout", STDERR: "stderr"}


BYTES_AT_MOST = 256 << 20
"""Bytes of a log's file. Docker sets no limit; this engine shares a learner's disk, or memory."""


def _parts(line: bytes) -> list[bytes]:
    """A line in pieces of the length that is logged at once; one piece at least."""
    return [line[at : at + LINE_AT_MOST] for at in range(0, len(line), LINE_AT_MOST)] or [b""]


class Log:
    """One file. Written by a process's streams, read by any number of followers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rest: dict[int, bytes] = {}
        self._grown = asyncio.Event()

    def write(self, channel: int, data: bytes) -> None:
        """Take in a piece of output; what has no line's end yet waits for more."""
        *whole, rest = (self._rest.pop(channel, b"") + data).split(b"\n")
        lines = [(channel, piece) for line in whole for piece in _parts(line + b"\n")]
        *full, rest = _parts(rest)
        lines += [(channel, piece) for piece in full]
        if rest:
            self._rest[channel] = rest
        self._append(lines)

    def flush(self) -> None:
        """The process has ended: what waited is its last line."""
        rest, self._rest = self._rest, {}
        self._append([*rest.items()])

    def _append(self, lines: list[tuple[int, bytes]]) -> None:
        if not lines:
            return
        at = words.stamp(time.time_ns())
        text = "".join(
            json.dumps(
                {"log": line.decode("utf-8", "surrogateescape"), "stream": _NAMES[channel], "time": at}
            )
            + "\n"
            for channel, line in lines
        )
        try:
            self._write(text.encode())
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            # A full disk loses what a container says, and not the container.
        self.wake()

    def _write(self, data: bytes) -> None:
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(handle).st_size
            if size < BYTES_AT_MOST and os.write(handle, data) < len(data):
                os.ftruncate(handle, size)  # half of a line would spoil the one that comes after it
        finally:
            os.close(handle)

    def wake(self) -> None:
        """Let followers look again."""
        self._grown.set()
        self._grown = asyncio.Event()

    async def read(
        self,
        *,
        channels: set[int],
        tail: int | None,
        since: float,
        until: float | None,
        follow: Callable[[], bool],
        timestamps: bool,
    ) -> AsyncIterator[tuple[int, bytes]]:
        """Lines as (channel, text): the last `tail` of them, in a span of time, then what comes while `follow`
        says so."""
        numbers = {"stdout": STDOUT, "stderr": STDERR}

        def decoded(raw: bytes) -> tuple[int, bytes] | None:
            entry = json.loads(raw)
            channel, at = numbers[entry["stream"]], words.seconds(entry["time"])
            if channel not in channels or at < since or (until is not None and at > until):
                return None
            text: bytes = entry["log"].encode("utf-8", "surrogateescape")
            return channel, (entry["time"].encode() + b" " + text if timestamps else text)

        self.path.touch(mode=0o600)
        with self.path.open("rb") as file:
            found = [line for raw in file if raw.endswith(b"\n") and (line := decoded(raw))]
            for line in found if tail is None else found[max(len(found) - tail, 0) :]:
                yield line
            while True:
                goes_on, grown = follow(), self._grown
                at = file.tell()
                while (raw := file.readline()).endswith(b"\n"):
                    at = file.tell()
                    if line := decoded(raw):
                        yield line
                file.seek(at)
                if not goes_on:
                    return
                await grown.wait()
