"""What a process does between fork and exec: become the first process of a container, join one that runs, or
work inside a container's root. It runs in a child of the launcher, which has one thread and has loaded all
that is needed: after the root changed, nothing more can be imported.

The order of a start: namespaces, mounts and the new root while we are root of the engine's own user namespace;
then a user namespace of the container's own, whose root has power over nothing but its files; Docker's default
capabilities, no new privileges, exec.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import signal
import socket
import stat
import struct
import termios
from collections.abc import Mapping
from typing import Any

from voltutor.embedded import kernel, layers, scope
from voltutor.embedded.errors import ApiError, BadRequest, Forbidden, NotFound

FLAGS = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
NAMESPACES = kernel.NEWNS | kernel.NEWIPC | kernel.NEWUTS | kernel.NEWCGROUP
SHM = "size=67108864,mode=1777"
"""Docker's default for the memory that processes share: 64 MiB."""

Spec = Mapping[str, Any]


class NotExecuted(OSError):
    """All was made ready, and the program is not there or can't be executed."""


def start(spec: Spec) -> None:
    """Become a container's first process; in a new process namespace already."""
    _own_session(spec["tty"])
    own_network = spec["network"] == "own"
    kernel.unshare(NAMESPACES | (kernel.NEWNET if own_network else 0))
    kernel.mount(None, "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    if own_network:
        _network()
    root = spec["root"]
    # A mount of its own with its own flags, apart from the one that the engine looks through.
    kernel.bind(root, root)
    _system_mounts(root, spec["tty"])
    mount_all(root, spec["mounts"], spec["private"])
    if spec["read_only"]:
        kernel.restrict(root, read_only=True)
    kernel.set_hostname(spec["hostname"])
    kernel.pivot(root)
    kernel.unshare(kernel.NEWUSER)
    kernel.become_root_of(0, 0)
    _become(spec)


def join(spec: Spec, pidfd: int) -> None:
    """Become a further process of a running container; in its process namespace already."""
    _own_session(spec["tty"])
    kernel.setns(pidfd, NAMESPACES | (kernel.NEWNET if spec["network"] == "own" else 0))
    kernel.setns(pidfd, kernel.NEWUSER)
    _become(spec)


def plain(spec: Spec) -> None:
    """Become a program of this machine as it is: PRoot, which does the rest."""
    _own_session(spec["tty"])
    os.chdir(spec["cwd"])
    _reset()
    os.execve(spec["argv"][0], spec["argv"], spec["env"])


def _own_session(tty: bool) -> None:
    os.setsid()
    if tty:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _become(spec: Spec) -> None:
    kernel.keep_capabilities(kernel.DEFAULT_CAPABILITIES)
    kernel.die_with_parent(signal.SIGKILL)  # again: the change of user namespace took it back (prctl(2))
    os.umask(0o022)
    os.chdir(spec["cwd"])
    _reset()
    argv, env = spec["argv"], spec["env"]
    try:
        os.execvpe(argv[0], argv, env)
    except OSError as error:
        raise NotExecuted(error.errno, error.strerror) from error


def _reset() -> None:
    """What Python changed for itself and exec would pass on."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _network() -> None:
    """Loopback up, and ports below 1024 open to a root that is none outside."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        # struct ifreq: 16 bytes of name, then flags; IFF_UP | IFF_RUNNING (netdevice(7)).
        fcntl.ioctl(probe, 0x8914, struct.pack("16sh14x", b"lo", 0x41))
    with contextlib.suppress(OSError), open("/proc/sys/net/ipv4/ip_unprivileged_port_start", "w") as file:
        file.write("0")


def _system_mounts(root: str, tty: bool) -> None:
    """/proc, /sys and /dev, as Docker gives them."""
    try:
        kernel.mount("proc", f"{root}/proc", "proc", FLAGS)
    except PermissionError:
        # Where an outer container masks its own, the kernel lets nobody below it see a whole one.
        kernel.mount("/proc", f"{root}/proc", None, kernel.MS_BIND | kernel.MS_REC)
    with contextlib.suppress(PermissionError):
        kernel.mount("sysfs", f"{root}/sys", "sysfs", FLAGS | kernel.MS_RDONLY)
    dev = f"{root}/dev"
    kernel.mount("tmpfs", dev, "tmpfs", kernel.MS_NOSUID | kernel.MS_NOEXEC, "size=65536k,mode=755")
    for name in DEVICES:
        with open(f"{dev}/{name}", "xb"):
            pass
        kernel.mount(f"/dev/{name}", f"{dev}/{name}", None, kernel.MS_BIND)
    for name in ("pts", "shm", "mqueue"):
        os.mkdir(f"{dev}/{name}")
    kernel.mount(
        "devpts",
        f"{dev}/pts",
        "devpts",
        kernel.MS_NOSUID | kernel.MS_NOEXEC,
        "newinstance,ptmxmode=0666,mode=620",
    )
    kernel.mount("shm", f"{dev}/shm", "tmpfs", FLAGS, SHM)
    with contextlib.suppress(OSError):
        kernel.mount("mqueue", f"{dev}/mqueue", "mqueue", FLAGS)
    links = {"fd": "", "stdin": "/0", "stdout": "/1", "stderr": "/2"}
    for name, rest in links.items():
        os.symlink(f"/proc/self/fd{rest}", f"{dev}/{name}")
    os.symlink("pts/ptmx", f"{dev}/ptmx")
    if tty:
        with open(f"{dev}/console", "xb"):
            pass
        kernel.mount(os.ttyname(0), f"{dev}/console", None, kernel.MS_BIND)


def mount_all(root: str, mounts: list[Spec], private: list[str]) -> None:
    """A container's mounts, in order; mount points that the image lacks are made, and what is the engine's
    own is covered where a bind mount leads to it."""
    for item in mounts:
        target = root + scope.resolve(root, item["target"])
        if item["kind"] == "tmpfs":
            scope.make_folder(root, item["target"])
            kernel.mount("tmpfs", target, "tmpfs", item["flags"], item["options"])
            continue
        source = item["source"]
        if item.get("subpath"):
            source = source + scope.resolve(source, item["subpath"])
        if not os.path.exists(source):
            raise ApiError(f"invalid mount: {source} does not exist", 400)
        if os.path.isdir(source):
            scope.make_folder(root, item["target"])
        elif not os.path.lexists(target):
            scope.make_folder(root, os.path.dirname(target.removeprefix(root)))
            with open(target, "xb"):
                pass
        elif os.path.isdir(target):
            raise ApiError(
                f"error mounting {source} to rootfs at {item['target']}: not a directory: "
                "Are you trying to mount a directory onto a file (or vice-versa)? "
                "Check if the specified host path exists and is the expected type",
                400,
            )
        if os.path.isdir(source) != os.path.isdir(target):
            raise ApiError(
                f"error mounting {source} to rootfs at {item['target']}: not a directory: "
                "Are you trying to mount a directory onto a file (or vice-versa)? "
                "Check if the specified host path exists and is the expected type",
                400,
            )
        kernel.bind(source, target, read_only=not item["rw"])
        _cover(os.path.realpath(source), target, private)


def _cover(source: str, target: str, private: list[str]) -> None:
    for own in private:
        if own.startswith(source.rstrip("/") + "/"):
            place = target + "/" + own.removeprefix(source.rstrip("/") + "/")
            kernel.mount("tmpfs", place, "tmpfs", FLAGS | kernel.MS_RDONLY, "size=4k,mode=000")


# work inside a container's root


def inside(spec: Spec) -> dict[str, Any]:
    """Run one of `WORKS` in a container's root with its mounts, which it can't leave; its answer."""
    root = spec["root"]
    if spec["chroot"]:
        kernel.unshare(kernel.NEWNS)
        kernel.mount(None, "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
        mount_all(root, spec["mounts"], spec["private"])
        os.chroot(root)
        os.chdir("/")
        root = "/"
    answer: dict[str, Any] = WORKS[spec["work"]](root, spec) or {}
    return answer


# Go's os.FileMode has bits of its own for kinds (pkg.go.dev/io/fs, FileMode).
_GO_KINDS = {
    stat.S_IFDIR: 1 << 31,
    stat.S_IFLNK: 1 << 27,
    stat.S_IFBLK: 1 << 26,
    stat.S_IFIFO: 1 << 25,
    stat.S_IFSOCK: 1 << 24,
    stat.S_IFCHR: 1 << 26 | 1 << 21,
}


def go_mode(mode: int) -> int:
    """A file's mode as Go writes it."""
    bits = mode & 0o777 | _GO_KINDS.get(stat.S_IFMT(mode), 0)
    for unix, go in ((stat.S_ISUID, 1 << 23), (stat.S_ISGID, 1 << 22), (stat.S_ISVTX, 1 << 20)):
        bits |= go if mode & unix else 0
    return bits


def _missing(spec: Spec) -> NotFound:
    return NotFound(f"Could not find the file {spec['path']} in container {spec['container']}")


def _base(root: str, spec: Spec, inside_path: str) -> tuple[str, str]:
    """The tree that an inside path lies in, and the path in it: without mounts of our own, what is mounted at its
    place lies elsewhere."""
    if not spec["chroot"]:
        for item in reversed(spec["mounts"]):
            target = item["target"].rstrip("/")
            if inside_path == target or inside_path.startswith(target + "/"):
                return item["source"], inside_path.removeprefix(target) or "/"
    return root, inside_path


def _place(root: str, spec: Spec, inside_path: str) -> str:
    base, rest = _base(root, spec, inside_path)
    return base.rstrip("/") + rest if rest != "/" else base


def _find(root: str, spec: Spec) -> str:
    """Where the path lies; the last link is followed only where a slash or a dot stands behind it."""
    path = spec["path"]
    follow = path.endswith(("/", "/."))
    inside_path = scope.resolve(root, path, last=follow, through=lambda at: _place(root, spec, at))
    found = _place(root, spec, inside_path)
    if not os.path.lexists(found) or (follow and not os.path.isdir(found)):
        raise _missing(spec)
    return found


def _stat(root: str, spec: Spec) -> dict[str, Any]:
    found = _find(root, spec)
    info = os.lstat(found)
    link = ""
    if stat.S_ISLNK(info.st_mode):
        link = scope.resolve(root, found.removeprefix(root.rstrip("/")))
    name = _shown(spec["path"])
    return {
        "name": name,
        "size": info.st_size,
        "mode": go_mode(info.st_mode),
        "mtime_ns": info.st_mtime_ns,
        "linkTarget": link,
    }


def _shown(path: str) -> str:
    """The name that a path's own entry has in an archive: a dot stands for a folder's content."""
    return "." if path.endswith("/.") else os.path.basename(scope.clean(path)) or "/"


def _get(root: str, spec: Spec) -> None:
    found = _find(root, spec)
    folder, name = os.path.split(found.rstrip("/"))
    shown = _shown(spec["path"])
    with os.fdopen(1, "wb", layers.CHUNK, closefd=False) as out, contextlib.suppress(BrokenPipeError):
        if spec["path"].endswith("/.") or not name:
            pieces = layers.pack(found, layer=False, prefix=shown)
        else:
            pieces = layers.pack(folder or "/", layer=False, only=name, prefix=shown)
        for piece in pieces:
            out.write(piece)


def _put(root: str, spec: Spec) -> None:
    inside_path = scope.resolve(root, spec["path"], through=lambda at: _place(root, spec, at))
    found = _place(root, spec, inside_path)
    base, rest = _base(root, spec, inside_path)
    if not os.path.lexists(found):
        raise _missing(spec)
    if not os.path.isdir(found):
        raise BadRequest("extraction point is not a directory")
    for item in spec["mounts"]:
        target = item["target"]
        if not item["rw"] and (inside_path == target or inside_path.startswith(target.rstrip("/") + "/")):
            raise Forbidden("mounted volume is marked read-only")
    with os.fdopen(0, "rb", layers.CHUNK, closefd=False) as source:
        layers.unpack(source, base, rest, keep_folders=spec["keep_folders"])
        while source.read(layers.CHUNK):  # what follows the end of the archive
            pass


def _folder(root: str, spec: Spec) -> None:
    scope.make_folder(root, spec["path"])


WORKS: dict[str, Any] = {"stat": _stat, "get": _get, "put": _put, "folder": _folder}


def connect(spec: Spec, pidfd: int) -> socket.socket:
    """A connection to a port of a container, made inside its network."""
    if spec["network"] == "own":
        kernel.setns(pidfd, kernel.NEWNET)
    return socket.create_connection(("127.0.0.1", spec["port"]), timeout=5)


def report(error: BaseException) -> bytes:
    """A failure as the engine reads it from the error pipe; `exec` says that only the program failed to run."""
    value: dict[str, Any] = {"status": 500, "message": f"{type(error).__name__}: {error}"}
    if isinstance(error, NotExecuted):
        value |= {"exec": True, "errno": error.errno}
    elif isinstance(error, ApiError):
        value |= {"status": error.status, "message": error.message}
    elif isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        value |= {"message": f"{where}{error.strerror or error}"}
    return base64.b64encode(json.dumps(value).encode())
