"""A write that finds no room: what is told, and what is left."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.disk.conftest import MIB, Disk
from voltutor.disk import DiskTrouble, see_room, writing
from voltutor.home import append, locked, write_atomically, write_new
from voltutor.session.devices import format_ext4

BIG = "x" * 10_000


def test_a_full_disk_is_named_with_its_mount_point_and_what_is_free(disk: Disk) -> None:
    disk.fill()
    with pytest.raises(DiskTrouble) as told:
        write_atomically(disk.top / "folder" / "file", BIG)
    assert f"The disk at {disk.top} is full: 0 bytes are free" in told.value.what
    assert str(disk.top / "folder") in told.value.what
    assert "Make room there" in told.value.mend
    assert told.value.exit_code == 1


def test_a_disk_without_inodes_says_so(disks: Callable[..., Disk]) -> None:
    disk = disks(MIB, 20)
    disk.take_inodes()
    with pytest.raises(DiskTrouble, match="all of its 20 inodes are taken"):
        write_new(disk.top / "file", "x")
    with pytest.raises(DiskTrouble, match="inodes"):
        see_room(disk.top / "file", 1)


def test_a_disk_that_is_read_only_says_so(disk: Disk) -> None:
    disk.read_only()
    with pytest.raises(DiskTrouble, match=f"The disk at {disk.top} is read-only"):
        append(disk.top / "file", b"x")
    with pytest.raises(DiskTrouble, match="read-only"):
        see_room(disk.top / "no" / "such" / "folder", 1)


def test_a_quota_is_named_as_one(tmp_path: Path) -> None:
    with pytest.raises(DiskTrouble, match="Your quota on the disk at"), writing(tmp_path / "x"):
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))


def test_without_a_path_the_error_names_the_file_and_of_a_copy_the_one_that_is_written(
    tmp_path: Path,
) -> None:
    to = str(tmp_path / "to")
    with pytest.raises(DiskTrouble, match=f"so {to} can't"), writing():
        raise OSError(errno.ENOSPC, "", str(tmp_path / "from"), None, to)
    with pytest.raises(DiskTrouble, match="A disk takes no more: No space left"), writing():
        raise OSError(errno.ENOSPC, "")


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), writing(tmp_path):
        (tmp_path / "none").read_text()


def test_a_write_without_room_leaves_what_was_there_and_nothing_else(disk: Disk) -> None:
    old, log = disk.top / "old", disk.top / "log"
    write_atomically(old, "old")
    append(log, b"one\n")
    disk.fill()
    before = sorted(disk.top.iterdir())
    writes: list[Callable[[], object]] = [
        lambda: write_atomically(old, BIG),
        lambda: write_new(disk.top / "new", BIG),
        lambda: append(log, BIG.encode()),
    ]
    for write in writes:
        with pytest.raises(DiskTrouble):
            write()
        assert sorted(disk.top.iterdir()) == before
        assert (old.read_text(), log.read_text()) == ("old", "one\n")
    disk.make_room()
    append(log, b"two\n")
    assert log.read_text() == "one\ntwo\n"


def test_room_is_seen_before_a_write_of_known_size(disk: Disk) -> None:
    see_room(disk.top / "a" / "b", MIB // 2)
    with pytest.raises(DiskTrouble, match=f"so {disk.top}/a/b can't be written"):
        see_room(disk.top / "a" / "b", 2 * MIB)


@pytest.mark.parametrize("how", ["bytes", "inodes", "read-only"])
def test_a_lock_needs_no_room(disks: Callable[..., Disk], how: str) -> None:
    disk = disks(MIB, 30)
    {"bytes": disk.fill, "inodes": disk.take_inodes, "read-only": disk.read_only}[how]()
    with locked(disk.top / "lock"):
        pass


def test_a_device_file_that_would_outgrow_its_disk_is_not_begun(disk: Disk) -> None:
    with pytest.raises(DiskTrouble):
        format_ext4(disk.top / "image", 64 * MIB)
    assert not (disk.top / "image").exists()


def test_a_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_atomically(pipe, "through")
    assert os.read(reader, 100) == b"through"
    assert pipe.is_fifo()
    os.close(reader)
    with pytest.raises(DiskTrouble):
        write_atomically(Path("/dev/full"), "x")
    assert Path("/dev/full").is_char_device()


def test_output_that_finds_no_room_is_told_and_is_no_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "voltutor", "progress", "save", str(tmp_path / "file")]
    env = {**os.environ, "VOLTUTOR_HOME": str(tmp_path / "home")}
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=env, check=False)
    assert done.returncode == 1
    what, mend = done.stderr.splitlines()
    assert what == "voltutor: A disk takes no more: No space left on device."
    assert mend.startswith("  Make room there")
