"""What the lab images hold besides programs: data that is random, without holes, and the same each time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from voltutor.images.programs import NGINX, REDIS
from voltutor.images.store import DATA, STORE_FILES
from voltutor.images.web import WEB_FILES

MIB = 1 << 20

SEEDS_LAB: Mapping[int, int] = {16: 3}
"""Seed files of the lab's first steps: size in MiB to number of files."""

SEEDS_MEASURE: Mapping[int, int] = {1: 4, 4: 4, 16: 4, 64: 2, 256: 1}
"""Seed files of first-write: 468 MiB, several of each small size so that one container gives several."""

SEEDS_SMALL: Mapping[int, int] = {size: count for size, count in SEEDS_MEASURE.items() if size <= 64}
"""Where there is no room for more, as in memory: 212 MiB."""

SEEDS_LARGE: Mapping[int, int] = {**SEEDS_MEASURE, 1024: 1}
"""With the option of 1 GiB."""

TREE_FILES, TREE_FILE = 2000, 4096
"""A tree of small files: how many, and the bytes of each."""

LOG_VALUE = 64 * 1024
"""Bytes of each value that an append-only file sets."""


class Content(Protocol):
    """A file's content that is made while it is written down."""

    @property
    def size(self) -> int:
        """Bytes."""

    def chunks(self) -> Iterator[bytes]:
        """The bytes, a MiB or so at a time."""

    def identity(self) -> str:
        """What the bytes depend on, in words."""


def _random(number: int, size: int) -> Iterator[bytes]:
    # The raw stream of PCG64 is fixed by its algorithm; numpy promises that of no Generator (NEP 19).
    source = np.random.PCG64(number)
    while size > 0:
        piece = min(size, MIB)
        yield source.random_raw(piece // 8).astype("<u8").tobytes()
        size -= piece


@dataclass(frozen=True)
class SeedFile:
    """A file of random data without holes: a copy-up copies data and skips holes, and what is alike may be
    stored once. The data depend on size and index alone, so that an image made again is the same image."""

    size: int
    index: int

    def chunks(self) -> Iterator[bytes]:
        """Its bytes, a MiB at a time."""
        return _random(self.size * 1000 + self.index, self.size)

    def identity(self) -> str:
        """Its size and index."""
        return f"seed {self.size} {self.index}"


@dataclass(frozen=True)
class AppendLog:
    """An incremental append-only file of Redis: SET commands with random values (RESP arrays, redis.io,
    "Redis serialization protocol")."""

    values: int

    def _command(self, index: int) -> bytes:
        key = f"key:{index:06d}".encode()
        return b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n" % (len(key), key, LOG_VALUE)

    @property
    def size(self) -> int:
        """Bytes."""
        return self.values * (len(self._command(0)) + LOG_VALUE + 2)

    def chunks(self) -> Iterator[bytes]:
        """A command at a time."""
        for index in range(self.values):
            yield b"".join((self._command(index), *_random(index, LOG_VALUE), b"\r\n"))

    def identity(self) -> str:
        """How many values."""
        return f"append log {self.values}"


@dataclass(frozen=True)
class LabImage:
    """What an image adds to the lab's programs.

    Attributes:
        seeds: random files by size in MiB: how many of each.
        trees: trees of 2,000 small files.
        programs: what it has besides the lab's, such as Redis.
        volumes: the folders that it declares as VOLUME.
        stop_signal: what ends its program in an orderly way, where it isn't TERM.
        command: what it runs.
        files: path to mode and content, of the layer of this title.
        log: values of an append-only file for Redis; 0 for none.
    """

    repository: str
    seeds: Mapping[int, int] = field(default_factory=dict)
    trees: int = 0
    programs: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    stop_signal: str = ""
    command: str = "stay"
    title: str = ""
    files: Mapping[str, tuple[int, bytes]] = field(default_factory=dict)
    log: int = 0

    @property
    def data_bytes(self) -> int:
        """Bytes of random data that it adds to an engine's disk."""
        seeds = sum(size * count for size, count in self.seeds.items()) * MIB
        return seeds + self.trees * TREE_FILES * TREE_FILE + (AppendLog(self.log).size if self.log else 0)


LAB_IMAGES: Mapping[str, LabImage] = {
    "lab": LabImage("voltutor/lab"),
    "files": LabImage("voltutor/files", SEEDS_LAB),
    "seed": LabImage("voltutor/seed", SEEDS_MEASURE),
    "seed-small": LabImage("voltutor/seed-small", SEEDS_SMALL),
    "seed-large": LabImage("voltutor/seed-large", SEEDS_LARGE),
    "tree": LabImage("voltutor/tree", trees=4),
    "redis": LabImage("voltutor/redis", programs=REDIS),
    "redis-server": LabImage("voltutor/redis-server", programs=REDIS, command="redis-server"),
    "redis-log": LabImage("voltutor/redis-log", programs=REDIS, log=4096),
    "web": LabImage(
        "voltutor/web",
        programs=NGINX,
        stop_signal="SIGQUIT",  # nginx then answers what is under way (nginx.org, "Controlling nginx")
        title="a page, and nginx's configuration",
        files=WEB_FILES,
    ),
    "store": LabImage(
        "voltutor/store",
        programs=REDIS,
        volumes=(DATA,),
        command="store",
        title="Redis's configuration, and what starts and asks it",
        files=STORE_FILES,
    ),
}
"""The lab images by key."""

FIRST = ("lab", "files")
"""The keys of those that the first labs begin with; they are small."""


def seed_path(mebibytes: int, index: int) -> str:
    """Where a seed file lies in its image; `index` counts from 1."""
    return f"/seed/{mebibytes}MiB-{index}"


def tree_path(index: int) -> str:
    """Where a tree lies in its image; `index` counts from 1."""
    return f"/tree/{index}"
