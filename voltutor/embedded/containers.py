"""All containers: create, start, stop, remove, and what a program in one of them does. On the event loop's
thread; what is slow on a disk goes to a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from voltutor.embedded import layers, mounts, scope, words
from voltutor.embedded.container import EXITED, PAUSED, REMOVING, RUNNING, Container, State
from voltutor.embedded.database import Database
from voltutor.embedded.errors import NO_ROOM, ApiError, BadRequest, Conflict, NotFound, NotModified, NotServed
from voltutor.embedded.events import Events
from voltutor.embedded.execs import Execs
from voltutor.embedded.images import Images
from voltutor.embedded.mounts import Point
from voltutor.embedded.ports import Forwarder
from voltutor.embedded.settings import check_shape, check_user, environment, merged, signal_number
from voltutor.embedded.spawner import Child, ExecFailed, Spawner
from voltutor.embedded.storage import Storage
from voltutor.embedded.streams import Streams
from voltutor.embedded.volumes import Volumes, tmpfs_options

DRAIN_LIMIT = 2.0
"""Seconds that a container's end waits for its output to pass."""

_UNSERVED_HOST = {
    "Privileged": "a privileged container: Docker as root has them",
    "CapAdd": "added capabilities: Docker as root gives them; here every container has Docker's default set",
    "Devices": "devices: Docker as root gives them",
    "Links": "links: Docker has them",
    "GroupAdd": "further groups: this engine has one group id; Docker has them all",
    "StorageOpt": "a size of a container's layer: Docker has it on xfs with project quotas; here volumes have sizes",
}
_UNSERVED_MODES = {"PidMode": "process namespace", "IpcMode": "IPC namespace", "UTSMode": "UTS namespace"}
_LIMITS = ("Memory", "MemorySwap", "NanoCpus", "CpuQuota", "CpuShares", "PidsLimit", "BlkioWeight")


class Containers:
    """Every container of the engine, by id."""

    def __init__(
        self,
        root: Path,
        database: Database,
        events: Events,
        images: Images,
        volumes: Volumes,
        storage: Storage,
        spawner: Spawner,
    ) -> None:
        self._root, self._database, self._events = root, database, events
        self._images, self._volumes = images, volumes
        self._storage, self._spawner = storage, spawner
        self.by_id: dict[str, Container] = {}
        self.execs = Execs(events, storage, spawner, self._mount_specs, self._keep)
        self._forwarders: dict[str, Forwarder] = {}
        self._watching: set[asyncio.Task[None]] = set()
        root.mkdir(exist_ok=True)

    # state on disk

    def recover(self) -> None:
        """What an engine that ended in whatever way left: nothing runs, nothing is half there."""
        for id_, document in self._database.all("container").items():
            container = Container.read(id_, document, self._root)
            if container.running:
                _end_leftover(container.state)
                container.state.status, container.state.exit_code = EXITED, 137
                container.state.finished = words.now()
            if container.state.status == REMOVING or not container.folder.is_dir():
                self._database.delete("container", id_)
                layers.remove_tree(str(container.folder))
                continue
            self.by_id[id_] = container
            self._hold(container)
            self.save(container)
        kept = {container.folder.name for container in self.by_id.values()}
        for folder in self._root.iterdir():
            if folder.name not in kept:
                layers.remove_tree(str(folder))
        for container in [*self.by_id.values()]:
            if container.host.get("AutoRemove") and container.state.status == EXITED:
                self._forget(container, volumes=True)

    def save(self, container: Container) -> None:
        """Commit what is kept of it."""
        self._database.put("container", container.id, container.document())

    def _note(self, container: Container) -> None:
        """Commit how it does. Where a full disk takes no change, what stands there is older, as after a crash, and is
        no reason to leave it half stopped or half removed."""
        try:
            self.save(container)
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise

    def _hold(self, container: Container) -> None:
        for point in container.points:
            if point.kind == mounts.VOLUME and point.name in self._volumes.by_name:
                self._volumes.by_name[point.name].holders.add(container.id)

    # looking

    def get(self, ref: str) -> Container:
        """The container of this name or id, or of the start of one id.

        Raises:
            NotFound: there is none. BadRequest: several ids start so.
        """
        name = ref.removeprefix("/")
        if name in self.by_id:
            return self.by_id[name]
        for container in self.by_id.values():
            if container.name == name:
                return container
        hits = [container for id_, container in self.by_id.items() if name and id_.startswith(name)]
        if len(hits) > 1:
            raise BadRequest(f"Multiple IDs found with provided prefix: {ref}")
        if not hits:
            raise NotFound(f"No such container: {ref}")
        return hits[0]

    def holders_of_images(self) -> dict[str, list[tuple[str, bool]]]:
        """Containers by the image that they are on, with whether they run."""
        found: dict[str, list[tuple[str, bool]]] = {}
        for container in self.by_id.values():
            found.setdefault(container.image_id, []).append((container.id, container.running))
        return found

    def image_name(self, container: Container) -> str:
        """The image as `docker container ls` names it: as it was named, or its id where that name moved on."""
        named = str(container.config.get("Image", ""))
        now = self._images.by_tag(named)
        if now and now.id != container.image_id:
            return container.image_id
        return named

    def folder_of(self, name: str) -> str:
        """Where a volume lies."""
        volume = self._volumes.by_name.get(name)
        return volume.folder if volume else ""

    def view(self, container: Container) -> dict[str, Any]:
        """As inspect shows it."""
        return container.view(self.folder_of, self._storage.kind, self._storage.graph(container))

    def changes(self, container: Container) -> list[layers.Change]:
        """As `docker container diff`; in a thread."""
        return self._storage.changes(container)

    def size_rw(self, container: Container) -> int:
        """Bytes of its writable layer; in a thread."""
        return self._storage.size_rw(container)

    # create and remove

    async def create(self, name: str, body: dict[str, Any]) -> tuple[Container, list[str]]:
        """Make a container, and the volumes that it needs, without starting it; it, and warnings.

        Raises:
            NotFound: no such image, or no such container to take volumes from.
            Conflict: the name is taken. BadRequest, NotServed.
        """
        config = {key: value for key, value in body.items() if key not in ("HostConfig", "NetworkingConfig")}
        host = body.get("HostConfig") or {}
        if not isinstance(host, dict):
            raise BadRequest("invalid JSON: HostConfig must be an object")
        check_shape(config)
        check_shape(host)
        host = dict(host)
        if not config.get("Image"):
            raise BadRequest("no image specified: config.Image is empty")
        image = self._images.find(str(config["Image"]))
        warnings = self._check_host(host)
        name = self._free_name(name)
        config = merged(config, image.value.get("config") or {})
        if not [*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())]:
            raise BadRequest("no command specified")
        check_user(str(config.get("User") or ""))
        if (config.get("Healthcheck") or {}).get("Test") not in (None, [], ["NONE"]):
            raise NotServed("health checks: Docker has them")
        id_ = words.new_id()
        config.setdefault("Hostname", "")
        config["Hostname"] = config["Hostname"] or id_[:12]
        plan = mounts.plan(host, (config.get("Volumes") or {}).keys(), lambda ref: self.get(ref).points)
        for point in plan:
            self._check_point(point, host)
        container = Container(
            id=id_,
            name=name,
            image_id=image.id,
            config=config,
            host=host,
            points=[],
            lowers=[Path(folder).name for folder in self._images.folders(image)],
            folder=self._root / secrets.token_hex(4),
            created=words.now(),
        )
        self.by_id[id_] = container  # the name is taken from here on
        made: list[str] = []
        try:
            await asyncio.to_thread(self._storage.prepare, container)
            self._write_files(container)
            container.points = [self._volume_for(point, made) for point in plan]
            self._hold(container)
            await self._fill(container, config)
            with self._database.together():
                self.save(container)
        except BaseException:
            del self.by_id[id_]
            for volume in self._volumes.by_name.values():
                volume.holders.discard(id_)
            for volume_name in made:
                self._volumes.remove(volume_name)
            layers.remove_tree(str(container.folder))
            raise
        self._events.tell("container", "create", id_, container.attributes())
        return container, warnings

    def _free_name(self, wanted: str) -> str:
        if wanted:
            name = words.container_name(wanted)
            for other in self.by_id.values():
                if other.name == name:
                    raise Conflict(
                        f'Conflict. The container name "/{name}" is already in use by container "{other.id}". You '
                        "have to remove (or rename) that container to be able to reuse that name."
                    )
            return name
        taken = {container.name for container in self.by_id.values()}
        name = words.random_name()
        while name in taken:
            name = f"{words.random_name()}{secrets.randbelow(1000)}"
        return name

    def _check_host(self, host: dict[str, Any]) -> list[str]:
        for key, what in _UNSERVED_HOST.items():
            if host.get(key):
                raise NotServed(what)
        for key, what in _UNSERVED_MODES.items():
            if host.get(key) not in (None, "", "private", "shareable"):
                raise NotServed(f"{what} {host[key]}: Docker shares them; here each container has its own")
        network = host.get("NetworkMode") or "default"
        if network not in ("default", "bridge", "none", "host"):
            raise NotServed(
                f"network {network}: Docker has networks; here there are none, host, and bridge's loopback"
            )
        runtime = host.setdefault("Runtime", "") or "runc"
        if runtime != "runc":
            raise NotServed(
                f"runtime {runtime}: Docker runs what its settings name; here containers have one kind"
            )
        host["Runtime"] = runtime
        policy = (host.get("RestartPolicy") or {}).get("Name") or "no"
        if policy != "no":
            raise NotServed(f"restart policy {policy}: Docker has them; here a container is started by hand")
        driver = (host.get("LogConfig") or {}).get("Type") or "json-file"
        if driver not in ("json-file", "none"):
            raise NotServed(f"log driver {driver}: Docker has it; here there is json-file")
        warnings = [
            f"Your engine does not support the limit {key}. Limitation discarded."
            for key in _LIMITS
            if host.get(key)
        ]
        if host.get("ReadonlyRootfs") and not self._storage.isolated:
            raise NotServed("a read-only root: it needs user namespaces, which are closed here")
        log = host.get("LogConfig") or {}
        host["LogConfig"] = {"Type": driver, "Config": log.get("Config") or {}}
        return warnings

    def _check_point(self, point: Point, host: Mapping[str, Any]) -> None:
        if point.kind == mounts.TMPFS:
            tmpfs_options(point.options)
        if not self._storage.isolated and (point.kind == mounts.TMPFS or not point.rw):
            what = "tmpfs" if point.kind == mounts.TMPFS else "a read-only mount"
            raise NotServed(f"{what} at {point.target}: it needs user namespaces, which are closed here")
        if point.kind == mounts.BIND and not point.make_source and not os.path.exists(point.source):
            raise BadRequest(
                f'invalid mount config for type "bind": bind source path does not exist: {point.source}'
            )
        if point.kind == mounts.BIND:
            self._storage.check_source(point.source)

    def _volume_for(self, point: Point, made: list[str]) -> Point:
        if point.kind != mounts.VOLUME:
            return point
        known = {*self._volumes.by_name}
        labels, options = dict(point.labels), dict(point.driver_options)
        volume = self._volumes.create(point.name, labels, options, point.driver)
        if volume.name not in known:
            made.append(volume.name)
        return replace(point, name=volume.name)

    def _write_files(self, container: Container) -> None:
        hostname = container.config["Hostname"]
        files = {
            "hostname": f"{hostname}\n",
            "hosts": f"127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.0.1\t{hostname}\n",
            "resolv.conf": "",
        }
        for name, text in files.items():
            (container.folder / name).write_text(text)

    async def _fill(self, container: Container, config: Mapping[str, Any]) -> None:
        """Empty volumes take what the image has at their place; a working folder is made where it is missing."""
        folder = str(config.get("WorkingDir") or "/")
        with self._storage.root(container) as root:
            for point in container.points:
                if point.kind == mounts.VOLUME and point.fill and self._there(point):
                    await self._fill_one(container, root, point)
            if not os.path.isdir(root + scope.resolve(root, folder)):
                scope.make_folder(root, folder)
        self._empty_unused(container)

    def _there(self, point: Point) -> bool:
        """Whether what is mounted of a volume is there; where a folder of it isn't, the start says so."""
        folder = self.folder_of(point.name)
        return os.path.isdir(folder + scope.resolve(folder, point.subpath))

    def _empty_unused(self, container: Container) -> None:
        """Of its volumes, those that no running container has may hold only what lasts."""
        for point in container.points:
            volume = self._volumes.by_name.get(point.name) if point.kind == mounts.VOLUME else None
            holders = [self.by_id[id_] for id_ in volume.holders if id_ in self.by_id] if volume else []
            # Whose lock is held may be about to start on what this one filled.
            others = [one for one in holders if one is not container]
            if volume and not any(one.running or one.lock.locked() for one in others):
                self._volumes.emptied(volume.name)

    async def _fill_one(self, container: Container, root: str, point: Point) -> None:
        folder, isolated = self.folder_of(point.name), self._storage.isolated
        # In a root of its own: another container may have this volume, and be changing it. /proc is a place that
        # every root has, and nothing else needs now.
        at = {"kind": "bind", "source": folder, "target": "/proc", "rw": True, "subpath": point.subpath}
        spec = {
            "work": "fill",
            "path": point.target,
            "volume": "/proc" if isolated else folder + scope.resolve(folder, point.subpath),
            "root": root,
            "chroot": isolated,
            "mounts": [at] if isolated else [],
            "private": [],
            "make": False,
        }
        await self._spawner.inside(spec)

    async def remove(self, container: Container, *, force: bool = False, volumes: bool = False) -> None:
        """Remove a container; `force` kills it first, `volumes` takes its anonymous volumes along.

        Raises:
            Conflict: it runs, or is being removed.
        """
        if container.state.status == REMOVING:
            raise Conflict(f"removal of container {container.id} is already in progress")
        if container.running and not force:
            paused = container.state.status == PAUSED
            why = (
                "container is paused and must be unpaused first"
                if paused
                else "container is running: stop the container before removing or force remove"
            )
            raise Conflict(f'cannot remove container "/{container.name}": {why}')
        if container.running:
            await self._kill_and_wait(container)
        async with container.lock:
            if container.id not in self.by_id:
                return
            await self._forget_slowly(container, volumes)

    async def _forget_slowly(self, container: Container, volumes: bool) -> None:
        before, container.state.status = container.state.status, REMOVING
        self._note(container)
        self._storage.let_go(container)
        try:
            await asyncio.to_thread(layers.remove_tree, str(container.folder))
        except BaseException:
            container.state.status = before
            self._note(container)
            raise
        self._forget(container, volumes=volumes)

    def _forget(self, container: Container, *, volumes: bool) -> None:
        with self._database.together():
            self._database.delete("container", container.id)
            del self.by_id[container.id]
            self.execs.forget(container)
            for point in container.points:
                volume = self._volumes.by_name.get(point.name) if point.kind == mounts.VOLUME else None
                if volume is None:
                    continue
                volume.holders.discard(container.id)
                if volumes and not point.named and not volume.holders:
                    self._volumes.remove(volume.name)
        layers.remove_tree(str(container.folder))
        self._events.tell("container", "destroy", container.id, container.attributes())
        container.signal_change()

    # start and stop

    async def start(self, container: Container) -> None:
        """Start it; answers when its program runs.

        Raises:
            NotModified: it runs. BadRequest: its program can't be executed, or a mount can't be made.
        """
        async with container.lock:
            if container.state.status == PAUSED:
                raise Conflict("cannot start a paused container, try unpause instead")
            if container.running:
                raise NotModified
            if container.state.status == REMOVING or container.id not in self.by_id:
                raise Conflict("container is marked for removal and cannot be started")
            await self._start(container)

    async def _start(self, container: Container) -> None:
        streams = container.streams
        if streams is None or not streams.ends:
            streams = self.streams_for(container)
        forwarder = Forwarder(container, self._spawner, self._storage.isolated)
        try:
            for point in container.points:
                self._make_source(point)
            container.ports = await forwarder.open()
            spec = self._spec(container)
            self._storage.mount(container)
            try:
                child = await self._spawner.spawn(self._storage.start_kind, spec, streams.ends)
            except BaseException:
                self._storage.umount(container)
                raise
        except BaseException as error:
            await forwarder.close()
            streams.abandon()
            container.streams = None
            container.state.exit_code = error.code if isinstance(error, ExecFailed) else 128
            container.state.error = str(error)
            self._note(container)
            self._events.tell(
                "container",
                "die",
                container.id,
                container.attributes(exitCode=str(container.state.exit_code)),
            )
            if container.host.get("AutoRemove"):
                await self._forget_slowly(container, True)
            container.signal_change()
            raise
        streams.close_ends()
        container.child, container.last_signal = child, 0
        self._forwarders[container.id] = forwarder
        container.state = State(
            RUNNING, child.pid, ticks_of(child.pid), started=words.now(), finished=container.state.finished
        )
        if (container.host.get("LogConfig") or {}).get("Type") != "none":
            streams.log_to(container.log.write)
        streams.begin()
        self._note(container)
        self._events.tell("container", "start", container.id, container.attributes())
        container.signal_change()
        self._keep(self._watch(container, child, streams))

    def _keep(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._watching.add(task)
        task.add_done_callback(self._watching.discard)

    def streams_for(self, container: Container) -> Streams:
        """The streams of its next run: made by whoever comes first, an attach or a start."""
        if container.streams is None or not (container.streams.ends or container.running):
            config = container.config
            container.streams = Streams(tty=bool(config.get("Tty")), stdin=bool(config.get("OpenStdin")))
        return container.streams

    def _make_source(self, point: Point) -> None:
        if point.kind != mounts.BIND:
            return
        self._storage.check_source(point.source)
        if os.path.lexists(point.source):
            return
        if not point.make_source:
            raise BadRequest(
                f'invalid mount config for type "bind": bind source path does not exist: {point.source}'
            )
        try:
            os.makedirs(point.source)
        except OSError as error:
            raise BadRequest(
                f"error while creating mount source path '{point.source}': mkdir {point.source}: {error.strerror}"
            ) from error

    def _spec(self, container: Container) -> dict[str, Any]:
        config = container.config
        env = environment(config)
        hostname = str(config.get("Hostname") or container.id[:12])
        return self._storage.spec(
            container,
            argv=container.argv,
            env={"HOSTNAME": hostname, **env},
            cwd=str(config.get("WorkingDir") or "/"),
            tty=bool(config.get("Tty")),
            mounts=self._mount_specs(container),
        )

    def _mount_specs(self, container: Container) -> list[dict[str, Any]]:
        """What the sandbox mounts, in order."""
        covered = {point.target for point in container.points}
        specs: list[dict[str, Any]] = [
            {"kind": "bind", "source": str(container.folder / name), "target": f"/etc/{name}", "rw": True}
            for name in ("hostname", "hosts", "resolv.conf")
            if f"/etc/{name}" not in covered
        ]
        for point in container.points:
            if point.kind == mounts.TMPFS:
                flags, options = tmpfs_options(point.options)
                specs.append(
                    {
                        "kind": "tmpfs",
                        "target": point.target,
                        "rw": point.rw,
                        "flags": flags,
                        "options": options or "mode=1777",
                    }
                )
            else:
                source = point.source if point.kind == mounts.BIND else self.folder_of(point.name)
                specs.append(
                    {
                        "kind": "bind",
                        "source": source,
                        "target": point.target,
                        "rw": point.rw,
                        "subpath": point.subpath,
                    }
                )
        # A mount that comes after one inside it would hide that one.
        return sorted(specs, key=lambda spec: (spec["target"].count("/"), spec["target"]))

    async def _watch(self, container: Container, child: Child, streams: Streams) -> None:
        code = self._storage.code(container, await child.ended)
        if not await streams.drained(DRAIN_LIMIT):
            if not self._storage.isolated:
                streams.abandon_output()  # children that PRoot let live hold it open
            self._keep(self._finish_output(container, streams))
        streams.close_stdin()
        container.log.flush()
        self._storage.umount(container)
        child.close()
        forwarder = self._forwarders.pop(container.id, None)
        if forwarder:
            await forwarder.close()
        container.child = None
        container.streams = None
        state = container.state
        state.status, state.exit_code, state.pid, state.finished = EXITED, code, 0, words.now()
        with contextlib.suppress(KeyError):
            self._note(container)
        self._empty_unused(container)
        for reader in streams.readers:
            with contextlib.suppress(Exception):
                await reader.put(0, b"")
        self._events.tell("container", "die", container.id, container.attributes(exitCode=str(code)))
        container.signal_change()
        if container.host.get("AutoRemove"):
            async with container.lock:
                if container.id in self.by_id and not container.running:
                    await self._forget_slowly(container, True)

    async def _finish_output(self, container: Container, streams: Streams) -> None:
        await streams.drained()
        container.log.flush()

    async def stop(self, container: Container, seconds: int | None = None, number: int | None = None) -> None:
        """Ask it to end, then make it: TERM, or the image's StopSignal, and KILL after so many seconds.

        Raises:
            NotModified: it does not run.
        """
        if not container.running:
            raise NotModified
        if number is None:
            number = signal_number(str(container.config.get("StopSignal") or "TERM"))
        if seconds is None:
            given = container.config.get("StopTimeout")
            seconds = 10 if given is None else int(given)
        self._signal(container, number)
        if container.state.status == PAUSED:
            self._freeze(container, signal.SIGCONT)
        await self._ended(container, None if seconds < 0 else seconds)
        if container.running:
            await self._kill_and_wait(container)
        self._events.tell("container", "stop", container.id, container.attributes())

    async def _ended(self, container: Container, seconds: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while container.running:
                    await container.changed.wait()

    async def _kill_and_wait(self, container: Container) -> None:
        self._signal(container, signal.SIGKILL)
        await self._ended(container, 30)
        if container.running:
            raise ApiError(f"container {container.id} did not end when it was killed")

    def _signal(self, container: Container, number: int) -> None:
        if container.child:
            self._storage.signal(container, number)
            self._events.tell(
                "container", "kill", container.id, container.attributes(signal=str(int(number)))
            )

    def kill(self, container: Container, number: int) -> None:
        """Send a signal to its first process.

        Raises:
            Conflict: it does not run.
        """
        if not container.running:
            raise Conflict(f"cannot kill container: {container.id}: container {container.id} is not running")
        self._signal(container, number)

    def pause(self, container: Container) -> None:
        """Stop all its processes where they are.

        Raises:
            Conflict: it does not run, or is paused.
        """
        if not container.running:
            raise Conflict(f"container {container.id} is not running")
        if container.state.status == PAUSED:
            raise Conflict(f"container {container.id} is already paused")
        self._freeze(container, signal.SIGSTOP)
        self._set(container, PAUSED, "pause")

    def unpause(self, container: Container) -> None:
        """Let them go on.

        Raises:
            Conflict: it is not paused.
        """
        if container.state.status != PAUSED:
            raise Conflict(f"container {container.id} is not paused")
        self._freeze(container, signal.SIGCONT)
        self._set(container, RUNNING, "unpause")

    def _set(self, container: Container, status: str, action: str) -> None:
        container.state.status = status
        self._note(container)
        self._events.tell("container", action, container.id, container.attributes())
        container.signal_change()

    def _freeze(self, container: Container, number: int) -> None:
        # New ones may be born while the first are stopped: until a round finds none that was not seen.
        seen: set[int] = set()
        while fresh := set(self._storage.processes(container)) - seen:
            for pid in fresh:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            seen |= fresh

    async def rename(self, container: Container, name: str) -> None:
        """Give it another name.

        Raises:
            Conflict: the name is taken. BadRequest: it is none.
        """
        if not name:
            raise BadRequest("New name cannot be empty")
        if words.container_name(name) == container.name:
            raise BadRequest("Renaming a container with the same name as its current name")
        old, container.name = container.name, self._free_name(name)
        try:
            self.save(container)
        except BaseException:
            container.name = old
            raise
        self._events.tell("container", "rename", container.id, container.attributes(oldName=f"/{old}"))

    async def wait(self, container: Container, condition: str) -> int:
        """The exit code, once the condition holds: not-running, next-exit or removed."""
        if condition == "next-exit" and not container.running:
            while not container.running and container.id in self.by_id:
                await container.changed.wait()
        while container.running or (condition == "removed" and container.id in self.by_id):
            await container.changed.wait()
        return container.state.exit_code

    # work inside

    async def inside(
        self,
        container: Container,
        work: str,
        path: str,
        stdin: int | None = None,
        stdout: int | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """`sandbox.WORKS`, in the container's root with its mounts, whether it runs or not."""
        with self._storage.root(container) as root:
            spec = {
                "work": work,
                "path": path,
                "root": root,
                "container": container.id,
                "chroot": self._storage.isolated,
                "private": self._storage.private,
                "make": not container.running,
                "mounts": [spec for spec in self._mount_specs(container) if spec["kind"] == "bind"],
                **more,
            }
            return await self._spawner.inside(spec, stdin, stdout)

    async def layer_tar(self, container: Container, stdout: int) -> None:
        """Write its own layer as a tar, with whiteouts, to a descriptor."""
        if not self._storage.isolated:
            await asyncio.to_thread(_write_all, stdout, self._storage.pack_changes(container))
            return
        spec = {
            "work": "pack",
            "root": container.upper,
            "chroot": True,
            "mounts": [],
            "private": [],
            "make": False,
        }
        await self._spawner.inside(spec, stdout=stdout)

    # the end

    async def shut_down(self) -> None:
        """End all that runs."""
        for container in [*self.by_id.values()]:
            if container.running:
                self._signal(container, signal.SIGKILL)
        for container in [*self.by_id.values()]:
            await self._ended(container, 10)
        if self._watching:
            await asyncio.wait([*self._watching], timeout=10)


def _write_all(fd: int, pieces: Iterator[bytes]) -> None:
    with os.fdopen(os.dup(fd), "wb", layers.CHUNK) as out:
        for piece in pieces:
            out.write(piece)


def ticks_of(pid: int) -> int:
    """When a process started, in clock ticks after boot; 0 where there is none (proc(5), stat)."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return 0


def _end_leftover(state: State) -> None:
    """Kill what an engine that was killed could not, if it is that very process."""
    if state.pid and state.ticks and ticks_of(state.pid) == state.ticks:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(state.pid, signal.SIGKILL)
        until = time.monotonic() + 5
        while ticks_of(state.pid) == state.ticks and time.monotonic() < until:
            time.sleep(0.01)


def each_created(containers: Containers) -> Iterator[Container]:
    """Newest first."""
    yield from sorted(containers.by_id.values(), key=lambda container: container.created, reverse=True)
