"""Volumes: the forms, what fills them, what holds them, what removes them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.contract.conftest import Target


def mounts(target: Target, name: str) -> list[dict[str, object]]:
    mounts: list[dict[str, object]] = json.loads(
        target.cli(f"docker inspect --format '{{{{json .Mounts}}}}' {name}")
    )
    return mounts


def volumes(target: Target, more: str = "") -> list[str]:
    return target.cli(f"docker volume ls -q {more}").split()


def test_an_anonymous_volume_has_a_long_name_and_outlives_its_container(target: Target) -> None:
    target.cli("docker run -d --name web01 --volume /webapp box")
    (mount,) = mounts(target, "web01")
    name = mount["Name"]
    assert re.fullmatch("[0-9a-f]{64}", str(name))
    assert mount | {"Source": ""} == {
        "Type": "volume", "Name": name, "Source": "", "Destination": "/webapp", "Driver": "local", "Mode": "",
        "RW": True, "Propagation": "",
    }  # fmt: skip
    assert str(mount["Source"]).endswith(f"/{name}/_data")
    target.cli("docker exec web01 sh -c 'echo kept > /webapp/x'; docker rm -f web01")
    assert volumes(target) == [name]
    assert target.cli(f"docker run --rm -v {name}:/again box cat /again/x") == "kept"


def test_rm_v_takes_anonymous_volumes_and_leaves_named_ones(target: Target) -> None:
    target.cli("docker volume create vol1; docker run -d --name web04 -v vol1:/volume -v /webapp box")
    assert len(volumes(target)) == 2
    target.cli("docker container rm --volumes --force web04")
    assert volumes(target) == ["vol1"]


def test_run_rm_takes_anonymous_volumes_and_leaves_named_ones(target: Target) -> None:
    target.cli("docker run --rm -v named:/n -v /a box touch /n/x /a/x")
    assert volumes(target) == ["named"]


def test_run_rm_leaves_an_anonymous_volume_that_another_container_uses(target: Target) -> None:
    target.cli("docker run -d --name keeper -v /a box; docker run --rm --volumes-from keeper box touch /a/x")
    assert target.cli("docker exec keeper ls /a") == "x"


def test_create_is_content_with_a_volume_that_is_there(target: Target) -> None:
    target.cli("docker volume create --label a=1 vol1")
    assert target.cli("docker volume create --label a=2 vol1") == "vol1"
    assert json.loads(target.cli("docker volume inspect vol1"))[0]["Labels"] == {"a": "1"}


def test_inspect_has_the_fields_that_the_seed_shows(target: Target) -> None:
    target.cli("docker volume create --name vol1")
    (found,) = json.loads(target.cli("docker volume inspect vol1"))
    assert set(found) == {"CreatedAt", "Driver", "Labels", "Mountpoint", "Name", "Options", "Scope"}
    assert (found["Driver"], found["Name"], found["Scope"]) == ("local", "vol1", "local")
    assert Path(found["Mountpoint"]).name == "_data"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)", found["CreatedAt"])


@pytest.mark.parametrize("name", ["a", "with/slash", "..", "-dash", "white space"])
def test_a_name_that_can_t_be_is_refused(target: Target, name: str) -> None:
    assert "name" in target.fails(f"docker volume create -- '{name}'")
    assert volumes(target) == []


def test_an_empty_volume_is_filled_from_the_image_with_its_mode(target: Target) -> None:
    seen = target.cli(
        "docker run --rm -v filled:/srv box sh -c 'cat /srv/one /srv/deep/two; readlink /srv/link'"
    )
    assert seen.split() == ["one", "two", "/etc/passwd"]
    assert target.cli("docker run --rm -v filled:/x box stat -c '%a' /x/one") == "640"


def test_a_volume_with_content_is_not_filled(target: Target) -> None:
    target.cli("docker run --rm -v full:/x box touch /x/mine")
    assert target.cli("docker run --rm -v full:/srv box ls /srv") == "mine"


def test_nocopy_leaves_it_empty(target: Target) -> None:
    assert target.cli("docker run --rm -v bare:/srv:nocopy box ls /srv") == ""
    assert (
        target.cli("docker run --rm --mount type=volume,src=bare2,dst=/srv,volume-nocopy box ls /srv") == ""
    )


def test_it_is_filled_at_create_before_any_start(target: Target) -> None:
    target.cli("docker create --name c -v early:/srv box || docker create --name zz -v early:/srv box")
    assert "one" in target.cli("docker run --rm -v early:/x box ls /x")


def test_a_bind_mount_is_never_filled(target: Target, tmp_path: Path) -> None:
    assert target.cli(f"docker run --rm -v {tmp_path}:/srv box ls /srv") == ""


def test_volume_in_an_image_s_config_makes_an_anonymous_volume(target: Target) -> None:
    target.cli("docker create --name zz box; docker commit --change 'VOLUME /srv' zz declared; docker rm zz")
    target.cli("docker run -d --name xx declared")
    (mount,) = mounts(target, "xx")
    assert (mount["Type"], mount["Destination"]) == ("volume", "/srv")
    assert target.cli("docker exec xx cat /srv/one") == "one"
    target.cli("docker run -d --name yy -v mine:/srv declared")
    (mount,) = mounts(target, "yy")
    assert mount["Name"] == "mine"


def test_v_makes_a_missing_path_and_mount_refuses_it(target: Target, tmp_path: Path) -> None:
    target.cli(f"docker run --rm -v {tmp_path}/made/deep:/x box touch /x/y")
    assert (tmp_path / "made" / "deep" / "y").exists()
    said = target.fails(f"docker run --rm --mount type=bind,src={tmp_path}/missing,dst=/x box true")
    assert "bind source path does not exist" in said
    assert not (tmp_path / "missing").exists()


def test_a_file_can_be_bound_and_shows_in_mounts(target: Target, tmp_path: Path) -> None:
    (tmp_path / "redis.conf").write_text("maxmemory 64mb\n")
    path = tmp_path / "redis.conf"
    target.cli(f"docker run -d --name kvstor --volume {path}:/usr/local/etc/redis/redis.conf box")
    (mount,) = mounts(target, "kvstor")
    assert mount == {
        "Type": "bind", "Source": str(path), "Destination": "/usr/local/etc/redis/redis.conf", "Mode": "",
        "RW": True, "Propagation": "rprivate",
    }  # fmt: skip
    assert target.cli("docker exec kvstor cat /usr/local/etc/redis/redis.conf") == "maxmemory 64mb"
    target.cli("docker exec kvstor sh -c 'echo more >> /usr/local/etc/redis/redis.conf'")
    assert path.read_text().endswith("more\n")


def test_a_bound_file_that_is_replaced_shows_the_old_one(target: Target, tmp_path: Path) -> None:
    path = tmp_path / "conf"
    path.write_text("old\n")
    target.cli(f"docker run -d --name xx -v {path}:/conf box")
    (tmp_path / "new").write_text("new\n")
    (tmp_path / "new").replace(path)
    seen = target.cli("docker exec xx cat /conf", check=False)
    # PRoot looks the name up at each use, where the kernel's mount keeps to the inode.
    assert seen == ("new" if target.name == "vfs" else "old")


@pytest.mark.needs("read_only")
@pytest.mark.parametrize(
    "flag", ["-v vol1:/x:ro", "--mount type=volume,src=vol1,dst=/x,readonly", "-v /tmp:/x:ro"]
)
def test_a_read_only_mount_refuses_writes(target: Target, flag: str) -> None:
    said = target.fails(f"docker run --rm {flag} box touch /x/denied-by-contract")
    assert "Read-only file system" in said


@pytest.mark.needs("read_only")
def test_read_only_shows_in_mounts(target: Target) -> None:
    target.cli("docker create --name xx -v vol1:/x:ro -v vol2:/y --mount type=volume,src=vol3,dst=/z box")
    found = {str(mount["Destination"]): (mount["Mode"], mount["RW"]) for mount in mounts(target, "xx")}
    assert found == {"/x": ("ro", False), "/y": ("z", True), "/z": ("z", True)}


@pytest.mark.needs("tmpfs")
def test_tmpfs_holds_what_its_size_allows_and_goes_with_the_container(target: Target) -> None:
    said = target.fails("docker run --rm --tmpfs /t:size=1m box dd if=/dev/zero of=/t/x bs=64k count=32")
    assert "No space left on device" in said
    target.cli("docker run -d --name xx --mount type=tmpfs,dst=/t,tmpfs-size=2m box")
    (mount,) = mounts(target, "xx")
    assert mount == {
        "Type": "tmpfs",
        "Source": "",
        "Destination": "/t",
        "Mode": "",
        "RW": True,
        "Propagation": "",
    }
    target.cli("docker exec xx touch /t/x; docker restart -t 0 xx")
    assert target.cli("docker exec xx ls /t") == ""


@pytest.mark.needs("sized")
def test_a_volume_with_a_size_is_full_at_it(target: Target) -> None:
    options = "--opt type=tmpfs --opt device=tmpfs --opt o=size=1m"
    target.cli(f"docker volume create {options} small; docker run -d --name keep -v small:/x box")
    said = target.fails("docker run --rm -v small:/x box dd if=/dev/zero of=/x/y bs=64k count=32")
    assert "No space left on device" in said
    assert target.cli("docker exec keep ls /x") == "y"


def test_volumes_from_shares_them_with_their_modes(target: Target) -> None:
    target.cli("docker create --name dbstore --volume /dbdata box true")
    target.cli("docker run -d --name web03 --volumes-from dbstore box")
    (mine,), (theirs,) = mounts(target, "web03"), mounts(target, "dbstore")
    assert mine == theirs
    target.cli("docker exec web03 touch /dbdata/x; docker run -d --name other --volumes-from dbstore box")
    assert target.cli("docker exec other ls /dbdata") == "x"


@pytest.mark.needs("read_only")
def test_volumes_from_read_only(target: Target) -> None:
    target.cli("docker create --name dbstore --volume /dbdata box true")
    assert "Read-only" in target.fails("docker run --rm --volumes-from dbstore:ro box touch /dbdata/x")


def test_a_volume_in_use_is_not_removed(target: Target) -> None:
    target.cli("docker create --name xx -v vol1:/x box")
    said = target.fails("docker volume rm vol1")
    assert "volume is in use" in said
    assert volumes(target) == ["vol1"]
    target.cli("docker rm xx; docker volume rm vol1")
    assert "no such volume" in target.fails("docker volume rm vol1").lower()
    assert target.cli("docker volume rm -f vol1") == "vol1"


def test_dangling_is_what_no_container_holds_even_one_never_started(target: Target) -> None:
    target.cli("docker volume create free; docker create --name xx -v held:/x box")
    assert volumes(target, "-f dangling=true") == ["free"]
    assert volumes(target, "-f dangling=false") == ["held"]
    target.cli("docker rm xx")
    assert volumes(target, "-f dangling=true") == ["free", "held"]
    assert target.cli("docker volume rm $(docker volume ls --quiet --filter dangling=true)").split() == [
        "free",
        "held",
    ]


def test_volumes_are_listed_by_label_name_and_driver(target: Target) -> None:
    target.cli("docker volume create --label x=1 one; docker volume create --label x=2 two")
    assert volumes(target, "-f label=x=1") == ["one"]
    assert volumes(target, "-f label=x") == ["one", "two"]
    assert volumes(target, "-f name=tw") == ["two"]
    assert volumes(target, "-f driver=local") == ["one", "two"]


def test_prune_before_1_42_takes_named_volumes_too(target: Target) -> None:
    target.cli("docker volume create named; docker create --name xx -v held:/h -v /a box")
    target.cli("docker rm xx >/dev/null; docker create --name yy -v held:/h box")
    gone = target.at("1.41").prune_volumes()["VolumesDeleted"]
    assert "named" in gone
    assert len(gone) == 2
    assert volumes(target) == ["held"]


def test_prune_since_1_42_takes_anonymous_volumes_only_unless_all(target: Target) -> None:
    if target.name == "docker-20.10":
        pytest.xfail("speaks 1.41 at most")
    target.cli("docker volume create named; docker create --name xx -v /a box; docker rm xx")
    assert len(target.api.prune_volumes()["VolumesDeleted"]) == 1
    assert volumes(target) == ["named"]
    assert target.api.prune_volumes({"all": ["true"]})["VolumesDeleted"] == ["named"]


def test_a_subpath_of_a_volume(target: Target) -> None:
    if target.name == "docker-20.10":
        pytest.xfail("subpaths came with 1.45")
    target.cli("docker run --rm -v vol1:/x box sh -c 'mkdir -p /x/a/b; touch /x/a/b/deep'")
    flag = "--mount type=volume,src=vol1,dst=/s,volume-subpath=a/b"
    assert target.cli(f"docker run --rm {flag} box ls /s") == "deep"


@pytest.mark.parametrize(
    ("flags", "part"),
    [
        ("-v vol1:relative", "must be absolute"),
        ("-v vol1:/x -v vol2:/x", "Duplicate mount point"),
        ("-v vol1:/", "destination can't be '/'"),
        ("-v vol1:/x:nonsense", "invalid mode"),
        ("-v vol1:/x:ro,rw", "invalid mode"),
        ("-v 'with space:/x'", "invalid characters"),
        ("--mount type=bind,src=relative,dst=/x", "absolute"),
    ],
)
def test_what_can_t_be_meant_is_refused_and_leaves_nothing(target: Target, flags: str, part: str) -> None:
    assert part in target.fails(f"docker create --name xx {flags} box")
    assert target.cli("docker ps -aq") == ""


def test_a_target_that_is_a_link_is_followed_inside_the_container(target: Target) -> None:
    target.cli("docker run --rm -v vol1:/away box touch /srv/deep/here")
    assert target.cli("docker run --rm -v vol1:/x box ls /x").split() == ["here", "two"]


def test_nested_mounts_lie_in_order(target: Target) -> None:
    target.cli("docker run --rm -v inner:/x/y -v outer:/x box sh -c 'touch /x/y/in /x/out'")
    assert target.cli("docker run --rm -v inner:/i box ls /i") == "in"
    assert "out" in target.cli("docker run --rm -v outer:/o box ls /o")
