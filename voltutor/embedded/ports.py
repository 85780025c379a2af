"""Published ports: listeners on this machine's loopback whose connections are made inside a container's network."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any

from voltutor.embedded.errors import ApiError, BadRequest, NotServed
from voltutor.embedded.spawner import Spawner

if TYPE_CHECKING:
    from voltutor.embedded.container import Container

LOOPBACK = "127.0.0.1"
CHUNK = 1 << 16


class Forwarder:
    """The published ports of one container, for as long as it runs."""

    def __init__(self, container: Container, spawner: Spawner, isolated: bool) -> None:
        self._container, self._spawner = container, spawner
        self._network = "own" if isolated else "host"
        self._servers: list[asyncio.Server] = []
        self._connections: set[asyncio.Task[None]] = set()

    async def open(self) -> dict[str, Any]:
        """Listen; what `NetworkSettings.Ports` says.

        Raises:
            ApiError: a port is taken. NotServed: not TCP, or another machine's address.
        """
        config, host = self._container.config, self._container.host
        exposed = (key if "/" in key else f"{key}/tcp" for key in config.get("ExposedPorts") or ())
        wanted: dict[str, list[dict[str, str]]] = {key: [] for key in exposed}
        if self._container.network in ("host", "none"):
            return {}
        if host.get("PublishAllPorts"):
            wanted = {key: [{}] for key in wanted}
        for key, places in (host.get("PortBindings") or {}).items():
            wanted[key if "/" in key else f"{key}/tcp"] = places or [{}]
        found: dict[str, Any] = {}
        for key, places in wanted.items():
            found[key] = [await self._listen(key, place) for place in places] or None
        return found

    async def _listen(self, key: str, place: dict[str, str]) -> dict[str, str]:
        number, _, protocol = key.partition("/")
        if protocol not in ("", "tcp"):
            raise NotServed(f"port {key}: only TCP is published here; Docker publishes them all")
        address = place.get("HostIp") or LOOPBACK
        if address in ("0.0.0.0", "::"):  # noqa: S104 - what a client asks for; loopback is what it gets
            address = LOOPBACK
        wanted = place.get("HostPort") or "0"
        if not (wanted.isdigit() and int(wanted) < 65536 and number.isdigit()):
            raise BadRequest(f"invalid port specification: {key} to {wanted!r}")

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.ensure_future(self._carry(int(number), reader, writer))
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)

        try:
            server = await asyncio.start_server(connected, address, int(wanted))
        except OSError as error:
            raise ApiError(
                f"failed to set up container networking: failed to bind host port {address}:{wanted}/tcp: "
                f"{error.strerror or error}"
            ) from error
        self._servers.append(server)
        return {"HostIp": address, "HostPort": str(server.sockets[0].getsockname()[1])}

    async def _carry(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        child = self._container.child
        made: socket.socket | None = None
        if child is not None:
            with contextlib.suppress(ApiError):
                made = await self._spawner.connect({"network": self._network, "port": port}, child.pidfd)
        if made is None:
            writer.close()
            return
        inner_reader, inner_writer = await asyncio.open_connection(sock=made)
        try:
            await asyncio.gather(_pass(reader, inner_writer), _pass(inner_reader, writer))
        finally:
            for end in (writer, inner_writer):
                end.close()

    async def close(self) -> None:
        """No more listening, no more connections."""
        for server in self._servers:
            server.close()
        for task in [*self._connections]:
            task.cancel()
        if self._connections:
            await asyncio.wait([*self._connections], timeout=2)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
