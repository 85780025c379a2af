"""The system calls that Python has no words for. Each raises OSError as Python's own do."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from pathlib import Path

NEWNS = 0x00020000
NEWCGROUP = 0x02000000
NEWUTS = 0x04000000
NEWIPC = 0x08000000
NEWUSER = 0x10000000
NEWPID = 0x20000000
NEWNET = 0x40000000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MS_SLAVE = 1 << 19
MNT_DETACH = 2

# The same numbers on every architecture (asm-generic/unistd.h).
_OPEN_TREE, _MOVE_MOUNT, _OPENAT2, _MOUNT_SETATTR = 428, 429, 437, 442
_AT_EMPTY_PATH, _AT_RECURSIVE, _OPEN_TREE_CLONE = 0x1000, 0x8000, 1
_MOVE_FROM_EMPTY_PATH, _MOVE_TO_EMPTY_PATH = 0x04, 0x40
_RESOLVE_NO_MAGICLINKS, _RESOLVE_IN_ROOT = 0x02, 0x10
_ATTEMPTS = 100
_ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV = 1, 2, 4

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4

# Docker's default set (moby, oci/caps/defaults.go), as bits of linux/capability.h: chown, dac_override,
# fowner, fsetid, kill, setgid, setuid, setpcap, net_bind_service, net_raw, sys_chroot, mknod, audit_write,
# setfcap.
DEFAULT_CAPABILITIES = frozenset({0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31})

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str = "") -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what or None)
    return result


def unshare(flags: int) -> None:
    """unshare(2)."""
    _checked(_libc.unshare(ctypes.c_int(flags)), f"unshare {flags:#x}")


def setns(fd: int, flags: int) -> None:
    """setns(2); with a pidfd, `flags` names several namespaces at once (Linux 5.8)."""
    _checked(_libc.setns(ctypes.c_int(fd), ctypes.c_int(flags)), f"setns {flags:#x}")


def mount(
    source: str | None, target: str | Path, kind: str | None, flags: int = 0, options: str = ""
) -> None:
    """mount(2)."""
    encoded = [os.fsencode(word) if word is not None else None for word in (source, str(target), kind)]
    _checked(_libc.mount(*encoded, ctypes.c_ulong(flags), os.fsencode(options) or None), str(target))


def open_in_root(root: str, path: str) -> int:
    """A descriptor (O_PATH) of a path as a process sees it whose root is `root`: no link and no `..` leads out,
    even while somebody changes the tree (openat2(2) with RESOLVE_IN_ROOT, Linux 5.6).

    Raises:
        FileNotFoundError: nothing is there.
    """
    base = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    how = struct.pack("3Q", os.O_PATH | os.O_CLOEXEC, 0, _RESOLVE_IN_ROOT | _RESOLVE_NO_MAGICLINKS)
    try:
        for _attempt in range(_ATTEMPTS):
            found: int = _libc.syscall(
                ctypes.c_long(_OPENAT2), ctypes.c_int(base), os.fsencode(path), how, ctypes.c_size_t(len(how))
            )
            # The tree was changed meanwhile, and the kernel could not be sure.
            if found >= 0 or ctypes.get_errno() != errno.EAGAIN:
                break
        return _checked(found, path)
    finally:
        os.close(base)


def by_descriptor(fd: int) -> str:
    """A path that leads to what a descriptor holds, whatever its names are by now."""
    return f"/proc/self/fd/{fd}"


def bind(source: int, target: int, *, read_only: bool = False) -> int:
    """A bind mount of what `source` holds on what `target` holds, with what is mounted below; without
    set-user-id and devices, read-only for all of it where `read_only`. A descriptor of the new mount.

    By descriptors, and restricted before it is anywhere to be seen (open_tree(2), move_mount(2),
    mount_setattr(2); Linux 5.12).
    """
    flags = _OPEN_TREE_CLONE | os.O_CLOEXEC | _AT_RECURSIVE | _AT_EMPTY_PATH
    tree: int = _libc.syscall(ctypes.c_long(_OPEN_TREE), ctypes.c_int(source), b"", ctypes.c_uint(flags))
    _checked(tree, "open_tree")
    try:
        restrict(tree, read_only=read_only)
        moved = _libc.syscall(
            ctypes.c_long(_MOVE_MOUNT),
            ctypes.c_int(tree),
            b"",
            ctypes.c_int(target),
            b"",
            ctypes.c_uint(_MOVE_FROM_EMPTY_PATH | _MOVE_TO_EMPTY_PATH),
        )
        _checked(moved, "move_mount")
    except BaseException:
        os.close(tree)
        raise
    return tree


def bind_path(source: str, target: str, *, read_only: bool = False) -> None:
    """The same by paths, where nobody else can change them."""
    fds = [os.open(path, os.O_PATH | os.O_CLOEXEC) for path in (source, target)]
    try:
        os.close(bind(*fds, read_only=read_only))
    finally:
        for fd in fds:
            os.close(fd)


def restrict(mount_fd: int, *, read_only: bool, recursive: bool = True) -> None:
    """No set-user-id, no devices, and no writes where `read_only`, on the mount that a descriptor holds and,
    `recursive`, on those below it."""
    wanted = _ATTR_NOSUID | _ATTR_NODEV | (_ATTR_RDONLY if read_only else 0)
    attributes = struct.pack("4Q", wanted, 0, 0, 0)
    result = _libc.syscall(
        ctypes.c_long(_MOUNT_SETATTR),
        ctypes.c_int(mount_fd),
        b"",
        ctypes.c_uint(_AT_EMPTY_PATH | (_AT_RECURSIVE if recursive else 0)),
        attributes,
        ctypes.c_size_t(len(attributes)),
    )
    _checked(result, "mount_setattr")


def umount(target: str | Path) -> None:
    """umount2(2), letting go at once what is still in use."""
    _checked(_libc.umount2(os.fsencode(str(target)), ctypes.c_int(MNT_DETACH)), str(target))


def pivot(root: str | Path) -> None:
    """Make `root`, a mount point, the root of this mount namespace, and let go of the old one."""
    os.chdir(root)
    # pivot_root(".", ".") stacks the old root on the new one, so no folder is needed for it (pivot_root(2)).
    number = {"x86_64": 155, "aarch64": 41}[os.uname().machine]
    _checked(_libc.syscall(ctypes.c_long(number), b".", b"."), str(root))
    umount(".")
    os.chdir("/")


def become_root_of(uid: int, gid: int) -> None:
    """In a user namespace just made: the one id that it maps is `uid`:`gid` outside, and root inside."""
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
    Path("/proc/self/gid_map").write_text(f"0 {gid} 1")


def die_with_parent(signal: int) -> None:
    """Ask for a signal when the parent ends (PR_SET_PDEATHSIG)."""
    _prctl(_PR_SET_PDEATHSIG, signal)


def close_to_others() -> None:
    """Until the next exec nobody but the engine may trace this process or take its descriptors
    (PR_SET_DUMPABLE): in a container's user namespace its programs are otherwise our equals."""
    _prctl(_PR_SET_DUMPABLE, 0)


def become_subreaper() -> None:
    """Adopt the orphans among the descendants (PR_SET_CHILD_SUBREAPER)."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def keep_capabilities(keep: frozenset[int]) -> None:
    """Give up all capabilities but these, for this process and whatever it runs, and any way to new ones."""
    for number in range(64):
        if number in keep:
            continue
        try:
            _prctl(_PR_CAPBSET_DROP, number)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            break  # past the last one that this kernel knows
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    bits = sum(1 << number for number in keep)
    low, high = bits & 0xFFFFFFFF, bits >> 32
    # struct __user_cap_data_struct[2]: effective, permitted, inheritable (capget(2), version 3).
    data = struct.pack("6I", low, low, 0, high, high, 0)
    header = struct.pack("Ii", 0x20080522, 0)
    _checked(_libc.capset(header, data), "capset")
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def _prctl(option: int, *values: int) -> None:
    words = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:4]]
    _checked(_libc.prctl(ctypes.c_int(option), *words), f"prctl {option}")


def set_hostname(name: str) -> None:
    """sethostname(2)."""
    encoded = os.fsencode(name)
    _checked(_libc.sethostname(encoded, ctypes.c_size_t(len(encoded))), name)
