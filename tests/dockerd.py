"""A private dockerd for tests: its own socket, data root, exec root and pid file; ended by its pid."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from voltutor.engine import Engine, NoEngine, find

START_LIMIT = 60.0


def can_start() -> bool:
    """Whether this machine and user can run one."""
    return hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("dockerd") is not None


class Bridge:
    """A bridge of an engine's own, so that it can publish ports: two engines on one bridge would give out the same
    addresses. Without `ip`, or the right to make one, its `name` is Docker's word for no bridge."""

    def __init__(self) -> None:
        self.name = "none"

    def make(self) -> None:
        """Make it, if there is none yet, with an address in a network that no route leads to."""
        if self.name != "none":
            return
        name = f"vt{secrets.token_hex(4)}"
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            routes = _ip("route")
            nets = (f"10.{200 + secrets.randbelow(50)}.{secrets.randbelow(250)}." for _try in range(100))
            net = next(net for net in nets if net not in routes)
            _ip("link", "add", name, "type", "bridge")
            self.name = name
            _ip("address", "add", f"{net}1/24", "dev", name)
            _ip("link", "set", name, "up")

    def remove(self) -> None:
        """Take it away again."""
        if self.name != "none":
            _ip("link", "delete", self.name)
            self.name = "none"


def _ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


class Dockerd:
    """One engine that a test may kill and start again; its state stays in its folder."""

    def __init__(
        self,
        folder: Path,
        data: Path | None = None,
        programs: Path | None = None,
        driver: str = "",
        networked: bool = False,
    ) -> None:
        self.folder, self.networked = folder, networked
        self.programs, self.driver = programs, driver
        self.data = data or folder / "data"
        self.url = f"unix://{folder}/docker.sock"
        self.process: subprocess.Popen[bytes] | None = None
        self.bridge = Bridge()

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "docker.pid").unlink(missing_ok=True)
        if self.networked:  # else each container would be given a network, which takes its time
            self.bridge.make()
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    "dockerd",
                    *(
                        "--host",
                        self.url,
                        "--data-root",
                        str(self.data),
                        "--exec-root",
                        str(self.folder / "exec"),
                    ),
                    *("--pidfile", str(self.folder / "docker.pid")),
                    *("--bridge", self.bridge.name, "--iptables=false", "--ip-masq=false"),
                    *(("--storage-driver", self.driver) if self.driver else ()),
                ],
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "PATH": f"{self.programs}/bin:{self.programs}/sbin:{os.environ['PATH']}"}
                if self.programs
                else None,
            )
        until = time.monotonic() + START_LIMIT
        while time.monotonic() < until:
            with contextlib.suppress(NoEngine):
                find(self.url, {}).close()
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise RuntimeError((self.folder / "log").read_text()[-2000:])

    def kill(self) -> None:
        """SIGKILL, as a crash would; its containerd and the containers are ended with it."""
        assert self.process
        self.process.kill()
        self.process.wait()
        self._end_others()
        # Where nobody reaps it, a dead containerd looks alive to the next dockerd, which then waits for it.
        for stale in (self.folder / "exec" / "containerd").glob("containerd.*"):
            stale.unlink()

    def stop(self) -> None:
        """End it in an orderly way, and what it left."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.kill()
        self._end_others()
        # What an engine mounts on its data root stays where it was killed.
        for mount in (self.data, self.folder / "exec"):
            subprocess.run(["umount", "--recursive", "--lazy", mount], check=False, capture_output=True)
        self.bridge.remove()

    def _end_others(self) -> None:
        for pid in self._others():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _others(self) -> list[int]:
        """containerd and the shims of this engine, known by its exec root on their command line."""
        mark = str(self.folder / "exec").encode()
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if mark in path.read_bytes():
                    found.append(int(path.parent.name))
        return found

    def engine(self) -> Engine:
        """A connection to it."""
        return find(self.url, {})


def newer(folder: Path, *names: str, libraries: bool = False) -> Path:
    """Packages of Debian 13, downloaded and unpacked without installing them; the folder of their bin and sbin.
    Docker 26.1 runs with the machine's own runc: Debian 13's needs a newer C library than Debian 12's. With
    `libraries` all that they depend on is unpacked too."""
    for name in ("lists/partial", "cache/archives/partial", "parts", "root"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "status").touch()
    key = "/usr/share/keyrings/debian-archive-keyring.gpg"
    (folder / "sources.list").write_text(f"deb [signed-by={key}] http://deb.debian.org/debian trixie main\n")
    options = {
        "Dir::State": folder,
        "Dir::State::lists": folder / "lists",
        "Dir::Cache": folder / "cache",
        "Dir::State::status": folder / "status",
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": folder / "parts",
        "Debug::NoLocking": "1",
        "APT::Sandbox::User": "root",
    }
    apt = ["apt-get", *(word for key, value in options.items() for word in ("-o", f"{key}={value}"))]
    subprocess.run([*apt, "update", "-qq"], check=True, timeout=120)
    packages = folder / "cache"
    # What "install" downloads lies in archives/, what "download" does in the working folder.
    get = ["install", "--download-only", "-y", "--no-install-recommends"] if libraries else ["download"]
    subprocess.run(
        [*apt, *get, "-qq", *names], check=True, cwd=packages, timeout=300, stdout=subprocess.DEVNULL
    )
    for package in packages.rglob("*.deb"):
        subprocess.run(["dpkg", "-x", package, folder / "root"], check=True)
    return folder / "root" / "usr"


@contextlib.contextmanager
def dockerd(
    folder: Path,
    data: Path | None = None,
    programs: Path | None = None,
    driver: str = "",
    networked: bool = False,
) -> Iterator[Dockerd]:
    """A running dockerd for as long as the block runs; from `programs`, or the machine's own; `networked`, it can
    publish ports."""
    made = Dockerd(folder, data, programs, driver, networked)
    made.start()
    try:
        yield made
    finally:
        made.stop()


@contextlib.contextmanager
def formatted(folder: Path, kind: str, gibibytes: float) -> Iterator[Path]:
    """A loop-mounted file system of this kind, for as long as the block runs."""
    image, target = folder / f"{kind}.img", folder / kind
    target.mkdir(parents=True)
    with image.open("wb") as file:
        file.truncate(int(gibibytes * (1 << 30)))
    subprocess.run([f"mkfs.{kind}", "-q", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, target], check=True)
    try:
        yield target
    finally:
        # An engine that had it as its data root may have unmounted it already.
        if target.is_mount():
            subprocess.run(["umount", "--recursive", "--lazy", target], check=True)
        image.unlink()
