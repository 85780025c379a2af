"""Capabilities: what an engine can do, each found out by trying it, once per engine."""

from __future__ import annotations

import os
import platform
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from voltutor.engine import Mount, NotServed, Refused
from voltutor.errors import VoltutorError
from voltutor.session import devices
from voltutor.text import _, tr

if TYPE_CHECKING:
    from voltutor.session.bench import Bench

HOST_PATHS = "host_paths"
PUBLISHED_PORTS = "published_ports"
SUBPATH = "subpath"
REFLINK = "reflink"
DROP_CACHES = "drop_caches"
UIDS = "uids"
COPIES_UP = "copy_on_write"
READ_ONLY = "read_only_mounts"
SIZED = "sized_volumes"
DEVICES = "block_devices"
TMPFS = "tmpfs"

ANSWER_LIMIT = 3.0
"""Seconds that a published port has to answer."""


@dataclass(frozen=True)
class Capability:
    """Whether an engine can do something, and how that was found out; None where it could not be tried."""

    name: str
    available: bool | None
    why: str


def _host_paths(bench: Bench) -> Capability:
    token = secrets.token_hex(8)
    folder = bench.session.folder / "files"
    folder.mkdir(exist_ok=True)
    probe = folder / f"probe-{token}"
    probe.write_text(token)
    try:
        with bench.scratch("lab", (), [Mount("/probe", str(probe), "ro")]) as container:
            seen = bench.engine.run(container, ["cat", "/probe"])
    finally:
        probe.unlink()
    if seen.code == 0 and seen.text == token:
        return Capability(HOST_PATHS, True, tr(_("a file of this machine was read in a container")))
    return Capability(HOST_PATHS, False, tr(_("a file of this machine did not show in a container")))


def _published_ports(bench: Bench) -> Capability:
    serve = ("httpd", "-f", "-p", "8080", "-h", "/etc")
    with bench.scratch("lab", serve, network=None, ports=(8080,)) as container:
        port = bench.engine.port(container, 8080)
        if port is None:
            return Capability(PUBLISHED_PORTS, False, tr(_("the engine published no port")))
        until = time.monotonic() + ANSWER_LIMIT
        while time.monotonic() < until:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                    connection.sendall(b"GET /passwd HTTP/1.0\r\n\r\n")
                    if b"200" in connection.recv(64):
                        return Capability(
                            PUBLISHED_PORTS, True, tr(_("a web server in a container answered"))
                        )
            except OSError:
                time.sleep(0.05)
    return Capability(PUBLISHED_PORTS, False, tr(_("a published port did not answer")))


def _subpath(bench: Bench) -> Capability:
    # Volume subpaths came with API 1.45 (moby, docs/api/version-history.md); older engines ignore the field.
    able = bench.engine.serves("1.45")
    return Capability(SUBPATH, able, tr(_("the engine speaks API {api}"), api=bench.engine.info.api))


def _reflink(bench: Bench) -> Capability:
    clone = ["sh", "-c", "dd if=/dev/urandom of=/a bs=1M count=1 && exec cp --reflink=always /a /b"]
    with bench.scratch("lab") as container:
        tried = bench.engine.run(container, clone)
    if tried.code == 0:
        return Capability(REFLINK, True, tr(_("a file in a container layer was cloned")))
    said = (tried.message.splitlines() or [""])[-1]
    # A cp that was not found, or that can't be told to clone, says nothing about the file system.
    able = None if tried.code in (126, 127) or "option" in said else False
    return Capability(REFLINK, able, said)


def _drop_caches(bench: Bench) -> Capability:
    switch = Path("/proc/sys/vm/drop_caches")
    same_kernel = bench.engine.info.kernel == platform.release() and bench.engine.url.startswith("unix://")
    if not same_kernel:
        return Capability(DROP_CACHES, False, tr(_("the engine runs on another kernel")))
    able = os.access(switch, os.W_OK)
    return Capability(
        DROP_CACHES, able, tr(_("{path} is writable") if able else _("{path} is not writable"), path=switch)
    )


def _uids(bench: Bench) -> Capability:
    with bench.scratch("lab") as container:
        tried = bench.engine.run(container, ["sh", "-c", "echo > /probe && chown 1000 /probe"])
    if tried.code == 0:
        return Capability(UIDS, True, tr(_("a file was given to another user id")))
    return Capability(UIDS, False, (tried.message.splitlines() or [""])[-1])


def _copy_on_write(bench: Bench) -> Capability:
    # A container's root is a mount of its own kind where layers are stacked by the kernel, and a plain folder's
    # file system where they are copied (Docker's vfs driver; this kit's own engine over PRoot).
    driver = bench.engine.info.driver
    if "overlay" in driver or driver in ("aufs", "stargz"):
        return Capability(COPIES_UP, True, tr(_("the storage driver is {driver}"), driver=driver))
    if driver in ("vfs", "native"):
        text = _("the storage driver {driver} copies whole images")
    else:  # btrfs, zfs and devicemapper share blocks, and have neither copy-up nor whiteouts
        text = _("the storage driver {driver} shares blocks, not files: it copies no file up")
    return Capability(COPIES_UP, False, tr(text, driver=driver))


def _read_only(bench: Bench) -> Capability:
    with (
        bench.scratch_volume() as volume,
        bench.scratch("lab", (), [Mount("/probe", volume, "ro")]) as container,
    ):
        tried = bench.engine.run(container, ["touch", "/probe/x"])
    if tried.code != 0:
        return Capability(READ_ONLY, True, (tried.message.splitlines() or [""])[-1])
    return Capability(READ_ONLY, False, tr(_("a file was written to a read-only mount")))


def _sized(bench: Bench) -> Capability:
    options = {"type": "tmpfs", "device": "tmpfs", "o": "size=64k"}
    with (
        bench.scratch_volume(options) as volume,
        bench.scratch("lab", (), [Mount("/probe", volume)]) as container,
    ):
        tried = bench.engine.run(container, ["dd", "if=/dev/zero", "of=/probe/x", "bs=64k", "count=2"])
    if tried.code != 0:
        return Capability(SIZED, True, (tried.message.splitlines() or [""])[-1])
    return Capability(SIZED, False, tr(_("more was written to a volume than its size")))


def _tmpfs(bench: Bench) -> Capability:
    with bench.scratch("lab", tmpfs={"/probe": ""}) as container:
        tried = bench.engine.run(container, ["grep", " /probe tmpfs ", "/proc/mounts"])
    if tried.code == 0:
        return Capability(TMPFS, True, tr(_("a container was given a tmpfs")))
    return Capability(TMPFS, False, tr(_("a container that was given a tmpfs has none")))


def _devices(bench: Bench) -> Capability:
    if why := devices.unable():
        return Capability(DEVICES, False, tr(why))
    if bench.engine.info.kernel != platform.release() or not bench.engine.url.startswith("unix://"):
        return Capability(DEVICES, False, tr(_("the engine runs on another kernel")))
    file = bench.files / f"probe-{secrets.token_hex(8)}.img"
    try:
        devices.format_ext4(file, 1 << 20)
        options = {"type": "ext4", "device": devices.attach(file)}
        with (
            bench.scratch_volume(options) as volume,
            bench.scratch("lab", (), [Mount("/probe", volume)]) as container,
        ):
            tried = bench.engine.run(container, ["touch", "/probe/x"])
    except Refused:  # it can't mount what others can
        return Capability(DEVICES, False, tr(_("the engine refuses to mount a block device")))
    finally:
        if device := devices.device_of(file):
            devices.detach(device)
        file.unlink(missing_ok=True)
    if tried.code == 0:
        return Capability(DEVICES, True, tr(_("a file was written to a volume on a loop device")))
    return Capability(DEVICES, False, (tried.message.splitlines() or [""])[-1])


PROBES: dict[str, Callable[[Bench], Capability]] = {
    HOST_PATHS: _host_paths,
    PUBLISHED_PORTS: _published_ports,
    SUBPATH: _subpath,
    REFLINK: _reflink,
    DROP_CACHES: _drop_caches,
    UIDS: _uids,
    COPIES_UP: _copy_on_write,
    READ_ONLY: _read_only,
    SIZED: _sized,
    DEVICES: _devices,
    TMPFS: _tmpfs,
}


IN_A_CONTAINER = frozenset({HOST_PATHS, PUBLISHED_PORTS, REFLINK, UIDS, READ_ONLY, SIZED, DEVICES, TMPFS})
"""What is tried in a container of the lab image; the rest is told by the engine or this machine."""


def probe(bench: Bench, name: str) -> Capability:
    """Try it. A probe that the engine refuses by name is a no; one that fails for another reason leaves the answer
    open; both say why."""
    try:
        return PROBES[name](bench)
    except NotServed as error:
        return Capability(name, False, error.what)
    except VoltutorError as error:
        return Capability(name, None, error.what)
