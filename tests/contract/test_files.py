"""Files in and out: cp both ways, links, modes, what is refused."""

from __future__ import annotations

import contextlib
import io
import tarfile
from pathlib import Path

import pytest
from docker.errors import APIError

from tests.contract.conftest import Target


def test_cp_both_ways_keeps_content_and_modes(target: Target, tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "x").write_text("content")
    (folder / "deep" / "x").chmod(0o751)
    (folder / "link").symlink_to("deep/x")
    target.cli(f"docker create --name xx box; docker cp {folder} xx:/tmp/")
    target.cli(f"docker cp xx:/tmp/tree {tmp_path}/back")
    assert (tmp_path / "back" / "deep" / "x").read_text() == "content"
    assert (tmp_path / "back" / "deep" / "x").stat().st_mode & 0o777 == 0o751
    assert (tmp_path / "back" / "link").readlink() == Path("deep/x")


def test_cp_of_what_runs_and_of_what_does_not(target: Target, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in")
    target.cli(f"docker run -d --name xx box; docker cp {tmp_path}/file xx:/new")
    assert target.cli("docker exec xx cat /new") == "in"
    target.cli("docker stop -t 0 xx")
    assert target.cli("docker cp xx:/new - | tar xO") == "in"


def test_cp_into_and_out_of_a_volume(target: Target, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in")
    target.cli(f"docker create --name xx -v vol1:/data box; docker cp {tmp_path}/file xx:/data/x")
    assert target.cli("docker run --rm -v vol1:/v box cat /v/x") == "in"
    assert target.cli("docker cp xx:/data/x - | tar xO") == "in"


@pytest.mark.parametrize("state", ["create", "run -d"])
def test_cp_of_a_folder_that_has_a_volume_in_it(target: Target, tmp_path: Path, state: str) -> None:
    (tmp_path / "data" / "sub").mkdir(parents=True)
    (tmp_path / "data" / "sub" / "x").write_text("in")
    (tmp_path / "data" / "y").hardlink_to(tmp_path / "data" / "sub" / "x")
    target.cli(f"docker {state} --name xx -v vol1:/data box")
    target.cli(f"tar -C {tmp_path} -cf - data | docker cp - xx:/")
    assert target.cli("docker run --rm -v vol1:/v box cat /v/sub/x /v/y") == "inin"
    assert target.cli("docker cp xx:/data - | tar xO data/sub/x") == "in"
    assert target.cli("docker cp xx:/ - | tar tf - | grep -c 'data/sub/x$'") == "1"


def test_cp_of_volumes_in_one_another_and_behind_a_link(target: Target, tmp_path: Path) -> None:
    (tmp_path / "away" / "vol").mkdir(parents=True)
    (tmp_path / "away" / "vol" / "x").write_text("in")
    target.cli("docker run -d --name xx -v outer:/srv/deep -v inner:/srv/deep/vol box")
    target.cli(f"tar -C {tmp_path} -cf - away/vol/x | docker cp - xx:/")  # /away leads to /srv/deep
    assert target.cli("docker run --rm -v inner:/v box cat /v/x") == "in"
    assert target.cli("docker cp xx:/srv/deep - | tar xO deep/vol/x") == "in"


@pytest.mark.needs("read_only")
def test_cp_into_a_read_only_volume_is_refused(target: Target, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in")
    target.cli("docker create --name xx -v vol1:/data:ro box")
    assert "read-only" in target.fails(f"docker cp {tmp_path}/file xx:/data/x")


def test_the_content_of_a_folder_by_a_dot(target: Target, tmp_path: Path) -> None:
    target.cli(f"docker create --name xx box; docker cp xx:/srv/. {tmp_path}/flat")
    assert (tmp_path / "flat" / "one").read_text() == "one\n"


def test_what_is_missing_is_said(target: Target, tmp_path: Path) -> None:
    target.cli("docker create --name xx box")
    assert "Could not find the file" in target.fails(f"docker cp xx:/nosuch {tmp_path}")
    assert target.fails(f"docker cp {tmp_path} xx:/nosuch/deep/er")
    with pytest.raises(APIError) as caught:
        target.api.put_archive("xx", "/nosuch", b"")
    assert caught.value.status_code == 404
    with pytest.raises(APIError) as caught:
        target.api.put_archive("xx", "/srv/one", b"")
    assert caught.value.status_code in (400, 500)  # the documentation says 400, Docker itself 500


def test_the_stat_of_an_archive(target: Target) -> None:
    target.cli("docker create --name xx box")
    pieces, found = target.api.get_archive("xx", "/srv/one")
    assert (found["name"], found["size"], found["mode"], found["linkTarget"]) == ("one", 4, 0o640, "")
    with tarfile.open(fileobj=io.BytesIO(b"".join(pieces))) as archive:
        assert archive.getnames() == ["one"]
    _pieces, found = target.api.get_archive("xx", "/srv/link")
    assert found["linkTarget"] == "/etc/passwd"
    assert found["mode"] & 1 << 27
    _pieces, found = target.api.get_archive("xx", "/srv")
    assert found["mode"] & 1 << 31


def _tar(**members: tarfile.TarInfo | bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, value in members.items():
            info = value if isinstance(value, tarfile.TarInfo) else tarfile.TarInfo(name)
            content = value if isinstance(value, bytes) else b""
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def test_links_in_an_upload_lead_to_the_container_s_own_files(target: Target) -> None:
    link = tarfile.TarInfo("out")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc"
    target.cli("docker create --name xx box")
    target.api.put_archive("xx", "/tmp", _tar(out=link))
    inner = tarfile.TarInfo("out/marked-by-contract")
    target.api.put_archive("xx", "/tmp", _tar(x=inner))
    assert not Path("/etc/marked-by-contract").exists()
    assert target.cli("docker cp xx:/etc/marked-by-contract - | tar t") == "marked-by-contract"


@pytest.mark.parametrize("name", ["../up", "a/../../../up", "/../../up"])
def test_a_name_that_leads_up_stays_inside(target: Target, name: str, tmp_path: Path) -> None:
    target.cli("docker create --name xx box")
    info = tarfile.TarInfo("x")
    info.name = name
    with contextlib.suppress(APIError):  # refused, or kept inside: both will do
        target.api.put_archive("xx", "/tmp", _tar(x=info))
    assert not Path("/var/tmp/up").exists()
    assert not Path("/up").exists()


def test_a_broken_upload_is_refused_and_the_engine_goes_on(target: Target) -> None:
    target.cli("docker create --name xx box")
    whole = _tar(x=b"x" * 100_000)
    for broken in (whole[:50_000], b"\x1f\x8b" + whole[:2000], b"nonsense" * 100):
        with pytest.raises(APIError):
            target.api.put_archive("xx", "/tmp", broken)
    assert target.api.ping()
