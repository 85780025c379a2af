"""Further processes of running containers: `docker container exec`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from voltutor.embedded import words
from voltutor.embedded.container import PAUSED, Container
from voltutor.embedded.errors import BadRequest, Conflict, NotFound, NotServed
from voltutor.embedded.events import Events
from voltutor.embedded.settings import check_shape, check_user, environment, pairs
from voltutor.embedded.spawner import Child, ExecFailed, Spawner
from voltutor.embedded.storage import Storage
from voltutor.embedded.streams import Streams

KEPT = 300.0
"""Seconds that an ended one can still be asked for its code."""

DRAIN_LIMIT = 2.0
"""Seconds between two looks whether the container of an exec whose output is still open has ended."""


@dataclass
class Exec:
    """A further process of a container, made but not yet run, running, or ended."""

    id: str
    container: Container
    argv: list[str]
    env: list[str]
    tty: bool
    stdin: bool
    stdout: bool
    stderr: bool
    cwd: str
    user: str
    detach_keys: str = ""
    child: Child | None = None
    streams: Streams | None = None
    code: int | None = None
    started: bool = False
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def view(self) -> dict[str, Any]:
        """As its inspect shows it."""
        running = self.started and self.code is None
        return {
            "ID": self.id,
            "Running": running,
            "ExitCode": self.code,
            "ProcessConfig": {
                "tty": self.tty,
                "entrypoint": self.argv[0],
                "arguments": self.argv[1:],
                "privileged": False,
                "user": self.user,
            },
            "OpenStdin": self.stdin,
            "OpenStderr": self.stderr,
            "OpenStdout": self.stdout,
            "CanRemove": self.code is not None,
            "ContainerID": self.container.id,
            "DetachKeys": "",
            "Pid": self.child.pid if self.child and running else 0,
        }


class Execs:
    """All of them, by id; kept in memory only, as in Docker."""

    def __init__(
        self,
        events: Events,
        storage: Storage,
        spawner: Spawner,
        mount_specs: Callable[[Container], list[dict[str, Any]]],
        keep: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._events, self._storage, self._spawner = events, storage, spawner
        self._mount_specs, self._keep = mount_specs, keep
        self.by_id: dict[str, Exec] = {}

    def forget(self, container: Container) -> None:
        """Those of a container that is removed."""
        for id_ in container.execs:
            self.by_id.pop(id_, None)

    def create(self, container: Container, body: Mapping[str, Any]) -> Exec:
        """Make one ready, without running it.

        Raises:
            Conflict: the container does not run, or is paused.
        """
        if not container.running:
            raise Conflict(f"container {container.id} is not running")
        if container.state.status == PAUSED:
            raise Conflict(f"container {container.id} is paused, unpause the container before exec")
        check_shape(body)
        argv = [str(word) for word in body.get("Cmd") or ()]
        if not argv:
            raise BadRequest("No exec command specified")
        if body.get("Privileged"):
            raise NotServed("a privileged exec: Docker as root has them")
        user = str(body.get("User") or "")
        check_user(user)
        made = Exec(
            words.new_id(),
            container,
            argv,
            [*(body.get("Env") or ())],
            bool(body.get("Tty")),
            bool(body.get("AttachStdin")),
            bool(body.get("AttachStdout")),
            bool(body.get("AttachStderr")),
            str(body.get("WorkingDir") or container.config.get("WorkingDir") or "/"),
            user,
            str(body.get("DetachKeys") or ""),
        )
        self.by_id[made.id] = made
        container.execs.add(made.id)
        line = " ".join(argv)
        self._events.tell(
            "container", f"exec_create: {line}", container.id, container.attributes(execID=made.id)
        )
        return made

    def get(self, id_: str) -> Exec:
        """The one of this id.

        Raises:
            NotFound: there is none.
        """
        if id_ not in self.by_id:
            raise NotFound(f"No such exec instance: {id_}")
        return self.by_id[id_]

    async def run(self, made: Exec, streams: Streams) -> None:
        """Run it with these streams; answers when its program runs.

        Raises:
            Conflict: it ran already, or its container ended. ExecFailed.
        """
        container = made.container
        if made.started:
            raise Conflict(f"exec {made.id} has already run")
        if not container.running or container.child is None:
            raise Conflict(f"container {container.id} is not running")
        made.started = True
        made.streams = streams
        line = " ".join(made.argv)
        self._events.tell(
            "container", f"exec_start: {line}", container.id, container.attributes(execID=made.id)
        )
        env = environment(container.config)
        env |= pairs(made.env)
        if made.tty:
            env.setdefault("TERM", "xterm")
        hostname = str(container.config.get("Hostname") or "")
        try:
            spec = self._storage.spec(
                container,
                argv=made.argv,
                env={"HOSTNAME": hostname, **env},
                cwd=made.cwd,
                tty=made.tty,
                mounts=self._mount_specs(container),
            )
            made.child = await self._spawner.spawn(
                self._storage.exec_kind,
                spec,
                streams.ends,
                container.child.pidfd if self._storage.isolated else None,
            )
        except BaseException as error:
            streams.abandon()
            made.code = error.code if isinstance(error, ExecFailed) else 126
            made.done.set()
            raise
        streams.close_ends()
        streams.begin()
        self._keep(self._watch(made, made.child, streams))

    async def _watch(self, made: Exec, child: Child, streams: Streams) -> None:
        code = await child.ended
        # What the program started in the background may hold its output open for long: Docker waits for that.
        while not await streams.drained(DRAIN_LIMIT):
            if not made.container.running:
                break
        streams.close_stdin()
        child.close()
        made.code = code
        made.container.execs.discard(made.id)
        made.done.set()
        container = made.container
        self._events.tell(
            "container", "exec_die", container.id, container.attributes(execID=made.id, exitCode=str(code))
        )
        asyncio.get_running_loop().call_later(KEPT, self.by_id.pop, made.id, None)
