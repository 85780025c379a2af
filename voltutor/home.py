"""The one folder where all state lives: `VOLTUTOR_HOME`, or the platform's own place for user data."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import platformdirs

from voltutor.disk import NO_ROOM, writing


def place() -> Path:
    """Where the folder of this learner is or would be; makes nothing."""
    named = os.environ.get("VOLTUTOR_HOME")
    return Path(named).expanduser().absolute() if named else platformdirs.user_data_path("voltutor", False)


def home() -> Path:
    """The folder of this learner; made, private to the user, when first asked for.

    Raises:
        DiskTrouble: there is no room for it.
    """
    folder = place()
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def make_folder(path: Path) -> None:
    """Make a folder where it isn't there yet.

    Raises:
        DiskTrouble: there is no room for it.
    """
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)


def write_atomically(path: Path, content: str | bytes, *, private: bool = True) -> None:
    """Replace a file so that a reader, or a crash, finds the old content or the new one. What is `private` only its
    owner may read. A device or a pipe is written to, and stays what it is.

    Raises:
        DiskTrouble: the disk takes no more; the old file stands.
    """
    half = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    make_folder(path.parent)
    with writing(path):
        if path.exists() and not path.is_file():
            path.write_bytes(_bytes(content))
            return
        try:
            _write_new(half, content, 0o600 if private else 0o666)
            half.replace(path)
        except BaseException:
            half.unlink(missing_ok=True)
            raise


def write_new(path: Path, content: str | bytes) -> None:
    """Write a file that isn't there yet: all of it, or none.

    Raises:
        FileExistsError: something of that name is there, if only a link.
        DiskTrouble: the disk takes no more.
    """
    with writing(path):
        _write_new(path, content, 0o666)


def _write_new(path: Path, content: str | bytes, mode: int) -> None:
    data = _bytes(content)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(handle, "wb", buffering=0) as file:
            _write_all(file.fileno(), data)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def append(path: Path, data: bytes) -> None:
    """Write at the end of a file, made where it is missing: all of it, or none.

    Raises:
        DiskTrouble: the disk takes no more.
    """
    with writing(path), path.open("ab", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        try:
            _write_all(file.fileno(), data)
        except BaseException:
            file.truncate(size)
            raise


def _write_all(handle: int, data: bytes) -> None:
    # A disk that is nearly full takes a part, and refuses only the next one (write(2)).
    left = memoryview(data)
    while left:
        left = left[os.write(handle, left) :]
    os.fsync(handle)


def name_new(half: Path, target: Path) -> None:
    """Give a file that is whole its name, and take the name from none.

    Raises:
        FileExistsError: a file of that name is there.
    """
    try:
        os.link(half, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        half.rename(target)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path` between processes; a killed holder gives it up. Where the disk has no room for
    the file its folder is locked, by each thread once: a lock within a lock would wait for itself.

    Raises:
        DiskTrouble: there is no room for its folder.
    """
    import fcntl

    make_folder(path.parent)
    handle = open_lock(path)
    found = os.fstat(handle)
    instead = (found.st_dev, found.st_ino) if stat.S_ISDIR(found.st_mode) else None
    mine: set[object] = _folders.__dict__.setdefault("mine", set())
    within = instead in mine
    try:
        if not within:
            fcntl.flock(handle, fcntl.LOCK_EX)
        if instead:
            mine.add(instead)
        yield
    finally:
        if not within:
            mine.discard(instead)
        os.close(handle)


_folders = threading.local()
"""The folders that a thread has locked instead of a file."""


def open_lock(path: Path) -> int:
    """A descriptor of a file that is there to be locked. On a disk that has no room for one, of what is there: the
    file, which need not be written, or the folder."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
    there = path if path.exists() else path.parent
    return os.open(there, os.O_RDONLY | os.O_CLOEXEC)
