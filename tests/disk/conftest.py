"""Disks that are full: small file systems in memory, mounted by the test."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

MIB = 1 << 20


class Disk:
    """A tmpfs that a test fills, and makes room on again."""

    def __init__(self, top: Path, size: int, inodes: int) -> None:
        self.top = top
        top.mkdir()
        options = f"size={size},nr_inodes={inodes},mode=700"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", top], check=True)

    @property
    def free(self) -> int:
        seen = os.statvfs(self.top)
        return seen.f_bfree * seen.f_frsize

    def fill(self) -> None:
        """Leave it no page. A file may still grow within its last one."""
        with contextlib.suppress(OSError), (self.top / "ballast").open("ab", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        assert self.free == 0

    def take_inodes(self) -> None:
        """Leave it no inode."""
        folder = self.top / "many"
        folder.mkdir(exist_ok=True)
        with contextlib.suppress(OSError):
            for number in range(100_000):
                (folder / str(number)).touch(exist_ok=False)
        assert os.statvfs(self.top).f_ffree == 0

    def make_room(self) -> None:
        (self.top / "ballast").unlink(missing_ok=True)
        for path in (self.top / "many").glob("*"):
            path.unlink()

    def read_only(self, on: bool = True) -> None:
        option = f"remount,{'ro' if on else 'rw'}"
        subprocess.run(["mount", "-o", option, self.top], check=True)

    def unmount(self) -> None:
        if self.top.is_mount():  # an engine that had it as its data root may have done it
            subprocess.run(["umount", "--lazy", self.top], check=True)


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[Callable[..., Disk]]:
    """Make a disk of so many bytes, with so many inodes (0: as many as one likes)."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a file system")
    made: list[Disk] = []

    def disk(size: int = MIB, inodes: int = 0) -> Disk:
        made.append(Disk(tmp_path / f"disk{len(made)}", size, inodes))
        return made[-1]

    yield disk
    for one in made:
        one.unmount()


@pytest.fixture
def disk(disks: Callable[..., Disk]) -> Disk:
    """A disk of one MiB."""
    return disks()


@pytest.fixture
def home(disks: Callable[..., Disk], monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home on a disk of its own, of 2 MiB; the disk is its parent's."""
    made = disks(2 * MIB)
    folder = made.top / "home"
    folder.mkdir()
    monkeypatch.setenv("VOLTUTOR_HOME", str(folder))
    return folder


@pytest.fixture
def home_disk(home: Path, request: pytest.FixtureRequest) -> Disk:
    """The disk that the home lies on."""
    found = Disk.__new__(Disk)
    found.top = home.parent
    return found
