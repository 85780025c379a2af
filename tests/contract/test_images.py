"""Images: load, save, import, tag, history, remove."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.contract.conftest import Target


def test_save_and_load_bring_an_image_back(target: Target, tmp_path: Path) -> None:
    target.cli("docker create --name xx box; docker cp /etc/hostname xx:/srv/added; docker commit xx two:1")
    before = json.loads(target.cli("docker image inspect two:1"))[0]
    target.cli(f"docker save -o {tmp_path}/two.tar two:1; docker rm xx; docker rmi two:1")
    assert "No such image" in target.fails("docker image inspect two:1")
    assert "two:1" in target.cli(f"docker load -i {tmp_path}/two.tar")
    after = json.loads(target.cli("docker image inspect two:1"))[0]
    assert after["Id"] == before["Id"]
    assert after["RootFS"] == before["RootFS"]
    assert target.cli("docker run --rm two:1 cat /srv/added") == Path("/etc/hostname").read_text().strip()


def test_an_image_that_moves_between_engines_keeps_its_id(
    target: Target, engines: Callable[[str], Target], tmp_path: Path
) -> None:
    id_ = target.cli("docker image inspect --format '{{.Id}}' box")
    target.cli(f"docker save -o {tmp_path}/box.tar box")
    other = engines("overlay" if target.name != "overlay" else "overlay-tmpfs")
    own = other.cli("docker image inspect --format '{{.Id}}' box")
    try:
        other.cli(f"docker load -i {tmp_path}/box.tar")
        assert other.cli("docker image inspect --format '{{.Id}}' box") == id_
    finally:
        other.cli(f"docker tag {own} box:latest")
        other.clear()


def test_tags_move_and_an_image_goes_with_its_last_one(target: Target) -> None:
    target.cli("docker create --name xx box; docker commit xx one:1; docker rm xx; docker tag one:1 other:2")
    target.cli("docker rmi one:1")
    assert target.cli("docker image inspect --format '{{json .RepoTags}}' other:2") == '["other:2"]'
    assert "Deleted: sha256:" in target.cli("docker rmi other:2")
    assert "No such image" in target.fails("docker rmi other:2")


def test_an_image_in_use_is_not_removed(target: Target) -> None:
    target.cli("docker create --name base box; docker commit base one:1; docker create --name xx one:1")
    assert "must force" in target.fails("docker rmi one:1")
    target.cli("docker rmi -f one:1")
    assert target.cli("docker start -a xx & sleep 0.3; docker rm -f xx >/dev/null; wait", check=False) == ""


def test_history_is_newest_first_with_sizes(target: Target) -> None:
    target.cli(
        "docker create --name xx box; docker cp /etc/hostname xx:/srv/added; docker commit -m note xx two:1"
    )
    lines = target.api.history("two:1")
    assert [line["Size"] for line in lines] == [Path("/etc/hostname").stat().st_size, lines[1]["Size"]]
    assert lines[0]["Comment"] == "note"
    assert lines[0]["Tags"] == ["two:1"]


def test_import_applies_changes(target: Target) -> None:
    target.cli(
        "docker create --name xx box; docker cp xx:/bin - | docker import -c 'WORKDIR /bin' -c 'ENV Q=5' "
        "-c 'ENTRYPOINT [\"/bin/busybox\"]' - imported"
    )
    assert target.cli("docker run --rm imported env").splitlines().count("Q=5") == 1


def test_what_is_no_archive_is_refused(target: Target, tmp_path: Path) -> None:
    (tmp_path / "junk").write_bytes(b"junk" * 1000)
    assert target.fails(f"docker load -i {tmp_path}/junk")
    assert target.cli("docker images -q | wc -l") == "1"


def test_a_missing_image_is_pulled_from_nowhere(target: Target) -> None:
    assert target.fails("docker run --rm no/such:image true")
