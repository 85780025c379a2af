"""Saving a service's data: at any time, as they were at one moment, to a file that gets its name once it is whole."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shlex
import tempfile
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from voltutor.diagrams import size_text
from voltutor.engine import ContainerView, Refused
from voltutor.errors import VoltutorError
from voltutor.home import name_new
from voltutor.images import DATA
from voltutor.services.backup import About, BadBackup, Manifest, copy, finish, read_manifest
from voltutor.services.stateful import look_at
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
            service, was = half.name[1:].rsplit(".", 3)[:2]
            view = bench.container(service)
            if view and bench.ours("container", view.name, view.labels):
                _let_go(bench, view, was)
            half.unlink()
    bench.sweep_trials()


def _hold(bench: Bench, view: ContainerView, how: str) -> None:
    if how == PAUSED:
        bench.engine.pause(view.id)
    elif how == STOPPED:
        bench.engine.stop(view.id)


def _let_go(bench: Bench, view: ContainerView, how: str) -> None:
    now = bench.engine.container(view.id)
    if how == PAUSED and now and now.paused:
        bench.engine.unpause(view.id)
    elif how == STOPPED and now and not now.running:
        bench.engine.start(view.id)


def save(
    bench: Bench, view: ContainerView, service: str, data: str, name: str
) -> Generator[Progress, None, Manifest]:
    """Save a container's folder as it is at one moment. The container is frozen while the engine packs it, so that
    all files are of the same moment and no write is cut in two; where the engine can't freeze, it is stopped.

    Raises:
        VoltutorError: there is a backup of this name.
        EngineError: the engine does not answer, or refuses.
        OSError: the file can't be written.
    """
    path = backup_path(bench, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    about = About(
        service,
        view.image,
        bench.engine.info.title,
        data,
        datetime.now(UTC).isoformat(timespec="seconds"),
        outside(bench, view, data),
    )
    if not view.running:
        return (yield from _saved(bench, view, about, path, AS_IT_IS))
    try:
        return (yield from _saved(bench, view, about, path, PAUSED))
    except _CantHold:
        return (yield from _saved(bench, view, about, path, STOPPED))


class _CantHold(Exception):
    """An engine without the freezer, such as a rootless one on cgroup v1."""


def _saved(
    bench: Bench, view: ContainerView, about: About, path: Path, how: str
) -> Generator[Progress, None, Manifest]:
    handle, name = tempfile.mkstemp(prefix=f".{about.service}.{how}.", suffix=".half", dir=path.parent)
    half = Path(name)
    with os.fdopen(handle, "wb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            _hold(bench, view, how)
        except Refused as error:
            half.unlink()
            if how == PAUSED:
                raise _CantHold from error
            raise
        try:
            for done in copy(file, bench.engine.archive(view.id, about.data)):
                yield Progress(done=done)
        except BaseException:
            _let_go(bench, view, how)  # where this fails, the file stays, and tells the next one to do it
            half.unlink()
            raise
        _let_go(bench, view, how)
        try:
            manifest = finish(file, about)
            file.flush()
            os.fsync(file.fileno())
            name_new(half, path)
        finally:
            half.unlink(missing_ok=True)
    return manifest


def outside(bench: Bench, view: ContainerView, data: str) -> tuple[str, ...]:
    """What a container has changed in its own layer, and no backup of its volume has."""
    changed = [change.path for change in bench.engine.diff(view.id) if change.kind != "D"]
    # A folder is listed as changed for what was made in it.
    leaves = [path for path in changed if not any(other.startswith(f"{path}/") for other in changed)]
    return tuple(path for path in leaves if path != data and not path.startswith(f"{data}/"))[:OUTSIDE]


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
        backup_path(bench, self.name).unlink(missing_ok=True)

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
        manifest = yield from save(bench, store.container, self.service, store.data, self.name)
        files = sum(bool(entry.sha256) for entry in manifest.entries)
        text = _("saved: {n} files, {size}, in {path}")
        path = backup_path(bench, self.name)
        yield Progress(tr(text, n=files, size=size_text(manifest.size), path=path))
        for left in manifest.about.outside:
            yield Progress(tr(_("not in it: {path}"), path=left))
