"""The source's own commands, run as they are written there, but for paths, where images come from, and the
question that prune asks."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.contract.conftest import Target

LONG = "[0-9a-f]{64}"


def images(target: Target) -> None:
    """What the source pulls: here each is the box, serving or waiting."""
    target.cli(
        "docker container create --name made box; docker tag box busybox; docker tag box redis:4.0-alpine"
    )
    target.cli("docker container commit -c 'EXPOSE 80' made nginx; docker container rm made")


def test_the_forms_of_a_volume_one_after_the_other(target: Target, tmp_path: Path) -> None:
    images(target)
    (tmp_path / "redis.conf").write_text("maxmemory 64mb\n")
    (tmp_path / "html").mkdir()
    (tmp_path / "html" / "index.html").write_text("served\n")
    conf = f"{tmp_path}/redis.conf:/usr/local/etc/redis/redis.conf"
    target.cli(f"docker container run --detach --publish-all --name kvstor --volume {conf} redis:4.0-alpine")
    target.cli("docker container run --detach --name web01 --volume /webapp nginx")
    html = f"{tmp_path}/html:/usr/share/nginx/html"
    target.cli(f"docker container run --publish-all --detach --name web02 --volume {html} nginx")
    target.cli("docker container create --volume /dbdata --name dbstore busybox")
    target.cli("docker container run --detach --publish-all --name web03 --volumes-from dbstore nginx")
    target.cli("docker volume create --name vol1")
    target.cli("docker container run --detach --publish-all --name web04 --volume vol1:/volume nginx")

    def mount(name: str) -> tuple[str, str, str, bool, str]:
        (found,) = json.loads(target.cli(f"docker container inspect {name}"))[0]["Mounts"]
        return found["Type"], found["Destination"], found["Mode"], found["RW"], found["Propagation"]

    assert mount("kvstor") == ("bind", "/usr/local/etc/redis/redis.conf", "", True, "rprivate")
    assert mount("web01") == ("volume", "/webapp", "", True, "")
    assert mount("web02") == ("bind", "/usr/share/nginx/html", "", True, "rprivate")
    assert mount("web03") == ("volume", "/dbdata", "", True, "")
    assert mount("web04") == ("volume", "/volume", "z", True, "")
    assert target.cli("docker exec web02 cat /usr/share/nginx/html/index.html") == "served"


def test_removing_and_cleaning_up(target: Target) -> None:
    images(target)
    target.cli("docker container run --detach --name web01 --volume /webapp nginx")
    target.cli("docker volume create --name vol1")
    target.cli("docker container run --detach --publish-all --name web04 --volume vol1:/volume nginx")
    # The source's line lacks rm, and is refused as it stands.
    assert "unknown flag: --volumes" in target.fails("docker container --volumes --force web04")
    target.cli("docker container rm --volumes --force web04")
    lines = target.cli("docker volume ls").splitlines()
    assert re.fullmatch(r"DRIVER +VOLUME NAME", lines[0])
    assert re.fullmatch(rf"local +{LONG}", lines[1])
    assert re.fullmatch(r"local +vol1", lines[2])
    target.cli("docker container rm --force web01")
    orphans = target.cli("docker volume ls --quiet --filter dangling=true").split()
    assert len(orphans) == 2
    gone = target.cli("docker volume rm $(docker volume ls --quiet --filter dangling=true)").split()
    assert gone == orphans
    assert len(target.cli("docker volume ls").splitlines()) == 1


def test_prune_says_what_it_deleted(target: Target) -> None:
    target.cli("docker container create --volume /dbdata --name dbstore box; docker container rm dbstore")
    said = target.cli("docker volume prune -f")
    assert re.fullmatch(rf"Deleted Volumes:\n{LONG}\n\nTotal reclaimed space: 0B", said)


def test_system_df_counts_what_is_there(target: Target) -> None:
    target.cli(
        "docker run -d --name xx -v vol1:/data box; docker exec xx dd if=/dev/zero of=/data/x bs=1000 count=3"
    )
    said = target.cli("docker system df -v")
    assert re.search(r"^vol1 +1 +3kB$", said, re.MULTILINE)
    assert re.search(r"^\S+ +box .* xx$", said, re.MULTILINE)
    assert re.search(r"^box +latest ", said, re.MULTILINE)
