"""Commands: one value gives the docker line that is shown and the call that is made, so that both are the
same thing but for our labels."""

from __future__ import annotations

import io
import shlex
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol

from voltutor.engine import LOOPBACK, Mount
from voltutor.errors import VoltutorError
from voltutor.home import write_new
from voltutor.results import Result
from voltutor.session import devices
from voltutor.session.names import NameTaken
from voltutor.text import _

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
    """`docker container run --detach`, or `docker container create` where it is not to start. `image` is a lab
    image's key, or "=" and a logical name; `name`, `volumes_from` and the sources of mounts are logical names.
    Without a network, which takes its time to set up, unless ports are to be published: on this machine's loopback,
    or at `address`, and the engine chooses which."""

    name: str
    image: str
    command: tuple[str, ...] = ()
    volumes: tuple[Mount | Bind, ...] = ()
    volumes_from: tuple[str, ...] = ()
    remove: bool = False
    start: bool = True
    tmpfs: tuple[str, ...] = ()
    publish: tuple[int, ...] = ()
    address: str = LOOPBACK

    def argv(self, bench: Bench) -> list[str]:
        """`docker container run --detach --network none [--rm] --name NAME [--volume …] IMAGE [COMMAND…]`, or
        `docker container create …`."""
        words = ["docker", "container", *(("run", "--detach") if self.start else ("create",))]
        flags = [word for mount in self.volumes for word in bench.mount(mount).words]
        flags += [word for ref in self.volumes_from for word in ("--volumes-from", bench.sharer(ref))]
        flags += [word for target in self.tmpfs for word in ("--tmpfs", target)]
        ports = [word for port in self.publish for word in ("--publish", f"{self.address}::{port}")]
        return [
            *(*words, *(ports or ["--network", "none"]), *(["--rm"] if self.remove else [])),
            *("--name", bench.names(self.name), *flags, bench.image(self.image), *self.command),
        ]

    def perform(self, bench: Bench) -> Iterator[Progress]:
        """Create and start it.

        Raises:
            NameTaken: a container of that name is there.
        """
        if not self.image.startswith("="):
            yield from bench.prepare(self.image)
        yield Progress(bench.run(self))


@dataclass(frozen=True)
class Bind:
    """A file or folder of this session's on the host, mounted; it is made before the step that uses it. A `strict`
    one is mounted by `--mount`, which refuses a source that isn't there."""

    file: str
    target: str
    mode: str = ""
    strict: bool = False


@dataclass(frozen=True)
class OnHost:
    """A line of shell on this machine; {files} in it is the folder of this session's own files."""

    line: str

    def argv(self, bench: Bench) -> list[str]:
        """`sh -c LINE`."""
        return ["sh", "-c", self.line.replace("{files}", shlex.quote(str(bench.files)))]

    def perform(self, bench: Bench) -> Iterator[Progress]:
        """Run it.

        Raises:
            VoltutorError: it failed.
        """
        done = subprocess.run(self.argv(bench), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise VoltutorError("{text}", "", text=done.stderr.strip())
        yield Progress(done.stdout.rstrip())


@dataclass(frozen=True)
class CreateVolume:
    """`docker volume create`; `options` are the local driver's, such as ("type", "tmpfs"); `labels` such as
    ("keep", "yes") come beside the session's own."""

    name: str
    options: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()

    def argv(self, bench: Bench) -> list[str]:
        """`docker volume create [--opt KEY=VALUE …] [--label KEY=VALUE …] NAME`."""
        flags = [word for key, value in self.options for word in ("--opt", f"{key}={value}")]
        flags += [word for key, value in self.labels for word in ("--label", f"{key}={value}")]
        return ["docker", "volume", "create", *flags, bench.names(self.name, "volume")]

    def perform(self, bench: Bench) -> Iterator[Progress]:
        """Create it.

        Raises:
            NameTaken: somebody else's volume bears the name.
        """
        yield Progress(bench.create_volume(self.name, dict(self.options), dict(self.labels)))


@dataclass(frozen=True)
class DeviceVolume:
    """A volume of the local driver on a block device of its own: a file of this session's with an ext4 of `size`
    bytes, attached as a loop device."""

    name: str
    file: str
    size: int

    @property
    def parts(self) -> tuple[CreateVolume]:
        """The volume, by its name alone: which device is free is known when it is made."""
        return (CreateVolume(self.name),)

    def argv(self, bench: Bench) -> list[str]:
        """`truncate`, `mkfs.ext4`, and `docker volume create` with the device that `losetup` finds free."""
        file, name = shlex.quote(str(bench.files / self.file)), bench.names(self.name, "volume")
        lines = [
            f"truncate --size {self.size >> 20}M {file}",
            f"mkfs.ext4 -q {file}",
            f"docker volume create --opt type=ext4 --opt device=$(losetup --find --show {file}) {name}",
        ]
        return ["sh", "-c", "\n".join(lines)]

    def done(self, bench: Bench) -> bool:
        """Whether there is such a volume on a device that is there."""
        volume, device = bench.volume(self.name), devices.device_of(bench.files / self.file)
        return volume is not None and device is not None and volume.options.get("device") == device

    def undo(self, bench: Bench) -> None:
        """Detach the device, and remove the file; where the volume stays, since somebody uses it, both stay too."""
        path = bench.files / self.file
        if bench.volume(self.name):
            return
        if device := devices.device_of(path):
            devices.detach(device)
        path.unlink(missing_ok=True)

    def files(self, bench: Bench) -> tuple[Path, ...]:
        """The file, where it is there."""
        path = bench.files / self.file
        return (path,) if path.exists() else ()

    def perform(self, bench: Bench) -> Iterator[Progress]:
        """Make the file, the device and the volume; a file or device of it that is there is used again.

        Raises:
            DeviceTrouble: this user may not make one.
            NameTaken: somebody else's volume bears the name.
            VoltutorError: the volume is there, on a device that is not, as after a restart of the machine.
        """
        file = bench.files / self.file
        if bench.volume(self.name):
            raise VoltutorError(
                _("`{name}` is there already, and not on the device of {file}."),
                _(
                    "Remove it by `docker volume rm`: what is in the file stays. Reset begins with an empty file."
                ),
                name=bench.names(self.name, "volume"),
                file=file,
            )
        devices.format_ext4(file, self.size)
        options = {"type": "ext4", "device": devices.attach(file)}
        yield Progress(bench.create_volume(self.name, options))


@dataclass(frozen=True)
class RemoveVolume:
    """`docker volume rm`."""

    name: str

    def argv(self, bench: Bench) -> list[str]:
        """`docker volume rm NAME`."""
        return ["docker", "volume", "rm", bench.names(self.name, "volume")]

    def perform(self, bench: Bench) -> Iterator[Progress]:
        """Remove it.

        Raises:
            Conflict: a container uses it.
        """
        name = bench.names(self.name, "volume")
        bench.engine.remove_volume(name)
        bench.session.journal.gone("volume", name)
        yield Progress(name)


@dataclass(frozen=True)
class Commit:
    """`docker container commit`: an image from a container's own layer."""

    container: str
    image: str

    def argv(self, bench: Bench) -> list[str]:
        """`docker container commit NAME IMAGE`."""
        names = bench.names(self.container), bench.names(self.image, "image")
        return ["docker", "container", "commit", *names]

    def perform(self, bench: Bench) -> Iterator[Progress]:
        """Commit it.

        Raises:
            NameTaken: another image bears that name; Docker would take it away from it without a word.
        """
        name = bench.names(self.image, "image")
        there = bench.engine.image(name)
        if there and bench.session.journal.state().made.get(("image", name)) != there.id:
            raise NameTaken("image", name)
        repository, _, tag = name.partition(":")
        bench.session.journal.asked("image", name)
        made = bench.engine.commit(bench.names(self.container), repository, tag or "latest")
        bench.session.journal.made("image", name, made)
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
class CopyOut:
    """`docker container cp`: a file of a container's, running or not, into a folder of this session's on the host."""

    name: str
    path: str
    folder: str

    def argv(self, bench: Bench) -> list[str]:
        """`docker container cp NAME:PATH FOLDER`."""
        return [
            *("docker", "container", "cp"),
            f"{bench.names(self.name)}:{self.path}",
            str(bench.files / self.folder),
        ]

    def perform(self, bench: Bench) -> Iterator[Progress]:
        """Copy it.

        Raises:
            NotFound: the container has no such path.
            DiskTrouble: there is no room for it.
            VoltutorError: it is no file.
        """
        packed = b"".join(bench.engine.archive(bench.names(self.name), self.path))
        with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
            member = tar.next()
            file = tar.extractfile(member) if member and member.isfile() else None
            if file is None:
                raise VoltutorError(_("{path} is no file."), _("Name a file to copy."), path=self.path)
            copy = bench.files / self.folder / PurePosixPath(self.path).name
            # A container that has this folder may have put a link here: what it leads to is not ours.
            copy.unlink(missing_ok=True)
            write_new(copy, file.read())
        yield Progress()


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
class Kill:
    """`docker container kill`: it ends at once, as in a crash."""

    name: str

    def argv(self, bench: Bench) -> list[str]:
        """`docker container kill NAME`."""
        return ["docker", "container", "kill", bench.names(self.name)]

    def perform(self, bench: Bench) -> Iterator[Progress]:
        """Kill it."""
        bench.engine.kill(bench.names(self.name))
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
class Restart:
    """`docker container restart`."""

    name: str

    def argv(self, bench: Bench) -> list[str]:
        """`docker container restart NAME`."""
        return ["docker", "container", "restart", bench.names(self.name)]

    def perform(self, bench: Bench) -> Iterator[Progress]:
        """Stop and start it."""
        bench.engine.restart(bench.names(self.name))
        yield Progress(bench.names(self.name))


@dataclass(frozen=True)
class InspectVolume:
    """`docker volume inspect`."""

    name: str

    def argv(self, bench: Bench) -> list[str]:
        """`docker volume inspect NAME`."""
        return ["docker", "volume", "inspect", bench.names(self.name, "volume")]

    def perform(self, bench: Bench) -> Iterator[Progress]:
        """Look at it; the fields that docker shows are the progress, as JSON.

        Raises:
            NotFound: there is none of that name.
        """
        yield Progress(bench.engine.inspect_volume(bench.names(self.name, "volume")))


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


__all__ = [
    "Bind",
    "Command",
    "Commit",
    "CopyOut",
    "CreateVolume",
    "DeviceVolume",
    "Exec",
    "InspectVolume",
    "Kill",
    "Mount",
    "OnHost",
    "Progress",
    "Remove",
    "RemoveVolume",
    "Restart",
    "Run",
    "Start",
    "Stop",
    "Tag",
]
