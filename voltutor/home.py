"""The one folder where all state lives: `VOLTUTOR_HOME`, or the platform's own place for user data."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import platformdirs


def home() -> Path:
    """The folder of this learner; made, private to the user, when first asked for."""
    named = os.environ.get("VOLTUTOR_HOME")
    folder = Path(named).expanduser().absolute() if named else platformdirs.user_data_path("voltutor", False)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def write_atomically(path: Path, text: str) -> None:
    """Replace a file so that a reader, or a crash, finds the old text or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


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
    """Hold an exclusive lock on `path` between processes; a killed holder gives it up."""
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
