"""One container: what is kept of it, and how clients see it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from voltutor.embedded import mounts, words
from voltutor.embedded.images import full_config
from voltutor.embedded.logs import Log
from voltutor.embedded.mounts import Point
from voltutor.embedded.spawner import Child
from voltutor.embedded.streams import Streams

CREATED, RUNNING, PAUSED, EXITED, REMOVING = "created", "running", "paused", "exited", "removing"


@dataclass
class State:
    """What `State` of an inspect says."""

    status: str = CREATED
    pid: int = 0
    ticks: int = 0
    """When the process started, in clock ticks after boot: with the pid, this names a process for good."""
    exit_code: int = 0
    error: str = ""
    started: str = words.NEVER
    finished: str = words.NEVER


@dataclass
class Container:
    """One container, as it is kept in the database, and what is known of it while the engine runs."""

    id: str
    name: str
    image_id: str
    config: dict[str, Any]
    host: dict[str, Any]
    points: list[Point]
    lowers: list[str]
    folder: Path
    created: str
    state: State = field(default_factory=State)
    ports: dict[str, Any] = field(default_factory=dict)

    child: Child | None = None
    streams: Streams | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    execs: set[str] = field(default_factory=set)
    mounted: int = 0
    last_signal: int = 0

    def __post_init__(self) -> None:
        self.log = Log(self.folder / "log")
        self.changed = asyncio.Event()

    def document(self) -> dict[str, Any]:
        """As it is kept."""
        return {
            "name": self.name,
            "image_id": self.image_id,
            "config": self.config,
            "host": self.host,
            "points": [point.document() for point in self.points],
            "lowers": self.lowers,
            "folder": self.folder.name,
            "created": self.created,
            "state": vars(self.state),
        }

    @staticmethod
    def read(id_: str, value: dict[str, Any], root: Path) -> Container:
        """As it was kept."""
        return Container(
            id=id_,
            name=value["name"],
            image_id=value["image_id"],
            config=value["config"],
            host=value["host"],
            points=[Point.read(point) for point in value["points"]],
            lowers=value["lowers"],
            folder=root / value["folder"],
            created=value["created"],
            state=State(**value["state"]),
        )

    @property
    def running(self) -> bool:
        """Whether its process runs, paused or not."""
        return self.state.status in (RUNNING, PAUSED)

    @property
    def argv(self) -> list[str]:
        """What its first process executes."""
        return [*(self.config.get("Entrypoint") or ()), *(self.config.get("Cmd") or ())]

    @property
    def upper(self) -> str:
        """The folder of its writable layer."""
        return str(self.folder / "u")

    @property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        return self.config.get("Labels") or {}

    def attributes(self, **more: str) -> dict[str, str]:
        """What its events carry."""
        return {**self.labels, "image": self.config.get("Image", ""), "name": self.name, **more}

    def signal_change(self) -> None:
        """Wake whoever waits for its state."""
        self.changed.set()
        self.changed = asyncio.Event()
        self.log.wake()

    def mount_views(self, folder_of: Any) -> list[dict[str, Any]]:
        """As `Mounts` of an inspect; `folder_of` tells where a volume lies."""
        found = []
        for point in self.points:
            if not point.listed:
                continue
            view: dict[str, Any] = {"Type": point.kind}
            if point.kind == mounts.VOLUME:
                view |= {"Name": point.name, "Source": folder_of(point.name), "Destination": point.target}
                view["Driver"] = "local"
            else:
                view |= {"Source": point.source, "Destination": point.target}
            found.append(view | {"Mode": point.mode, "RW": point.rw, "Propagation": point.propagation})
        return found

    def view(self, folder_of: Any, driver: str, graph: dict[str, str]) -> dict[str, Any]:
        """As `docker container inspect` shows it."""
        state, argv = self.state, self.argv
        return {
            "Id": self.id,
            "Created": self.created,
            "Path": argv[0] if argv else "",
            "Args": argv[1:],
            "State": {
                "Status": state.status,
                "Running": self.running,
                "Paused": state.status == PAUSED,
                "Restarting": False,
                "OOMKilled": False,
                "Dead": False,
                "Pid": state.pid if self.running else 0,
                "ExitCode": state.exit_code,
                "Error": state.error,
                "StartedAt": state.started,
                "FinishedAt": state.finished,
            },
            "Image": self.image_id,
            "ResolvConfPath": str(self.folder / "resolv.conf"),
            "HostnamePath": str(self.folder / "hostname"),
            "HostsPath": str(self.folder / "hosts"),
            "LogPath": str(self.log.path),
            "Name": f"/{self.name}",
            "RestartCount": 0,
            "Driver": driver,
            "Platform": "linux",
            "MountLabel": "",
            "ProcessLabel": "",
            "AppArmorProfile": "",
            "ExecIDs": sorted(self.execs) or None,
            "HostConfig": full_host(self.host),
            "GraphDriver": {"Data": graph, "Name": driver},
            "Mounts": self.mount_views(folder_of),
            "Config": full_config(self.config),
            "NetworkSettings": {
                "Bridge": "",
                "SandboxID": "",
                "SandboxKey": "",
                "Ports": self.ports if self.running else {},
                "Gateway": "",
                "IPAddress": "",
                "IPPrefixLen": 0,
                "MacAddress": "",
                "Networks": {self.network: _endpoint()},
            },
        }

    @property
    def network(self) -> str:
        """The network that it names."""
        mode = self.host.get("NetworkMode") or "default"
        return "bridge" if mode == "default" else mode

    def summary(self, folder_of: Any, image: str) -> dict[str, Any]:
        """A line of `docker container ls`."""
        command = " ".join(f"'{word}'" if not word or " " in word else word for word in self.argv)
        ports = [
            {"PrivatePort": int(key.split("/")[0]), "Type": key.split("/")[1]}
            | ({"PublicPort": int(at["HostPort"]), "IP": at["HostIp"]} if at else {})
            for key, places in (self.ports.items() if self.running else ())
            for at in (places or [None])
        ]
        return {
            "Id": self.id,
            "Names": [f"/{self.name}"],
            "Image": image,
            "ImageID": self.image_id,
            "Command": command,
            "Created": int(words.seconds(self.created)),
            "Ports": ports,
            "Labels": self.labels,
            "State": self.state.status,
            "Status": self.told(),
            "HostConfig": {"NetworkMode": self.host.get("NetworkMode") or "default"},
            "NetworkSettings": {"Networks": {self.network: _endpoint()}},
            "Mounts": self.mount_views(folder_of),
        }

    def told(self) -> str:
        """Its state in words, as `docker container ls` shows it."""
        state = self.state
        if self.running:
            return f"Up {_ago(state.started)}" + (" (Paused)" if state.status == PAUSED else "")
        if state.status == EXITED:
            return f"Exited ({state.exit_code}) {_ago(state.finished)} ago"
        return "Created" if state.status == CREATED else "Removal In Progress"


def _ago(text: str) -> str:
    """How long ago, as Docker words it (go-units, HumanDuration)."""
    passed = int(max(time.time() - words.seconds(text), 0))
    if passed < 1:
        return "Less than a second"
    if passed == 1:
        return "1 second"
    steps = (
        (60, 1, "seconds"),
        (120, 0, "About a minute"),
        (2760, 60, "minutes"),
        (5400, 0, "About an hour"),
    )
    for limit, unit, word in steps:
        if passed < limit:
            return f"{passed // unit} {word}" if unit else word
    hours = (passed + 1800) // 3600
    return f"{hours} hours" if hours < 48 else f"{hours // 24} days"


def _endpoint() -> dict[str, Any]:
    return {
        "IPAMConfig": None,
        "Links": None,
        "Aliases": None,
        "NetworkID": "",
        "EndpointID": "",
        "Gateway": "",
        "IPAddress": "",
        "IPPrefixLen": 0,
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "MacAddress": "",
        "DriverOpts": None,
    }


def full_host(host: dict[str, Any]) -> dict[str, Any]:
    """A HostConfig with every key that clients expect."""
    empty: dict[str, Any] = {
        "Binds": None,
        "ContainerIDFile": "",
        "LogConfig": {"Type": "json-file", "Config": {}},
        "NetworkMode": "default",
        "PortBindings": {},
        "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
        "AutoRemove": False,
        "VolumeDriver": "",
        "VolumesFrom": None,
        "CapAdd": None,
        "CapDrop": None,
        "Privileged": False,
        "PublishAllPorts": False,
        "ReadonlyRootfs": False,
        "Mounts": None,
        "Tmpfs": None,
    }
    kept = {key: value for key, value in host.items() if value is not None}
    found = empty | kept
    for key in ("Mounts", "Tmpfs"):  # left out where empty, as Docker does
        if not found[key]:
            del found[key]
    return found
