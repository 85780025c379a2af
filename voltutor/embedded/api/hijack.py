"""A connection taken over: after the headers it carries a program's streams, raw for a terminal, else framed.

docker-py reads such a connection as a raw socket, and the docker command closes its half when its own stdin ends;
both need the connection as it is, so it is taken from aiohttp (moby, api/server/router/container, "hijack").
"""

from __future__ import annotations

import asyncio
import contextlib
import struct

from aiohttp import web

from voltutor.embedded.errors import BadRequest
from voltutor.embedded.streams import Streams

DETACH = b"\x10\x11"
"""ctrl-p ctrl-q, Docker's default."""


def detach_keys(text: str) -> bytes:
    """The bytes of a sequence such as "ctrl-p,q".

    Raises:
        BadRequest: it names no keys.
    """
    if not text:
        return DETACH
    found = bytearray()
    for part in text.split(","):
        if len(part) == 1:
            found += part.encode()
        elif part.startswith("ctrl-") and len(part) == 6:
            found.append(ord(part[5].upper()) & 0x1F)
        else:
            raise BadRequest(f"invalid detach keys ({text}) provided")
    return bytes(found)


def frame(channel: int, data: bytes) -> bytes:
    """One frame of a stream that carries several (moby, pkg/stdcopy)."""
    return struct.pack(">BxxxL", channel, len(data)) + data


class Connection:
    """A client's connection, once its headers are sent."""

    def __init__(
        self, request: web.Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, raw: bool
    ) -> None:
        self._request, self.reader, self.writer, self._raw = request, reader, writer, raw
        self.channels = {1, 2}
        self.detached = asyncio.Event()

    async def put(self, channel: int, data: bytes) -> None:
        """One piece of output; raises ConnectionError when nobody reads any more."""
        if channel not in self.channels:
            return
        if self.writer.is_closing():
            raise ConnectionResetError
        self.writer.write(data if self._raw else frame(channel, data))
        await self.writer.drain()

    async def feed(self, streams: Streams, once: bool, keys: bytes) -> None:
        """From the client to the program's stdin, until the client closes its half; then, if it is the only one
        that the stdin is for, the program reads its end."""
        with contextlib.suppress(ConnectionError):
            held = b""
            while data := await self.reader.read(1 << 16):
                if streams.tty:
                    data = held + data
                    at = data.find(keys)
                    if at >= 0:
                        await streams.feed(data[:at])
                        self.detached.set()
                        return
                    starts = (keys[:count] for count in range(len(keys) - 1, 0, -1))
                    held = next((start for start in starts if data.endswith(start)), b"")
                    data = data[: len(data) - len(held)]
                await streams.feed(data)
        if once:
            streams.close_stdin()

    def close(self) -> web.Response:
        """Flush and close; the response is only what aiohttp wants to have back."""
        with contextlib.suppress(Exception):
            if self.writer.can_write_eof():
                self.writer.write_eof()
        protocol = self._request.protocol
        with contextlib.suppress(Exception):
            protocol.force_close()
        self.writer.close()
        return _Sent()


class _Sent(web.Response):
    """An answer that was given already."""

    async def prepare(self, request: web.BaseRequest) -> None:
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        return None


async def take(request: web.Request, *, tty: bool) -> Connection:
    """Take the connection over: 101 to a client that asks for it, 200 to an older one."""
    await request.read()
    transport = request.transport
    if transport is None:
        raise ConnectionResetError
    kind = "raw-stream" if tty else "multiplexed-stream"
    if "upgrade" in request.headers.get("Connection", "").lower() or "Upgrade" in request.headers:
        head = "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
    else:
        head, kind = "HTTP/1.1 200 OK\r\n", "raw-stream"
    incoming = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(incoming)  # unlike aiohttp's, it lives through a half-close
    transport.set_protocol(protocol)
    protocol.connection_made(transport)
    writer = asyncio.StreamWriter(transport, protocol, incoming, asyncio.get_running_loop())
    writer.write(f"{head}Content-Type: application/vnd.docker.{kind}\r\n\r\n".encode())
    return Connection(request, incoming, writer, tty)
