"""Where layers lie and how containers run, of the kind that `probe` chose."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from voltutor.embedded import kernel, layers, scope
from voltutor.embedded.container import Container
from voltutor.embedded.errors import BadRequest, NotServed
from voltutor.embedded.probe import VFS, Choice, overlay_options
from voltutor.embedded.spawner import ExecFailed

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


END_LIMIT = 1.0
"""Seconds after which PRoot itself is killed, whatever it traces."""


# what was chosen


class Storage:
    """The chosen kind at work. Paths given to the kernel are relative to the store, which is the engine's
    working folder: the options of a mount have to fit one page."""

    def __init__(self, choice: Choice, root: Path, socket: Path) -> None:
        self.kind, self.root_path, self.choice = choice.kind, root, choice
        self.isolated = choice.kind != VFS
        self.start_kind = "start" if self.isolated else "plain"
        self.exec_kind = "join" if self.isolated else "plain"
        self.private = [os.path.realpath(root.parent)]
        if not socket.is_relative_to(root.parent):
            self.private.append(os.path.realpath(socket.parent))
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

    def check_source(self, source: str) -> None:
        """Whether a host path may be bound: what is the engine's own, but for volumes, no container sees. Where
        a path only leads to it from above, it is hidden in the container.

        Raises:
            BadRequest: it is the engine's own. NotServed: it leads to it, and nothing can be hidden here.
        """
        real = os.path.realpath(source)
        for own in self.private:
            if real == own or real.startswith(own + "/"):
                if not real.startswith(os.path.realpath(self.root_path / "v") + "/"):
                    raise BadRequest(f"{source} is this engine's own: mount a volume, or another folder")
            elif not self.isolated and own.startswith(real.rstrip("/") + "/"):
                raise NotServed(
                    f"{source} leads to this engine's own folder, which needs user namespaces to be hidden; they are "
                    "closed here: bind a folder further down"
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
            kernel.mount("overlay", f"{folder}/m", "overlay", 0, overlay_options(lowers, folder))
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
        """Its own layer as a tar, with whiteouts, where it is a whole root; an overlay's upper folder is packed
        in a root of its own (`sandbox.WORKS`)."""
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
            "private": self.private,
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
        program = [*self.choice.proot, "-0", "-r", root, *binds, "-w", words["cwd"], *words["argv"]]
        return {**spec, "argv": program, "cwd": root, "env": {**words["env"], "PROOT_NO_SECCOMP": "1"}}

    def signal(self, container: Container, number: int) -> None:
        """Send a signal to its first process."""
        if container.child is None:
            return
        if self.isolated:
            container.child.kill(number)
            return
        container.last_signal = number
        first = container.child.pid
        if number == signal.SIGKILL:
            _end_traced(first)
            return
        # PRoot is the first process, and the program its child.
        for pid in self.processes(container)[::-1]:
            if pid != first:
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


def _end_traced(tracer: int) -> None:
    """Kill all that PRoot traces, and only then PRoot: what a process has forked just before its own end is no longer
    below it, but is still traced."""
    until = time.monotonic() + END_LIMIT
    while (alive := _alive_below(tracer)) and time.monotonic() < until:
        for pid in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.002)
    with contextlib.suppress(ProcessLookupError):
        os.kill(tracer, signal.SIGKILL)


def _alive_below(tracer: int) -> list[int]:
    """What is below a process or traced by it, and hasn't ended (proc_pid_status(5))."""
    below, found = set(_tree(tracer)[1:]), []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                status = Path(f"/proc/{name}/status").read_text()
                if int(name) in below or f"\nTracerPid:\t{tracer}\n" in status:
                    found += [int(name)] if "\nState:\tZ" not in status else []
    return found


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
