"""Frozen views of what an engine's inspect calls return: plain data, in Docker's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class MountView:
    """One entry of `docker inspect`'s Mounts; `name` and `driver` are set for volumes only."""

    type: str
    source: str
    target: str
    read_write: bool
    name: str | None = None
    driver: str = ""
    mode: str = ""
    propagation: str = ""


@dataclass(frozen=True)
class ContainerView:
    """A container as inspected.

    Attributes:
        image_id: the id of the image that it was made from.
        named_sources: the volume names and host paths that its create call named, so that what else is
            mounted is anonymous or comes from `volumes_from`.
        volumes_from: the containers whose mounts it shares.
        by_mount: the places of what was mounted by --mount rather than by --volume.
        tmpfs: the places of what was mounted by --tmpfs, which isn't listed among the mounts.
        created, started, finished: RFC 3339 times from the engine's clock; the latter two are empty for what never
            was.
    """

    id: str
    name: str
    image_id: str
    running: bool
    labels: Mapping[str, str]
    mounts: tuple[MountView, ...]
    named_sources: frozenset[str] = frozenset()
    volumes_from: tuple[str, ...] = ()
    created: str = ""
    image: str = ""
    started: str = ""
    finished: str = ""
    auto_remove: bool = False
    by_mount: frozenset[str] = frozenset()
    paused: bool = False
    tmpfs: tuple[str, ...] = ()

    def mount(self, target: str) -> MountView | None:
        """The mount that covers exactly this path, if any."""
        return next((mount for mount in self.mounts if mount.target == target), None)


@dataclass(frozen=True)
class VolumeView:
    """A volume as inspected; `created` is RFC 3339, to the second. Before Docker 23 it is renewed whenever
    something is written in the volume's top folder (moby#38274), so it identifies nothing there."""

    name: str
    driver: str
    labels: Mapping[str, str]
    mountpoint: str
    created: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LayerView:
    """One line of `docker image history`, oldest first; size in bytes, `id` a layer's diff id or empty
    for a line that made no layer."""

    id: str
    created_by: str
    size: int


@dataclass(frozen=True)
class ImageView:
    """An image as inspected; `layers` are its diff ids, lowest first; size in bytes; `volumes` are the folders that
    its config declares (VOLUME)."""

    id: str
    tags: tuple[str, ...]
    labels: Mapping[str, str]
    layers: tuple[str, ...]
    size: int
    architecture: str = ""
    volumes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Change:
    """One line of `docker container diff`: A added, C changed, D deleted."""

    kind: str
    path: str


@dataclass(frozen=True)
class ExecResult:
    """What a program in a container left: exit code, and its two streams as bytes."""

    code: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        """stdout, decoded, without the last newline."""
        return self.out.decode(errors="replace").rstrip("\n")

    @property
    def message(self) -> str:
        """What the program said about its failure: stderr, or stdout where that is empty."""
        return (self.err or self.out).decode(errors="replace").strip()


@dataclass(frozen=True)
class Event:
    """One line of `docker events`: `type` container, image or volume; `id` its actor; `at` seconds; `exec` the id of
    the exec that it is about, or empty."""

    type: str
    action: str
    id: str
    name: str
    at: float
    exec: str = ""


@dataclass(frozen=True)
class Mount:
    """Something to mount: `source` a host path, a volume's name, or empty for an anonymous volume.
    `mode` is what may follow the second colon of `--volume`. In a lab's declaration the source is a logical name,
    unless it is `raw`. A `strict` one is a host path by `--mount`, which must be there; so must the `subpath` of a
    volume, a folder in it that is mounted alone."""

    target: str
    source: str = ""
    mode: str = ""
    raw: bool = False
    strict: bool = False
    subpath: str = ""

    @property
    def in_words(self) -> bool:
        """Whether it takes `--mount`."""
        return self.strict or bool(self.subpath)

    @property
    def flag(self) -> str:
        """The value of `--volume`."""
        return ":".join(part for part in (self.source, self.target, self.mode) if part)

    @property
    def words(self) -> tuple[str, str]:
        """The option and its value, as typed."""
        if not self.in_words:
            return "--volume", self.flag
        more = ",readonly" if self.mode == "ro" else ""
        more += f",volume-subpath={self.subpath}" if self.subpath else ""
        kind = "volume" if self.subpath else "bind"
        return "--mount", f"type={kind},source={self.source},target={self.target}{more}"


@dataclass(frozen=True)
class ContainerSpec:
    """What `docker container create` is told."""

    name: str
    image: str
    command: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    volumes_from: tuple[str, ...] = ()
    auto_remove: bool = False
    tmpfs: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    network: str | None = "none"
    ports: tuple[int, ...] = ()
    address: str = LOOPBACK


@dataclass(frozen=True)
class EngineInfo:
    """Who an engine is.

    Attributes:
        id: stays the same over restarts; the journal is kept by it.
        product: "Docker", "Podman" or "voltutor embedded engine".
        api: the version that is spoken with it.
        driver: storage driver, such as overlay2.
        backing: file system under the data root as the engine names it, or empty.
        memory: bytes.
        warnings: what the engine itself says that it lacks.
    """

    id: str
    product: str
    version: str
    api: str
    driver: str
    backing: str
    data_root: str
    kernel: str
    system: str
    architecture: str
    cpus: int
    memory: int
    rootless: bool
    warnings: tuple[str, ...] = ()

    @property
    def private(self) -> bool:
        """Whether it is this learner's alone, so that nothing of anybody else can be on it."""
        return self.product not in ("Docker", "Podman")

    @property
    def in_memory(self) -> bool:
        """Whether what it holds goes when it stops."""
        return self.private and self.driver == "overlay-tmpfs"

    @property
    def title(self) -> str:
        """The engine in two words, such as "Docker 20.10"; this kit's own with its storage."""
        if self.private:
            return f"{self.product} ({self.driver})"
        return f"{self.product} {'.'.join(self.version.split('.')[:2])}"
