"""Containers over HTTP: life, streams, files."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import time
from typing import Any

from aiohttp import web

from voltutor.embedded import filters, scope, words
from voltutor.embedded.api import hijack
from voltutor.embedded.api.http import answer, body, closing, daemon, nothing, pump_out, streamed, truth
from voltutor.embedded.container import Container
from voltutor.embedded.containers import each_created
from voltutor.embedded.errors import ApiError, BadRequest, Conflict, Forbidden
from voltutor.embedded.execs import Exec
from voltutor.embedded.settings import signal_number
from voltutor.embedded.spawner import ExecFailed
from voltutor.embedded.streams import STDERR, STDOUT, Streams, settle

_LIST_FILTERS = (
    "ancestor", "before", "exited", "expose", "health", "id", "is-task", "isolation", "label", "name", "network",
    "publish", "since", "status", "volume",
)  # fmt: skip


def _container(request: web.Request) -> Container:
    return daemon(request).containers.get(request.match_info["id"])


# looking


async def listed(request: web.Request) -> web.StreamResponse:
    """`docker container ls`."""
    wanted = filters.parse(request.query.get("filters"), _LIST_FILTERS)
    engine = daemon(request)
    limit = max(int(request.query.get("limit") or 0), 0)  # docker-py sends -1 for all
    everything = truth(request, "all") or limit > 0 or any(key in wanted for key in ("status", "exited"))
    chosen = []
    for container in each_created(engine.containers):
        if (everything or container.running) and _passes(engine, container, wanted):
            chosen.append(container)
    found = []
    for container in chosen[: limit or None]:
        line = container.summary(engine.containers.folder_of, engine.containers.image_name(container))
        if truth(request, "size"):
            line["SizeRw"] = await asyncio.to_thread(engine.containers.size_rw, container)
            line["SizeRootFs"] = line["SizeRw"] + _image_size(engine, container)
        found.append(line)
    return answer(found)


def _image_size(engine: Any, container: Container) -> int:
    image = engine.images.by_id.get(container.image_id)
    return int(engine.images.size(image)) if image else 0


def _passes(engine: Any, container: Container, wanted: filters.Filters) -> bool:
    def ancestor(value: str) -> bool:
        with contextlib.suppress(ApiError):
            image = engine.images.find(value)
            own = engine.images.by_id.get(container.image_id)
            return own is not None and own.diff_ids[: len(image.diff_ids)] == image.diff_ids
        return False

    def beside(value: str, newer: bool) -> bool:
        other = engine.containers.get(value)
        return bool((container.created > other.created) if newer else (container.created < other.created))

    def volume(value: str) -> bool:
        return any(value in (point.name, point.source, point.target) for point in container.points)

    def status(value: str) -> bool:
        if value not in ("created", "restarting", "running", "removing", "paused", "exited", "dead"):
            raise BadRequest(f"invalid filter 'status={value}'")
        return container.state.status == value

    return filters.matches(
        wanted,
        {
            "ancestor": ancestor,
            "before": lambda value: beside(value, False),
            "since": lambda value: beside(value, True),
            "exited": lambda value: (
                container.state.status == "exited" and str(container.state.exit_code) == value
            ),
            "id": container.id.startswith,
            "label": filters.label(container.labels),
            "name": lambda value: (
                filters.pattern(value)(f"/{container.name}") or filters.pattern(value)(container.name)
            ),
            "network": lambda value: container.network == value,
            "status": status,
            "volume": volume,
            "health": lambda value: value == "none",
            "is-task": lambda value: not filters.flag(value),
        },
    )


async def inspect(request: web.Request) -> web.StreamResponse:
    """`docker container inspect`."""
    engine, container = daemon(request), _container(request)
    view = engine.containers.view(container)
    if truth(request, "size"):
        view["SizeRw"] = await asyncio.to_thread(engine.containers.size_rw, container)
        view["SizeRootFs"] = view["SizeRw"] + _image_size(engine, container)
    return answer(view)


async def changes(request: web.Request) -> web.StreamResponse:
    """`docker container diff`."""
    found = await asyncio.to_thread(daemon(request).containers.changes, _container(request))
    return answer([{"Path": change.path, "Kind": change.kind} for change in found] or None)


async def logs(request: web.Request) -> web.StreamResponse:
    """`docker container logs`."""
    container, query = _container(request), request.query
    channels = {channel for channel, name in ((STDOUT, "stdout"), (STDERR, "stderr")) if truth(request, name)}
    if not channels:
        raise BadRequest("Bad parameters: you must choose at least one stream")
    tail = query.get("tail") or "all"
    follow = truth(request, "follow")
    raw = bool(container.config.get("Tty"))
    kind = "raw-stream" if raw else "multiplexed-stream"
    lines = container.log.read(
        channels=channels,
        tail=int(tail) if tail.isdigit() else None,
        since=words.seconds(query.get("since") or "0"),
        until=words.seconds(query["until"]) if query.get("until") not in (None, "", "0") else None,
        follow=lambda: follow and container.running,
        timestamps=truth(request, "timestamps"),
    )
    response = await streamed(request, f"application/vnd.docker.{kind}")
    async for channel, text in lines:
        await response.write(text if raw else hijack.frame(channel, text))
    return response


async def wait(request: web.Request) -> web.StreamResponse:
    """`docker container wait`. The headers leave at once: `docker run` starts the container only after them."""
    container = _container(request)
    condition = request.query.get("condition") or "not-running"
    if condition not in ("not-running", "next-exit", "removed"):
        raise BadRequest(f'invalid condition: "{condition}"')
    waiting = asyncio.ensure_future(daemon(request).containers.wait(container, condition))
    await asyncio.sleep(0)
    try:
        response = await streamed(request, "application/json")
        code = await waiting
        await response.write(json.dumps({"StatusCode": code}).encode() + b"\n")
        return response
    finally:
        waiting.cancel()


# life


async def create(request: web.Request) -> web.StreamResponse:
    """`docker container create`."""
    container, warnings = await daemon(request).containers.create(
        request.query.get("name", ""), await body(request)
    )
    return answer({"Id": container.id, "Warnings": warnings}, 201)


async def start(request: web.Request) -> web.StreamResponse:
    """`docker container start`."""
    await daemon(request).containers.start(_container(request))
    return nothing()


def _seconds(request: web.Request) -> int | None:
    given = request.query.get("t")
    if not given:
        return None
    try:
        return int(given)
    except ValueError as error:
        raise BadRequest(f"invalid number of seconds: {given!r}") from error


async def stop(request: web.Request) -> web.StreamResponse:
    """`docker container stop`."""
    number = signal_number(request.query["signal"]) if request.query.get("signal") else None
    await daemon(request).containers.stop(_container(request), _seconds(request), number)
    return nothing()


async def restart(request: web.Request) -> web.StreamResponse:
    """`docker container restart`."""
    containers, container = daemon(request).containers, _container(request)
    if container.running:
        await containers.stop(container, _seconds(request))
    await containers.start(container)
    daemon(request).events.tell("container", "restart", container.id, container.attributes())
    return nothing()


async def kill(request: web.Request) -> web.StreamResponse:
    """`docker container kill`."""
    number = signal_number(request.query.get("signal") or "KILL")
    containers, container = daemon(request).containers, _container(request)
    containers.kill(container, number)
    if number == 9:  # as Docker, which answers when it has ended
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(10):
                await containers.wait(container, "not-running")
    return nothing()


async def pause(request: web.Request) -> web.StreamResponse:
    """`docker container pause`."""
    daemon(request).containers.pause(_container(request))
    return nothing()


async def unpause(request: web.Request) -> web.StreamResponse:
    """`docker container unpause`."""
    daemon(request).containers.unpause(_container(request))
    return nothing()


async def rename(request: web.Request) -> web.StreamResponse:
    """`docker container rename`."""
    await daemon(request).containers.rename(_container(request), request.query.get("name", ""))
    return nothing()


async def remove(request: web.Request) -> web.StreamResponse:
    """`docker container rm`."""
    if truth(request, "link"):
        raise BadRequest("links are not served here")
    await daemon(request).containers.remove(
        _container(request), force=truth(request, "force"), volumes=truth(request, "v")
    )
    return nothing()


async def prune(request: web.Request) -> web.StreamResponse:
    """`docker container prune`."""
    wanted = filters.parse(request.query.get("filters"), ("label", "label!", "until"))
    engine = daemon(request)
    gone, space = [], 0
    for container in [*engine.containers.by_id.values()]:
        if container.running or not _prunable(container, wanted):
            continue
        space += await asyncio.to_thread(engine.containers.size_rw, container)
        with contextlib.suppress(Conflict):
            await engine.containers.remove(container)
            gone.append(container.id)
    return answer({"ContainersDeleted": gone or None, "SpaceReclaimed": space})


def _prunable(container: Container, wanted: filters.Filters) -> bool:
    label = filters.label(container.labels)
    return filters.matches(
        wanted,
        {
            "label": label,
            "label!": lambda value: not label(value),
            "until": lambda value: words.seconds(container.created) < _until(value),
        },
    )


def _until(value: str) -> float:
    units = {"s": 1, "m": 60, "h": 3600}
    if value[-1:] in units and value[:-1].isdigit():
        return time.time() - int(value[:-1]) * units[value[-1]]
    return words.seconds(value)


# streams


def _attached(connection: hijack.Connection, request: web.Request) -> None:
    connection.channels = {
        channel for channel, name in ((STDOUT, "stdout"), (STDERR, "stderr")) if truth(request, name)
    }


async def attach(request: web.Request) -> web.StreamResponse:
    """`docker container attach`, and what `docker run` does before it starts the container."""
    engine, container = daemon(request), _container(request)
    if container.state.status == "paused":
        raise Conflict(f"container {container.id} is paused, unpause the container before attach")
    keys = hijack.detach_keys(request.query.get("detachKeys", ""))
    tty = bool(container.config.get("Tty"))
    streams = engine.containers.streams_for(container)
    goes_on = truth(request, "stream")
    past: list[tuple[int, bytes]] = []
    if truth(request, "logs"):
        past = [
            line
            async for line in container.log.read(
                channels={STDOUT, STDERR},
                tail=None,
                since=0,
                until=None,
                follow=lambda: False,
                timestamps=False,
            )
        ]
    connection = await hijack.take(request, tty=tty)
    _attached(connection, request)
    engine.events.tell("container", "attach", container.id, container.attributes())
    for channel, text in past:
        with contextlib.suppress(ConnectionError):
            await connection.put(channel, text)
    if not goes_on:
        return connection.close()
    streams.readers.append(connection)
    feeding = None
    if truth(request, "stdin") and container.config.get("OpenStdin"):
        once = bool(container.config.get("StdinOnce"))
        feeding = asyncio.create_task(connection.feed(streams, once, keys))
    ended = asyncio.create_task(_run_over(container, streams))
    left = asyncio.create_task(connection.detached.wait())
    gone = asyncio.create_task(_closed(connection, watch=feeding is None))
    try:
        await asyncio.wait([ended, left, gone], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (feeding, ended, left, gone):
            if task:
                task.cancel()
        if connection in streams.readers:
            streams.readers.remove(connection)
    return connection.close()


async def _run_over(container: Container, streams: Streams) -> None:
    """The run that these streams belong to has begun and ended, and its output has passed."""
    while container.streams is streams:
        await container.changed.wait()
    await streams.drained()


async def _closed(connection: hijack.Connection, *, watch: bool) -> None:
    """The client has gone; a half-close is none. Where nothing is read from it, that shows only at a write."""
    while not connection.writer.is_closing():
        if watch and connection.reader.exception():
            return
        await asyncio.sleep(0.5)


async def resize(request: web.Request) -> web.StreamResponse:
    """The size of a container's terminal."""
    container = _container(request)
    if not container.running:
        raise Conflict(f"container {container.id} is not running")
    if container.streams:
        container.streams.resize(*_size(request))
    return nothing(200)


def _size(request: web.Request) -> tuple[int, int]:
    try:
        rows, columns = int(request.query["h"]), int(request.query["w"])
    except (KeyError, ValueError) as error:
        raise BadRequest("h and w must be numbers") from error
    if not (0 <= rows < 65536 and 0 <= columns < 65536):
        raise BadRequest("h and w are out of range")
    return rows, columns


async def exec_create(request: web.Request) -> web.StreamResponse:
    """The first half of `docker container exec`."""
    made = daemon(request).containers.execs.create(_container(request), await body(request))
    return answer({"Id": made.id}, 201)


async def exec_inspect(request: web.Request) -> web.StreamResponse:
    """How a further process fares."""
    return answer(daemon(request).containers.execs.get(request.match_info["id"]).view())


async def exec_resize(request: web.Request) -> web.StreamResponse:
    """The size of its terminal."""
    made = daemon(request).containers.execs.get(request.match_info["id"])
    size = _size(request)
    if made.streams and made.code is None:
        made.streams.resize(*size)
    return nothing(200)


async def exec_start(request: web.Request) -> web.StreamResponse:
    """The second half of `docker container exec`."""
    engine = daemon(request)
    made: Exec = engine.containers.execs.get(request.match_info["id"])
    wanted = await body(request)
    if made.started:
        raise Conflict(f"exec {made.id} has already run")
    streams = Streams(tty=made.tty, stdin=made.stdin and not wanted.get("Detach"))
    if size := wanted.get("ConsoleSize"):
        streams.resize(int(size[0]), int(size[1]))
    if wanted.get("Detach"):
        try:
            await engine.containers.execs.run(made, streams)
        except ExecFailed as error:
            raise BadRequest(f"OCI runtime exec failed: exec failed: {error.message}") from error
        return nothing(200)
    if not made.container.running:
        raise Conflict(f"container {made.container.id} is not running")
    # What the start says decides how its output is framed, as in Docker; how it is made, the exec's own setting.
    connection = await hijack.take(request, tty=bool(wanted.get("Tty")))
    connection.channels = {
        channel for channel, wants in ((STDOUT, made.stdout), (STDERR, made.stderr)) if wants
    }
    streams.readers.append(connection)
    feeding = None
    try:
        await engine.containers.execs.run(made, streams)
    except ApiError as error:
        # The connection is the client's already: the reason goes where the output would.
        with contextlib.suppress(ConnectionError):
            text = f"OCI runtime exec failed: exec failed: {error.message}\r\n".encode()
            await connection.put(STDOUT, text)
        return connection.close()
    keys = hijack.detach_keys(made.detach_keys)
    if made.stdin:
        feeding = asyncio.create_task(connection.feed(streams, True, keys))
    done = asyncio.create_task(made.done.wait())
    left = asyncio.create_task(connection.detached.wait())
    try:
        await asyncio.wait([done, left], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (feeding, done, left):
            if task:
                task.cancel()
    return connection.close()


# files


def _stat_header(found: dict[str, Any]) -> str:
    shown = {**found, "mtime": words.stamp(found.pop("mtime_ns"))}
    shown.pop("mtime_ns", None)
    return base64.b64encode(json.dumps(shown).encode()).decode()


def _path(request: web.Request) -> str:
    path = request.query.get("path")
    if not path:
        raise BadRequest("bad parameter: path cannot be empty")
    if "\0" in path:
        raise BadRequest("bad parameter: path has a NUL in it")
    return path


async def archive_head(request: web.Request) -> web.StreamResponse:
    """What lies at a path of a container."""
    found = await daemon(request).containers.inside(_container(request), "stat", _path(request))
    return web.Response(headers={"X-Docker-Container-Path-Stat": _stat_header(found)})


async def archive_get(request: web.Request) -> web.StreamResponse:
    """`docker container cp` from a container: what lies at a path, as a tar."""
    containers, container, path = daemon(request).containers, _container(request), _path(request)
    found = await containers.inside(container, "stat", path)
    ours, theirs = os.pipe()
    work = asyncio.create_task(closing(containers.inside(container, "get", path, stdout=theirs), theirs))
    try:
        with pump_out(ours) as pieces:
            response = await streamed(
                request, "application/x-tar", {"X-Docker-Container-Path-Stat": _stat_header(found)}
            )
            while piece := await pieces.get():
                await response.write(piece)
    finally:
        # A client that left has closed the pipe's other end with it, so that the work ends too.
        with contextlib.suppress(ApiError):
            await work
    return response


def _in_a_mount(container: Container, path: str) -> bool:
    cleaned = scope.clean(path)
    return any((cleaned + "/").startswith(point.target.rstrip("/") + "/") for point in container.points)


async def archive_put(request: web.Request) -> web.StreamResponse:
    """`docker container cp` to a container: a tar unpacked at a path."""
    containers, container, path = daemon(request).containers, _container(request), _path(request)
    if container.host.get("ReadonlyRootfs") and not _in_a_mount(container, path):
        raise Forbidden("container rootfs is marked read-only")
    theirs, ours = os.pipe()
    keep = truth(request, "noOverwriteDirNonDir")
    work = asyncio.create_task(
        closing(containers.inside(container, "put", path, stdin=theirs, keep_folders=keep), theirs)
    )
    loop = asyncio.get_running_loop()
    os.set_blocking(ours, False)
    try:
        async for piece in request.content.iter_chunked(1 << 16):
            if work.done():
                continue  # refused: the rest is read away, so that the client hears why
            await _write(loop, ours, piece)
    except BrokenPipeError:
        async for _piece in request.content.iter_chunked(1 << 16):
            pass
    finally:
        os.close(ours)
        outcome = await asyncio.gather(work, return_exceptions=True)
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    container_events = daemon(request).events
    container_events.tell("container", "extract-to-dir", container.id, container.attributes())
    return nothing(200)


async def _write(loop: asyncio.AbstractEventLoop, fd: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(fd, data) :]
        except BlockingIOError:
            room: asyncio.Future[None] = loop.create_future()
            loop.add_writer(fd, settle, room)
            try:
                await room
            finally:
                loop.remove_writer(fd)
