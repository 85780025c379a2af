"""The engine put together: what it is made of, and what `info`, `version` and `system df` say of it."""

from __future__ import annotations

import asyncio
import os
import platform
from pathlib import Path
from typing import Any

from voltutor.embedded import kernel, layers, words
from voltutor.embedded.containers import Containers
from voltutor.embedded.database import Database
from voltutor.embedded.events import Events
from voltutor.embedded.images import Images
from voltutor.embedded.probe import OVERLAY_TMPFS, VFS, Choice, available_memory
from voltutor.embedded.spawner import Spawner
from voltutor.embedded.storage import Storage
from voltutor.embedded.volumes import Volumes

API, API_LEAST = "1.45", "1.24"
VERSION = "0.1.0"
PRODUCT = "voltutor embedded engine"

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

CAPABILITY = "io.voltutor.capability."
"""Labels of `info` that say what this engine can't do as Docker does, each "no: " and why."""


class Daemon:
    """One engine over one store."""

    def __init__(self, root: Path, choice: Choice, spawner: Spawner, socket: Path) -> None:
        self.root, self.choice = root, choice
        if choice.kind == OVERLAY_TMPFS:
            kernel.mount("tmpfs", root, "tmpfs", 0, f"size={choice.memory},mode=700")
        self.database = Database(root / "state.sqlite")
        self.events = Events()
        self.storage = Storage(choice, root, socket)
        architecture = ARCHITECTURES.get(platform.machine(), platform.machine())
        self.images = Images(root / "l", self.database, self.events, architecture)
        self.volumes = Volumes(root / "v", self.database, self.events, self.storage.isolated)
        self.containers = Containers(
            root / "c", self.database, self.events, self.images, self.volumes, self.storage, spawner
        )
        self.containers.recover()
        self.id = self._identity()

    def _identity(self) -> str:
        kept = self.database.all("engine").get("id")
        if not kept:
            kept = words.new_id()[:32]
            self.database.put("engine", "id", kept)
        return str(kept)

    @property
    def empty(self) -> bool:
        """Whether it keeps nothing that would be missed: no container and no volume."""
        return not self.containers.by_id and not self.volumes.by_name

    def labels(self) -> list[str]:
        """What it can't do as Docker does."""
        found = {
            "uids": "no: one user id, which is root in a container; chown and other users need Docker",
        }
        if self.choice.kind == VFS:
            lacking = ("read_only_mounts", "tmpfs", "sized_volumes", "isolation", "measurements")
            found |= dict.fromkeys(lacking, "no: user namespaces are closed here")
        return [f"{CAPABILITY}{name}={text}" for name, text in found.items()]

    def info(self) -> dict[str, Any]:
        """As `docker info`."""
        states = [container.state.status for container in self.containers.by_id.values()]
        backing = _file_system(self.root)
        status = [["Backing Filesystem", backing]]
        if self.choice.kind == OVERLAY_TMPFS:
            status.append(["In memory", f"{self.choice.memory >> 20} MiB at most, gone with the engine"])
        status += [
            [f"Not {refusal.kind}", f"{refusal.why}. {refusal.mend}"] for refusal in self.choice.refused
        ]
        return {
            "ID": self.id,
            "Name": platform.node(),
            "Containers": len(states),
            "ContainersRunning": states.count("running"),
            "ContainersPaused": states.count("paused"),
            "ContainersStopped": len(states) - states.count("running") - states.count("paused"),
            "Images": len(self.images.by_id),
            "Driver": self.choice.kind,
            "DriverStatus": status,
            "Plugins": {
                "Volume": ["local"],
                "Network": ["host", "none", "bridge"],
                "Authorization": None,
                "Log": ["json-file"],
            },
            "DockerRootDir": str(self.root),
            "KernelVersion": platform.release(),
            "OperatingSystem": PRODUCT,
            "OSType": "linux",
            "OSVersion": "",
            "Architecture": platform.machine(),
            "NCPU": os.cpu_count() or 1,
            "MemTotal": available_memory(),
            "ServerVersion": VERSION,
            "SystemTime": words.now(),
            "LoggingDriver": "json-file",
            "CgroupDriver": "none",
            "CgroupVersion": "2",
            "SecurityOptions": ["name=rootless"],
            "Labels": self.labels(),
            "Warnings": self.warnings(),
            "Debug": False,
            "ExperimentalBuild": False,
            "LiveRestoreEnabled": False,
            "IndexServerAddress": "",
            "RegistryConfig": {"IndexConfigs": {}, "InsecureRegistryCIDRs": [], "Mirrors": []},
            "Runtimes": {},
            "Swarm": {"LocalNodeState": "inactive", "NodeID": "", "NodeAddr": ""},
        }

    def warnings(self) -> list[str]:
        """What a user should know before measuring."""
        found = []
        if self.choice.kind == OVERLAY_TMPFS:
            found.append("WARNING: layers and volumes lie in memory, and are gone when this engine stops")
        if self.choice.kind == VFS:
            found.append(
                "WARNING: containers are copies run by PRoot: no isolation, and nothing worth measuring"
            )
        return found

    def version(self) -> dict[str, Any]:
        """As `docker version`."""
        return {
            "Platform": {"Name": PRODUCT},
            "Components": [{"Name": PRODUCT, "Version": VERSION, "Details": {"ApiVersion": API}}],
            "Version": VERSION,
            "ApiVersion": API,
            "MinAPIVersion": API_LEAST,
            "GitCommit": "",
            "GoVersion": "",
            "Os": "linux",
            "Arch": ARCHITECTURES.get(platform.machine(), platform.machine()),
            "KernelVersion": platform.release(),
            "BuildTime": "",
        }

    def disk_usage(self) -> dict[str, Any]:
        """As `docker system df`; in a thread."""
        held = self.containers.holders_of_images()
        images = [
            self.images.summary(image, len(held.get(image.id, ()))) | {"SharedSize": 0}
            for image in self.images.by_id.values()
        ]
        containers = [
            container.summary(self.containers.folder_of, self.containers.image_name(container))
            | {"SizeRw": self.containers.size_rw(container), "SizeRootFs": self._root_size(container)}
            for container in [*self.containers.by_id.values()]
        ]
        volumes = [
            volume.view()
            | {"UsageData": {"RefCount": len(volume.holders), "Size": layers.size(volume.folder)}}
            for volume in [*self.volumes.by_name.values()]
        ]
        size = sum(layer.size for layer in self.images.layers.values())
        return {
            "LayersSize": size,
            "Images": images,
            "Containers": containers,
            "Volumes": volumes,
            "BuildCache": [],
        }

    def _root_size(self, container: Any) -> int:
        image = self.images.by_id.get(container.image_id)
        return (self.images.size(image) if image else 0) + self.containers.size_rw(container)

    async def close(self) -> None:
        """End what runs, and close the state."""
        await self.containers.shut_down()
        await asyncio.sleep(0)
        self.database.close()


def _file_system(path: Path) -> str:
    """The file system under a path, named as `Backing Filesystem` does: os.statvfs doesn't tell, the mount table
    does."""
    best, kind = "", ""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, rest = line.partition(" - ")
        point = fields.split(" ")[4]
        if (str(path) + "/").startswith(point.rstrip("/") + "/") and len(point) >= len(best):
            best, kind = point, rest.split(" ")[0]
    return "extfs" if kind.startswith("ext") else kind
