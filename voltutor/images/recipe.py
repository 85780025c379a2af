"""Recipes: the layers of an image as data, named by the hash of what goes in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from voltutor.images.content import (
    MIB,
    TREE_FILE,
    TREE_FILES,
    AppendLog,
    Content,
    LabImage,
    SeedFile,
    seed_path,
    tree_path,
)
from voltutor.images.programs import NGINX, REDIS, Program, Programs

RECIPE_LABEL = "io.voltutor.recipe"
"""On every lab image: the full hash of its recipe."""

STAY = b"""#!/bin/sh
# Keeps a container running until it is told to stop; busybox's sleep as process 1 would ignore TERM.
trap 'exit 0' TERM INT QUIT
while :; do sleep 3600 & wait $!; done
"""


@dataclass(frozen=True)
class _Set:
    """Programs that belong together: what they are called, and Alpine's package of them."""

    name: str
    alpine: str


_SETS = {REDIS: _Set("Redis", "redis"), NGINX: _Set("nginx", "nginx")}


@dataclass(frozen=True)
class Entry:
    """One path of a layer: a file (`content` bytes, a file of this machine, or data that is made), a folder
    (None), or a symbolic link (`link`)."""

    path: str
    mode: int
    content: bytes | Path | Content | None = None
    link: str = ""

    @property
    def size(self) -> int:
        """Bytes of content."""
        match self.content:
            case bytes():
                return len(self.content)
            case Path():
                return self.content.stat().st_size
            case None:
                return 0
            case _:
                return self.content.size

    def chunks(self) -> Iterator[bytes]:
        """The content, in pieces."""
        match self.content:
            case bytes():
                yield self.content
            case Path():
                with self.content.open("rb") as file:
                    while data := file.read(MIB):
                        yield data
            case None:
                return
            case _:
                yield from self.content.chunks()

    def identity(self) -> str:
        """What the recipe's hash takes of it: content by its hash, made data by what they depend on."""
        if self.content is not None and not isinstance(self.content, bytes | Path):
            what = self.content.identity()
        else:
            digest = hashlib.sha256()
            for chunk in self.chunks():
                digest.update(chunk)
            what = digest.hexdigest()
        return f"{self.path} {self.mode:o} {self.link} {what}"


@dataclass(frozen=True)
class Layer:
    """One layer: `created_by` is what `docker image history` shows."""

    created_by: str
    entries: tuple[Entry, ...]

    @cached_property
    def identity(self) -> str:
        """The hash of what it holds."""
        lines = "\n".join(entry.identity() for entry in self.entries)
        return hashlib.sha256(f"{self.created_by}\n{lines}".encode()).hexdigest()


@dataclass(frozen=True)
class Recipe:
    """An image: its repository, layers (lowest first), and the config that they get; `data_bytes` of random data
    that it adds to an engine's disk."""

    repository: str
    layers: tuple[Layer, ...]
    architecture: str
    data_bytes: int = 0
    tagged: str = ""
    volumes: tuple[str, ...] = ()
    stop_signal: str = ""
    command: str = "stay"

    def named(self, tag: str) -> Recipe:
        """The same image under another name; its hash stays."""
        return replace(self, tagged=tag)

    @cached_property
    def hash(self) -> str:
        """Over everything that goes in; the same recipe on the same programs has the same hash."""
        lines = [
            self.repository,
            self.architecture,
            *(layer.identity for layer in self.layers),
            *self.volumes,
        ]
        lines += [self.stop_signal] if self.stop_signal else []
        lines += [self.command] if self.command != "stay" else []
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    @property
    def tag(self) -> str:
        """The name that the image gets: content-addressed, so what is there is what would be made."""
        return self.tagged or f"{self.repository}:{self.hash[:12]}"

    def config(self, diff_ids: Iterable[str]) -> bytes:
        """The image's config as JSON, given its layers' digests (OCI image-spec, config.md)."""
        created = "2026-01-01T00:00:00Z"
        arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(self.architecture, self.architecture)
        value = {
            "architecture": arch,
            "os": "linux",
            "created": created,
            "config": {
                "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"],
                "Cmd": [self.command],
                "WorkingDir": "/",
                "Labels": {RECIPE_LABEL: self.hash},
                **({"Volumes": {path: {} for path in self.volumes}} if self.volumes else {}),
                **({"StopSignal": self.stop_signal} if self.stop_signal else {}),
            },
            "rootfs": {"type": "layers", "diff_ids": list(diff_ids)},
            "history": [{"created": created, "created_by": layer.created_by} for layer in self.layers],
        }
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def lab(programs: Programs, architecture: str) -> Recipe:
    """The lab image: busybox, fio and what it links to, and the names of two users; no registry needed."""
    shell = [
        Entry("/bin", 0o755),
        *_files(programs.busybox),
        *(Entry(f"/bin/{name}", 0o777, link="busybox") for name in programs.applets),
        Entry("/bin/stay", 0o755, STAY),
        Entry("/root", 0o700),
        Entry("/tmp", 0o1777),  # noqa: S108 - a folder in the image
    ]
    tools = _files((*programs.fio, *programs.cp))
    users = [
        Entry("/etc", 0o755),
        Entry("/etc/group", 0o644, b"root:x:0:\nnobody:x:65534:\n"),
        Entry(
            "/etc/passwd",
            0o644,
            b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
        ),
    ]
    layers = (
        Layer("busybox: a shell and its commands", _with_folders(shell)),
        Layer("fio, and the libraries that it links to", _with_folders(tools)),
        Layer("/etc/passwd and /etc/group", _with_folders(users)),
    )
    return Recipe("voltutor/lab", layers, architecture)


def extended(base: Recipe, image: LabImage, programs: Programs) -> Recipe:
    """The lab image with a layer more for each kind of content."""
    layers = list(base.layers)
    if image.programs:
        title = f"{_SETS[image.programs].name}, and the libraries that it links to"
        parts = [part for name in image.programs for part in programs.more[name]]
        layers.append(Layer(title, _with_folders(_files(parts))))
    if image.files:
        entries = [Entry(path, mode, content) for path, (mode, content) in image.files.items()]
        layers.append(Layer(image.title, _with_folders(entries)))
    if image.volumes:
        layers.append(Layer("where data belong", tuple(Entry(path, 0o755) for path in image.volumes)))
    if image.seeds:
        seeds = [
            Entry(seed_path(size, index), 0o644, SeedFile(size * MIB, index))
            for size, count in image.seeds.items()
            for index in range(1, count + 1)
        ]
        total = sum(size * count for size, count in image.seeds.items())
        layers.append(Layer(f"{len(seeds)} seed files of random data, {total} MiB", _with_folders(seeds)))
    if image.trees:
        small = [
            Entry(f"{tree_path(tree)}/{number:04d}", 0o644, SeedFile(TREE_FILE, tree * TREE_FILES + number))
            for tree in range(1, image.trees + 1)
            for number in range(TREE_FILES)
        ]
        layers.append(Layer(f"{image.trees} trees of {TREE_FILES} files of 4 KiB", _with_folders(small)))
    if image.log:
        folder = "/redis/appendonlydir/appendonly.aof"
        manifest = b"file appendonly.aof.1.incr.aof seq 1 type i\n"
        log = AppendLog(image.log)
        files = [Entry(f"{folder}.1.incr.aof", 0o644, log), Entry(f"{folder}.manifest", 0o644, manifest)]
        layers.append(Layer(f"an append-only file of {log.size // MIB} MiB", _with_folders(files)))
    return replace(
        base,
        repository=image.repository,
        layers=tuple(layers),
        data_bytes=image.data_bytes,
        volumes=image.volumes,
        stop_signal=image.stop_signal,
        command=image.command,
    )


def dockerfile(image: LabImage) -> str:
    """For a machine without the programs: the same image, built by an engine that reaches a registry."""
    lines = [
        "FROM alpine:3.20",
        f"RUN apk add --no-cache fio coreutils busybox-extras{_package(image)}",
        f"RUN printf '%b' '{_quoted(STAY)}' > /bin/stay && chmod 755 /bin/stay",
    ]
    if image.seeds:
        copies = " && ".join(
            f"dd if=/dev/urandom of={seed_path(size, index)} bs=1M count={size}"
            for size, count in image.seeds.items()
            for index in range(1, count + 1)
        )
        lines.append(f"RUN mkdir /seed && {copies}")
    if image.trees:
        fill = f"dd if=/dev/urandom of=$tree/$(printf %04d $n) bs={TREE_FILE} count=1 2>/dev/null"
        last = TREE_FILES - 1
        trees = " ".join(tree_path(tree) for tree in range(1, image.trees + 1))
        lines.append(
            f"RUN for tree in {trees}; do mkdir -p $tree && for n in $(seq 0 {last}); do {fill}; done; done"
        )
    if image.log:
        name = "/redis/appendonlydir/appendonly.aof"
        command = "*3\\r\\n$3\\r\\nSET\\r\\n$10\\r\\nkey:%06d\\r\\n$65536\\r\\n"
        lines.append(
            f"RUN mkdir -p /redis/appendonlydir && for n in $(seq 0 {image.log - 1}); do printf '{command}' $n; "
            f"dd if=/dev/urandom bs=65536 count=1 2>/dev/null; printf '\\r\\n'; done > {name}.1.incr.aof && "
            f"echo 'file appendonly.aof.1.incr.aof seq 1 type i' > {name}.manifest"
        )
    for path, (mode, content) in image.files.items():
        lines.append(
            f"RUN mkdir -p {Path(path).parent} && printf '%b' '{_quoted(content)}' > {path} && chmod {mode:o} {path}"
        )
    lines += [f"VOLUME {path}" for path in image.volumes]
    lines += [f"STOPSIGNAL {image.stop_signal}"] if image.stop_signal else []
    return "\n".join([*lines, f'CMD ["{image.command}"]']) + "\n"


def _package(image: LabImage) -> str:
    return f" {_SETS[image.programs].alpine}" if image.programs else ""


def _quoted(content: bytes) -> str:
    """For printf's %b between apostrophes: \\n turns into a line's end, an apostrophe is written in octal."""
    text = content.decode().replace("\\", "\\\\")
    return text.replace("'", "\\0047").replace("\n", "\\n")


def _files(programs: Iterable[Program]) -> tuple[Entry, ...]:
    by_target = {program.target: Entry(program.target, 0o755, program.source) for program in programs}
    return tuple(by_target[target] for target in sorted(by_target))


def _with_folders(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Every folder before what lies in it; an archive that leaves them out gives them odd modes."""
    listed: dict[str, Entry] = {}
    for entry in entries:
        for parent in reversed([str(p) for p in Path(entry.path).parents if str(p) != "/"]):
            listed.setdefault(parent, Entry(parent, 0o755))
        listed[entry.path] = entry
    return tuple(listed.values())
