"""Volumes of the local driver: a folder each, or a sized tmpfs; who uses them is the containers' to say."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from voltutor.embedded import kernel, layers, words
from voltutor.embedded.database import Database
from voltutor.embedded.errors import BadRequest, Conflict, NotFound, NotServed
from voltutor.embedded.events import Events

ANONYMOUS_LABEL = "com.docker.volume.anonymous"
"""On volumes that nobody named (moby, volume/service/service.go)."""


@dataclass
class Volume:
    """One volume; `folder` is where its content lies."""

    name: str
    labels: dict[str, str]
    options: dict[str, str]
    created: str
    folder: str = ""
    holders: set[str] = field(default_factory=set)

    @property
    def anonymous(self) -> bool:
        """Whether it was made without a name."""
        return ANONYMOUS_LABEL in self.labels

    def view(self) -> dict[str, Any]:
        """As `docker volume inspect` shows it."""
        return {
            "CreatedAt": self.created,
            "Driver": "local",
            "Labels": self.labels or None,
            "Mountpoint": self.folder,
            "Name": self.name,
            "Options": self.options or None,
            "Scope": "local",
        }


class Volumes:
    """All volumes of the engine."""

    def __init__(self, root: Path, database: Database, events: Events, can_mount: bool) -> None:
        self._root, self._database, self._events, self._can_mount = root, database, events, can_mount
        self.by_name: dict[str, Volume] = {}
        root.mkdir(exist_ok=True)
        for name, document in database.all("volume").items():
            self.by_name[name] = Volume(**document, folder=str(root / name / "_data"))
            self._mount(self.by_name[name])
        for folder in root.iterdir():  # what a crash left between folder and row, or row and folder
            if folder.name not in self.by_name:
                layers.remove_tree(str(folder))

    def get(self, name: str) -> Volume:
        """The volume of this name.

        Raises:
            NotFound: there is none.
        """
        if name not in self.by_name:
            raise NotFound(f"get {name}: no such volume")
        return self.by_name[name]

    def create(
        self,
        name: str = "",
        labels: Mapping[str, str] | None = None,
        options: Mapping[str, str] | None = None,
        driver: str = "local",
    ) -> Volume:
        """The volume of this name, made where it isn't there; without a name, a new anonymous one.

        Raises:
            NotServed: a driver or a kind of file system that this engine hasn't got.
            Conflict: it is there with another driver.
        """
        if driver not in ("", "local", "default"):
            raise NotFound(f'error looking up volume plugin {driver}: plugin "{driver}" not found')
        marked = dict(labels or {})
        if name:
            words.volume_name(name)
        else:
            name = words.new_id()
            marked[ANONYMOUS_LABEL] = ""
        if name in self.by_name:
            return self.by_name[name]
        volume = Volume(
            name, marked, dict(options or {}), words.now()[:19] + "Z", str(self._root / name / "_data")
        )
        self._check(volume)
        try:
            Path(volume.folder).mkdir(parents=True, exist_ok=True)
            Path(volume.folder).chmod(0o755)
            self._mount(volume)
            self._save(volume)
        except BaseException:
            if volume.options:
                with contextlib.suppress(OSError):  # it may not have come to that
                    kernel.umount(volume.folder)
            layers.remove_tree(str(self._root / name))
            raise
        self.by_name[name] = volume
        self._events.tell("volume", "create", name, {"driver": "local"})
        return volume

    def _save(self, volume: Volume) -> None:
        document = asdict(volume)
        del document["folder"], document["holders"]
        self._database.put("volume", volume.name, document)

    def _check(self, volume: Volume) -> None:
        known = {"type", "device", "o"}
        for key in volume.options:
            if key not in known:
                raise BadRequest(f'create {volume.name}: invalid option: "{key}"')
        if not volume.options:
            return
        kind = volume.options.get("type")
        if not volume.options.get("device"):
            raise BadRequest(f"create {volume.name}: missing required option: device")
        if kind != "tmpfs":
            raise NotServed(
                f"create {volume.name}: a volume of type {kind or 'none'} needs an engine that may mount it: "
                "Docker as root; this engine has folders, and tmpfs for a size"
            )
        if not self._can_mount:
            raise NotServed(
                f"create {volume.name}: a sized volume needs user namespaces, which are closed here"
            )
        tmpfs_options(volume.options.get("o", ""))

    def _mount(self, volume: Volume) -> None:
        if volume.options:
            flags, options = tmpfs_options(volume.options.get("o", ""))
            kernel.mount("tmpfs", volume.folder, "tmpfs", flags, options)

    def emptied(self, name: str) -> None:
        """No running container has it any longer: what lies in memory goes, as with Docker, whose local driver mounts
        a volume with options only while a container that has it runs (moby, volume/local)."""
        volume = self.by_name.get(name)
        if volume and volume.options:
            kernel.umount(volume.folder)
            self._mount(volume)

    def remove(self, name: str, *, force: bool = False) -> None:
        """Remove a volume that nobody holds; `force` is content where there is none.

        Raises:
            NotFound, Conflict.
        """
        if name not in self.by_name and force:
            return
        volume = self.get(name)
        if volume.holders:
            raise Conflict(f"remove {name}: volume is in use - [{', '.join(sorted(volume.holders))}]")
        self._database.delete("volume", name)
        del self.by_name[name]
        if volume.options:
            kernel.umount(volume.folder)
        layers.remove_tree(str(self._root / name))
        self._events.tell("volume", "destroy", name, {"driver": "local"})

    def prune(self, wanted: Callable[[Volume], bool]) -> dict[str, Any]:
        """Remove what nobody holds and `wanted` says; their names, and the bytes given back. A volume with options
        is never pruned (moby, volume/service/service.go: PruneVolumes)."""
        gone, space = [], 0
        for volume in [*self.by_name.values()]:
            if not volume.holders and not volume.options and wanted(volume):
                space += layers.size(volume.folder)
                self.remove(volume.name)
                gone.append(volume.name)
        self._events.tell("volume", "prune", "", {"reclaimed": str(space)})
        return {"VolumesDeleted": gone or None, "SpaceReclaimed": space}


_SIZE = re.compile(r"(size|nr_inodes|mode|uid|gid)=[0-9a-zA-Z%]+")
_FLAGS = {
    "ro": kernel.MS_RDONLY,
    "rw": 0,
    "nosuid": kernel.MS_NOSUID,
    "nodev": kernel.MS_NODEV,
    "noexec": kernel.MS_NOEXEC,
    "exec": 0,
    "suid": 0,
    "dev": 0,
}


def tmpfs_options(text: str) -> tuple[int, str]:
    """The flags and the data of a mount of a tmpfs, from options as typed; the only ids there are, are ours.

    Raises:
        BadRequest: an option that a tmpfs hasn't got.
    """
    flags, data = kernel.MS_NOSUID | kernel.MS_NODEV, []
    for option in filter(None, text.split(",")):
        if option in _FLAGS:
            flags |= _FLAGS[option]
        elif _SIZE.fullmatch(option):
            if not option.startswith(("uid=", "gid=")) or option.endswith("=0"):
                data.append(option)
            else:
                raise NotServed(f'tmpfs option "{option}": this engine has one user id; Docker has them all')
        else:
            raise BadRequest(f'invalid tmpfs option "{option}"')
    return flags, ",".join(data)


def exists(path: str) -> bool:
    """Whether something lies there, a dangling link too."""
    return os.path.lexists(path)
