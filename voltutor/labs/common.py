"""What several labs use: a shell in a container, looks at what lies where, and what became of volumes."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from voltutor.engine import ContainerView, ExecResult, Mount, MountView, NotFound, Refused
from voltutor.lessons import EngineTrouble
from voltutor.session import READ_ONLY, Bench, Exec, Progress, Remove, Run
from voltutor.text import _, tr

PAGE_AT_MOST = 10_000
"""Bytes of a page that are read."""


def shell(name: str, line: str) -> Exec:
    """A line of shell in a container. `hostname` in it is a text that differs from container to container."""
    return Exec(name, ("sh", "-c", line))


def seen(bench: Bench, logical: str) -> ContainerView | None:
    """The container under a logical name, its anonymous volumes noted as this session's."""
    view = bench.container(logical)
    if view:
        bench.note_mounts(view.id)
    return view


def removed(bench: Bench, logical: str) -> bool:
    """Whether the container of a logical name was there, and is no longer."""
    return seen(bench, logical) is None and bench.was_there(logical)


def has(bench: Bench, logical: str, path: str) -> bool:
    """Whether a running container has a file."""
    return bench.exec(logical, "test", "-e", path).code == 0


def unasked(look: ExecResult) -> EngineTrouble:
    """Where a program that looks could not: it ended meanwhile, or the image has no such program."""
    return EngineTrouble("{text}", {"text": look.message or tr(_("The container could not be looked into."))})


def bound(view: ContainerView, target: str, path: Path) -> bool:
    """Whether a file or folder of the host is mounted there, and it is this one. An engine in a virtual machine puts
    the path on which it sees the host before it."""
    mount = view.mount(target)
    return mount is not None and mount.type == "bind" and is_source(mount, path)


def is_source(mount: MountView, path: Path) -> bool:
    """Whether a mount's source is this path of the host."""
    return mount.source.endswith((str(path), str(path.resolve())))


def fetched(port: int, seconds: float) -> str | None:
    """The page that a port of this machine's loopback answers with, within so many seconds, or None."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            connection.request("GET", "/")
            answer = connection.getresponse()
            if answer.status == http.client.OK:
                return answer.read(PAGE_AT_MOST).decode(errors="replace")
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)
        finally:
            connection.close()
    return None


def looked(bench: Bench, volume: str, *argv: str) -> int:
    """The exit code of a program that finds the volume at /look, where it can't write."""
    mode = "ro" if bench.capability(READ_ONLY).available else ""
    with bench.scratch("lab", (), [Mount("/look", volume, mode)]) as container:
        return bench.engine.run(container, argv).code


def came_with(bench: Bench, logical: str) -> list[str]:
    """The anonymous volumes that are known to have come with the containers of a logical name, there or not."""
    name, state = bench.names(logical), bench.session.journal.state()
    return [volume for volume, of in {**state.gone, **state.anonymous}.items() if of == name]


def all_gone(bench: Bench, logical: str) -> bool:
    """Whether the container of a logical name had anonymous volumes, and none of them is there any longer."""
    volumes = came_with(bench, logical)
    return bool(volumes) and not any(bench.engine.volume(volume) for volume in volumes)


@dataclass(frozen=True)
class Refusal:
    """A `docker container run` that the engine is to refuse, for what it says."""

    run: Run

    def argv(self, bench: Bench) -> list[str]:
        """The line; a script goes on after it."""
        return ["sh", "-c", f"{bench.line(self.run)} || true"]

    def perform(self, bench: Bench) -> Iterator[Progress]:
        """Try it, and tell the engine's words. Where it isn't refused, as on a second time, what it made goes."""
        try:
            yield from self.run.perform(bench)
        except Refused as error:
            yield Progress(error.what)
        else:
            yield from Remove(self.run.name).perform(bench)


@dataclass(frozen=True)
class RemoveAsContainer:
    """`docker container rm -v` with a volume's name, as the 2018 text has it, for what the engine says."""

    volume: str

    def argv(self, bench: Bench) -> list[str]:
        """The line; a script goes on after it."""
        return ["sh", "-c", f"docker container rm -v {bench.names(self.volume, 'volume')} || true"]

    def perform(self, bench: Bench) -> Iterator[Progress]:
        """Try it, and tell the engine's words; a container that bears the name by chance is let alone."""
        name = bench.names(self.volume, "volume")
        if bench.engine.container(name):
            return
        try:
            bench.engine.remove_container(name, volumes=True)
        except NotFound as error:
            yield Progress(error.explanation)


@dataclass(frozen=True)
class RunOnOrphan(Run):
    """`docker container run` with the anonymous volume that `of` left behind, at /old or `at`, beside its own
    mounts."""

    of: str = ""
    at: str = "/old"

    def _now(self, bench: Bench, without: str) -> Run:
        left = bench.left_behind(self.of)
        old = Mount(self.at, left[-1] if left else without, raw=True)
        return Run(self.name, self.image, self.command, (old, *self.volumes))

    def argv(self, bench: Bench) -> list[str]:
        """With the long name, where the volume is there yet."""
        return self._now(bench, "LONG-NAME").argv(bench)

    def perform(self, bench: Bench) -> Iterator[Progress]:
        """Start it."""
        yield from self._now(bench, "").perform(bench)
