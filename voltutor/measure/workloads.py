"""Workloads: what is done in a place, what that isolates, and what one would expect."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from voltutor import fio
from voltutor.errors import UsageError
from voltutor.images import MIB, seed_path
from voltutor.text import _


class Job(Protocol):
    """A program with its arguments, and how its output becomes metrics in SI units."""

    def argv(self, path: str) -> list[str]:
        """The command line that works on this path."""

    def read(self, output: bytes) -> Mapping[str, float]:
        """The metrics of one run.

        Raises:
            NotFio, FioError: the output is not what a good run prints.
        """


@dataclass(frozen=True)
class FirstWrite:
    """Open an existing file for writing and write one 4 KiB block that is on disk when the write returns.

    Copy-up happens in open(2), where fio's I/O latencies don't look. The `filecreate` engine times exactly
    that: it opens with O_CREAT|O_RDWR, which leaves a file that exists as it is (fio, engines/filecreate.c).
    The block is written with O_SYNC: `fsync=1` syncs between blocks, so after a single one it never does.
    """

    def argv(self, path: str) -> list[str]:
        """Two fio jobs, one after the other."""
        opening = {"ioengine": "filecreate", "filename": path, "filesize": "4k"}
        writing: dict[str, fio.job.Value] = {
            "stonewall": True,
            "ioengine": "psync",
            "filename": path,
            "rw": "write",
            "bs": "4k",
            "size": "4k",
            "sync": 1,
        }
        return fio.command(fio.Job("open", opening), fio.Job("write", writing))

    def read(self, output: bytes) -> Mapping[str, float]:
        """`seconds` is the sum of `open_seconds` and `write_seconds`."""
        report = fio.parse(output)
        opened = _latency(report.job("open")) / 1e9
        written = _latency(report.job("write")) / 1e9
        return {"seconds": opened + written, "open_seconds": opened, "write_seconds": written}


@dataclass(frozen=True)
class RandomWrite:
    """Random 4 KiB writes past the page cache, sixteen at a time, into a file that is there already."""

    size: int
    runtime: float = 1.0

    def options(self) -> dict[str, fio.job.Value]:
        """What prefilling and measuring share."""
        return {"size": self.size, "ioengine": "libaio", "direct": 1, "fallocate": "none"}

    def prefill(self, path: str) -> list[str]:
        """The command line that writes the file once, so that steady state is measured."""
        job = {**self.options(), "filename": path, "rw": "write", "bs": "1M", "iodepth": 4, "end_fsync": 1}
        return fio.command(fio.Job("prefill", job))

    def argv(self, path: str) -> list[str]:
        """One fio job."""
        job = {
            **self.options(),
            "filename": path,
            "rw": "randwrite",
            "bs": "4k",
            "iodepth": 16,
            "time_based": True,
            "runtime": f"{round(self.runtime * 1000)}ms",
            "ramp_time": "250ms",
            "norandommap": True,
        }
        return fio.command(fio.Job("random-write", job))

    def read(self, output: bytes) -> Mapping[str, float]:
        """`iops`, and `p99_seconds` where fio printed percentiles."""
        write = fio.parse(output).job("random-write").directions["write"]
        if not write.iops:
            raise fio.NotFio("fio completed no write.")
        metrics = {"iops": write.iops}
        if write.completion and 99.0 in write.completion.percentiles:
            metrics["p99_seconds"] = write.completion.percentiles[99.0] / 1e9
        return metrics


def _latency(job: fio.JobResult) -> float:
    """The one I/O's latency in nanoseconds; filecreate counts its open as a read."""
    for direction in job.directions.values():
        latency = direction.total or direction.completion
        if latency and latency.mean:
            return latency.mean
    raise fio.NotFio(f"fio timed nothing in job {job.name}.")


@dataclass(frozen=True)
class Workload:
    """What is done, and how it is compared.

    Attributes:
        folder: the folder in the container that a volume covers.
        image: key of the lab image that has its files.
        sizes: bytes of the files that it writes to; (None,) where there is one file only.
        used_up: whether a file is good for one trial in a layer: copy-up is paid once.
        prefill: the file is written in full before anything is measured.
        target: half-width of the interval of the log-ratio that the number of pairs aims at.
        higher_is: "slower" where more of the metric is worse, "faster" where it is better.
    """

    name: str
    title: str
    isolates: str
    expects: str
    metric: Literal["seconds", "iops"]
    job: Job
    folder: str
    image: str = "lab"
    sizes: Sequence[int | None] = (None,)
    used_up: bool = False
    prefill: Callable[[str], list[str]] | None = None
    target: float = math.log(1.05)
    higher_is: Literal["slower", "faster"] = "slower"
    files: Mapping[int, int] | None = None

    def __repr__(self) -> str:
        return f"workload({self.name!r})"

    def path(self, size: int | None, index: int) -> str:
        """The file for a trial; `index` counts from 0 over the files of a size."""
        if size is None:
            return f"{self.folder}/data"
        return seed_path(size // MIB, index + 1)

    def copies(self, size: int | None) -> int:
        """How many files of a size there are."""
        return (self.files or {}).get((size or 0) // MIB, 1)


def _first_write(name: str, image: str, files: Mapping[int, int]) -> Workload:
    return Workload(
        name=name,
        title=_("First write to a file of the image"),
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
    )


RANDOM_WRITE_SIZE = 256 * MIB


def _catalogue() -> dict[str, Workload]:
    from voltutor.images import SEEDS_LARGE, SEEDS_MEASURE

    steady = RandomWrite(RANDOM_WRITE_SIZE)
    listed = (
        _first_write("first-write", "seed", SEEDS_MEASURE),
        _first_write("first-write-1g", "seed-large", SEEDS_LARGE),
        Workload(
            name="random-write",
            title=_("Random writes to a file that is there already"),
            isolates=_("The cost of each write in steady state, once everything has been copied up."),
            expects=_("Little or no difference between layer and volume on overlay2."),
            metric="iops",
            job=steady,
            folder="/work",
            prefill=steady.prefill,
            higher_is="faster",
        ),
    )
    return {workload.name: workload for workload in listed}


WORKLOADS = _catalogue()
FIRST_WRITE = WORKLOADS["first-write"]
FIRST_WRITE_LARGE = WORKLOADS["first-write-1g"]
RANDOM_WRITE = WORKLOADS["random-write"]


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
