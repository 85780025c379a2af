"""Which kind of storage can be had here, found out by trying: a kernel overlay on the disk, the same in memory, or
copies run by PRoot. Each that was refused keeps its reason and the line that mends it.

Loaded before the launcher is forked, which should be small: it imports little.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from voltutor.embedded import kernel, layers

OVERLAY, OVERLAY_TMPFS, VFS = "overlay", "overlay-tmpfs", "vfs"
KINDS = (OVERLAY, OVERLAY_TMPFS, VFS)

MEMORY_LEAST = 600 << 20
"""Bytes of memory below which layers in memory would leave too little to work with."""


@dataclass(frozen=True)
class Refusal:
    """A kind of storage that can't be had here: why, and what mends it."""

    kind: str
    why: str
    mend: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.why}. {self.mend}"


@dataclass(frozen=True)
class Choice:
    """What was chosen, how large memory storage may be (bytes, 0 on disk), what was refused, and the words that start
    PRoot."""

    kind: str
    memory: int
    refused: tuple[Refusal, ...]
    proot: tuple[str, ...] = ()


def choose(root: Path, proot: tuple[str, ...], wanted: str | None = None) -> Choice:
    """Try each kind in its own process, the best first; `proot` are the words that start PRoot, or none.

    Raises:
        RuntimeError: none can be had; the text names every reason.
    """
    refused: list[Refusal] = []
    for kind in KINDS if wanted is None else (wanted,):
        refusal = _try_proot(proot) if kind == VFS else _try(kind, root)
        if refusal is None:
            memory = memory_for_layers() if kind == OVERLAY_TMPFS else 0
            return Choice(kind, memory, tuple(refused), proot)
        refused.append(refusal)
    raise RuntimeError("\n".join(map(str, refused)))


def _try(kind: str, root: Path) -> Refusal | None:
    if kind == OVERLAY_TMPFS and memory_for_layers() < MEMORY_LEAST:
        return Refusal(kind, "too little memory for layers in memory", "Give the machine at least 1.5 GB.")
    probe = [sys.executable, "-m", "voltutor.embedded.probe", kind, str(root)]
    done = subprocess.run(probe, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode == 0:
        return None
    try:
        said = json.loads(done.stdout.splitlines()[-1])
        return Refusal(kind, said["why"], said["mend"])
    except (IndexError, ValueError, KeyError):
        return Refusal(kind, f"the probe ended with {done.returncode}", "See its log.")


def _try_proot(proot: tuple[str, ...]) -> Refusal | None:
    """Have PRoot run a program, which needs its libraries, and that processes may be traced."""
    mend = "Run `sudo apt-get install proot`, or without root `make setup`, which unpacks it."
    if not proot:
        return Refusal(VFS, "PRoot is not installed", mend)
    nothing = [*proot, "-0", sys.executable, "-I", "-S", "-c", ""]
    env = {**os.environ, "PROOT_NO_SECCOMP": "1"}
    try:
        done = subprocess.run(nothing, capture_output=True, text=True, timeout=30, check=False, env=env)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Refusal(VFS, f"PRoot can't be run ({error})", mend)
    if done.returncode == 0:
        return None
    said = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
    return Refusal(VFS, f"PRoot runs no program here ({said[0]})", "Allow ptrace, or start Docker.")


def proot_on_path() -> tuple[str, ...]:
    """What starts the PRoot on PATH; nothing where there is none."""
    found = shutil.which("proot")
    return (found,) if found else ()


def memory_for_layers() -> int:
    """Bytes that layers in memory may take: a bit more than half of what this process group may use."""
    return int(available_memory() * 0.55)


def available_memory() -> int:
    """Bytes of memory: the machine's, or less where a cgroup limits it."""
    found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):
            found = min(found, int(Path(limit).read_text()))
    named = os.environ.get("MEM_LIMIT", "")  # what Binder's hub tells a pod
    return min(found, int(named)) if named.isdigit() and int(named) else found


def _probe(kind: str, root: Path) -> None:
    """In a process of its own: make the namespaces, mount an overlay, copy a file up, delete one, run a program.

    Raises:
        _No: it failed, with the reason.
    """
    try:
        enter_namespace()
    except OSError as error:
        raise _No(*_why_no_namespace(error)) from error
    probe = root / f"probe-{os.getpid()}"
    probe.mkdir(parents=True)
    try:
        if kind == OVERLAY_TMPFS:
            kernel.mount("tmpfs", probe, "tmpfs", 0, "size=16m")
        for name in ("l", "u", "w", "m"):
            (probe / name).mkdir()
        (probe / "l" / "file").write_text("x")
        (probe / "l" / "folder").mkdir()
        try:
            kernel.mount(
                "overlay", probe / "m", "overlay", 0, overlay_options([str(probe / "l")], str(probe))
            )
        except OSError as error:
            raise _No(
                f"no overlay can be mounted with its upper folder on {root} ({error.strerror})",
                "Set VOLTUTOR_HOME to a folder on a disk of the machine's own, not on an overlay.",
            ) from error
        (probe / "m" / "file").write_text("y")
        (probe / "m" / "folder").rmdir()
        (probe / "m" / "folder").mkdir()
        if not layers.is_opaque(str(probe / "u" / "folder")):
            raise _No(
                f"{root} keeps no extended attributes", "Use a newer kernel (6.6), or another file system."
            )
        tool = probe / "m" / "tool"
        tool.write_text("#!/bin/sh\n")
        tool.chmod(0o755)
        if not os.access(tool, os.X_OK) or os.statvfs(tool).f_flag & os.ST_NOEXEC:
            raise _No(f"{root} is mounted noexec", "Set VOLTUTOR_HOME to a folder where programs may run.")
        _try_process(probe)
    finally:
        for path in (probe / "m", probe):
            with contextlib.suppress(OSError):
                kernel.umount(path)
        layers.remove_tree(str(probe))


def _try_process(probe: Path) -> None:
    pid = os.fork()
    if pid == 0:
        try:
            kernel.unshare(kernel.NEWPID | kernel.NEWNS | kernel.NEWIPC | kernel.NEWUTS | kernel.NEWNET)
            os._exit(0)
        except OSError:
            os._exit(1)
    if os.waitpid(pid, 0)[1]:
        raise _No(
            "process and network namespaces are closed", "Run it outside of this container, or use Docker."
        )


class _No(Exception):
    def __init__(self, why: str, mend: str) -> None:
        super().__init__(why)
        self.why, self.mend = why, mend


def _why_no_namespace(error: OSError) -> tuple[str, str]:
    """The switch that keeps user namespaces closed, and the line that opens it."""

    def reads(path: str) -> str:
        with contextlib.suppress(OSError):
            return Path(path).read_text().strip()
        return ""

    if reads("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1":
        return (
            "AppArmor keeps user namespaces from unprivileged programs",
            "Run `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`.",
        )
    if reads("/proc/sys/kernel/unprivileged_userns_clone") == "0":
        return "user namespaces are switched off", "Run `sudo sysctl kernel.unprivileged_userns_clone=1`."
    if reads("/proc/sys/user/max_user_namespaces") == "0":
        return "no user namespace may be made", "Run `sudo sysctl user.max_user_namespaces=15000`."
    seccomp = reads("/proc/self/status")
    if "Seccomp:\t2" in seccomp:
        return (
            f"a seccomp filter keeps user namespaces closed ({error.strerror}), as in a container with Docker's own",
            "Start that container with `--security-opt seccomp=unconfined`.",
        )
    return f"no user namespace can be made ({error.strerror})", "Ask whoever runs this machine to allow them."


def enter_namespace() -> None:
    """Move this process, which must have one thread, into a user and a mount namespace of its own."""
    uid, gid = os.geteuid(), os.getegid()
    kernel.unshare(kernel.NEWUSER | kernel.NEWNS)
    kernel.become_root_of(uid, gid)
    kernel.mount(None, "/", None, kernel.MS_REC | kernel.MS_SLAVE)


def overlay_options(lowers: list[str], folder: str) -> str:
    """What an overlay is mounted with."""
    # volatile would be faster, and its sync is not what a disk does: a measurement must not use it.
    return f"lowerdir={':'.join(lowers)},upperdir={folder}/u,workdir={folder}/w,userxattr"


def main(argv: list[str]) -> int:
    """The probe: `python -m voltutor.embedded.probe KIND ROOT`."""
    kind, root = argv
    try:
        _probe(kind, Path(root))
    except _No as no:
        print(json.dumps({"why": no.why, "mend": no.mend}))
        return 1
    except OSError as error:
        print(json.dumps({"why": str(error), "mend": "Set VOLTUTOR_HOME to another folder."}))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
