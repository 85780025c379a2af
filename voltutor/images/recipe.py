"""Recipes: the layers of an image as data, named by the hash of what goes in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from voltutor.images.programs import Program, Programs

RECIPE_LABEL = "io.voltutor.recipe"
"""On every lab image: the full hash of its recipe."""

MIB = 1 << 20

STAY = b"""#!/bin/sh
# Keeps a container running until it is told to stop; busybox's sleep as process 1 would ignore TERM.
trap 'exit 0' TERM INT
while :; do sleep 3600 & wait $!; done
"""

SEEDS_LAB: Mapping[int, int] = {16: 3}
"""Seed files of the lab's first steps: size in MiB to number of files."""

SEEDS_MEASURE: Mapping[int, int] = {1: 4, 4: 4, 16: 4, 64: 2, 256: 1}
"""Seed files of first-write: 468 MiB, several of each small size so that one container gives several."""

SEEDS_LARGE: Mapping[int, int] = {**SEEDS_MEASURE, 1024: 1}
"""With the option of 1 GiB."""


@dataclass(frozen=True)
class SeedFile:
    """A file of random data without holes: a copy-up copies data and skips holes, and what is alike may be
    stored once. The data depend on size and index alone, so that an image made again is the same image."""

    size: int
    index: int

    def chunks(self) -> Iterator[bytes]:
        """Its bytes, a MiB at a time."""
        # The raw stream of PCG64 is fixed by its algorithm; numpy promises that of no Generator (NEP 19).
        source = np.random.PCG64(self.size * 1000 + self.index)
        for _ in range(self.size // MIB):
            yield source.random_raw(MIB // 8).astype("<u8").tobytes()


@dataclass(frozen=True)
class Entry:
    """One path of a layer: a file (`content` bytes, a file of this machine, or a seed), a folder (None), or
    a symbolic link (`link`)."""

    path: str
    mode: int
    content: bytes | Path | SeedFile | None = None
    link: str = ""

    @property
    def size(self) -> int:
        """Bytes of content."""
        match self.content:
            case bytes():
                return len(self.content)
            case Path():
                return self.content.stat().st_size
            case SeedFile():
                return self.content.size
            case None:
                return 0

    def chunks(self) -> Iterator[bytes]:
        """The content, in pieces."""
        match self.content:
            case bytes():
                yield self.content
            case Path():
                with self.content.open("rb") as file:
                    while data := file.read(MIB):
                        yield data
            case SeedFile():
                yield from self.content.chunks()

    def identity(self) -> str:
        """What the recipe's hash takes of it: content by its hash, a seed by its parameters."""
        if isinstance(self.content, SeedFile):
            what = f"seed {self.content.size} {self.content.index}"
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
    """An image: its repository, layers (lowest first), and the config that they get."""

    repository: str
    layers: tuple[Layer, ...]
    architecture: str
    seeds: Mapping[int, int] = field(default_factory=dict)
    tagged: str = ""

    def named(self, tag: str) -> Recipe:
        """The same image under another name; its hash stays."""
        return replace(self, tagged=tag)

    @cached_property
    def hash(self) -> str:
        """Over everything that goes in; the same recipe on the same programs has the same hash."""
        lines = [self.repository, self.architecture, *(layer.identity for layer in self.layers)]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    @property
    def tag(self) -> str:
        """The name that the image gets: content-addressed, so what is there is what would be made."""
        return self.tagged or f"{self.repository}:{self.hash[:12]}"

    @property
    def seed_bytes(self) -> int:
        """Bytes of random data that it adds to an engine's disk."""
        return sum(size * count for size, count in self.seeds.items()) * MIB

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
                "Cmd": ["stay"],
                "WorkingDir": "/",
                "Labels": {RECIPE_LABEL: self.hash},
            },
            "rootfs": {"type": "layers", "diff_ids": list(diff_ids)},
            "history": [{"created": created, "created_by": layer.created_by} for layer in self.layers],
        }
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def seed_path(mebibytes: int, index: int) -> str:
    """Where a seed file lies in its image; `index` counts from 1."""
    return f"/seed/{mebibytes}MiB-{index}"


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


def seeded(base: Recipe, seeds: Mapping[int, int], repository: str) -> Recipe:
    """The lab image with one more layer: files of random data, so many of each size in MiB."""
    files = [
        Entry(seed_path(size, index), 0o644, SeedFile(size * MIB, index))
        for size, count in seeds.items()
        for index in range(1, count + 1)
    ]
    total = sum(size * count for size, count in seeds.items())
    layer = Layer(f"{len(files)} seed files of random data, {total} MiB", _with_folders(files))
    return Recipe(repository, (*base.layers, layer), base.architecture, dict(seeds))


def dockerfile(seeds: Mapping[int, int]) -> str:
    """For a machine without the programs: the same image, built by an engine that reaches a registry."""
    # %b turns \\n into a line's end; an apostrophe would end the quoted word, so it is written in octal.
    stay = STAY.decode().replace("'", "\\0047").replace("\n", "\\n")
    lines = [
        "FROM alpine:3.20",
        "RUN apk add --no-cache fio coreutils busybox-extras",
        f"RUN printf '%b' '{stay}' > /bin/stay && chmod 755 /bin/stay",
        'CMD ["stay"]',
    ]
    if seeds:
        copies = " && ".join(
            f"dd if=/dev/urandom of={seed_path(size, index)} bs=1M count={size}"
            for size, count in seeds.items()
            for index in range(1, count + 1)
        )
        lines.insert(3, f"RUN mkdir /seed && {copies}")
    return "\n".join(lines) + "\n"


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
