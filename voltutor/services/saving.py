"""Saving a service's data: at any time, as they were at one moment, to a file that gets its name once it is whole."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shlex
import tempfile
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from voltutor.diagrams import size_text
from voltutor.disk import writing
from voltutor.engine import Conflict, ContainerView, NotFound, Refused
from voltutor.errors import VoltutorError
from voltutor.home import make_folder, name_new, open_lock
from voltutor.images import DATA
from voltutor.services.backup import About, BadBackup, Manifest, Packing, read_manifest
from voltutor.services.stateful import Room, Store, look_at
from voltutor.session import Bench, Progress
from voltutor.text import _, tr

OUTSIDE = 200
"""Paths outside of the volume that a backup names."""

PAUSED, STOPPED, AS_IT_IS = "paused", "stopped", "as-it-is"
"""What is done to a service while it is saved; a half-written backup's name tells it."""


@dataclass(frozen=True)
class Saved:
    """A backup on the disk. `manifest` is None where it is not a whole one, and `trouble` says why."""

    name: str
    path: Path
    size: int
    manifest: Manifest | None = None
    trouble: str = ""


def backup_path(bench: Bench, name: str) -> Path:
    """Where a session's backup of this name lies."""
    return bench.files / "backups" / f"{name}.tar"


def backups(bench: Bench) -> tuple[Saved, ...]:
    """Every backup of this session, oldest first."""
    found = []
    for path in (bench.files / "backups").glob("[!.]*.tar"):
        with contextlib.suppress(FileNotFoundError):  # it may go meanwhile
            seen = path.stat()
            try:
                saved = Saved(path.stem, path, seen.st_size, read_manifest(path))
            except BadBackup as error:
                saved = Saved(path.stem, path, seen.st_size, None, error.what)
            except OSError as error:
                saved = Saved(path.stem, path, seen.st_size, None, error.strerror or str(error))
            found.append((seen.st_mtime_ns, saved))
    return tuple(saved for _time, saved in sorted(found, key=lambda pair: pair[0]))


def recover(bench: Bench) -> None:
    """Put in order what a crash left: a service that was frozen to be saved goes on, and half a backup or a half
    restored volume goes.

    Raises:
        EngineError: the engine does not answer.
    """
    for half in (bench.files / "backups").glob(".*.half"):
        with contextlib.suppress(FileNotFoundError), half.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # whoever writes it holds the lock
            except BlockingIOError:
                continue
            how, container = half.name[1:].split(".")[:2]
            _let_go(bench, container, how)
            half.unlink()
    bench.sweep_trials()


@contextlib.contextmanager
def _alone(bench: Bench, service: str) -> Iterator[None]:
    """While one backup of a service is made, no other one is: it would thaw what this one has frozen.

    Raises:
        VoltutorError: one is being made.
    """
    handle = open_lock(bench.files / "backups" / f".{service}.lock")
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise VoltutorError(
                _("A backup of `{service}` is being made just now."),
                _("Wait for its end."),
                service=bench.names(service),
            ) from None
        yield
    finally:
        os.close(handle)


def _hold(bench: Bench, container: str, how: str) -> None:
    if how == PAUSED:
        bench.engine.pause(container)
    elif how == STOPPED:
        bench.engine.stop(container)


def _let_go(bench: Bench, container: str, how: str) -> None:
    now = bench.engine.container(container)
    if how == PAUSED and now and now.paused:
        bench.engine.unpause(container)
    elif how == STOPPED and now and not now.running:
        bench.engine.start(container)


def save(bench: Bench, store: Store, name: str) -> Generator[Progress, None, Manifest]:
    """Save a service's folder as it is at one moment. The container is frozen while the engine packs it, so that all
    files are of the same moment and no write is cut in two; where the engine can't freeze, it is stopped meanwhile.

    Raises:
        DiskTrouble: the disk takes no more.
        VoltutorError: there is a backup of this name, another one is being made, it can't be written, or the engine
            can do neither.
        EngineError: the engine does not answer, or refuses.
    """
    view = store.container
    path = backup_path(bench, name)
    make_folder(path.parent)
    about = About(
        store.name,
        view.image,
        bench.engine.info.title,
        store.data,
        datetime.now(UTC).isoformat(timespec="seconds"),
        outside(bench, view, store.data),
    )
    with _alone(bench, store.name):
        try:
            with writing(path):
                return (yield from _still(bench, store, about, path))
        except OSError as error:
            text = _("The backup {path} can't be written: {detail}.")
            raise VoltutorError(
                text, _("Make room, or take another name."), path=path, detail=error.strerror or error
            ) from error


class _CantFreeze(Exception):
    """An engine without the freezer, such as a rootless one on cgroup v1."""


def _still(bench: Bench, store: Store, about: About, path: Path) -> Generator[Progress, None, Manifest]:
    """Save it while nothing writes in it."""
    view = store.container
    if not store.running:  # or frozen already, by somebody who will thaw it
        return (yield from _saved(bench, view, about, path, AS_IT_IS))
    try:
        return (yield from _saved(bench, view, about, path, PAUSED))
    except _CantFreeze as error:
        if view.auto_remove or store.room is Room.MEMORY:
            raise VoltutorError(
                _("This engine can't freeze `{service}` ({detail}), and stopping it would lose its data."),
                _("Save it on an engine that can, or keep its data in a volume on the disk."),
                service=view.name,
                detail=error,
            ) from error
        yield Progress(tr(_("The engine can't freeze it ({detail}); it is stopped meanwhile."), detail=error))
        return (yield from _saved(bench, view, about, path, STOPPED))


def _saved(
    bench: Bench, view: ContainerView, about: About, path: Path, how: str
) -> Generator[Progress, None, Manifest]:
    # The name tells whoever finds the file after a crash what to do.
    handle, name = tempfile.mkstemp(prefix=f".{how}.{view.id}.", suffix=".half", dir=path.parent)
    half = Path(name)
    with os.fdopen(handle, "wb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            if not half.exists():
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
            _hold(bench, view.id, how)
        except Refused as error:
            half.unlink()
            if how == PAUSED and not isinstance(error, Conflict | NotFound):
                raise _CantFreeze(error.what) from error
            raise
        with Packing(file) as packing:
            try:
                # It is closed before the container is looked at: until then the engine answers no other call on it.
                with contextlib.closing(bench.engine.archive(view.id, about.data)) as pieces:
                    for done in packing.copy(pieces):
                        yield Progress(done=done)
            except BaseException:
                # Where this fails, the file stays, and tells the next one to do it.
                _let_go(bench, view.id, how)
                half.unlink()
                raise
            _let_go(bench, view.id, how)
            try:
                manifest = packing.finish(about)
                file.flush()
                os.fsync(file.fileno())
                name_new(half, path)
            finally:
                half.unlink(missing_ok=True)
    return manifest


def outside(bench: Bench, view: ContainerView, data: str) -> tuple[str, ...]:
    """What a container has elsewhere, and no backup of its volume has: its other mounts, and what it has changed in
    its own layer."""
    mounts = [mount.target for mount in view.mounts if mount.target != data]
    changed = [change.path for change in bench.engine.diff(view.id) if change.kind != "D"]
    # A folder is listed as changed for what was made in it, and a mount's place is made in the layer.
    folders = {str(parent) for path in (*changed, data, *mounts) for parent in PurePosixPath(path).parents}
    leaves = [path for path in changed if path not in folders and path != data and path not in mounts]
    found = (*mounts, *leaves)
    more = len(found) - OUTSIDE
    return found if more <= 0 else (*found[:OUTSIDE], tr(_("… {n} more"), n=more))


@dataclass(frozen=True)
class Backup:
    """A service's data in one file, with a manifest of checksums at its end."""

    service: str
    name: str

    def argv(self, bench: Bench) -> list[str]:
        """`docker container pause NAME`, `docker container cp NAME:FOLDER - > FILE`, `docker container unpause …`."""
        name, path = bench.names(self.service), backup_path(bench, self.name)
        store = look_at(bench, self.service)
        lines = [
            f"mkdir -p {shlex.quote(str(path.parent))}",
            f"docker container pause {name}",
            f"docker container cp {name}:{store.data if store else DATA} - > {shlex.quote(str(path))}",
            f"docker container unpause {name}",
        ]
        return ["sh", "-c", "\n".join(lines)]

    def done(self, bench: Bench) -> bool:
        """Whether a file of this name is there."""
        return backup_path(bench, self.name).exists()

    def undo(self, bench: Bench) -> None:
        """Remove the file."""
        for path in self.files(bench):
            path.unlink()

    def files(self, bench: Bench) -> tuple[Path, ...]:
        """The file, where it is there."""
        path = backup_path(bench, self.name)
        return (path,) if path.exists() else ()

    def perform(self, bench: Bench) -> Iterator[Progress]:
        """Save it.

        Raises:
            VoltutorError: there is no such service, it has no volume, or there is a backup of this name.
        """
        recover(bench)
        store = look_at(bench, self.service)
        if store is None or store.volume is None:
            raise VoltutorError(
                _("`{service}` has no volume that its image declares, so there is nothing to save."),
                _("Only a stateful service has backups; begin one first."),
                service=bench.names(self.service),
            )
        if self.done(bench):
            raise VoltutorError(
                _("There is a backup named {name} already."), _("Take another name."), name=self.name
            )
        manifest = yield from save(bench, store, self.name)
        files = sum(bool(entry.sha256) for entry in manifest.entries)
        text = _("saved: {n} files, {size}, in {path}")
        path = backup_path(bench, self.name)
        yield Progress(tr(text, n=files, size=size_text(manifest.size), path=path))
        for left in manifest.about.outside:
            yield Progress(tr(_("not in it: {path}"), path=left))
