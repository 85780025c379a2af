"""Standard streams: run, exec, attach, logs, events, waits; framed, half-closed, on a terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import time

from tests.contract.conftest import Target


def test_run_carries_both_streams_and_the_code(target: Target) -> None:
    done = subprocess.run(
        ["docker", "run", "--rm", "box", "sh", "-c", "echo out; echo err >&2; exit 7"],
        capture_output=True,
        text=True,
        env={**os.environ, "DOCKER_HOST": target.url},
        timeout=30,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("out\n", "err\n", 7)


def test_run_i_reads_stdin_to_its_end(target: Target) -> None:
    assert target.cli("docker run -i --rm box cat", data="one\ntwo\n") == "one\ntwo"
    assert target.cli("docker run -i --rm box wc -c", data="x" * 300_000) == "300000"


def test_exec_carries_streams_code_stdin_environment_and_folder(target: Target) -> None:
    target.cli("docker run -d --name xx box")
    assert target.cli("docker exec -i xx cat", data="through") == "through"
    assert target.cli("docker exec -e B=2 -w /srv xx sh -c 'echo $A $B; pwd'") == "image 2\n/srv"
    done = target.cli("docker exec xx sh -c 'exit 9'; echo $?")
    assert done == "9"
    assert target.cli("docker exec xx nosuch 2>/dev/null >/dev/null; echo $?") in ("126", "127")


def test_exec_demultiplexes_in_order(target: Target) -> None:
    target.cli("docker run -d --name xx box")
    made = target.api.exec_create("xx", ["sh", "-c", "for i in 1 2 3; do echo $i; echo e$i >&2; done"])
    out, err = target.api.exec_start(made["Id"], demux=True)
    assert (out, err) == (b"1\n2\n3\n", b"e1\ne2\ne3\n")
    found = target.api.exec_inspect(made["Id"])
    assert (found["ExitCode"], found["Running"]) == (0, False)


def test_a_detached_exec_goes_on_alone(target: Target) -> None:
    target.cli("docker run -d --name xx box; docker exec -d xx sh -c 'sleep 0.1; touch /done'")
    until = time.monotonic() + 60
    while target.cli("docker exec xx ls /done", check=False) != "/done":
        assert time.monotonic() < until


def test_much_output_passes_whole(target: Target) -> None:
    target.cli("docker run -d --name xx box")
    assert target.cli("docker exec xx sh -c 'dd if=/dev/zero bs=1M count=30 2>/dev/null' | wc -c") == str(
        30 << 20
    )


def test_logs_hold_what_was_said_and_can_be_cut(target: Target) -> None:
    target.cli("docker run --name xx box sh -c 'seq 5; echo last >&2; printf partial'")
    assert target.cli("docker logs xx 2>/dev/null").split() == ["1", "2", "3", "4", "5", "partial"]
    assert target.cli("docker logs xx 2>&1 >/dev/null") == "last"
    assert len(target.cli("docker logs --tail 2 xx 2>&1").splitlines()) == 2
    assert re.match(r"\d{4}-\d\d-\d\dT\S+Z 1$", target.cli("docker logs -t xx 2>/dev/null").splitlines()[0])
    assert target.cli("docker logs --since 2100-01-01T00:00:00Z xx") == ""


def test_logs_f_follow_until_the_end(target: Target) -> None:
    target.cli("docker run -d --name xx box sh -c 'for i in 1 2 3; do echo $i; sleep 0.2; done'")
    assert target.cli("docker logs -f xx", timeout=60).split() == ["1", "2", "3"]


def test_start_a_shows_a_second_run(target: Target) -> None:
    target.cli("docker create --name xx box echo hello")
    assert target.cli("docker start -a xx") == "hello"
    assert target.cli("docker start -a xx") == "hello"
    assert target.cli("docker logs xx").split() == ["hello", "hello"]


def test_a_terminal_is_one_with_a_size_and_job_control(target: Target) -> None:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        ["docker", "run", "--rm", "-it", "box", "sh"],
        stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
        env={**os.environ, "DOCKER_HOST": target.url, "TERM": "xterm"},
    )  # fmt: skip
    os.close(slave)
    seen = b""

    def until(mark: bytes, limit: float = 20) -> None:
        nonlocal seen
        end = time.monotonic() + limit
        while mark not in seen:
            assert time.monotonic() < end, seen
            if select.select([master], [], [], 0.2)[0]:
                seen += os.read(master, 4096)

    until(b"# ")
    assert b"job control" not in seen
    os.write(master, b"tty; echo a$((1+1))b\n")
    until(b"a2b")
    assert b"/dev/" in seen
    os.write(master, b"sleep 600\n")
    until(b"sleep 600\r\n")
    time.sleep(0.3)  # nothing tells when the shell has handed the terminal to sleep
    os.write(master, b"\x03")
    os.write(master, b"echo c$((2+2))d; exit 6\n")
    until(b"c4d")
    assert process.wait(timeout=60) == 6
    os.close(master)


def test_detaching_leaves_the_container_running(target: Target) -> None:
    target.cli("docker run -dit --name xx box sh")
    master, slave = pty.openpty()
    process = subprocess.Popen(
        ["docker", "attach", "xx"], stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
        env={**os.environ, "DOCKER_HOST": target.url, "TERM": "xterm"},
    )  # fmt: skip
    os.close(slave)
    os.write(master, b"echo x$((3+3))y\n")
    seen, end = b"", time.monotonic() + 60
    while b"x6y" not in seen:
        assert time.monotonic() < end, seen
        if select.select([master], [], [], 0.2)[0]:
            seen += os.read(master, 4096)
    os.write(master, b"\x10\x11")
    process.wait(timeout=60)
    os.close(master)
    assert target.cli("docker inspect --format '{{.State.Running}}' xx") == "true"


def test_an_attached_reader_that_vanishes_stops_nothing(target: Target) -> None:
    target.cli("docker run -d --name xx box sh -c 'while :; do echo tick; sleep 0.01; done'")
    process = subprocess.Popen(
        ["docker", "attach", "--no-stdin", "xx"],
        stdout=subprocess.PIPE,
        env={**os.environ, "DOCKER_HOST": target.url},
    )
    assert process.stdout
    assert process.stdout.readline() == b"tick\n"
    process.kill()
    process.wait()
    process.stdout.close()
    first = len(target.cli("docker logs xx").splitlines())
    until = time.monotonic() + 60
    while len(target.cli("docker logs xx").splitlines()) <= first:
        assert time.monotonic() < until


def test_events_tell_a_container_s_life(target: Target) -> None:
    since = time.time()
    target.cli("docker run --name xx --label x=1 -v vol1:/v box true; docker rm xx; docker volume rm vol1")
    lines = target.cli(
        f"docker events --since {since:.6f} --until {time.time() + 0.5:.6f} --format '{{{{json .}}}}'"
    )
    found = [json.loads(line) for line in lines.splitlines()]
    told = [(event["Type"], event["Action"]) for event in found]
    expected = [("container", action) for action in ("create", "attach", "start", "die", "destroy")]
    assert [one for one in told if one in expected] == expected
    assert ("volume", "create") in told
    assert ("volume", "destroy") in told
    die = next(event for event in found if event["Action"] == "die")
    attributes = die["Actor"]["Attributes"]
    assert (attributes["exitCode"], attributes["name"], attributes["image"], attributes["x"]) == (
        "0",
        "xx",
        "box",
        "1",
    )


def test_events_are_filtered_and_come_live(target: Target) -> None:
    process = subprocess.Popen(
        ["docker", "events", "-f", "type=container", "-f", "event=destroy", "--format", "{{.Actor.Attributes.name}}"],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "DOCKER_HOST": target.url},
    )  # fmt: skip
    try:
        until = time.monotonic() + 60
        assert process.stdout
        while not select.select([process.stdout], [], [], 0)[0]:
            target.cli("docker create --name xx box >/dev/null; docker rm xx")
            assert time.monotonic() < until
        assert process.stdout.readline() == "xx\n"
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
