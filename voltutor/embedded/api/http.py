"""What all handlers share: the engine of a request, its body, its version, and the shape of an error."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from typing import Any

from aiohttp import web

from voltutor.embedded.daemon import API, API_LEAST, Daemon
from voltutor.embedded.errors import NO_ROOM, ApiError, BadRequest, NotFound, NotModified, NotServed

DAEMON: web.AppKey[Daemon] = web.AppKey("daemon", Daemon)
JSON_AT_MOST = 4 << 20

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def daemon(request: web.Request) -> Daemon:
    """The engine that this request is for."""
    return request.app[DAEMON]


def api_version(request: web.Request) -> tuple[int, int]:
    """The API version that the client speaks, by its path; ours where it names none."""
    text = request.match_info.get("api") or API
    major, _, minor = text.partition(".")
    return int(major), int(minor)


def truth(request: web.Request, name: str, default: bool = False) -> bool:
    """A boolean parameter, as Docker reads one."""
    value = request.query.get(name)
    if value is None:
        return default
    return value.lower() not in ("", "0", "no", "false", "none")


async def body(request: web.Request) -> dict[str, Any]:
    """The JSON object of a request; empty where it has none.

    Raises:
        BadRequest: it is none.
    """
    if request.content_length and request.content_length > JSON_AT_MOST:
        raise BadRequest("the request's body is too large")
    data = bytearray()
    async for piece in request.content.iter_chunked(1 << 16):
        data += piece
        if len(data) > JSON_AT_MOST:
            raise BadRequest("the request's body is too large")
    if not data.strip():
        return {}
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"invalid JSON: {error}") from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadRequest("invalid JSON: an object is needed")
    # Go takes keys in any case, and docker-py relies on it in places.
    found: dict[str, Any] = {}
    for key, item in value.items():
        found[_KEYS.get(key.lower()) or key] = item
    return found


_KEYS = {
    key.lower(): key
    for key in (
        "AttachStderr", "AttachStdin", "AttachStdout", "Cmd", "ConsoleSize", "Detach", "DetachKeys", "Driver",
        "DriverOpts", "Entrypoint", "Env", "HostConfig", "Image", "Labels", "Name", "Tty", "User", "WorkingDir",
    )
}  # fmt: skip
"""The keys of the bodies that are decoded here, by their lower case."""


def answer(value: Any, status: int = 200) -> web.Response:
    """A JSON answer."""
    # Without a charset: the docker command compares the whole header.
    headers = {"Content-Type": "application/json"}
    return web.Response(body=json.dumps(value).encode() + b"\n", status=status, headers=headers)


def nothing(status: int = 204) -> web.Response:
    """An answer without a body."""
    return web.Response(status=status)


def refusal(status: int, message: str) -> web.Response:
    """An error in Docker's shape."""
    return answer({"message": message}, status)


@web.middleware
async def speak_docker(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors in Docker's shape; versions that are too new or too old are refused; the server's own headers."""
    try:
        version, least = api_version(request), tuple(map(int, API_LEAST.split(".")))
        newest = tuple(map(int, API.split(".")))
        if version > newest:
            text = (
                f"client version {version[0]}.{version[1]} is too new. Maximum supported API version is {API}"
            )
            raise BadRequest(text)
        if version < least:
            named = f"client version {version[0]}.{version[1]}"
            raise BadRequest(f"{named} is too old. Minimum supported API version is {API_LEAST}")
        work = handler(request)
        # A client that goes away ends what streams to it; what changes something is finished.
        response = await (work if request.method == "GET" or _streams(request.path) else asyncio.shield(work))
    except ApiError as error:
        response = refusal(error.status, error.message)
    except NotModified:
        response = nothing(304)
    except web.HTTPNotFound:
        missing = NotFound("page not found")
        response = refusal(missing.status, missing.message)
    except web.HTTPMethodNotAllowed:
        response = refusal(405, "method not allowed")
    except web.HTTPException as error:
        response = refusal(error.status, error.reason)
    except (ConnectionError, asyncio.CancelledError):
        raise
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        # A body of the wrong shape gets this far only where a handler took it on trust.
        request.app.logger.exception("in %s %s", request.method, request.path)
        response = refusal(400, f"the request has not the expected shape: {type(error).__name__}: {error}")
    except Exception as error:
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            return refusal(500, f"write {error.filename or request.path}: {os.strerror(error.errno).lower()}")
        request.app.logger.exception("in %s %s", request.method, request.path)
        response = refusal(500, f"{type(error).__name__}: {error}")
    return response


def _streams(path: str) -> bool:
    return path.endswith(("/wait", "/attach")) or "/exec/" in path


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """What clients read to learn the version."""
    response.headers["Api-Version"] = API
    response.headers["Ostype"] = "linux"
    response.headers["Docker-Experimental"] = "false"
    response.headers["Server"] = "voltutor (linux)"


def not_served(what: str) -> Handler:
    """A handler for what is left to others."""

    async def handler(_request: web.Request) -> web.StreamResponse:
        raise NotServed(what)

    return handler


class Incoming:
    """A request's body for a thread that reads it as a file; nothing more is taken in than is asked for."""

    def __init__(self, request: web.Request) -> None:
        self._content, self._loop = request.content, asyncio.get_running_loop()
        self._rest = b""

    def read(self, size: int = -1, /) -> bytes:
        """So many bytes, or fewer at the end."""
        pieces, have = [self._rest], len(self._rest)
        while size < 0 or have < size:
            piece = asyncio.run_coroutine_threadsafe(self._content.readany(), self._loop).result()
            if not piece:
                break
            pieces.append(piece)
            have += len(piece)
        whole = b"".join(pieces)
        if size < 0:
            self._rest = b""
            return whole
        self._rest = whole[size:]
        return whole[:size]


async def from_thread(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Pieces that a thread makes, each when it is asked for."""
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece


async def streamed(
    request: web.Request, kind: str, headers: dict[str, str] | None = None
) -> web.StreamResponse:
    """An answer whose headers leave at once, without a length."""
    response = web.StreamResponse(headers={"Content-Type": kind, **(headers or {})})
    await response.prepare(request)
    return response


async def closing(work: Coroutine[Any, Any, Any], fd: int) -> Any:
    """Do the work, then give its descriptor back."""
    try:
        return await work
    finally:
        os.close(fd)


@contextlib.contextmanager
def pump_out(fd: int, limit: int = 1 << 16) -> Iterator[asyncio.Queue[bytes]]:
    """What a pipe gives, as a queue; read by a thread, at most a few pieces ahead. With the block the pipe is
    closed, so that its writer ends."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[bytes] = asyncio.Queue(8)
    stopped = threading.Event()

    def work() -> None:
        with os.fdopen(fd, "rb", 0) as file:
            while not stopped.is_set():
                data = file.read(limit)
                waiting = asyncio.run_coroutine_threadsafe(queue.put(data or b""), loop)
                while not stopped.is_set():
                    with contextlib.suppress(TimeoutError):
                        waiting.result(0.1)
                        break
                else:
                    waiting.cancel()
                if not data:
                    return

    threading.Thread(target=work, daemon=True).start()
    try:
        yield queue
    finally:
        stopped.set()
