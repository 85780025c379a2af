"""Commands: one value gives the docker line that is shown and the call that is made, so that both are the
same thing but for our labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from voltutor.engine import Mount
from voltutor.results import Result
from voltutor.session.names import NameTaken

if TYPE_CHECKING:
    from voltutor.session.bench import Bench


@dataclass(frozen=True)
class Progress:
    """A sign of life of long work: so much of so much (both 0 where unknown), a line for the log, and where
    it measures, the result so far. `pair` marks the line that a pair of trials begins with."""

    text: str = ""
    done: int = 0
    total: int = 0
    result: Result | None = None
    pair: bool = False


class Command(Protocol):
    """Something to do on an engine."""

    def argv(self, bench: Bench) -> list[str]:
        """The docker line, as a list of words."""

    def perform(self, bench: Bench) -> Iterator[Progress]:
        """Do it; iterating is progress, and closing the iterator stops it."""


@dataclass(frozen=True)
class Run:
    """`docker container run --detach`. `image` is a lab image's key, `name` and the sources of mounts are
    logical names. Without a network, which no storage lab needs and which takes its time to set up."""

    name: str
    image: str
    command: tuple[str, ...] = ()
    volumes: tuple[Mount, ...] = ()

    def argv(self, bench: Bench) -> list[str]:
        """`docker container run --detach --network none --name NAME [--volume …] IMAGE [COMMAND…]`."""
        flags = [word for mount in self.volumes for word in ("--volume", bench.mount(mount).flag)]
        return [
            *("docker", "container", "run", "--detach", "--network", "none"),
            *("--name", bench.names(self.name), *flags, bench.image(self.image), *self.command),
        ]

    def perform(self, bench: Bench) -> Iterator[Progress]:
        """Create and start it.

        Raises:
            NameTaken: a container of that name is there.
        """
        yield from bench.prepare(self.image)
        made = bench.run(self.name, self.image, self.command, self.volumes)
        yield Progress(made)


@dataclass(frozen=True)
class Exec:
    """`docker container exec`."""

    name: str
    command: tuple[str, ...]

    def argv(self, bench: Bench) -> list[str]:
        """`docker container exec NAME COMMAND…`."""
        return ["docker", "container", "exec", bench.names(self.name), *self.command]

    def perform(self, bench: Bench) -> Iterator[Progress]:
        """Run it; its output is the progress.

        Raises:
            CommandFailed: it ended with a code other than 0; carries its own message.
        """
        for result in bench.engine.exec(bench.names(self.name), self.command):
            if result is None:
                yield Progress()
            else:
                yield Progress(bench.succeeded(self.command, result).text)


@dataclass(frozen=True)
class Stop:
    """`docker container stop`."""

    name: str

    def argv(self, bench: Bench) -> list[str]:
        """`docker container stop NAME`."""
        return ["docker", "container", "stop", bench.names(self.name)]

    def perform(self, bench: Bench) -> Iterator[Progress]:
        """Stop it."""
        bench.engine.stop(bench.names(self.name))
        yield Progress(bench.names(self.name))


@dataclass(frozen=True)
class Start:
    """`docker container start`."""

    name: str

    def argv(self, bench: Bench) -> list[str]:
        """`docker container start NAME`."""
        return ["docker", "container", "start", bench.names(self.name)]

    def perform(self, bench: Bench) -> Iterator[Progress]:
        """Start it."""
        bench.engine.start(bench.names(self.name))
        yield Progress(bench.names(self.name))


@dataclass(frozen=True)
class Remove:
    """`docker container rm --force`; `volumes` takes its anonymous volumes along."""

    name: str
    volumes: bool = False

    def argv(self, bench: Bench) -> list[str]:
        """`docker container rm --force [--volumes] NAME`."""
        flags = ["--force", *(["--volumes"] if self.volumes else [])]
        return ["docker", "container", "rm", *flags, bench.names(self.name)]

    def perform(self, bench: Bench) -> Iterator[Progress]:
        """Remove it."""
        name = bench.names(self.name)
        bench.engine.remove_container(name, force=True, volumes=self.volumes)
        bench.session.journal.gone("container", name)
        yield Progress(name)


@dataclass(frozen=True)
class Tag:
    """`docker image tag`: a further name for a lab image."""

    image: str
    name: str

    def argv(self, bench: Bench) -> list[str]:
        """`docker image tag IMAGE NAME`."""
        return ["docker", "image", "tag", bench.image(self.image), bench.names(self.name, "image")]

    def perform(self, bench: Bench) -> Iterator[Progress]:
        """Tag it.

        Raises:
            NameTaken: another image bears that name; Docker would take it away from it without a word.
        """
        yield from bench.prepare(self.image)
        name, source = bench.names(self.name, "image"), bench.image(self.image)
        there, wanted = bench.engine.image(name), bench.engine.image(source)
        if there and wanted and there.id != wanted.id:
            raise NameTaken("image", name)
        if there is None and wanted:
            repository, _, tag = name.partition(":")
            bench.engine.tag(source, repository, tag or "latest")
            bench.session.journal.made("image", name, wanted.id)
        yield Progress()


__all__ = ["Command", "Exec", "Mount", "Progress", "Remove", "Run", "Start", "Stop", "Tag"]
