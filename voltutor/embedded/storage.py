"""Where layers lie and how containers run, chosen by trying: a kernel overlay on the disk, the same in memory,
or copies run by PRoot. Each that was refused keeps its reason and the line that mends it."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voltutor.embedded import kernel, layers, scope
from voltutor.embedded.container import Container
from voltutor.embedded.spawner import ExecFailed

OVERLAY, OVERLAY_TMPFS, VFS = "overlay", "overlay-tmpfs", "vfs"
KINDS = (OVERLAY, OVERLAY_TMPFS, VFS)

MEMORY_LEAST = 600 << 20
"""Bytes of memory below which layers in memory would leave too little to work with."""

INIT = {
    "dev": None,
    "proc": None,
    "sys": None,
    "etc": None,
    "etc/hostname": "",
    "etc/hosts": "",
    "etc/resolv.conf": "",
}
"""What lies under every container between its image and its own layer, so that no diff shows it (moby,
daemon/initlayer)."""


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
    """What was chosen, how large memory storage may be (bytes, 0 on disk), and what was refused."""

    kind: str
    memory: int
    refused: tuple[Refusal, ...]


# probing


def choose(root: Path, wanted: str | None = None) -> Choice:
    """Try each kind in its own process, the best first.

    Raises:
        RuntimeError: none can be had; the text names every reason.
    """
    refused: list[Refusal] = []
    for kind in KINDS if wanted is None else (wanted,):
        refusal = _try(kind, root)
        if refusal is None:
            memory = memory_for_layers() if kind == OVERLAY_TMPFS else 0
            return Choice(kind, memory, tuple(refused))
        refused.append(refusal)
    raise RuntimeError("\n".join(map(str, refused)))


def _try(kind: str, root: Path) -> Refusal | None:
    if kind == VFS:
        if proot() is None:
            return Refusal(kind, "PRoot is not installed", "Run `sudo apt-get install proot`.")
        return None
    if kind == OVERLAY_TMPFS and memory_for_layers() < MEMORY_LEAST:
        return Refusal(kind, "too little memory for layers in memory", "Give the machine at least 1.5 GB.")
    probe = [sys.executable, "-m", "voltutor.embedded.storage", kind, str(root)]
    done = subprocess.run(probe, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode == 0:
        return None
    try:
        said = json.loads(done.stdout.splitlines()[-1])
        return Refusal(kind, said["why"], said["mend"])
    except (IndexError, ValueError, KeyError):
        return Refusal(kind, f"the probe ended with {done.returncode}", "See its log.")


def proot() -> str | None:
    """The PRoot on PATH, or in the folder of unpacked programs."""
    return shutil.which("proot")


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
            kernel.mount("overlay", probe / "m", "overlay", 0, _options([str(probe / "l")], str(probe)))
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


def _options(lowers: list[str], folder: str) -> str:
    # volatile would be faster, and its sync is not what a disk does: a measurement must not use it.
    return f"lowerdir={':'.join(lowers)},upperdir={folder}/u,workdir={folder}/w,userxattr"


# what was chosen


class Storage:
    """The chosen kind at work. Paths given to the kernel are relative to the store, which is the engine's
    working folder: the options of a mount have to fit one page."""

    def __init__(self, choice: Choice, root: Path) -> None:
        self.kind, self.root_path, self.choice = choice.kind, root, choice
        self.isolated = choice.kind != VFS
        self.start_kind = "start" if self.isolated else "plain"
        self.exec_kind = "join" if self.isolated else "plain"
        self._init = root / "i"
        for name, content in INIT.items():
            path = self._init / name
            if content is None:
                path.mkdir(parents=True, exist_ok=True)
                path.chmod(0o755)
            else:
                path.write_text(content)
        if self.isolated:
            os.chdir(root)

    def covers(self, source: str) -> bool:
        """Whether a host path would show a container what is the engine's own: layers, other containers, the
        socket."""
        own = os.path.realpath(self.root_path.parent)
        real = os.path.realpath(source)
        inside_volume = real.startswith(os.path.realpath(self.root_path / "v") + "/")
        return not inside_volume and (
            real == own or own.startswith(real.rstrip("/") + "/") or real.startswith(own + "/")
        )

    def lowers(self, container: Container) -> list[str]:
        """The folders below its own layer, topmost first."""
        return [str(self._init), *(str(self.root_path / "l" / name) for name in container.lowers)]

    def prepare(self, container: Container) -> None:
        """Its folder; in a thread."""
        container.folder.mkdir(mode=0o700)
        for name in ("u", "w", "m"):
            (container.folder / name).mkdir()
            (container.folder / name).chmod(0o755)
        if not self.isolated:
            for layer in reversed(self.lowers(container)):
                layers.apply(layer, str(container.folder / "m"))

    # the root

    @contextlib.contextmanager
    def root(self, container: Container) -> Iterator[str]:
        """Its root, mounted at least as long as the block runs."""
        self.mount(container)
        try:
            yield str(container.folder / "m")
        finally:
            self.umount(container)

    def mount(self, container: Container) -> None:
        """Have its root mounted; each needs its `umount`."""
        if self.isolated and container.mounted == 0:
            folder = f"c/{container.folder.name}"
            lowers = ["i", *(f"l/{name}" for name in container.lowers)]
            kernel.mount("overlay", f"{folder}/m", "overlay", 0, _options(lowers, folder))
        container.mounted += 1

    def umount(self, container: Container) -> None:
        """No longer needed by one of those who mounted it."""
        if container.mounted == 0:  # it was let go of already
            return
        container.mounted -= 1
        if container.mounted == 0:
            self._umount(container)

    def let_go(self, container: Container) -> None:
        """It is to be removed: whoever still looks at its root keeps what is open, and finds nothing more."""
        if container.mounted:
            container.mounted = 0
            self._umount(container)

    def _umount(self, container: Container) -> None:
        if self.isolated:
            with contextlib.suppress(OSError):
                kernel.umount(f"c/{container.folder.name}/m")

    def graph(self, container: Container) -> dict[str, str]:
        """`GraphDriver.Data`."""
        if not self.isolated:
            return {}
        folder = container.folder
        return {
            "LowerDir": ":".join(self.lowers(container)),
            "MergedDir": str(folder / "m"),
            "UpperDir": str(folder / "u"),
            "WorkDir": str(folder / "w"),
        }

    # looking

    def changes(self, container: Container) -> list[layers.Change]:
        """What its own layer changes."""
        lowers = self.lowers(container)
        if self.isolated:
            return layers.changes(container.upper, lowers)
        return list(_compared(str(container.folder / "m"), lowers, ""))

    def size_rw(self, container: Container) -> int:
        """Bytes of its own layer."""
        if self.isolated:
            return layers.size(container.upper)
        merged = str(container.folder / "m")
        total = 0
        for change in self.changes(container):
            if change.kind != layers.DELETED:
                info = os.lstat(merged + change.path)
                total += info.st_size if not stat.S_ISDIR(info.st_mode) else 0
        return total

    def pack_changes(self, container: Container) -> Iterator[bytes]:
        """Its own layer as a tar, with whiteouts."""
        if self.isolated:
            yield from layers.pack(container.upper)
        else:
            yield from layers.pack_changes(str(container.folder / "m"), self.changes(container))

    # running

    def spec(self, container: Container, **words: Any) -> dict[str, Any]:
        """What the launcher needs to start a process of it."""
        network = "host" if container.network == "host" else "own"
        spec: dict[str, Any] = {
            **words,
            "root": str(container.folder / "m"),
            "hostname": str(container.config.get("Hostname") or ""),
            "network": network,
            "read_only": bool(container.host.get("ReadonlyRootfs")),
        }
        if self.isolated:
            return spec
        root, binds = spec["root"], []
        for item in words["mounts"]:
            inside = item["target"]
            target = root + scope.resolve(root, inside)
            if os.path.isdir(item["source"]):
                scope.make_folder(root, inside)
            elif not os.path.lexists(target):
                scope.make_folder(root, os.path.dirname(inside))
                Path(target).touch()
            source = item["source"] + (f"/{item['subpath']}" if item.get("subpath") else "")
            binds += ["-b", f"{source}:{inside}"]
        _look_up(root, words["argv"][0], words["env"].get("PATH", ""), words["cwd"])
        for device in ("/dev", "/proc", "/sys"):
            binds += ["-b", device]
        program = [str(proot()), "-0", "-r", root, *binds, "-w", words["cwd"], *words["argv"]]
        return {**spec, "argv": program, "cwd": root, "env": {**words["env"], "PROOT_NO_SECCOMP": "1"}}

    def signal(self, container: Container, number: int) -> None:
        """Send a signal to its first process."""
        if container.child is None:
            return
        if self.isolated:
            container.child.kill(number)
            return
        container.last_signal = number
        # PRoot is the first process; the program is its child, and a KILL must end them all.
        for pid in self.processes(container)[::-1]:
            if pid != container.child.pid or number == 9:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)

    def code(self, container: Container, code: int) -> int:
        """The exit code as Docker counts: PRoot says 255 for whatever a signal ended."""
        if not self.isolated and code == 255 and container.last_signal:
            return 128 + container.last_signal
        return code

    def processes(self, container: Container) -> list[int]:
        """The pids on this machine of all its processes, the first one first."""
        if container.child is None:
            return []
        first = container.child.pid
        if not self.isolated:
            return _tree(first)
        with contextlib.suppress(OSError):
            namespace = os.readlink(f"/proc/{first}/ns/pid")
            found = []
            for name in os.listdir("/proc"):
                if name.isdigit():
                    with contextlib.suppress(OSError):
                        if os.readlink(f"/proc/{name}/ns/pid") == namespace:
                            found.append(int(name))
            return sorted(found, key=lambda pid: pid != first)
        return []


def _look_up(root: str, program: str, path: str, cwd: str) -> None:
    """Whether a program is there to be executed: PRoot would only say so in its output.

    Raises:
        ExecFailed: it is not.
    """
    places = [program if program.startswith("/") else f"{cwd}/{program}"]
    if "/" not in program:
        places = [f"{folder}/{program}" for folder in path.split(":") if folder]
    code = errno.ENOENT
    for place in places:
        found = root + scope.resolve(root, place)
        if os.path.isfile(found):
            if os.access(found, os.X_OK):
                return
            code = errno.EACCES
    raise ExecFailed(program, code)


def _tree(first: int) -> list[int]:
    found, todo = [], [first]
    while todo:
        pid = todo.pop(0)
        found.append(pid)
        with contextlib.suppress(OSError):
            todo += [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return found


# without an overlay: a container is a copy, and what it changed is found by comparing


def _compared(merged: str, lowers: list[str], path: str) -> Iterator[layers.Change]:
    names = set(os.listdir(merged))
    known = {name for folder in lowers for name in os.listdir(folder) if layers.lookup(lowers, name)}
    for name in sorted(names | known):
        inside = f"{path}/{name}"
        old = layers.lookup(lowers, name)
        if name not in names:
            yield layers.Change(inside, layers.DELETED)
            continue
        new = os.lstat(f"{merged}/{name}")
        if old is None:
            yield layers.Change(inside, layers.ADDED)
            if stat.S_ISDIR(new.st_mode):
                yield from _compared(f"{merged}/{name}", [], inside)
            continue
        inner: list[layers.Change] = []
        if stat.S_ISDIR(new.st_mode):
            inner = list(_compared(f"{merged}/{name}", layers.below(lowers, name), inside))
        if inner or not layers.same(old[1], new):
            yield layers.Change(inside, layers.MODIFIED)
        yield from inner


def main(argv: list[str]) -> int:
    """The probe: `python -m voltutor.embedded.storage KIND ROOT`."""
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
