"""Loop devices: a file of a session's own as a block device of this machine. No engine keeps them, the kernel does;
whose one is, its backing file tells (Documentation/admin-guide/blockdev, /sys/block/loopN/loop/backing_file)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from voltutor.disk import see_room
from voltutor.errors import VoltutorError
from voltutor.home import make_folder
from voltutor.programs import find
from voltutor.text import _

_SYS = Path("/sys/block")
_CONTROL = Path("/dev/loop-control")
_LIMIT = 60
_DELETED = " (deleted)"
"""What the kernel writes behind the path of a backing file that has no name any longer."""


class DeviceTrouble(VoltutorError):
    """A program that makes a file system or a block device failed."""


def attached(folder: Path) -> dict[str, Path]:
    """The loop devices whose backing files lie, or lay, below a folder; file by device, such as /dev/loop0."""
    found = {}
    top = folder.resolve()
    for entry in sorted(_SYS.glob("loop*/loop/backing_file")):
        try:
            file = Path(entry.read_text(encoding="utf-8").rstrip("\n").removesuffix(_DELETED))
        except OSError:  # detached meanwhile
            continue
        if file.is_relative_to(top):
            found[f"/dev/{entry.parent.parent.name}"] = file
    return found


def device_of(file: Path) -> str | None:
    """The loop device that a file is attached to, or None."""
    return next(
        (device for device, backing in attached(file.parent).items() if backing == file.resolve()), None
    )


def format_ext4(file: Path, size: int) -> None:
    """Make a file of so many bytes, and an ext4 in it. What is there stays.

    Raises:
        DiskTrouble: the disk has not so much room: the file begins without any of it, and would run out within.
        DeviceTrouble: it can't be formatted.
        OSError: it can't be written.
    """
    if file.exists():
        return
    make_folder(file.parent)
    see_room(file, size)
    with file.open("xb") as made:
        made.truncate(size)
    try:
        _run(["mkfs.ext4", "-q", str(file)])
    except DeviceTrouble:
        file.unlink()
        raise


def attach(file: Path) -> str:
    """Make a file a block device; the one that it has where it is one already.

    Raises:
        DeviceTrouble: this user may not.
    """
    return device_of(file) or _run(["losetup", "--find", "--show", str(file)])


def detach(device: str) -> None:
    """Take the device from its file; one that is still mounted goes when it no longer is.

    Raises:
        DeviceTrouble: this user may not.
    """
    _run(["losetup", "--detach", device])


def unable() -> str:
    """Why this user can't make loop devices, as a text that is still to be translated; empty where they can."""
    if not _CONTROL.exists():
        return _("this machine has no loop devices")
    if not os.access(_CONTROL, os.W_OK) or os.geteuid() != 0:
        return _("only root may make loop devices")
    if not (find("losetup") and find("mkfs.ext4")):
        return _("losetup or mkfs.ext4 is missing")
    return ""


def _run(words: Sequence[str]) -> str:
    program = find(words[0])
    try:
        done = subprocess.run(
            [program or words[0], *words[1:]], capture_output=True, text=True, timeout=_LIMIT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DeviceTrouble("{program}: {detail}", "", program=words[0], detail=error) from error
    if done.returncode != 0:
        raise DeviceTrouble("{text}", "", text=done.stderr.strip() or f"{words[0]}: {done.returncode}")
    return done.stdout.strip()
