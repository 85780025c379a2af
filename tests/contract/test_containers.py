"""Containers: their life, their layer, what commit keeps, what a list and an inspect say."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from docker.errors import APIError

from tests.contract.conftest import Target


def inspect(target: Target, name: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = json.loads(target.cli(f"docker inspect {name}"))
    return found[0]


def diff(target: Target, name: str) -> set[str]:
    return set(target.cli(f"docker diff {name}").splitlines())


def status(target: Target, name: str) -> tuple[str, int]:
    state = inspect(target, name)["State"]
    return state["Status"], state["ExitCode"]


def test_stop_and_start_keep_the_layer_and_remove_loses_it(target: Target) -> None:
    target.cli("docker run -d --name xx box; docker exec xx sh -c 'echo x > /kept'")
    target.cli("docker stop -t 0 xx; docker start xx")
    assert target.cli("docker exec xx cat /kept") == "x"
    target.cli("docker restart -t 0 xx")
    assert target.cli("docker exec xx cat /kept") == "x"
    target.cli("docker rm -f xx; docker run -d --name xx box")
    assert "No such file" in target.fails("docker exec xx cat /kept")


def test_diff_tells_added_changed_and_deleted(target: Target) -> None:
    target.cli(
        "docker run -d --name xx box; docker exec xx sh -c 'echo >> /srv/one; rm /srv/link; mkdir -p /new/in'"
    )
    assert diff(target, "xx") == {"C /srv", "C /srv/one", "D /srv/link", "A /new", "A /new/in"}


def test_diff_of_a_replaced_folder_and_of_a_file_made_again(target: Target) -> None:
    target.cli("docker run -d --name xx box")
    target.cli(
        "docker exec xx sh -c 'rm -r /srv/deep; mkdir /srv/deep; touch /srv/deep/other; rm /srv/one; echo > /srv/one'"
    )
    found = diff(target, "xx")
    assert {"D /srv/deep/two", "A /srv/deep/other", "C /srv/one"} <= found


def test_diff_leaves_out_what_lies_in_a_volume(target: Target) -> None:
    target.cli("docker run -d --name xx -v vol1:/data box; docker exec xx touch /data/x /y")
    assert diff(target, "xx") == {"A /data", "A /y"}


def test_commit_keeps_the_layer_and_not_the_volumes(target: Target) -> None:
    target.cli(
        "docker run -d --name xx -v /data box; "
        "docker exec xx sh -c 'echo l > /inlayer; echo v > /data/x; rm /srv/one'"
    )
    made = target.cli("docker commit -m note -c 'ENV B=2' -c 'CMD [\"cat\",\"/inlayer\"]' xx kept:1")
    assert made.startswith("sha256:")
    assert target.cli("docker run --rm kept:1") == "l"
    assert target.cli("docker run --rm kept:1 ls /data") == ""
    assert "No such file" in target.fails("docker run --rm kept:1 cat /srv/one")
    assert target.cli("docker run --rm kept:1 env").splitlines().count("B=2") == 1
    assert len(json.loads(target.cli("docker image inspect kept:1"))[0]["RootFS"]["Layers"]) == 2


def test_exit_codes(target: Target) -> None:
    for line, code in (
        ("true", 0),
        ("sh -c 'exit 7'", 7),
        ("sh -c 'kill -9 $$'", 255 if target.name == "vfs" else 0),
    ):
        name = f"c{code}{len(line)}"
        target.cli(f"docker run --name {name} box {line}", check=False)
        # A first process ignores even KILL from its own namespace, and goes on to its end.
        assert status(target, name) == ("exited", code)


def test_stop_sends_term_and_kill_after_the_time(target: Target) -> None:
    target.cli("docker run -d --name deaf box sleep 600")
    trap = 'trap "exit 5" TERM; while :; do sleep 0.05; done'
    target.cli(f"docker run -d --name hears box sh -c '{trap}'")
    until = time.monotonic() + 60
    while "sleep" not in target.cli("docker exec hears ps") and time.monotonic() < until:
        pass
    target.cli("docker stop -t 8 hears; docker stop -t 1 deaf")
    assert status(target, "hears") == ("exited", 5)
    # Without a handler the first process of its own namespace ignores TERM; under PRoot it is no such process.
    assert status(target, "deaf") == ("exited", 143 if target.name == "vfs" else 137)


def test_kill_sends_the_signal_that_is_named(target: Target) -> None:
    target.cli(
        "docker run -d --name xx box sh -c 'trap \"echo heard; exit 3\" USR1; while :; do sleep 0.05; done'"
    )
    target.cli("docker exec xx true; docker kill -s USR1 xx; docker wait xx")
    assert status(target, "xx") == ("exited", 3)
    assert target.cli("docker logs xx") == "heard"
    assert "not running" in target.fails("docker kill xx")
    assert "nvalid signal" in target.fails("docker kill -s NOSUCH xx")


def test_pause_holds_it_and_unpause_lets_it_go(target: Target) -> None:
    target.cli(
        "docker run -d --name xx box sh -c 'i=0; while :; do i=$((i+1)); echo $i > /tick; sleep 0.02; done'"
    )
    target.cli("docker exec xx sh -c 'until [ -s /tick ]; do :; done'")
    target.cli("docker pause xx")
    assert status(target, "xx")[0] == "paused"
    assert "paused" in target.fails("docker exec xx true")
    first = target.cli("docker cp xx:/tick - | tar xO")
    assert target.cli("docker cp xx:/tick - | tar xO") == first
    target.cli("docker unpause xx")
    until = time.monotonic() + 60
    while target.cli("docker exec xx cat /tick") == first and time.monotonic() < until:
        pass
    assert target.cli("docker exec xx cat /tick") != first


def test_wait_conditions(target: Target) -> None:
    target.cli("docker create --name xx box sh -c 'exit 4'")
    assert target.cli("docker wait xx & sleep 0.3; docker start xx >/dev/null; wait", timeout=60) in (
        "0",
        "4",
    )
    assert target.api.wait("xx")["StatusCode"] == 4


def test_start_of_what_runs_and_stop_of_what_does_not_change_nothing(target: Target) -> None:
    target.cli("docker run -d --name xx box")
    started = inspect(target, "xx")["State"]["StartedAt"]
    target.cli("docker start xx")
    assert inspect(target, "xx")["State"]["StartedAt"] == started
    target.cli("docker stop -t 0 xx; docker stop xx")
    assert status(target, "xx")[0] == "exited"


def test_a_name_is_one_container_s(target: Target) -> None:
    target.cli("docker create --name xx box; docker create --name yy box")
    assert "already in use" in target.fails("docker create --name xx box")
    assert "already in use" in target.fails("docker rename yy xx")
    target.cli("docker rename yy zz")
    assert target.cli("docker ps -a --format '{{.Names}}'").split() == ["zz", "xx"]
    assert "No such container" in target.fails("docker start yy")


def test_a_running_container_is_removed_by_force_only(target: Target) -> None:
    target.cli("docker run -d --name xx box")
    assert "running" in target.fails("docker rm xx")
    target.cli("docker rm -f xx")
    assert "No such container" in target.fails("docker rm xx")


def test_a_program_that_is_not_there_leaves_a_created_container(target: Target) -> None:
    said = target.fails("docker run --name xx box nosuch")
    assert '"nosuch": executable file not found in $PATH' in said
    assert status(target, "xx") == ("created", 127)
    said = target.fails("docker run --name yy box /srv/one")
    assert "permission denied" in said
    assert status(target, "yy") == ("created", 126)


def test_lists_by_state_name_label_ancestor_and_volume(target: Target) -> None:
    target.cli("docker run -d --name run1 --label x=1 box; docker create --name made1 -v vol1:/v box")
    # `run` may return before the engine's own list knows that it has ended.
    target.cli("docker run -d --name done1 box sh -c 'exit 3'; docker wait done1", check=False)

    def names(more: str) -> set[str]:
        return set(target.cli(f"docker ps {more} --format '{{{{.Names}}}}'").split())

    assert names("") == {"run1"}
    assert names("-a") == {"run1", "made1", "done1"}
    assert names("-a -f status=created") == {"made1"}
    assert names("-a -f exited=3") == {"done1"}
    assert names("-a -f name=1$ -f label=x") == {"run1"}
    assert names("-a -f volume=vol1") == {"made1"}
    assert names("-a -f ancestor=box") == {"run1", "made1", "done1"}
    assert names("-a -f before=done1") == {"run1", "made1"}
    assert names("-n 1") == {"done1"}


def test_ids_can_be_shortened(target: Target) -> None:
    id_ = target.cli("docker create box")
    assert inspect(target, id_[:6])["Id"] == id_


def test_inspect_says_how_it_was_made(target: Target) -> None:
    target.cli("docker create --name xx -e B=2 -w /srv --label x=1 --entrypoint echo -i box hello")
    found = inspect(target, "xx")
    assert (found["Path"], found["Args"], found["Name"]) == ("echo", ["hello"], "/xx")
    config = found["Config"]
    assert config["Image"] == "box"
    assert {"A=image", "B=2"} <= set(config["Env"])
    assert (config["WorkingDir"], config["Labels"], config["OpenStdin"]) == ("/srv", {"x": "1"}, True)
    assert found["State"]["Status"] == "created"
    assert target.cli("docker start -a xx") == "hello"


def test_the_working_folder_is_made(target: Target) -> None:
    assert target.cli("docker run --rm -w /not/there box pwd") == "/not/there"


def test_prune_removes_what_does_not_run(target: Target) -> None:
    target.cli(
        "docker run -d --name xx box; docker create --name yy box; docker create --name zz --label keep box"
    )
    gone = target.api.prune_containers({"label!": ["keep"]})
    assert len(gone["ContainersDeleted"]) == 1
    assert set(target.cli("docker ps -a --format '{{.Names}}'").split()) == {"xx", "zz"}


def test_the_size_of_a_layer_is_what_was_written(target: Target) -> None:
    target.cli("docker run -d --name xx box; docker exec xx dd if=/dev/zero of=/big bs=1024 count=2048")
    (line,) = target.api.containers(size=True)
    assert 2 << 20 <= line["SizeRw"] < (2 << 20) + 4096
    assert line["SizeRootFs"] > line["SizeRw"]


@pytest.mark.needs("isolation")
def test_a_container_is_alone_with_its_processes_and_name(target: Target) -> None:
    target.cli("docker run -d --name xx --hostname inside box")
    assert target.cli("docker exec xx hostname") == "inside"
    assert target.cli('docker exec xx sh -c \'cat /proc/1/cmdline | tr "\\0" " "\'') == "sleep 600"
    seen = target.cli("docker exec xx ps | wc -l")
    assert int(seen) <= 5


@pytest.mark.needs("isolation")
def test_main_process_and_exec_have_docker_s_capabilities_and_no_more(target: Target) -> None:
    target.cli("docker run -d --name xx box")
    line = "sh -c 'grep -E \"Cap(Prm|Eff|Bnd)\" /proc/%s/status'"
    for pid in ("1", "self"):
        lines = target.cli(f"docker exec xx {line % pid}").split()
        assert lines[1::2] == ["00000000a80425fb"] * 3
    for attempt in ("mount -t tmpfs x /srv", "umount /proc", "mount -o remount,rw /sys"):
        assert target.fails(f"docker exec xx {attempt}")


def test_create_has_the_statuses_that_clients_rely_on(target: Target) -> None:
    with pytest.raises(APIError) as caught:
        target.api.create_container("nosuch:image")
    assert caught.value.status_code == 404
    for call in (
        target.api.inspect_container,
        target.api.start,
        target.api.stop,
        target.api.remove_container,
    ):
        with pytest.raises(APIError) as caught:
            call("nosuch")
        assert caught.value.status_code == 404
    for ref in ("/", "%2e%2e", "a b"):
        with pytest.raises(APIError) as caught:
            target.api.create_container("box", name=ref)
        assert caught.value.status_code == 400
