"""Beginning a stateful service: with an empty volume, with the one that it had, or with a new one from a backup."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from voltutor.diagrams import size_text
from voltutor.engine import Mount
from voltutor.errors import VoltutorError
from voltutor.images import DATA
from voltutor.services.backup import BadBackup, Manifest, chunks, verify
from voltutor.services.saving import backup_path, recover
from voltutor.services.stateful import SIZE_LABEL, Room, declared, look_at, volume_of
from voltutor.session import Bench, CreateVolume, Progress, Run, Start
from voltutor.text import _, tr


@dataclass(frozen=True)
class Deploy:
    """Begin a stateful service: a volume with a size, empty or from a backup, and the one container that has it. A
    volume that it had before is used again, unless a backup is named: that always goes to a new one.

    Attributes:
        size: bytes that the volume may hold.
        image: a lab image's key.
        backup: the name of a backup, or empty.
        memory: whether the volume is a tmpfs, which enforces the size, and lasts no longer than its container.
    """

    service: str
    size: int
    image: str = "store"
    backup: str = ""
    memory: bool = False

    @property
    def parts(self) -> tuple[CreateVolume, Run]:
        """The volume, and the container."""
        return self._parts(DATA, volume_of(self.service))

    def _parts(self, data: str, volume: str) -> tuple[CreateVolume, Run]:
        labels = ((SIZE_LABEL, str(self.size)),)
        run = Run(self.service, self.image, (), (Mount(data, volume),))
        return CreateVolume(volume, tuple(self._options.items()), labels), run

    @property
    def _options(self) -> dict[str, str]:
        return {"type": "tmpfs", "device": "tmpfs", "o": f"size={self.size}"} if self.memory else {}

    def argv(self, bench: Bench) -> list[str]:
        """`docker volume create --label SIZE NAME` and `docker container run …`; with a backup, between the two it is
        unpacked through a container that never starts. A restore goes to a volume that isn't there yet."""
        data, logical = declared(bench, self.image), volume_of(self.service)
        if self.backup and bench.volume(logical):
            logical = f"{logical}-again"
        volume, run = self._parts(data, logical)
        lines = [bench.line(volume)]
        if self.backup:
            name = bench.names(logical, "volume")
            helper = bench.names(f"{self.service}-restore")
            file = shlex.quote(str(backup_path(bench, self.backup)))
            create = "docker container create --network none"
            lines += [
                f"{create} --name {helper} --volume {name}:{data}:nocopy {bench.image(self.image)} stay",
                f"docker container cp - {helper}:{PurePosixPath(data).parent} < {file}",
                f"docker container rm {helper}",
            ]
        return ["sh", "-c", "\n".join([*lines, bench.line(run)])]

    def done(self, bench: Bench) -> bool:
        """Whether it runs, on such a volume."""
        store = look_at(bench, self.service)
        return store is not None and store.running and (store.room is Room.MEMORY) == self.memory

    def undo(self, bench: Bench) -> None:
        """All of it is on the engine."""

    def files(self, bench: Bench) -> tuple[Path, ...]:
        """None."""
        return ()

    def perform(self, bench: Bench) -> Iterator[Progress]:
        """Begin it, or start it where it has only stopped.

        Raises:
            VoltutorError: the image declares no VOLUME, no size is given, it is there already, or the backup can't
                be used; nothing was changed.
        """
        yield from bench.prepare(self.image)
        data = declared(bench, self.image)
        recover(bench)
        if not self.backup and self._stopped(bench):
            yield from Start(self.service).perform(bench)
            return
        self._refuse(bench)
        volume, run = self._parts(data, volume_of(self.service))
        if self.backup:
            yield from self._restored(bench, volume, data)
        else:
            yield from volume.perform(bench)
        yield from run.perform(bench)
        if store := look_at(bench, self.service):
            yield Progress(tr(store.room.value))

    def _stopped(self, bench: Bench) -> bool:
        """Whether this kit has begun it, and it only doesn't run, as after the engine's restart."""
        view = bench.container(self.service)
        return view is not None and not view.running and bench.ours(view)

    def _refuse(self, bench: Bench) -> None:
        if self.size <= 0:
            raise VoltutorError(
                _("A stateful service must say how much its volume may hold."),
                _("Give a size, such as 32 MiB."),
            )
        if view := bench.container(self.service):
            raise VoltutorError(
                _("`{name}` is there already, and a stateful service has one instance."),
                _("Two on one volume would write over each other. Remove it first; its volume stays."),
                name=view.name,
            )
        if self.backup and self.memory:
            raise VoltutorError(
                _(
                    "A volume in memory is empty once nobody runs on it, so nothing can be put into it beforehand."
                ),
                _("Restore to a volume on the disk."),
            )
        there = None if self.backup else bench.volume(volume_of(self.service))
        if there and (there.options or {}) != self._options:
            raise VoltutorError(
                _("`{name}` is there already, and is a volume of another kind than is asked for."),
                _("Remove it first, by `docker volume rm`, if nobody needs what it holds."),
                name=there.name,
            )

    def _restored(self, bench: Bench, volume: CreateVolume, data: str) -> Iterator[Progress]:
        """A new volume with what the backup holds. It counts only when it is whole and on disk."""
        path = backup_path(bench, self.backup)
        manifest = self._verified(path, data)
        try:
            with bench.new_volume(volume.name, dict(volume.options), dict(volume.labels)) as name:
                mounts = [Mount(data, name, "nocopy")]
                with bench.scratch(self.image, ("stay",), mounts) as helper:
                    folder = str(PurePosixPath(data).parent)
                    for _tick in bench.engine.put_archive(helper, folder, chunks(path)):
                        yield Progress()
                    synced = ["sync", "-f", data]
                    bench.succeeded(synced, bench.engine.run(helper, synced))
        except OSError as error:
            raise BadBackup(
                path, _("{path} can't be read: {detail}."), detail=error.strerror or error
            ) from error
        text = _("restored into {volume}: {size}, saved from {service} at {time}")
        about = manifest.about
        size = size_text(manifest.size)
        yield Progress(tr(text, volume=name, size=size, service=about.service, time=about.created))

    def _verified(self, path: Path, data: str) -> Manifest:
        """The backup's manifest, every byte compared with it; and whether it belongs here and has room."""
        if not path.exists():
            raise VoltutorError(_("There is no backup named {name}."), _("Make one first."), name=self.backup)
        manifest = verify(path)
        if manifest.about.data != data:
            text = _("{path} holds the data of {other}, and this image's data lie in {data}.")
            raise BadBackup(path, text, other=manifest.about.data, data=data)
        if manifest.size > self.size:
            raise BadBackup(
                path,
                _("{path} holds {held}, and the volume was given {size}."),
                held=size_text(manifest.size),
                size=size_text(self.size),
            )
        return manifest
