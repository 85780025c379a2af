"""One engine as a process: its folders, its lock, its socket, and when it ends."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import resource
import signal
import socket
import stat
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO

from voltutor.embedded import launcher, probe
from voltutor.embedded.spare import Spare

SOCKET_AT_MOST = 107
"""Bytes of a socket's path (unix(7))."""

IDLE_LIMIT = 900.0
"""Seconds without a request, with nothing kept, after which the engine ends by itself."""

ENDING_LIMIT = 20.0
"""Seconds that what a killed engine left may take to end."""

TAKEN = 4
"""The exit code where another engine serves this home already."""


NOT_IN_A_URL = frozenset("#?;%")
"""Characters of a path that clients take for a part of a URL, or for an escape in one: docker-py's parse_host."""


def socket_path(home: Path) -> Path:
    """Where the socket of a home lies: in it, or where its path would be too long or no URL's, in the user's own part
    of the machine's folder for such things."""
    path = home / "run" / "docker.sock"
    if len(os.fsencode(path)) <= SOCKET_AT_MOST and NOT_IN_A_URL.isdisjoint(str(path)):
        return path
    runtime = os.environ.get("XDG_RUNTIME_DIR") or "/tmp"  # noqa: S108 - for a folder that is 0700, and checked
    key = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    return Path(runtime) / f"voltutor-{os.getuid()}-{key}" / "docker.sock"


def serve(home: Path, kind: str | None, idle: float, proot: tuple[str, ...]) -> int:
    """Run until told to stop, or idle and empty. One for a home: a second one ends with `TAKEN`; where the first was
    killed, it waits until what that left has ended."""
    os.umask(0o077)
    os.closerange(3, 1 << 16)  # what we were started with is nobody's in a container
    _raise_limit()
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    home.chmod(0o700)
    with (home / "lock").open("a") as lock:
        until = time.monotonic() + ENDING_LIMIT
        while not _taken(lock):
            # The launcher of one that was killed holds the lock too, until it has ended all that ran.
            if _answers(socket_path(home)) or time.monotonic() > until:
                return TAKEN
            time.sleep(0.05)
        os.set_inheritable(lock.fileno(), False)
        return _serve(home, kind, idle, proot, partial(_there, home, lock))


def _taken(lock: IO[str]) -> bool:
    """Whether the lock is ours now."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _there(home: Path, lock: IO[str]) -> bool:
    """Whether our folder is there still: not once it was removed, with its lock, nor where another one took its name.
    Of a file that is open no inode's number is given again."""
    try:
        return os.path.samestat((home / "lock").stat(), os.fstat(lock.fileno()))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:  # a disk that fails for a moment, or a parent that can't be entered, has removed nothing
        return True


def _answers(path: Path) -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(2)
        probe.connect(str(path))
        return True
    return False


def _serve(
    home: Path, kind: str | None, idle: float, proot: tuple[str, ...], there: Callable[[], bool]
) -> int:
    path = socket_path(home)
    _private(path.parent)
    path.unlink(missing_ok=True)
    (home / "refused").unlink(missing_ok=True)
    spare = Spare(home / "spare")
    spare.lend()
    try:
        choice = probe.choose(home, proot, kind)
    except RuntimeError as error:
        (home / "refused").write_text(str(error))
        print(error, file=sys.stderr, flush=True)
        return 3
    # A container of one kind can't run under another, and what was measured on one says nothing of another.
    root = home / ("store" if choice.kind == probe.OVERLAY else f"store-{choice.kind}")
    root.mkdir(exist_ok=True, mode=0o700)
    isolated = choice.kind != probe.VFS
    if isolated:
        probe.enter_namespace()
    spare.take()
    pid, channel = launcher.fork(isolated)
    # Only now what has threads, or is large: the launcher stays small, and alone.
    import asyncio
    import logging

    from voltutor.embedded.run import run

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    (home / "engine.json").write_text(
        json.dumps({"pid": os.getpid(), "socket": str(path), "storage": choice.kind, "started": time.time()})
    )
    try:
        asyncio.run(run(root, choice, channel, path, idle, there))
    finally:
        channel.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
        if there() or not home.exists():  # else they are another engine's by now
            path.unlink(missing_ok=True)
            if home not in path.parents:
                with contextlib.suppress(OSError):
                    path.parent.rmdir()
            (home / "engine.json").unlink(missing_ok=True)
    return 0


def _private(folder: Path) -> None:
    """A folder that only this user can enter.

    Raises:
        SystemExit: it is somebody else's.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for one in (folder, folder.parent):
        info = one.lstat()
        theirs = info.st_uid not in (os.getuid(), 0) or not stat.S_ISDIR(info.st_mode)
        # In a folder that others may write to, they can put another one in its place.
        if theirs or (one is not folder and info.st_mode & 0o022 and not info.st_mode & stat.S_ISVTX):
            sys.exit(f"{one} is in another user's power: set VOLTUTOR_HOME to a shorter path of your own")
    folder.chmod(0o700)


def _raise_limit() -> None:
    """As many open files as we may have: a running container costs three."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def stop(home: Path, limit: float = 20.0) -> bool:
    """End the engine of a home and wait for it; whether one ran."""
    try:
        pid = int(json.loads((home / "engine.json").read_text())["pid"])
    except (OSError, ValueError, KeyError):
        return False
    if not _holds(home):
        return False
    os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + limit
    while _holds(home) and time.monotonic() < until:
        time.sleep(0.02)
    return True


def _holds(home: Path) -> bool:
    """Whether an engine holds the lock of this home."""
    try:
        with (home / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
    except BlockingIOError:
        return True
    except OSError:
        return False
