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
import select
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

ALIVE = 5
"""The descriptor that reads an end of file when the launcher has gone."""

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
    kernel.bind_path(root, root)
    _system_mounts(root, spec["tty"])
    mount_all(root, spec["mounts"], spec["private"])
    if spec["read_only"]:
        fd = os.open(root, os.O_PATH)
        kernel.restrict(fd, read_only=True, recursive=False)
        os.close(fd)
    kernel.set_hostname(spec["hostname"])
    kernel.pivot(root)
    kernel.unshare(kernel.NEWUSER)
    kernel.become_root_of(0, 0)
    kernel.close_to_others()
    _become(spec)


def join(spec: Spec, pidfd: int) -> None:
    """Become a further process of a running container; in its process namespace already."""
    _own_session(spec["tty"])
    # Before anything in there can see us: what we still hold is the engine's (CVE-2016-9962).
    kernel.close_to_others()
    kernel.setns(pidfd, NAMESPACES | (kernel.NEWNET if spec["network"] == "own" else 0))
    kernel.setns(pidfd, kernel.NEWUSER)
    _become(spec)


def plain(spec: Spec) -> None:
    """Become a program of this machine as it is: PRoot, which does the rest."""
    _own_session(spec["tty"])
    os.chdir(spec["cwd"])
    _reset()
    os.execve(spec["argv"][0], spec["argv"], spec["env"])


def still_wanted() -> None:
    """End where the launcher ended before a signal could be asked for."""
    if select.select([ALIVE], [], [], 0)[0]:
        os._exit(127)


def _own_session(tty: bool) -> None:
    os.setsid()
    if tty:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _become(spec: Spec) -> None:
    kernel.keep_capabilities(kernel.DEFAULT_CAPABILITIES)
    kernel.die_with_parent(signal.SIGKILL)  # again: the change of user namespace took it back (prctl(2))
    still_wanted()
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


# What Docker keeps from containers: shown but not writable, or not shown (moby, oci/defaults.go). Where root
# runs the engine these are the machine's own.
_PROC_READ_ONLY = ("bus", "fs", "irq", "sys", "sysrq-trigger")
_PROC_HIDDEN = (
    "acpi",
    "asound",
    "kcore",
    "keys",
    "latency_stats",
    "sched_debug",
    "scsi",
    "timer_list",
    "timer_stats",
)


def _system_mounts(root: str, tty: bool) -> None:
    """/proc, /sys and /dev, as Docker gives them.

    Raises:
        ApiError: the container has something else in their places.
    """
    for name in ("proc", "sys", "dev"):
        if not scope.is_folder(f"{root}/{name}"):
            raise ApiError(f"/{name} of the container is not a directory", 400)
    _proc(f"{root}/proc")
    with contextlib.suppress(PermissionError):
        kernel.mount("sysfs", f"{root}/sys", "sysfs", FLAGS | kernel.MS_RDONLY)
    _dev(root, tty)


def _proc(proc: str) -> None:
    try:
        kernel.mount("proc", proc, "proc", FLAGS)
    except PermissionError:
        # Where an outer container masks its own, the kernel lets nobody below it see a whole one.
        kernel.mount("/proc", proc, None, kernel.MS_BIND | kernel.MS_REC)
    for name in _PROC_READ_ONLY:
        with contextlib.suppress(FileNotFoundError):
            kernel.bind_path(f"{proc}/{name}", f"{proc}/{name}", read_only=True)
    for name in _PROC_HIDDEN:
        path = f"{proc}/{name}"
        if scope.is_folder(path):
            kernel.mount("tmpfs", path, "tmpfs", FLAGS | kernel.MS_RDONLY, "size=4k,mode=000")
        elif os.path.lexists(path):
            kernel.mount("/dev/null", path, None, kernel.MS_BIND)


def _dev(root: str, tty: bool) -> None:
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


_MISMATCH = (
    "error mounting {source} to rootfs at {target}: not a directory: Are you trying to mount a directory onto a "
    "file (or vice-versa)? Check if the specified host path exists and is the expected type"
)


def mount_all(root: str, mounts: list[Spec], private: list[str], *, make: bool = True) -> None:
    """A container's mounts, in order; what is the engine's own is covered where a bind mount leads to it.

    Mount points that are missing are made, but where `make` is false: then their mounts are left out. All is
    found by descriptors that can't lead out of the root or the volume, since another container may be changing
    what both share.

    Raises:
        ApiError: a source is missing, or of another kind than its target.
    """
    for item in mounts:
        source = _source(item) if item["kind"] != "tmpfs" else None
        folder = source is None or stat.S_ISDIR(os.fstat(source).st_mode)
        target = _point(root, item["target"], folder, make)
        if target is None:
            continue
        if stat.S_ISDIR(os.fstat(target).st_mode) != folder:
            raise ApiError(_MISMATCH.format(source=item.get("source", "tmpfs"), target=item["target"]), 400)
        if source is None:
            kernel.mount("tmpfs", kernel.by_descriptor(target), "tmpfs", item["flags"], item["options"])
        else:
            made = kernel.bind(source, target, read_only=not item["rw"])
            _cover(made, os.readlink(kernel.by_descriptor(source)), private)
            os.close(made)
            os.close(source)
        os.close(target)


def _source(item: Spec) -> int:
    try:
        if item.get("subpath"):
            return kernel.open_in_root(item["source"], item["subpath"])
        return os.open(item["source"], os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        missing = "/".join(filter(None, (item["source"], item.get("subpath"))))
        raise ApiError(f"invalid mount: {missing} does not exist", 400) from None


def _point(root: str, target: str, folder: bool, make: bool) -> int | None:
    """A descriptor of a mount point, made where it is missing and may be."""
    with contextlib.suppress(FileNotFoundError):
        return kernel.open_in_root(root, target)
    if not make:
        return None
    parent, name = os.path.split(target.rstrip("/"))
    above = _point(root, parent or "/", True, make)
    if above is None:
        return None
    try:
        if folder:
            os.mkdir(name, 0o755, dir_fd=above)
        else:
            os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o644, dir_fd=above))
    except FileExistsError:
        raise ApiError(f"invalid mount: {target} is a link that leads nowhere", 400) from None
    finally:
        os.close(above)
    return kernel.open_in_root(root, target)


def _cover(mount_fd: int, source: str, private: list[str]) -> None:
    for own in private:
        if own.startswith(source.rstrip("/") + "/"):
            place = f"{kernel.by_descriptor(mount_fd)}/{own.removeprefix(source.rstrip('/') + '/')}"
            kernel.mount("tmpfs", place, "tmpfs", FLAGS | kernel.MS_RDONLY, "size=4k,mode=000")


# work inside a container's root


def inside(spec: Spec) -> dict[str, Any]:
    """Run one of `WORKS` in a root that it can't leave: a container's with its mounts, or a layer's folder; its
    answer."""
    root = spec["root"]
    if spec["chroot"]:
        kernel.unshare(kernel.NEWNS)
        kernel.mount(None, "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
        mount_all(root, spec["mounts"], spec["private"], make=spec["make"])
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
        for item in sorted(spec["mounts"], key=lambda item: -len(item["target"])):
            target = item["target"].rstrip("/")
            if inside_path == target or inside_path.startswith(target + "/"):
                return item["source"], inside_path.removeprefix(target) or "/"
    return root, inside_path


def _elsewhere(root: str, spec: Spec) -> dict[str, str]:
    """What lies elsewhere on this machine than at its path under the root: where nothing is mounted, each mount."""
    if spec["chroot"]:
        return {}
    places = {}
    for item in spec["mounts"]:
        folder, name = os.path.split(item["target"].rstrip("/"))
        places[f"{_place(root, spec, folder).rstrip('/')}/{name}"] = item[
            "source"
        ]  # one within another mount too
    return places


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
    shown, mounts = _shown(spec["path"]), _elsewhere(root, spec)
    with os.fdopen(1, "wb", layers.CHUNK, closefd=False) as out, contextlib.suppress(BrokenPipeError):
        if spec["path"].endswith("/.") or not name:
            pieces = layers.pack(found, layer=False, prefix=shown, mounts=mounts)
        else:
            pieces = layers.pack(folder or "/", layer=False, only=name, prefix=shown, mounts=mounts)
        for piece in pieces:
            out.write(piece)


def _put(root: str, spec: Spec) -> None:
    def place(at: str) -> str:
        return _place(root, spec, at)

    inside_path = scope.resolve(root, spec["path"], through=place)
    found = _place(root, spec, inside_path)
    if not os.path.lexists(found):
        raise _missing(spec)
    if not os.path.isdir(found):
        raise BadRequest("extraction point is not a directory")
    for item in spec["mounts"]:
        target = item["target"]
        if not item["rw"] and (inside_path == target or inside_path.startswith(target.rstrip("/") + "/")):
            raise Forbidden("mounted volume is marked read-only")
    with os.fdopen(0, "rb", layers.CHUNK, closefd=False) as source:
        layers.unpack(
            source,
            root,
            inside_path,
            keep_folders=spec["keep_folders"],
            base=lambda path: _base(root, spec, scope.resolve(root, path, last=False, through=place)),
        )
        while source.read(layers.CHUNK):  # what follows the end of the archive
            pass


def _fill(root: str, spec: Spec) -> None:
    """An empty volume, mounted at `volume`, takes what the image has at a path, and its mode."""
    place, volume = root.rstrip("/") + scope.resolve(root, spec["path"]), spec["volume"]
    if not scope.is_folder(place):
        if os.path.lexists(place):
            raise ApiError(f"cannot mount volume over existing file, file exists {spec['path']}")
        return
    if os.listdir(place) and not os.listdir(volume):
        layers.copy_tree(place, volume)
    os.chmod(volume, os.lstat(place).st_mode & 0o7777)


def _pack(root: str, spec: Spec) -> None:
    """A container's own layer as a tar, with whiteouts."""
    with os.fdopen(1, "wb", layers.CHUNK, closefd=False) as out:
        for piece in layers.pack(root):
            out.write(piece)


WORKS: dict[str, Any] = {"stat": _stat, "get": _get, "put": _put, "fill": _fill, "pack": _pack}


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
