"""Calls go in and out as plain data, each with a limit, and fail in the kit's own words."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from voltutor.engine import (
    Change,
    Conflict,
    ContainerSpec,
    Engine,
    EngineGone,
    EngineTimeout,
    ExecResult,
    Mount,
    NotFound,
)
from voltutor.session import Bench

pytestmark = pytest.mark.engine


def test_what_is_not_there_is_none(engine: Engine) -> None:
    assert engine.container("vt-nobody") is None
    assert engine.volume("vt-nobody") is None
    assert engine.image("vt-nobody:1") is None
    with pytest.raises(NotFound):
        engine.remove_container("vt-nobody")


def test_a_container_shows_its_mounts_and_changes(bench: Bench, engine: Engine) -> None:
    mounts = [Mount("/anonymous")]
    with (
        bench.scratch_volume() as volume,
        bench.scratch("lab", (), [*mounts, Mount("/named", volume)]) as ref,
    ):
        view = engine.container(ref)
        assert view is not None
        assert view.running
        named, anonymous = view.mount("/named"), view.mount("/anonymous")
        assert named is not None
        assert named.name == volume
        assert anonymous is not None
        assert anonymous.type == "volume"
        assert view.named_sources == {volume}
        assert engine.diff(ref) == tuple(Change("A", path) for path in ("/anonymous", "/named"))
        engine.run(ref, ["sh", "-c", "rm /etc/group; echo x >> /etc/passwd; echo y > /new"])
        assert {Change("D", "/etc/group"), Change("C", "/etc/passwd"), Change("A", "/new")} <= set(
            engine.diff(ref)
        )
        assert engine.layer_size(ref) > 0


def test_exec_gives_both_streams_and_the_exit_code(bench: Bench, engine: Engine) -> None:
    with bench.scratch("lab") as ref:
        assert engine.run(ref, ["sh", "-c", "echo out; echo err >&2; exit 7"]) == ExecResult(
            7, b"out\n", b"err\n"
        )
        assert "nothing-here" in engine.run(ref, ["nothing-here"]).message
        large = engine.run(ref, ["sh", "-c", "head -c 3000000 /dev/zero"])
        assert len(large.out) == 3_000_000


def test_what_a_program_printed_at_once_is_not_lost(tmp_path: Path) -> None:
    """An engine may send the headers and the whole output in one piece."""
    output = b"\1\0\0\0\0\0\0\5hello\2\0\0\0\0\0\0\3bad"
    answers: dict[bytes, tuple[bytes, bytes]] = {
        b"/version": (b"200 OK", b'{"ApiVersion": "1.45", "Version": "1"}'),
        b"/info": (b"200 OK", b'{"ID": "x"}'),
        b"/containers/one/exec": (b"201 Created", b'{"Id": "e"}'),
        b"/exec/e/json": (b"200 OK", b'{"ExitCode": 0}'),
    }

    def answer(connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as asked:
            line, length = asked.readline(), 0
            while (header := asked.readline().strip().lower()) != b"":
                if header.startswith(b"content-length:"):
                    length = int(header.split(b":")[1])
            asked.read(length)
            path = b"/" + line.split()[1].removeprefix(b"/v1.45").lstrip(b"/")
            if path == b"/exec/e/start":
                connection.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n" + output
                )
                return
            status, body = answers[path]
            head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
            connection.sendall(head % (status, len(body)) + body)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    answer(listener.accept()[0])

        threading.Thread(target=serve, daemon=True).start()
        engine = Engine(f"unix://{tmp_path}/s")
        assert engine.run("one", ["cat"]) == ExecResult(0, b"hello", b"bad")
        engine.close()


def test_a_program_that_takes_too_long_is_given_up(bench: Bench, engine: Engine) -> None:
    with bench.scratch("lab") as ref, pytest.raises(EngineTimeout):
        engine.run(ref, ["sleep", "60"], limit=0.3)


def test_waiting_for_a_program_can_be_stopped_at_any_time(bench: Bench, engine: Engine) -> None:
    with bench.scratch("lab") as ref:
        running = engine.exec(ref, ["sleep", "60"])
        assert isinstance(running, Generator)
        assert next(running) is None
        began = time.monotonic()
        running.close()
        assert time.monotonic() - began < 30, "and not the whole minute"


def test_a_taken_name_is_a_conflict(bench: Bench, engine: Engine) -> None:
    with bench.scratch("lab") as ref:
        view = engine.container(ref)
        assert view is not None
        with pytest.raises(Conflict):
            engine.create_container(ContainerSpec(view.name, bench.image("lab")))


def test_an_engine_that_has_gone_is_named(engine_url: str) -> None:
    engine = Engine(engine_url)
    engine.url = engine._api.base_url = "http+unix:///nowhere.sock"
    engine._api._custom_adapter.socket_path = "/nowhere.sock"
    engine._api._custom_adapter.pools.clear()
    with pytest.raises(EngineGone, match=r"nowhere\.sock"):
        engine.ping()


def test_layers_have_ids_sizes_and_the_lines_that_made_them(bench: Bench, engine: Engine) -> None:
    tag = bench.image("files")
    image = engine.image(tag)
    assert image is not None
    layers = engine.history(tag)
    assert [layer.id for layer in layers] == list(image.layers)
    assert len(layers) == 4
    assert "seed files" in layers[-1].created_by
    assert layers[-1].size >= 48 << 20
