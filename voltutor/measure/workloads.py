"""Workloads: what is done in a place, what that isolates, and what one would expect."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from voltutor import fio
from voltutor.errors import UsageError
from voltutor.images import (
    LAB_IMAGES,
    MIB,
    SEEDS_LARGE,
    SEEDS_MEASURE,
    SEEDS_SMALL,
    seed_path,
    tree_path,
)
from voltutor.measure.jobs import FirstWrite, Io, Job, RedisSet, RedisStart, Stall, Timed
from voltutor.results import Metric
from voltutor.text import _, tr

STEADY = 256 * MIB
"""Bytes of the file that steady workloads read and write."""


@dataclass(frozen=True)
class Workload:
    """What is done, and how it is compared.

    Attributes:
        folder: the folder in the container that a volume covers.
        image: key of the lab image that has its files.
        sizes: bytes of the files that it works on; (None,) where there is one kind only.
        files: where files are told by size: how many there are of each, by MiB.
        paths: where they are not: the paths, used one after the other.
        used_up: whether a path is good for one trial in a layer: copy-up is paid once.
        prefill: the command that writes the file in full before anything is measured.
        cold: whether the page cache is emptied before each trial, where the engine's kernel lets us.
        target: half-width of the interval of the log-ratio that the number of pairs aims at.
        direct: whether its I/O goes past the page cache.
        floor: whether a place is compared with another one of its kind, whatever places are asked for: the noise.
        reduced: the same with smaller files, for a disk without the room.
    """

    name: str
    title: str
    isolates: str
    expects: str
    metric: Metric
    job: Job
    folder: str
    image: str = "lab"
    sizes: Sequence[int | None] = (None,)
    files: Mapping[int, int] | None = None
    paths: Sequence[str] = ()
    used_up: bool = False
    prefill: Callable[[str], list[str]] | None = None
    cold: bool = False
    target: float = math.log(1.05)
    direct: bool = False
    floor: bool = False
    reduced: Workload | None = None

    def __repr__(self) -> str:
        return f"workload({self.name!r})"

    @property
    def definition(self) -> str:
        """What it does, in 12 hex digits: results of two definitions are not continued by one another."""
        parts = (
            self.job,
            self.folder,
            self.image,
            self.sizes,
            self.files,
            self.paths,
            self.used_up,
            self.cold,
        )
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]

    def path(self, size: int | None, index: int) -> str:
        """The file for a trial; `index` counts from 0 over the files of a size."""
        if size is not None:
            return seed_path(size // MIB, index + 1)
        return self.paths[index] if self.paths else f"{self.folder}/data"

    def copies(self, size: int | None) -> int:
        """How many files of a size there are."""
        if size is not None:
            return (self.files or {}).get(size // MIB, 1)
        return len(self.paths) or 1

    @property
    def data_bytes(self) -> int:
        """Bytes on the engine's disk that one place takes at most: its image's data, or the file it works on."""
        return LAB_IMAGES[self.image].data_bytes or (STEADY if self.prefill else 16 * MIB)


def _steady(
    name: str, title: str, isolates: str, expects: str, job: Io, cold: bool = False, floor: bool = False
) -> Workload:
    return Workload(
        name=name,
        title=title,
        isolates=isolates,
        expects=expects,
        metric=job.metric,  # type: ignore[arg-type]
        job=job,
        folder="/work",
        prefill=job.prefill,
        direct=bool(job.options.get("direct")),
        cold=cold,
        floor=floor,
    )


def _first_write(
    name: str, image: str, files: Mapping[int, int], reduced: Workload | None = None
) -> Workload:
    return Workload(
        name=name,
        title=_("First write to a file of the image")
        if 1024 not in files
        else _("First write, with a file of 1 GiB"),
        isolates=_(
            "What copy-up costs against the size of the file: the first open for writing copies it whole."
        ),
        expects=_(
            "In the layer the time grows with the file, unless the file system clones; in a volume it doesn't."
        ),
        metric="seconds",
        job=FirstWrite(),
        folder="/seed",
        image=image,
        sizes=tuple(size * MIB for size in files),
        used_up=True,
        target=math.log(1.25),
        files=files,
        reduced=reduced,
    )


def _on_trees(name: str, title: str, isolates: str, expects: str, job: Job) -> Workload:
    return Workload(
        name=name,
        title=title,
        isolates=isolates,
        expects=expects,
        metric="seconds",
        job=job,
        folder="/tree",
        image="tree",
        paths=tuple(tree_path(tree) for tree in range(1, LAB_IMAGES["tree"].trees + 1)),
        used_up=True,
        target=math.log(1.25),
    )


def _on_seeds(
    name: str, title: str, isolates: str, expects: str, job: Job, size: int, paths: int = 0
) -> Workload:
    return Workload(
        name=name,
        title=title,
        isolates=isolates,
        expects=expects,
        metric="seconds",
        job=job,
        folder="/seed",
        image="seed",
        paths=tuple(seed_path(size, index + 1) for index in range(paths or SEEDS_MEASURE[size])),
        used_up=True,
        target=math.log(1.25),
    )


_DIRECT: Mapping[str, fio.job.Value] = {
    "ioengine": "libaio",
    "direct": 1,
    "bs": "4k",
    "iodepth": 16,
    "norandommap": True,
}

_LISTED = (
    _first_write(
        "first-write", "seed", SEEDS_MEASURE, _first_write("first-write", "seed-small", SEEDS_SMALL)
    ),
    _first_write("first-write-1g", "seed-large", SEEDS_LARGE),
    Workload(
        name="second-write",
        title=_("Second write to the same file"),
        isolates=_("Whether copy-up is paid once only: the same as first-write, after one write that isn't timed."),
        expects=_("No difference: the file lies in the layer already."),
        metric="seconds",
        job=FirstWrite(again=True),
        folder="/seed",
        image="seed",
        sizes=(64 * MIB,),
        files=SEEDS_MEASURE,
        target=math.log(1.25),
    ),
    _on_seeds(
        "stall",
        _("Writes to four files of the image, over time"),
        _("Where a copy-up is felt: I/Os per second while fio turns from file to file."),
        _("In the layer a gap at each file's first write; in a volume none."),
        Stall(),
        16,
        paths=1,
    ),
    _steady(
        "random-write",
        _("Random writes to a file that is there already"),
        _("The cost of each write in steady state, past the page cache, once everything has been copied up."),
        _("Little or no difference between layer and volume on overlay2."),
        Io(STEADY, {**_DIRECT, "rw": "randwrite"}),
    ),
    _steady(
        "a-a",
        _("The same place twice: the noise"),
        _("random-write in a volume, against another volume: what differs here is this machine's noise."),
        _("No difference; where one is claimed, the other figures of this machine are worth nothing either."),
        Io(STEADY, {**_DIRECT, "rw": "randwrite"}),
        floor=True,
    ),
    _steady(
        "random-write-buffered",
        _("Random writes through the page cache"),
        _("The same without O_DIRECT: what is timed is mostly memory, as it is for most programs."),
        _("No difference: both places have the same page cache."),
        Io(STEADY, {"ioengine": "psync", "bs": "4k", "rw": "randwrite", "norandommap": True}),
    ),
    _steady(
        "mixed",
        _("Random reads and writes, 70 to 30"),
        _("The mix that is often taken for a database's, past the page cache."),
        _("Little or no difference."),
        Io(STEADY, {**_DIRECT, "rw": "randrw", "rwmixread": 70}),
    ),
    _steady(
        "fsync-log",
        _("A log that syncs after each block"),
        _("The mean time of an fsync after a write of 4 KiB: a database's commit."),
        _("No difference between layer and volume; on tmpfs there is nothing to wait for."),
        Io(64 * MIB, {"ioengine": "psync", "bs": "4k", "rw": "write", "fsync": 1}, metric="seconds"),
    ),
    _steady(
        "sequential-write",
        _("One large write"),
        _("Bandwidth of 256 MiB in blocks of 1 MiB, with what it takes to reach the disk."),
        _("No difference."),
        Io(
            STEADY,
            {"ioengine": "psync", "bs": "1M", "rw": "write", "end_fsync": 1},
            metric="bytes_per_second",
            runtime=None,
        ),
    ),
    # Of a file that was written alike in both places. A file of the image and its copy in a volume lie differently on
    # the disk and in the page cache, and are read at speeds that differ by a half, overlay or not.
    _steady(
        "read-warm",
        _("Reading what is in memory"),
        _("Reads of 1 MiB from the page cache, of a file that the container wrote: a control."),
        _("No difference: overlayfs hands reads to the file."),
        Io(
            STEADY,
            {"ioengine": "psync", "bs": "1M", "rw": "read", "invalidate": 0},
            metric="bytes_per_second",
        ),
    ),
    _steady(
        "read-cold",
        _("Reading what is not in memory"),
        _("Reads of 1 MiB from the disk: a control. fio drops the file's own pages before each trial."),
        _("No difference."),
        Io(
            STEADY,
            {"ioengine": "psync", "bs": "1M", "rw": "read", "invalidate": 1},
            metric="bytes_per_second",
            runtime=None,
        ),
        cold=True,
    ),
    _on_trees(
        "many-small-files",
        _("Appending to many small files of the image"),
        _("What copy-up costs for each file, however small: 2,000 files of 4 KiB."),
        _("Much slower in the layer: each file is copied, and synced, before a byte is appended."),
        Timed('for file in "$0"/*; do echo x >> "$file"; done'),
    ),
    _on_trees(
        "chown-tree",
        _("chown of a tree of the image"),
        _("Copy-up for a change of metadata: 2,000 files of 4 KiB are copied for nothing but their owner."),
        _("Much slower in the layer, unless the overlay has metacopy."),
        Timed('chown -R 0:0 "$0"'),
    ),
    _on_trees(
        "rename-directory",
        _("Renaming a directory of the image"),
        _("rename(2) of a directory that lies below: overlayfs refuses it (EXDEV), and mv copies it all."),
        _("Copied in the layer, done at once in a volume."),
        Timed('mv "$0" "$0.new"', after='mv "$0.new" "$0"'),
    ),
    _on_seeds(
        "rename-file",
        _("Renaming a file of the image"),
        _("rename(2) of a 64 MiB file that lies below: it is copied up to get another name."),
        _("Copied in the layer unless the file system clones, done at once in a volume."),
        Timed('mv "$0" "$0.new"', after='mv "$0.new" "$0"'),
        64,
    ),
    _on_seeds(
        "truncate-remove",
        _("Emptying and removing a file of the image"),
        _("A control: neither an open that truncates (64 MiB) nor a removal copies anything."),
        _("No slower in the layer; a volume has 64 MiB to free, the layer only hides them."),
        # What was emptied is written again from its neighbour, so that a volume's next trial finds it.
        Timed(': > "$0"; rm "$0"', after='for other in "${0%-*}"-*; do cp "$other" "$0"; break; done; sync -f /seed'),
        64,
    ),
    Workload(
        name="create-delete",
        title=_("Creating and removing new files"),
        isolates=_("New files only, nothing of the image: 2,000 small ones are made, then removed."),
        expects=_("Little or no difference: a new file is made in the upper directory at once."),
        metric="seconds",
        job=Timed(
            'n=0; while [ $n -lt 2000 ]; do echo x > "$0/$n"; n=$((n+1)); done; rm -r "$0"', before='mkdir -p "$0"'
        ),
        folder="/work",
        target=math.log(1.1),
    ),
    Workload(
        name="redis-append",
        title=_("Redis that syncs each command"),
        isolates=_("SET/s of a real redis-server with appendfsync always, in a fresh folder: steady state."),
        expects=_("No difference."),
        metric="requests_per_second",
        job=RedisSet(),
        folder="/redis",
        image="redis",
    ),
    Workload(
        name="redis-start",
        title=_("Redis starting on a file of the image"),
        isolates=_("From the start of redis-server until it answers, with 256 MiB of append-only file in the image."),
        expects=_("Slower in the layer: Redis opens the file for appending, which copies it up before it is ready."),
        metric="seconds",
        job=RedisStart(),
        folder="/redis",
        image="redis-log",
        paths=("/redis",),
        used_up=True,
        target=math.log(1.25),
    ),
)  # fmt: skip

WORKLOADS = {workload.name: workload for workload in _LISTED}
FIRST_WRITE = WORKLOADS["first-write"]
RANDOM_WRITE = WORKLOADS["random-write"]


def titles() -> dict[str, tuple[str, str]]:
    """Of each workload by its name: its title and what it isolates, translated."""
    return {name: (tr(work.title), tr(work.isolates)) for name, work in WORKLOADS.items()}


def workload(name: str) -> Workload:
    """The workload of this name.

    Raises:
        UsageError: there is none.
    """
    if name not in WORKLOADS:
        raise UsageError(
            _("There is no workload {name!r}."),
            _("Take one of: {names}."),
            name=name,
            names=", ".join(WORKLOADS),
        )
    return WORKLOADS[name]
