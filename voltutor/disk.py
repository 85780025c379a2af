"""A disk that takes no more: named at once, with where it is and what is left, wherever the kit writes a file.

with writing(path):
    path.write_text(...)
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from voltutor.errors import VoltutorError
from voltutor.text import _

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
"""What the kernel answers where a disk takes no more, whatever is written (errno(3))."""

SMALL = 1 << 18
"""Bytes that the kit's own files take, such as a result."""

_MEND = _("Make room there, then do it again; `voltutor clean` needs none.")


class DiskTrouble(VoltutorError):
    """A disk is full, has no inode left, is over the user's quota, or is mounted read-only."""


@contextlib.contextmanager
def writing(path: Path | None = None) -> Iterator[None]:
    """Name the disk where what the block writes finds no room; every other error stays what it is. Without a path the
    error's own file tells.

    Raises:
        DiskTrouble: the disk takes no more.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        # Of a copy, the second name is that of the file that is written.
        named = path or error.filename2 or error.filename
        where = Path(named) if isinstance(named, str | Path) else None
        raise _trouble(error.errno or 0, where) from error


def see_room(path: Path, size: int = SMALL) -> None:
    """See, before anything else is done, that a new file of so many bytes finds room at `path`.

    Raises:
        DiskTrouble: it doesn't.
    """
    seen = os.statvfs(_there(path))
    if seen.f_flag & os.ST_RDONLY:
        raise _trouble(errno.EROFS, path)
    if _free(seen) < size or _out_of_inodes(seen):
        raise _trouble(errno.ENOSPC, path)


def _trouble(number: int, path: Path | None) -> DiskTrouble:
    if path is None:
        return DiskTrouble(_("A disk takes no more: {detail}."), _MEND, detail=os.strerror(number))
    folder = _there(path)
    mount = _mount(folder)
    if number == errno.EROFS:
        return DiskTrouble(
            _("The disk at {mount} is read-only, so {path} can't be written."),
            _("Mount it writable, or name a folder on another disk."),
            mount=mount,
            path=path,
        )
    if number == errno.EDQUOT:
        text = _("Your quota on the disk at {mount} is used up, so {path} can't be written.")
        return DiskTrouble(text, _MEND, mount=mount, path=path)
    seen = os.statvfs(folder)
    if _out_of_inodes(seen):
        text = _("The disk at {mount} is full: all of its {n} inodes are taken, so {path} can't be written.")
        return DiskTrouble(text, _MEND, mount=mount, path=path, n=seen.f_files)
    text = _("The disk at {mount} is full: {free} bytes are free, so {path} can't be written.")
    return DiskTrouble(text, _MEND, mount=mount, path=path, free=_free(seen))


def _free(seen: os.statvfs_result) -> int:
    """Bytes that this user may write: root takes what is kept back from all others."""
    return seen.f_frsize * (seen.f_bfree if os.geteuid() == 0 else seen.f_bavail)


def _out_of_inodes(seen: os.statvfs_result) -> bool:
    """Whether no file can be made. Some file systems, such as btrfs, count none: they say 0 of 0."""
    return bool(seen.f_files) and (seen.f_ffree if os.geteuid() == 0 else seen.f_favail) == 0


def _there(path: Path) -> Path:
    """The nearest folder that is there already."""
    return (
        next(parent for parent in path.absolute().parents if parent.is_dir()) if not path.is_dir() else path
    )


def _mount(folder: Path) -> Path:
    """Where the file system of a folder is mounted."""
    found = folder.resolve()
    return next((one for one in (found, *found.parents) if one.is_mount()), found)
