"""What the labs on removal run: lines that take what nobody uses, and how they keep to their own things."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from voltutor.diagrams import size_text
from voltutor.engine import VolumeView
from voltutor.errors import VoltutorError
from voltutor.session import Bench, Progress
from voltutor.text import _, tr

DANGLING = ("volume", "ls", "--quiet", "--filter", "dangling=true")


def docker(bench: Bench) -> list[str]:
    """How a line begins that takes what it doesn't name: on the learner's own engine it names the engine, so that it
    takes nothing of another one wherever it is typed."""
    return ["docker", "--host", bench.engine.url] if bench.engine.info.private else ["docker"]


def dangling(bench: Bench) -> str:
    """The list of what no container has, for a line of shell: `$(docker … volume ls …)`."""
    return f"$({shlex.join([*docker(bench), *DANGLING])})"


def take(bench: Bench, name: str) -> Progress:
    """Remove a volume of ours, and note that it is gone."""
    bench.engine.remove_volume(name)
    bench.session.journal.gone("volume", name)
    return Progress(name)


def own_dangling(bench: Bench) -> list[VolumeView]:
    """The session's own among the volumes that no container uses; on an engine that is the learner's alone,
    all of them."""
    there = bench.engine.dangling_volumes()
    if bench.engine.info.private:
        return there
    anonymous = bench.session.journal.state().anonymous
    return [volume for volume in there if volume.name in anonymous or bench.ours(volume)]


@dataclass(frozen=True)
class ListDangling:
    """`docker volume ls --quiet --filter dangling=true`: what no container has."""

    def argv(self, bench: Bench) -> list[str]:
        """The line."""
        return ["docker", *DANGLING]

    def perform(self, bench: Bench) -> Iterator[Progress]:
        """List them, a name a line."""
        yield Progress("\n".join(volume.name for volume in bench.engine.dangling_volumes()))


@dataclass(frozen=True)
class RemoveDangling:
    """Every volume that no container uses is removed, named ones too, in one line. On an engine that is not the
    learner's alone the line names the session's own, one by one."""

    def argv(self, bench: Bench) -> list[str]:
        """`docker --host URL volume rm $(docker --host URL volume ls --quiet --filter dangling=true)`, or with the
        names."""
        if bench.engine.info.private:
            return ["sh", "-c", f"{shlex.join([*docker(bench), 'volume', 'rm'])} {dangling(bench)}"]
        names = [volume.name for volume in own_dangling(bench)]
        return ["docker", "volume", "rm", *names] if names else ["docker", *DANGLING]

    def perform(self, bench: Bench) -> Iterator[Progress]:
        """Remove them, one by one."""
        for volume in own_dangling(bench):
            yield take(bench, volume.name)


@dataclass(frozen=True)
class PruneVolumes:
    """`docker volume prune`: the anonymous ones that no container uses; with `all`, named ones too, but for those
    with the label `keep`. On an engine that is not the learner's alone, the session's own are removed by name."""

    all: bool = False
    keep: str = ""

    def argv(self, bench: Bench) -> list[str]:
        """`docker --host URL volume prune --force [--all] [--filter label!=KEEP]`, or `docker volume rm NAME…`."""
        if bench.engine.info.private:
            flags = [
                *(["--all"] if self.all else []),
                *(["--filter", f"label!={self.keep}"] if self.keep else []),
            ]
            return [*docker(bench), "volume", "prune", "--force", *flags]
        names = [volume.name for volume in self._taken(bench)]
        return ["docker", "volume", "rm", *names] if names else ["docker", *DANGLING]

    def _taken(self, bench: Bench) -> list[VolumeView]:
        anonymous = bench.session.journal.state().anonymous
        return [
            volume
            for volume in own_dangling(bench)
            if (self.all or volume.name in anonymous) and self.keep not in volume.labels
        ]

    def perform(self, bench: Bench) -> Iterator[Progress]:
        """Prune, and tell the names and the space."""
        if bench.engine.info.private:
            filters = {
                **({"all": ["true"]} if self.all else {}),
                **({"label!": [self.keep]} if self.keep else {}),
            }
            names, freed = bench.engine.prune_volumes(filters)
            for name in names:
                bench.session.journal.gone("volume", name)
                yield Progress(name)
            yield Progress(tr(_("Total reclaimed space: {size}"), size=size_text(freed)))
            return
        for volume in self._taken(bench):
            yield take(bench, volume.name)


@dataclass(frozen=True)
class RemoveOrphan:
    """`docker volume rm` with the anonymous volume that `of` left behind."""

    of: str

    def argv(self, bench: Bench) -> list[str]:
        """With the long name, where the volume is there yet."""
        left = bench.left_behind(self.of)
        return ["docker", "volume", "rm", left[-1] if left else "LONG-NAME"]

    def perform(self, bench: Bench) -> Iterator[Progress]:
        """Remove it.

        Raises:
            VoltutorError: there is none, or not any longer.
        """
        left = bench.left_behind(self.of)
        if not left:
            raise VoltutorError(
                _("No volume that `{of}` left behind is there."),
                _("Reset sets the scene again."),
                of=bench.names(self.of),
            )
        yield take(bench, left[-1])
