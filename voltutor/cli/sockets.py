"""Where kernels' sockets lie: files that only this user can open, since on a TCP port anybody on the machine can
knock. A socket's path must be short, so where the home's is long they lie elsewhere, and the home says where."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

PATH_AT_MOST = 103 if sys.platform == "darwin" else 107
"""Bytes of a socket's path (unix(7): sun_path is 108, with its end; macOS: 104)."""

NAME_AT_MOST = len("/kernel-01234567-89ab-cdef-0123-456789abcdef-ipc-9")
"""Of jupyter_client's name for a kernel's socket, after the folder."""

NOTES = "sockets"
"""The home's folder of links to what lies elsewhere."""

SYSTEMS = Path("/tmp")  # noqa: S108 - for a folder of ours in it, which others can't enter
"""Where TMPDIR, too, is long."""


@contextlib.contextmanager
def sockets(home: Path, wanted: Path) -> Iterator[Path]:
    """An empty folder for connection files and sockets, private to this user, and gone after the block: `wanted`, or
    where its path is too long, one that a note in the home leads to."""
    remove_left(home)
    if fits(wanted):
        shutil.rmtree(wanted, ignore_errors=True)  # what a killed one left
        wanted.mkdir(parents=True, mode=0o700)
        try:
            yield wanted
        finally:
            shutil.rmtree(wanted, ignore_errors=True)
        return
    notes = home / NOTES
    with _held(Path(tempfile.mkdtemp(prefix="voltutor-", dir=_elsewhere()))) as folder:
        note = notes / folder.name
        while not note.is_symlink():
            notes.mkdir(exist_ok=True, mode=0o700)
            with contextlib.suppress(FileNotFoundError):  # another one that ends takes the empty folder away
                note.symlink_to(folder)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            note.unlink(missing_ok=True)


def remove_left(home: Path) -> None:
    """Remove the folders elsewhere whose holder was killed."""
    for note in (home / NOTES).glob("*"):
        # Another process may work there, or remove it at this moment; and what is no note of ours stays.
        with contextlib.suppress(OSError):
            folder = note.readlink()
            if folder.is_dir() and _ours(folder):
                with _held(folder):
                    shutil.rmtree(folder, ignore_errors=True)
            note.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        (home / NOTES).rmdir()


def fits(folder: Path) -> bool:
    """Whether the path of a kernel's socket in this folder is short enough."""
    return len(os.fsencode(folder)) + NAME_AT_MOST <= PATH_AT_MOST


def _elsewhere() -> Path:
    """The user's own folder for such things, or the one for temporary files."""
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or os.devnull)
    private = runtime.is_dir() and _ours(runtime) and os.access(runtime, os.W_OK)
    places = [*([runtime] if private else []), Path(tempfile.gettempdir())]
    return next((place for place in places if fits(place / "voltutor-01234567")), SYSTEMS)


def _ours(folder: Path) -> bool:
    """Whether nobody else can enter."""
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[Path]:
    """The folder, locked as long as this process works in it.

    Raises:
        BlockingIOError: another does.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield folder
    finally:
        os.close(handle)
