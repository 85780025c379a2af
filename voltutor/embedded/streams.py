"""A process's standard streams: pumped to its log and to any number of readers, fed from any number of writers.
A reader that vanishes stops nothing."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import struct
import termios
from collections.abc import Callable
from typing import Protocol

STDIN, STDOUT, STDERR = 0, 1, 2


class Reader(Protocol):
    """Where output goes: a hijacked connection."""

    async def put(self, channel: int, data: bytes) -> None:
        """One piece of output; raises ConnectionError when nobody reads any more."""


class Streams:
    """The ends of one process's pipes, or of its terminal."""

    def __init__(self, *, tty: bool, stdin: bool) -> None:
        self.tty = tty
        self.readers: list[Reader] = []
        self._sinks: list[Callable[[int, bytes], None]] = []
        self._master = -1
        if tty:
            self._master, slave = pty.openpty()
            self.ends = [slave, slave, slave]
            self._ours: list[int] = []
            self._stdin_fd = self._master if stdin else -1
        else:
            out_r, out_w = os.pipe()
            err_r, err_w = os.pipe()
            if stdin:
                in_r, self._stdin_fd = os.pipe()
            else:
                in_r, self._stdin_fd = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC), -1
            self.ends = [in_r, out_w, err_w]
            self._ours = [out_r, err_r]
        self._pumps: list[asyncio.Task[None]] = []
        self._stdin_open = stdin

    def log_to(self, sink: Callable[[int, bytes], None]) -> None:
        """Pass every piece of output to this too: channel, data."""
        self._sinks.append(sink)

    def close_ends(self) -> None:
        """The process has its ends; ours of them close, so that a pipe's end is heard."""
        for fd in set(self.ends):
            with contextlib.suppress(OSError):
                os.close(fd)
        self.ends = []

    def begin(self) -> None:
        """Pump until the process and all that inherited its streams have closed them."""
        if self.tty:
            self._pumps = [asyncio.create_task(self._pump(STDOUT, os.dup(self._master)))]
        else:
            pairs = zip((STDOUT, STDERR), self._ours, strict=True)
            self._pumps = [asyncio.create_task(self._pump(channel, fd)) for channel, fd in pairs]

    def abandon(self) -> None:
        """The process never ran."""
        self.close_ends()
        for fd in self._ours:
            os.close(fd)
        self._ours = []
        self.close_stdin()
        self._close_master()

    def _close_master(self) -> None:
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    async def _pump(self, channel: int, fd: int) -> None:
        os.set_blocking(fd, False)
        try:
            while data := await _read(fd):
                for sink in self._sinks:
                    sink(channel, data)
                for reader in [*self.readers]:
                    try:
                        await reader.put(channel, data)
                    except ConnectionError:
                        self.readers.remove(reader)
                await asyncio.sleep(0)  # a program that never stops talking must not have the loop to itself
        finally:
            os.close(fd)

    async def drained(self, limit: float | None = None) -> bool:
        """Whether all output has passed within so many seconds. What is late goes on by itself: a reader that does
        not read holds up its own stream, not the end of the container."""
        late: set[asyncio.Task[None]] = set()
        if self._pumps:
            _done, late = await asyncio.wait(self._pumps, timeout=limit)
        if not late:
            self._close_master()
        return not late

    def abandon_output(self) -> None:
        """Read no more of what the process's children hold open."""
        for task in self._pumps:
            task.cancel()

    async def feed(self, data: bytes) -> None:
        """Write to the process's stdin; dropped where it reads no more."""
        loop = asyncio.get_running_loop()
        while data and self._stdin_open and self._stdin_fd >= 0:
            fd = self._stdin_fd
            os.set_blocking(fd, False)
            try:
                data = data[os.write(fd, data) :]
            except BlockingIOError:
                room = asyncio.Event()
                loop.add_writer(fd, room.set)
                try:
                    await room.wait()
                finally:
                    loop.remove_writer(fd)
            except OSError:
                self.close_stdin()
                return

    def close_stdin(self) -> None:
        """The process reads an end of file; a terminal has none to give."""
        self._stdin_open = False
        if self._stdin_fd >= 0 and not self.tty:
            os.close(self._stdin_fd)
        self._stdin_fd = -1

    def resize(self, rows: int, columns: int) -> None:
        """Tell the terminal its size."""
        if self._master >= 0:
            fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))


async def _read(fd: int) -> bytes:
    """The next piece, or nothing at the end; a terminal ends with EIO."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            return os.read(fd, 65536)
        except BlockingIOError:
            pass
        except OSError:
            return b""
        ready: asyncio.Future[None] = loop.create_future()
        loop.add_reader(fd, settle, ready)
        try:
            await ready
        finally:
            loop.remove_reader(fd)


def settle(ready: asyncio.Future[None]) -> None:
    """Let go who waits for a descriptor."""
    if not ready.done():
        ready.set_result(None)
