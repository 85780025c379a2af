"""The embedded engine as a program: one for a home, closed to others, ends by itself, recovers from any kill."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import APIError, DockerException

from tests.box import root_archive
from tests.own_engine import Embedded

LIMIT = 60.0


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for a socket."""
    made = Path(tempfile.mkdtemp(prefix="vt-", dir="/var/tmp"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def own(folder: Path) -> Iterator[Embedded]:
    """An engine that the test may kill."""
    made = Embedded(folder / "e")
    made.start()
    yield made
    made.stop()


def client(own: Embedded) -> Any:
    api = docker.APIClient(base_url=own.url, version="auto", timeout=30)
    if not api.images():
        api.import_image_from_data(root_archive(), repository="box", changes=['CMD ["sleep","600"]'])
    return api


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + LIMIT
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def run(api: Any, name: str, **host: Any) -> int:
    api.create_container("box", name=name, host_config=api.create_host_config(**host))
    api.start(name)
    return int(api.inspect_container(name)["State"]["Pid"])


def alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


@pytest.mark.parametrize("who", ["engine", "launcher", "both"])
def test_after_a_kill_nothing_runs_and_everything_is_there(own: Embedded, who: str) -> None:
    api = client(own)
    pid = run(api, "runs", binds=["vol1:/data"])
    api.create_container("box", name="made")
    made = api.exec_create("runs", ["sh", "-c", "echo kept > /data/x; echo kept > /layer"])
    api.exec_start(made["Id"])
    engine, launcher = own.pid, own.launcher()
    for victim in {"engine": [engine], "launcher": [launcher], "both": [engine, launcher]}[who]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
    assert own.process
    own.process.wait(timeout=LIMIT)
    until(lambda: not alive(launcher))
    until(lambda: not alive(pid))
    own.start()
    api = client(own)
    state = api.inspect_container("runs")["State"]
    assert (state["Status"], state["Running"]) == ("exited", False)
    assert state["ExitCode"] == 137
    assert api.inspect_container("made")["State"]["Status"] == "created"
    api.start("runs")
    made = api.exec_create("runs", ["cat", "/data/x", "/layer"])
    assert api.exec_start(made["Id"]) == b"kept\nkept\n"


@pytest.mark.parametrize("moment", [0.0, 0.01, 0.03, 0.08, 0.2])
def test_a_kill_in_the_middle_of_things_leaves_nothing_half(own: Embedded, moment: float) -> None:
    api = client(own)
    line = (
        "for i in 1 2 3 4 5 6 7 8; do docker create --name c$i -v v$i:/v -v /anon box; docker start c$i; "
        "docker cp /etc/hostname c$i:/x; docker commit c$i i$i; docker rm -fv c$i; done"
    )
    env = {**os.environ, "DOCKER_HOST": own.url}
    busy = subprocess.Popen(["sh", "-c", line], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: api.containers(all=True) or busy.poll() is not None)
    time.sleep(moment)  # the moment is the point: how far it comes is up to chance
    own.kill()
    busy.kill()
    busy.wait()
    own.start()
    api = client(own)
    store = own.folder / "store"
    found = api.containers(all=True)
    assert all(item["State"] in ("created", "exited") for item in found)
    assert len(list((store / "c").iterdir())) == len(found)
    assert {path.name for path in (store / "v").iterdir()} == {
        v["Name"] for v in api.volumes()["Volumes"] or ()
    }
    for item in found:
        api.start(item["Id"])
        api.remove_container(item["Id"], force=True, v=True)
    for volume in api.volumes()["Volumes"] or ():
        api.remove_volume(volume["Name"])
    for image in api.images():
        api.remove_image(image["Id"], force=True)
    for part in ("c", "v", "l", "r"):
        assert list((store / part).iterdir()) == []


def test_a_load_that_breaks_off_leaves_no_layer(own: Embedded) -> None:
    api = client(own)
    before = sorted((own.folder / "store" / "l").iterdir())
    for break_off in (True, False):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(own.socket))
            head = b"POST /images/create?fromSrc=-&repo=x HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n"
            connection.sendall(head + root_archive()[:500_000])
            if not break_off:
                connection.shutdown(socket.SHUT_WR)
                connection.recv(4096)
    until(lambda: sorted((own.folder / "store" / "l").iterdir()) == before)
    assert api.ping()


def test_one_engine_for_a_home(own: Embedded) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "voltutor.embedded", str(own.folder)],
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert second.returncode == 4
    assert client(own).ping()


def test_nobody_else_reaches_its_socket_or_its_store(own: Embedded) -> None:
    client(own)
    assert stat.S_IMODE(own.socket.stat().st_mode) == 0o600
    for closed in (own.socket.parent, own.folder, own.folder / "store"):
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    own.folder.parent.chmod(0o755)  # what tempfile closes must not be what keeps others out
    for path in (own.socket, own.folder / "store"):
        other = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "stat", str(path)]
        assert subprocess.run(other, capture_output=True, check=False).returncode != 0


def test_in_a_home_with_a_long_path_its_socket_lies_elsewhere_and_leaves_nothing_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from voltutor.embedded.server import socket_path

    (folder / "runtime").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder / "runtime"))
    own = Embedded(folder / ("e" * 100))
    own.socket = socket_path(own.folder)
    own.start()
    try:
        assert own.socket.is_relative_to(folder / "runtime")
    finally:
        own.stop()
    assert list((folder / "runtime").iterdir()) == []


def test_it_ends_by_itself_when_idle_and_empty(folder: Path) -> None:
    own = Embedded(folder / "e")
    own.folder.mkdir()
    process = subprocess.Popen([sys.executable, "-m", "voltutor.embedded", str(own.folder), "--idle", "2"])
    until(own.socket.is_socket)
    api = docker.APIClient(base_url=own.url, version="auto")
    api.create_volume("kept")
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=5)  # more than it stays idle: a volume keeps it
    api.remove_volume("kept")
    assert process.wait(timeout=LIMIT) == 0
    assert not own.socket.exists()
    with pytest.raises((DockerException, OSError)):
        api.ping()


def test_a_container_sees_neither_the_store_nor_the_socket(own: Embedded) -> None:
    api = client(own)
    run(api, "other")
    for source in (
        str(own.folder),
        str(own.socket.parent),
        str(own.socket),
        str(own.folder / "store" / "c"),
    ):
        with pytest.raises(APIError, match="engine's own"):
            api.create_container("box", host_config=api.create_host_config(binds=[f"{source}:/x"]))
    pid = run(api, "xx", binds=["/:/host"])
    look = f"ls -a /host{own.folder} {own.folder}; ls /proc/1/root/; cat /proc/{os.getpid()}/status; ls /proc/*/root"
    said = api.exec_start(api.exec_create("xx", ["sh", "-c", look])["Id"]).decode()
    assert "docker.sock" not in said
    assert "store" not in said
    assert f"Pid:\t{os.getpid()}" not in said
    seen = api.exec_start(api.exec_create("xx", ["ls", "/host"])["Id"]).decode().split()
    assert {"etc", "usr"} <= set(seen)
    assert alive(pid)


def test_what_is_refused_is_refused_by_name(own: Embedded) -> None:
    api = client(own)
    refusals = {
        "user": {"user": "nobody"},
        "privileged": {"host_config": api.create_host_config(privileged=True)},
        "capabilities": {"host_config": api.create_host_config(cap_add=["SYS_ADMIN"])},
        "restart policy": {"host_config": api.create_host_config(restart_policy={"Name": "always"})},
    }
    for part, options in refusals.items():
        with pytest.raises(APIError, match=part) as caught:
            api.create_container("box", **options)
        assert caught.value.status_code == 501
    calls: list[Callable[[], object]] = [
        lambda: api.stats("x", stream=False), lambda: api.create_network("n"), lambda: api.top("x"),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(APIError, match="Docker") as caught:
            call()
        assert caught.value.status_code == 501


@pytest.mark.parametrize("storage", ["vfs"])
def test_without_namespaces_it_says_what_it_can_t(folder: Path, storage: str) -> None:
    own = Embedded(folder / "e", storage)
    own.start()
    try:
        api = client(own)
        assert any("no isolation" in line for line in api.info()["Warnings"])
        names = {label.split("=")[0].rpartition(".")[2] for label in api.info()["Labels"]}
        assert names == {"uids", "read_only_mounts", "tmpfs", "sized_volumes", "isolation", "measurements"}
        for part, host in (
            ("read-only", api.create_host_config(binds=["vol1:/x:ro"])),
            ("tmpfs", api.create_host_config(tmpfs={"/x": ""})),
        ):
            with pytest.raises(APIError, match=part) as caught:
                api.create_container("box", host_config=host)
            assert caught.value.status_code == 501
        with pytest.raises(APIError, match="sized volume"):
            api.create_volume("sized", driver_opts={"type": "tmpfs", "device": "tmpfs", "o": "size=1m"})
    finally:
        own.stop()


def test_a_published_port_leads_into_the_container(own: Embedded) -> None:
    api = client(own)
    made = api.create_container(
        "box",
        ["httpd", "-f", "-p", "80", "-h", "/srv"],
        ports=[80],
        host_config=api.create_host_config(port_bindings={80: None}),
    )
    api.start(made)
    (place,) = api.port(made["Id"], 80)
    assert place["HostIp"] == "127.0.0.1"

    def answer() -> bytes:
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", int(place["HostPort"])), 2) as connection,
        ):
            connection.sendall(b"GET /one HTTP/1.0\r\n\r\n")
            return b"".join(iter(lambda: connection.recv(4096), b""))
        return b""

    until(lambda: answer().endswith(b"one\n"))
    api.remove_container(made, force=True)
    with pytest.raises(OSError):  # noqa: PT011 - refused, or reset
        socket.create_connection(("127.0.0.1", int(place["HostPort"])), 1).recv(1)


@pytest.mark.parametrize(
    "raw",
    [
        b"GET",
        b"\x00\x01\x02\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /containers/create HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /containers/..%2f..%2fetc/json HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_a_malformed_request_ends_nothing(own: Embedded, raw: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(own.socket))
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            connection.recv(4096)
    assert docker.APIClient(base_url=own.url, version="auto").ping()


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "1",
        '"x"',
        "{",
        "{}",
        '{"Image": 5}',
        '{"Image": "box", "HostConfig": 7}',
        '{"Image": "box", "HostConfig": {"Binds": "x"}}',
        '{"Image": "box", "Cmd": {"a": 1}}',
        '{"Image": "box", "Env": 3}',
        "[" * 5000,
    ],
)
def test_a_body_of_the_wrong_shape_is_refused(own: Embedded, body: str) -> None:
    api = client(own)
    response = api._post(
        api._url("/containers/create"), data=body, headers={"Content-Type": "application/json"}
    )
    assert response.status_code in (400, 404)
    assert response.json()["message"]
    assert api.containers(all=True) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="it is another user already")
def test_another_user_without_any_capability_runs_it(folder: Path) -> None:
    """As in a container of Binder's: no root, no capability, no new privileges."""
    dropped = ("--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all")
    prefix = ("setpriv", "--reuid", "1000", "--regid", "1000", *dropped)
    python = Path("/usr/bin/python3")
    folder.chmod(0o755)
    packages = folder / "packages"
    _copy_packages(packages)
    tried = [*prefix, "env", f"PYTHONPATH={packages}", str(python), "-c", "import voltutor.embedded, aiohttp"]
    if subprocess.run(tried, capture_output=True, check=False, cwd="/").returncode != 0:
        pytest.skip("the system's Python can't load aiohttp as another user")
    shutil.chown(folder, 1000, 1000)
    own = Embedded(folder / "e", prefix=(*prefix, "env", f"PYTHONPATH={packages}", f"HOME={folder}"))
    own.python = str(python)
    own.start()
    try:
        api = client(own)
        run(api, "xx", binds=["vol1:/data"])
        made = api.exec_create(
            "xx", ["sh", "-c", "id -u; echo 1 > /data/x; echo >> /srv/one; mount -t tmpfs x /srv"]
        )
        said = api.exec_start(made["Id"]).decode()
        assert said.startswith("0\n")
        assert "permission denied" in said.lower() or "not permitted" in said.lower()
        assert {change["Path"] for change in api.diff("xx")} == {"/data", "/srv", "/srv/one"}
        assert (folder / "e" / "store" / "v" / "vol1" / "_data" / "x").stat().st_uid == 1000
        api.remove_container("xx", force=True, v=True)
    finally:
        own.stop()


def _copy_packages(target: Path) -> None:
    """What the engine imports, where another user may read it: a clone may lie where only root gets."""
    names = ("voltutor", "aiohttp", "aiohappyeyeballs", "aiosignal", "attr", "frozenlist", "idna", "multidict",
             "propcache", "yarl", "typing_extensions")  # fmt: skip
    target.mkdir()
    for name in names:
        found = importlib.util.find_spec(name)
        assert found is not None, name
        origin = Path(str(found.origin))
        if origin.name == "__init__.py":
            shutil.copytree(
                origin.parent, target / name, ignore=shutil.ignore_patterns("__pycache__", "notebooks")
            )
        else:
            shutil.copy2(origin, target / origin.name)


def _sleepers(seconds: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if path.read_bytes().split(b"\0")[-3:-1] == [b"sleep", seconds.encode()] and alive(
                int(path.parent.name)
            ):
                found.append(path.parent.name)
    return found


def test_a_kill_without_namespaces_ends_what_is_being_forked_too(folder: Path) -> None:
    made = Embedded(folder / "e", "vfs")
    made.start()
    try:
        api = client(made)
        seconds = str(10_000 + os.getpid())
        line = f"n=0; while [ $n -lt 200 ]; do sleep {seconds} & n=$((n+1)); done; wait"
        for number in range(3):
            api.create_container("box", ["sh", "-c", line], name=f"forks-{number}")
            api.start(f"forks-{number}")
            until(lambda: len(_sleepers(seconds)) > 5)
            api.kill(f"forks-{number}")
            until(lambda: not _sleepers(seconds))
            until(partial(_has_exited, api, f"forks-{number}"))
            assert api.inspect_container(f"forks-{number}")["State"]["ExitCode"] == 137
    finally:
        made.stop()


def test_after_a_kill_the_next_engine_waits_until_what_was_left_has_ended(folder: Path) -> None:
    made = Embedded(folder / "e")
    made.folder.mkdir(mode=0o700)
    with (made.folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as the launcher of a killed engine holds it
        release = threading.Timer(0.5, lambda: fcntl.flock(lock, fcntl.LOCK_UN))
        release.start()
        made.start()
        release.join()
    assert client(made).ping()
    made.stop()


def _has_exited(api: Any, name: str) -> bool:
    return bool(api.inspect_container(name)["State"]["Status"] == "exited")
