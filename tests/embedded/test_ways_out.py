"""Ways out of a container, and ways to keep the engine from answering, that were found once."""

from __future__ import annotations

import contextlib
import ctypes
import io
import json
import os
import socket
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import APIError

from tests.box import root_archive
from tests.embedded.test_engine import client, folder, own, run, until
from tests.own_engine import Embedded

__all__ = ["folder", "own"]  # fixtures

TRIES = 40


def said(api: Any, name: str, *words: str) -> str:
    return str(api.exec_start(api.exec_create(name, list(words))["Id"]).decode())


@contextlib.contextmanager
def exchanging(one: Path, other: Path) -> Iterator[None]:
    """Two names of a folder trade places, as fast as can be, while the block runs."""
    libc, done = ctypes.CDLL(None), threading.Event()
    exchange = 2  # RENAME_EXCHANGE (renameat2(2))

    def work() -> None:
        while not done.is_set():
            libc.renameat2(-100, os.fsencode(one), -100, os.fsencode(other), exchange)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_the_machine_s_own_switches_are_not_writable(own: Embedded) -> None:
    api = client(own)
    run(api, "xx")
    # The same value again, so that a hole would do no harm.
    line = "v=$(cat /proc/sys/vm/swappiness); echo $v > /proc/sys/vm/swappiness && echo written"
    told = said(api, "xx", "sh", "-c", line)
    assert "Read-only file system" in told
    assert "written" not in told
    assert said(api, "xx", "sh", "-c", "cat /proc/keys /proc/timer_list 2>/dev/null") == ""


@pytest.mark.parametrize("name", ["dev", "proc", "sys"])
def test_a_link_in_the_place_of_a_system_folder_is_not_followed(
    own: Embedded, folder: Path, name: str
) -> None:
    api = client(own)
    api.create_container("box", name="xx")
    (folder / "host").mkdir()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        link = tarfile.TarInfo(name)
        link.type, link.linkname = tarfile.SYMTYPE, str(folder / "host")
        archive.addfile(link)
    api.put_archive("xx", "/", out.getvalue())
    with pytest.raises(APIError, match="not a directory"):
        api.start("xx")
    assert list((folder / "host").iterdir()) == []


def test_an_exec_holds_nothing_of_the_engine_s(own: Embedded) -> None:
    api = client(own)
    run(api, "xx")
    lines = said(api, "xx", "ls", "-l", "/proc/self/fd").splitlines()
    held = {line.split(" -> ")[0].split()[-1] for line in lines if " -> " in line}
    assert held <= {"0", "1", "2", "3"}  # the last is what ls itself opened
    assert not any("memfd" in line or "lock" in line or "socket" in line for line in lines)


def test_a_subpath_that_becomes_a_link_leads_nowhere_else(own: Embedded, folder: Path) -> None:
    api = client(own)
    host = folder / "host"
    host.mkdir()
    (host / "secret").write_text("secret")
    volume = Path(api.create_volume("vs")["Mountpoint"])
    (volume / "s").mkdir()
    (volume / "l").symlink_to(host)
    mount = {"Type": "volume", "Source": "vs", "Target": "/m", "VolumeOptions": {"Subpath": "s"}}
    started = 0
    with exchanging(volume / "s", volume / "l"):
        for _try in range(TRIES):
            # docker-py has no subpath: the request is made by hand.
            url = api._url("/containers/create")
            body = {
                "Image": "box",
                "Cmd": ["sh", "-c", "ls /m; touch /m/made"],
                "HostConfig": {"Mounts": [mount]},
            }
            made = api._post_json(url, data=body).json().get("Id")
            if made is None:  # refused in the moment of the exchange
                continue
            with contextlib.suppress(APIError):
                api.start(made)
                api.wait(made)
                assert "secret" not in api.logs(made).decode()
                started += 1
            api.remove_container(made, force=True)
    assert started, "some came in time"
    assert [path.name for path in host.iterdir()] == ["secret"]


def test_a_look_into_a_container_makes_nothing_on_the_host(own: Embedded, folder: Path) -> None:
    api = client(own)
    (folder / "host").mkdir()
    run(api, "xx", binds=["vr:/a/b/c/d"])
    said(api, "xx", "sh", "-c", f"mv /a/b /a/keep; ln -s {folder}/host /a/b")
    for path in ("/etc/passwd", "/a/b"):
        with contextlib.suppress(APIError):
            pieces, _stat = api.get_archive("xx", path)
            b"".join(pieces)
    assert list((folder / "host").iterdir()) == []


def test_a_commit_takes_no_file_of_the_host(own: Embedded, folder: Path) -> None:
    api = client(own)
    (folder / "secret").write_text("secret" * 300)
    api.create_container("box", name="xx")
    upper = Path(api.inspect_container("xx")["GraphDriver"]["Data"]["UpperDir"])
    for number in range(30):
        (upper / f"f{number}").write_bytes(b"x" * 1800)
        (upper / f"l{number}").symlink_to(folder / "secret")
    os.mkfifo(upper / "fifo")
    (upper / "file").write_bytes(b"x" * 1800)
    with contextlib.ExitStack() as stack:
        stack.enter_context(exchanging(upper / "f0", upper / "l0"))
        stack.enter_context(exchanging(upper / "f7", upper / "l7"))
        stack.enter_context(exchanging(upper / "fifo", upper / "file"))
        for _try in range(TRIES // 2):
            image = api.commit("xx")["Id"]
            store = own.folder / "store" / "l"
            assert not any(
                path.is_file() and not path.is_symlink() and b"secret" in path.read_bytes()
                for layer in store.iterdir()
                for path in layer.glob("[fl]*")
            )
            api.remove_image(image, force=True)


def test_filling_a_volume_writes_nothing_on_the_host(own: Embedded, folder: Path) -> None:
    api = client(own)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for number in range(400):
            archive.addfile(tarfile.TarInfo(f"data/sub/{number}"))
    api.create_container("box", name="base")
    api.put_archive("base", "/", out.getvalue())
    api.commit("base", "many")
    (folder / "host").mkdir()
    for number in range(10):
        volume = Path(api.create_volume(f"vf{number}")["Mountpoint"])
        done = threading.Event()

        def turn(volume: Path = volume, done: threading.Event = done) -> None:
            while not done.is_set():
                if (volume / "sub").is_dir() and not (volume / "sub").is_symlink():
                    (volume / "sub").rename(volume / "kept")
                    (volume / "sub").symlink_to(folder / "host")
                    return

        thread = threading.Thread(target=turn)
        thread.start()
        with contextlib.suppress(APIError):
            api.create_container("many", host_config=api.create_host_config(binds=[f"vf{number}:/data"]))
        done.set()
        thread.join()
    assert list((folder / "host").iterdir()) == []


def test_a_program_that_never_stops_talking_keeps_nobody_from_the_engine(own: Embedded) -> None:
    api = client(own)
    made = api.create_container("box", ["yes", "hello"], name="xx")
    api.start(made)
    until(lambda: len(api.logs("xx", tail=5)) > 0)
    run(api, "yy")
    assert api.ping()
    api.remove_container("xx", force=True)
    assert [item["Names"] for item in api.containers(all=True)] == [["/yy"]]


def test_a_reader_that_does_not_read_keeps_no_container_from_ending(own: Embedded) -> None:
    api = client(own)
    line = "dd if=/dev/zero bs=1M count=8 2>/dev/null; sleep 600"
    api.create_container("box", ["sh", "-c", line], name="xx")
    with socket.socket(socket.AF_UNIX) as stuck:
        stuck.connect(str(own.socket))
        head = b"POST /containers/xx/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: x\r\nUpgrade: tcp\r\n"
        stuck.sendall(head + b"Connection: Upgrade\r\nContent-Length: 0\r\n\r\n")
        stuck.recv(64)
        api.start("xx")
        api.stop("xx", timeout=1)
        assert api.inspect_container("xx")["State"]["Status"] == "exited"
        api.remove_container("xx")


def test_stalled_uploads_keep_nobody_from_the_engine(own: Embedded) -> None:
    api = client(own)
    with contextlib.ExitStack() as stack:
        for _client in range(20):
            stalled = stack.enter_context(socket.socket(socket.AF_UNIX))
            stalled.connect(str(own.socket))
            stalled.sendall(b"POST /images/load HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        run(api, "xx", binds=["vol1:/x"])
        api.remove_container("xx", force=True)


@pytest.mark.parametrize(
    "config",
    [
        json.dumps({"rootfs": {"diff_ids": []}}).encode("utf-16"),
        b'{"created": "yesterday", "rootfs": {"diff_ids": []}}',
        b'{"config": [], "rootfs": {"diff_ids": []}}',
        b'{"config": {"Env": 3}, "rootfs": {"diff_ids": []}}',
        b'{"config": {"ExposedPorts": {"80-90/tcp": {}}}, "rootfs": {"diff_ids": []}}',
        b"[]",
    ],
)
def test_an_image_with_an_odd_config_is_refused_and_nothing_of_it_stays(own: Embedded, config: bytes) -> None:
    api = client(own)
    layers = sorted((own.folder / "store" / "l").iterdir())
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        manifest = json.dumps([{"Config": "c.json", "RepoTags": ["odd:1"], "Layers": []}]).encode()
        for name, content in (("l.tar", root_archive()), ("c.json", config), ("manifest.json", manifest)):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    with contextlib.suppress(docker.errors.DockerException):
        list(api.load_image(out.getvalue()))
    assert [image["RepoTags"] for image in api.images()] == [["box:latest"]]
    assert sorted((own.folder / "store" / "l").iterdir()) == layers
    own.kill()
    own.start()
    assert len(client(own).images()) == 1


def test_a_name_filter_is_no_way_to_stop_the_engine(own: Embedded) -> None:
    api = client(own)
    api.create_container("box", name="a" * 40)
    assert api.containers(all=True, filters={"name": "(a+)+#"}) == []


def test_a_dropped_download_leaves_no_process_and_no_descriptor(own: Embedded) -> None:
    api = client(own)
    run(api, "xx")
    said(api, "xx", "dd", "if=/dev/zero", "of=/big", "bs=1M", "count=60")

    def held() -> tuple[int, int]:
        children = Path(f"/proc/{own.launcher()}/task/{own.launcher()}/children").read_text().split()
        return len(os.listdir(f"/proc/{own.pid}/fd")), len(children)  # noqa: PTH208

    before = held()
    for _try in range(5):
        with socket.socket(socket.AF_UNIX) as dropped:
            dropped.connect(str(own.socket))
            dropped.sendall(b"GET /containers/xx/archive?path=/big HTTP/1.1\r\nHost: x\r\n\r\n")
            dropped.recv(1000)
    until(lambda: held() <= before)


def test_a_socket_s_folder_in_another_user_s_power_is_not_used(tmp_path: Path) -> None:
    from voltutor.embedded import server

    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(SystemExit, match="another user's power"):
        server._private(tmp_path / "open" / "inner")
