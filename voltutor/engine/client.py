"""The engine: every call that the kit makes, with a time limit, in and out as plain data.

Only this package imports docker. What docker-py raises leaves here as an `EngineError`.
"""

from __future__ import annotations

import contextlib
import functools
import io
import ipaddress
import json
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import urlsplit

import docker
import requests
import urllib3
from docker.errors import APIError, DockerException, ImageNotFound
from docker.errors import NotFound as ApiNotFound
from docker.types.daemon import CancellableStream

from voltutor.engine import convert
from voltutor.engine.errors import (
    Conflict,
    EngineError,
    EngineGone,
    EngineTimeout,
    NoRoom,
    NotFound,
    NotServed,
    Refused,
)
from voltutor.engine.views import (
    Change,
    ContainerSpec,
    ContainerView,
    EngineInfo,
    Event,
    ExecResult,
    ImageView,
    LayerView,
    VolumeView,
)
from voltutor.text import _, tr

CALL_LIMIT = 60
"""Seconds that one ordinary call may take."""

PING_LIMIT = 2
"""Seconds that a sign of life may take."""

QUIET_LIMIT = 10
"""Seconds after which a silent stream of events is given up, so that a frozen engine is noticed."""

LOAD_LIMIT = 600
"""Seconds that sending an image or an archive may take."""

PIECE = 1 << 20
"""Bytes of an archive that are taken at a time, at most."""

STDERR = 2
"""The number of a program's second stream in what an engine sends."""

TICK = 0.1
"""Seconds between two looks at a program that runs in a container."""

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class _Client(docker.APIClient):
    """docker-py's client, which reaches this machine without the proxies that the environment names. It asks for the
    engine's version while it is made, so this can't be set on it afterwards."""

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        self.trust_env = not _is_here(url)
        return super().request(method, url, *args, **kwargs)


def _is_here(url: str) -> bool:
    """Whether a URL as docker-py makes it leads to this machine: its loopback, a socket, or a named pipe."""
    host = urlsplit(url).hostname
    if host in (None, "localhost", "localnpipe"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return False


def _call(method: Callable[Concatenate[Engine, P], R]) -> Callable[Concatenate[Engine, P], R]:
    """Turn what docker-py raises into the kit's own errors, naming the call."""
    name = method.__name__.replace("_", " ")

    @functools.wraps(method)
    def wrapper(self: Engine, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self._errors(name):
            return method(self, *args, **kwargs)

    return wrapper


class Engine:
    """A connected engine. Safe to use from several threads.

    Every method raises `EngineGone` when the engine does not answer, `EngineTimeout` when it takes too long,
    and `Refused` (`NotFound`, `Conflict`) when it says no.
    """

    def __init__(self, url: str, *, limit: float = CALL_LIMIT, tls: Any = False) -> None:
        self.url = url
        self.limit = limit
        self._tls = tls
        self._data_root = "?"  # while it isn't known yet
        with self._errors("version"):
            self._api = self._client(limit)
            self.info: EngineInfo = convert.engine(
                self._api.info(), self._api.version(), self._api.api_version
            )
        self._data_root = self.info.data_root

    def _client(self, limit: float | None) -> Any:
        """A docker-py client; its type stubs know neither a time limit of None nor one in fractions."""
        return _Client(
            base_url=self.url,
            version="auto",
            timeout=limit,  # type: ignore[arg-type]
            tls=self._tls,
        )

    @contextlib.contextmanager
    def _errors(self, call: str, limit: float | None = None) -> Iterator[None]:
        try:
            yield
        except (ApiNotFound, ImageNotFound) as error:
            raise NotFound(call, 404, str(error.explanation)) from error
        except APIError as error:
            raise self._refused(call, error.status_code or 500, str(error.explanation or error)) from error
        except requests.exceptions.ReadTimeout as error:
            raise EngineTimeout(call, self.limit if limit is None else limit) from error
        except (
            requests.exceptions.RequestException,
            urllib3.exceptions.HTTPError,
            DockerException,
            OSError,
        ) as error:
            raise EngineGone(self.url) from error

    def _refused(self, call: str, status: int, explanation: str) -> Refused:
        """What to raise for the engine's no."""
        if any(words in explanation.lower() for words in NoRoom.WORDS):
            return NoRoom(call, status, explanation, self._data_root)
        return {409: Conflict, 501: NotServed}.get(status, Refused)(call, status, explanation)

    def set_limit(self, seconds: float) -> None:
        """Change how long an ordinary call may take."""
        self.limit = self._api.timeout = seconds

    def close(self) -> None:
        """Give back the connections."""
        self._api.close()

    # the engine itself

    def ping(self, limit: float = PING_LIMIT) -> None:
        """Ask for a sign of life, which a healthy engine gives at once."""
        with self._errors("ping", limit):
            self._api._result(self._api.get(self._api._url("/_ping"), timeout=limit))

    def serves(self, api: str) -> bool:
        """Whether at least this API version is spoken with the engine, such as "1.45"."""

        def numbers(version: str) -> tuple[int, ...]:
            return tuple(int(part) for part in version.split("."))

        return numbers(self.info.api) >= numbers(api)

    # containers

    @_call
    def containers(self) -> list[str]:
        """The ids of all containers, running or not."""
        return [item["Id"] for item in self._api.containers(all=True)]

    @_call
    def container_names(self) -> list[str]:
        """The names of all containers, running or not."""
        return [name.lstrip("/") for item in self._api.containers(all=True) for name in item["Names"]]

    def summaries(self) -> list[ContainerView]:
        """All containers as a list shows each: without its named sources and sharers, and of its times only that of
        its creation. An engine answers this even where one hangs, so that nobody can inspect it."""
        listed = self._summaries()
        if self.info.product == "Podman":  # whose list leaves the mounts out
            return [view for item in listed if (view := self._inspected(item))]
        return [convert.container_summary(item) for item in listed]

    def _inspected(self, item: Any) -> ContainerView | None:
        """A container of the list, inspected; what the list shows of it where the engine hangs over it."""
        try:
            return self.container(item["Id"], QUIET_LIMIT)
        except EngineTimeout:
            return convert.container_summary(item)

    @_call
    def _summaries(self) -> Any:
        return self._api.containers(all=True)

    def container(self, ref: str, limit: float | None = None) -> ContainerView | None:
        """The container of this name or id, or None; `limit` is how many seconds that may take, where it isn't an
        ordinary call's."""
        with self._errors("container", limit):
            try:
                url = self._api._url("/containers/{0}/json", ref)
                found = self._api._result(self._api._get(url, timeout=limit or self.limit), json=True)
            except ApiNotFound:
                return None
        return convert.container(found, self.info.product == "Podman")

    @_call
    def layer_size(self, ref: str) -> int:
        """Bytes that the container's own layer holds, as the engine counts them (SizeRw)."""
        answer = self._api._result(
            self._api._get(self._api._url("/containers/{0}/json", ref), params={"size": 1}), True
        )
        return int(answer.get("SizeRw") or 0)

    @_call
    def create_container(self, spec: ContainerSpec) -> str:
        """Create a container, without starting it; its id.

        Raises:
            Conflict: the name is taken.
            NotFound: no such image.
        """
        api = self._api
        ports: dict[int, Any] = dict.fromkeys(spec.ports, (spec.address, None))
        host = api.create_host_config(
            binds=[mount.flag for mount in spec.mounts if mount.source and not mount.in_words],
            mounts=[
                docker.types.Mount(
                    mount.target,
                    mount.source,
                    type="volume" if mount.subpath else "bind",
                    read_only=mount.mode == "ro",
                    subpath=mount.subpath or None,
                )
                for mount in spec.mounts
                if mount.in_words
            ]
            or None,
            tmpfs=dict(spec.tmpfs) or None,
            volumes_from=list(spec.volumes_from) or None,
            auto_remove=spec.auto_remove,
            network_mode=spec.network,
            port_bindings=ports,
        )
        made = api.create_container(
            spec.image,
            list(spec.command) or None,
            name=spec.name,
            labels=dict(spec.labels),
            host_config=host,
            volumes=[mount.target for mount in spec.mounts if not mount.source] or None,
            ports=list(spec.ports) or None,
        )
        return str(made["Id"])

    @_call
    def start(self, ref: str) -> None:
        """Start a container."""
        self._api.start(ref)

    @_call
    def stop(self, ref: str, seconds: int = 10) -> None:
        """Stop a container: TERM, then KILL after so many seconds."""
        self._api.stop(ref, timeout=seconds)

    @_call
    def restart(self, ref: str, seconds: int = 10) -> None:
        """Stop a container as `stop` does, and start it again."""
        self._api.restart(ref, timeout=seconds)

    @_call
    def remove_container(self, ref: str, *, force: bool = False, volumes: bool = False) -> None:
        """Remove a container; `force` kills it first, `volumes` takes its anonymous volumes along."""
        self._api.remove_container(ref, force=force, v=volumes)

    @_call
    def diff(self, ref: str) -> tuple[Change, ...]:
        """What the container's own layer adds, changes and deletes, sorted by path."""
        return convert.changes(self._api.diff(ref))

    def archive(self, ref: str, path: str) -> Generator[bytes, None, None]:
        """What lies at a path of a container, running or not, as a tar, in pieces. As long as the iterator is open
        Docker holds the container's lock, and no other call on it returns: close it before the next one.

        Raises:
            NotFound: there is no such path.
        """
        with self._errors("archive"):
            # Not by docker-py's get_archive: closing what that gives leaves the connection open.
            url = self._api._url("/containers/{0}/archive", ref)
            with self._api._get(url, params={"path": path}, stream=True) as answer:
                self._api._raise_for_status(answer)
                yield from answer.iter_content(PIECE)

    def put_archive(self, ref: str, path: str, pieces: Iterable[bytes]) -> Iterator[None]:
        """Unpack a tar into a folder of a container, running or not; owners, modes and times are the tar's. Yields
        while it goes on; closing the iterator breaks it off, and what was unpacked stays.

        Raises:
            NotFound: there is no such folder.
            Refused: it isn't a tar, or there is no room for it.
            OSError: the tar could not be read here.
        """
        yield from self._sent("put archive", pieces, lambda api, sent: api.put_archive(ref, path, sent))

    @_call
    def pause(self, ref: str) -> None:
        """Freeze a container's processes."""
        self._api.pause(ref)

    @_call
    def unpause(self, ref: str) -> None:
        """Let them go on."""
        self._api.unpause(ref)

    @_call
    def kill(self, ref: str, signal: str = "KILL") -> None:
        """Send a container's main process a signal."""
        self._api.kill(ref, signal)

    @_call
    def logs(self, ref: str) -> bytes:
        """What a container has written to its two streams so far."""
        return bytes(self._api.logs(ref, stdout=True, stderr=True))

    @_call
    def ports(self, ref: str, private: int) -> tuple[tuple[str, int], ...]:
        """The addresses and ports of the engine's host that lead to this TCP port of the container."""
        found = self._api.port(ref, private) or ()
        return tuple((str(place["HostIp"]), int(place["HostPort"])) for place in found)

    def port(self, ref: str, private: int) -> int | None:
        """The first of these ports, or None."""
        found = self.ports(ref, private)
        return found[0][1] if found else None

    def exec(
        self, ref: str, argv: Sequence[str], *, limit: float | None = None
    ) -> Iterator[ExecResult | None]:
        """Run a program in a container. Yields None while it runs, about ten times a second, then its result.

        The read happens in a thread, so that a caller can stop waiting at any time by closing the iterator;
        the program then goes on until its container is removed.

        Raises:
            EngineTimeout: the program took more than `limit` seconds (the engine's limit by default).
        """
        seconds = self.limit if limit is None else limit
        stream = _Stream()

        def read() -> ExecResult:
            with self._errors("exec"):
                return self._exec(ref, argv, stream)

        yield from _followed(read, seconds, f"exec {argv[0]}", stream.close)

    def _exec(self, ref: str, argv: Sequence[str], stream: _Stream) -> ExecResult:
        made = self._api.exec_create(ref, list(argv))
        # Not by docker-py's exec_start: it reads the bare socket, and loses what came in one piece with the headers.
        # Without an upgrade the output is the body of an ordinary answer, which is read to its end.
        url = self._api._url("/exec/{0}/start", made["Id"])
        answer = self._api._post_json(url, data={"Tty": False, "Detach": False}, stream=True)
        self._api._disable_socket_timeout(self._api._get_raw_response_socket(answer))
        stream.open(CancellableStream(_frames(answer.raw), answer))
        out, err = bytearray(), bytearray()
        for kind, data in stream:
            (err if kind == STDERR else out).extend(data)
        code = self._api.exec_inspect(made["Id"])["ExitCode"]
        if code is None:  # the stream broke off before the program's end: the engine or its container went
            raise EngineGone(self.url)
        return ExecResult(int(code), bytes(out), bytes(err))

    def run(self, ref: str, argv: Sequence[str], *, limit: float | None = None) -> ExecResult:
        """`exec`, waited for."""
        for answer in self.exec(ref, argv, limit=limit):
            if answer is not None:
                return answer
        raise EngineGone(self.url)

    # volumes

    @_call
    def volumes(self) -> list[VolumeView]:
        """All volumes of the engine."""
        return [convert.volume(item) for item in self._api.volumes()["Volumes"] or ()]

    @_call
    def volume(self, name: str) -> VolumeView | None:
        """The volume of this name, or None."""
        try:
            return convert.volume(self._api.inspect_volume(name))
        except ApiNotFound:
            return None

    @_call
    def inspect_volume(self, name: str) -> str:
        """What `docker volume inspect` prints of a volume: JSON, its keys in order.

        Raises:
            NotFound: there is none of that name.
        """
        raw: object = self._api.inspect_volume(name)
        return json.dumps([raw], indent=4, sort_keys=True)

    @_call
    def create_volume(
        self, name: str, labels: Mapping[str, str], options: Mapping[str, str] | None = None
    ) -> VolumeView:
        """Create a volume with the local driver, and its options.

        An engine answers a name that exists with *that* volume and its labels: compare them.
        """
        return convert.volume(
            self._api.create_volume(name, driver_opts=dict(options or {}), labels=dict(labels))
        )

    @_call
    def volume_sizes(self) -> dict[str, int]:
        """Bytes that each volume holds, by name, as `docker system df` counts them; those that it can't tell, such as
        another driver's, are left out. An engine goes through each of them for it."""
        # Images and containers are added up too, where they aren't left out (API 1.42).
        answer = self._api._get(self._api._url("/system/df"), params={"type": "volume"})
        found = self._api._result(answer, json=True).get("Volumes") or ()
        sizes = {item["Name"]: int((item.get("UsageData") or {}).get("Size", -1)) for item in found}
        return {name: size for name, size in sizes.items() if size >= 0}

    @_call
    def dangling_volumes(self) -> list[VolumeView]:
        """The volumes that no container uses, as `docker volume ls --filter dangling=true` lists them."""
        found = self._api.volumes(filters={"dangling": ["true"]})["Volumes"] or ()
        return [convert.volume(item) for item in found]

    @_call
    def prune_volumes(self, filters: Mapping[str, Sequence[str]]) -> tuple[tuple[str, ...], int]:
        """`docker volume prune` on this kit's own engine, and on no other; the removed names, and bytes freed.

        Raises:
            Refused: it is not this learner's private engine, and a prune could take what is not ours.
        """
        if not self.info.private:
            raise Refused("prune", 403, tr(_("this kit prunes nothing on an engine that it did not start")))
        answer = self._api.prune_volumes(filters={key: list(values) for key, values in filters.items()})
        return tuple(answer["VolumesDeleted"] or ()), int(answer["SpaceReclaimed"])

    @_call
    def remove_volume(self, name: str) -> None:
        """Remove a volume that nothing uses; never by force."""
        self._api.remove_volume(name, force=False)

    # images

    @_call
    def images(self) -> list[ImageView]:
        """Every image that has a name, or is no other's parent, as `docker image ls` lists them."""
        return [convert.image_summary(item) for item in self._api.images()]

    @_call
    def image(self, ref: str) -> ImageView | None:
        """The image of this name or id, or None."""
        try:
            return convert.image(self._api.inspect_image(ref))
        except ApiNotFound:
            return None

    @_call
    def history(self, ref: str) -> tuple[LayerView, ...]:
        """The layers of an image, oldest first, with the line that made each."""
        return convert.history(self._api.history(ref), self._api.inspect_image(ref)["RootFS"]["Layers"])

    def load(self, archive: Iterator[bytes]) -> Iterator[None]:
        """`docker image load`: read an archive as `docker save` writes it. Yields while it goes on; closing
        the iterator breaks the archive off, of which the engine then keeps nothing.

        Raises:
            OSError: the archive could not be read here.
        """

        def send(api: Any, pieces: Iterator[bytes]) -> None:
            for line in api.load_image(pieces, quiet=True):
                if isinstance(line, dict) and "error" in line:
                    raise self._refused("load", 500, str(line["error"]))

        yield from self._sent("load", archive, send)

    def _sent(
        self, name: str, pieces: Iterable[bytes], send: Callable[[Any, Iterator[bytes]], None]
    ) -> Iterator[None]:
        """Send what may take long, from a thread and over a connection of its own. Yields while it goes on; closing
        the iterator breaks it off.

        Raises:
            OSError: the pieces could not be read here.
        """
        trouble: list[Exception] = []
        stopped = threading.Event()

        def checked() -> Iterator[bytes]:
            try:
                for piece in pieces:
                    if stopped.is_set():
                        raise OSError("stopped")
                    yield piece
            except OSError as error:
                trouble.append(error)
                raise

        def work() -> None:
            api = self._client(LOAD_LIMIT)
            try:
                with self._errors(name):
                    send(api, checked())
            except EngineGone:
                if trouble:  # it was our own end that failed
                    raise trouble[0] from None
                raise
            finally:
                api.close()

        for _done in _followed(work, LOAD_LIMIT, name, stopped.set):
            yield None

    def build(self, dockerfile: str, tag: str, labels: Mapping[str, str]) -> Iterator[str]:
        """`docker image build` from a Dockerfile alone; yields its lines. Needs a registry for its FROM.

        Without the cache, so that every image in between is this build's own.
        """
        api = self._client(LOAD_LIMIT)
        try:
            with self._errors("build"):
                lines = api.build(
                    fileobj=io.BytesIO(dockerfile.encode()),
                    tag=tag,
                    labels=dict(labels),
                    nocache=True,
                    rm=True,
                    forcerm=True,
                    decode=True,
                )
                for line in lines:
                    if "error" in line:
                        raise self._refused("build", 500, str(line["error"]))
                    yield str(line.get("stream", "")).rstrip()
        finally:
            api.close()

    @_call
    def tag(self, ref: str, repository: str, tag: str = "latest") -> None:
        """Give an image a further name."""
        self._api.tag(ref, repository, tag)

    @_call
    def commit(self, ref: str, repository: str, tag: str = "latest") -> str:
        """An image from a container's own layer on top of its image's; its id. Volumes are not in it."""
        return str(self._api.commit(ref, repository=repository, tag=tag)["Id"])

    @_call
    def remove_image(self, ref: str) -> None:
        """Take a name from an image; with its last name, an image that nothing uses goes too, and so do its
        untagged parents, which only an image has that was built here."""
        there = self.image(ref)
        try:
            self._api.remove_image(ref, force=False, noprune=False)
        except APIError:
            # Docker takes the name away, and then fails to write that down where its disk is full (moby,
            # reference/store.go, Delete): the image stands there without a name. Removing it makes room.
            left = self.image(there.id) if there else None
            if left is None or left.tags or left == there:
                raise
            self._api.remove_image(left.id, force=False, noprune=False)

    # events

    @contextlib.contextmanager
    def events(self, since: float | None = None) -> Iterator[Iterator[Event]]:
        """What happens to containers, images and volumes, from now on or since a time in seconds.

        The iterator ends when the engine goes, and after `QUIET_LIMIT` seconds in which nothing happened, so
        that the caller can look whether the engine is there; leaving the `with` block ends the connection.
        """
        with self._errors("events"):
            params = {"since": f"{since:.6f}"} if since else {}
            url = self._api._url("/events")
            response = self._api.get(url, params=params, stream=True, timeout=(self.limit, QUIET_LIMIT))
            self._api._raise_for_status(response)
        try:
            yield self._until_quiet(response)
        finally:
            response.close()

    def _until_quiet(self, response: Any) -> Iterator[Event]:
        quiet = (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError)
        with contextlib.suppress(*quiet):
            for raw in self._api._stream_helper(response, decode=True):
                if event := convert.event(raw):
                    yield event


def _frames(body: Any) -> Iterator[tuple[int, bytes]]:
    """Pieces of a program's output, each with its stream's number (moby, api/swagger.yaml, ContainerAttach: eight
    bytes, of which the first is the stream and the last four the length, then so many bytes)."""
    while len(head := body.read(8)) == 8:
        yield head[0], body.read(int.from_bytes(head[4:]))


class _Stream:
    """A stream that may be closed before it was opened, from another thread."""

    def __init__(self) -> None:
        self._stream: Any = None
        self._closed = False
        self._lock = threading.Lock()

    def open(self, stream: Any) -> None:
        with self._lock:
            self._stream = stream
            closed = self._closed
        if closed:
            self.close()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            stream = self._stream
        if stream is not None:
            with contextlib.suppress(Exception):  # it may have ended by itself
                stream.close()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._stream)


def _followed(
    work: Callable[[], T], seconds: float, name: str, stop: Callable[[], None]
) -> Iterator[T | None]:
    """Do work in a thread; yield None while it goes on, about ten times a second, then its result.

    `stop` is called when the caller leaves, however it does.

    Raises:
        EngineTimeout: it took longer than so many seconds.
    """
    until = time.monotonic() + seconds
    answers: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue()

    def run() -> None:
        try:
            answers.put((work(), None))
        except BaseException as error:
            answers.put((None, error))

    threading.Thread(target=run, name=name[:40], daemon=True).start()
    try:
        while time.monotonic() < until:
            try:
                result, error = answers.get(timeout=TICK)
            except queue.Empty:
                yield None
                continue
            if error is not None:
                raise error
            yield result
            return
        raise EngineTimeout(name, seconds)
    finally:
        stop()


__all__ = ["CALL_LIMIT", "Engine", "EngineError"]
