"""Paths inside a root that its owner doesn't trust: resolved component by component, so that no `..` and no
absolute link leads outside. Pure but for lstat and readlink; whoever changes the tree meanwhile is kept out by
a chroot, not by this."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable

LINKS_AT_MOST = 40
"""Symbolic links on one path, as in the kernel (path_resolution(7))."""


def clean(path: str) -> str:
    """An absolute path inside the root, without `.`, `..` and doubled slashes, as Go's filepath.Clean."""
    return os.path.normpath("/" + path.lstrip("/"))


def resolve(root: str, path: str, *, last: bool = True, through: Callable[[str], str] | None = None) -> str:
    """The path inside the root, such as /etc/hosts, that `path` leads to; it need not exist.

    `last` follows a link in the last component too. `through` tells where on this machine an inside path lies,
    for a root with mounts; by default right under the root.

    Raises:
        OSError: ELOOP, too many links.
    """
    place = through or (lambda inside: root.rstrip("/") + inside)
    todo = [part for part in path.split("/") if part not in ("", ".")]
    done: list[str] = []
    links = 0
    while todo:
        part = todo.pop(0)
        if part == "..":
            del done[-1:]
            continue
        inside = "/" + "/".join([*done, part])
        if todo or last:
            try:
                target = os.readlink(place(inside))
            except OSError:
                target = ""
            if target:
                links += 1
                if links > LINKS_AT_MOST:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
                todo = [piece for piece in target.split("/") if piece not in ("", ".")] + todo
                if target.startswith("/"):
                    done = []
                continue
        done.append(part)
    return "/" + "/".join(done)


def make_folder(root: str, path: str, mode: int = 0o755) -> str:
    """`mkdir -p` inside the root, through its links; where it lies on this machine."""
    inside = resolve(root, path)
    at = root.rstrip("/")
    for part in inside.strip("/").split("/"):
        if part:
            at = f"{at}/{part}"
            if not os.path.lexists(at):
                os.mkdir(at)
                os.chmod(at, mode)
    return at or "/"


def is_folder(path: str) -> bool:
    """Whether it is a folder itself, not a link to one."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False
