"""Layers: unpacked without a way out, told apart as the kernel's overlay does, packed again byte for byte."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import random
import stat
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voltutor.embedded import layers, scope
from voltutor.embedded.errors import ApiError, BadRequest
from voltutor.embedded.layers import ADDED, DELETED, MODIFIED, Change
from voltutor.embedded.record import Recorder, length, replay


def member(
    name: str, kind: bytes = tarfile.REGTYPE, link: str = "", content: bytes = b""
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo("x")
    info.name, info.type, info.linkname, info.size = name, kind, link, len(content)
    info.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    return info, content


def tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def unpack(data: bytes, root: Path, **options: Any) -> None:
    layers.unpack(io.BytesIO(data), str(root), **options)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_symlink()
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    inside = tmp_path / "inside"
    inside.mkdir()
    return inside


@pytest.mark.parametrize(
    "members",
    [
        [member("../outside/new")],
        [member("a/../../outside/new")],
        [member("link", tarfile.SYMTYPE, "../outside"), member("link/new")],
        [member("link", tarfile.SYMTYPE, "/"), member("link/tmp/voltutor-escaped")],
        [
            member("a", tarfile.SYMTYPE, "b"),
            member("b", tarfile.SYMTYPE, "../outside"),
            member("a/secret", content=b"x"),
        ],
        [member("hard", tarfile.LNKTYPE, "../outside/secret"), member("hard", content=b"changed")],
        [member("link", tarfile.SYMTYPE, "../outside/secret"), member("hard", tarfile.LNKTYPE, "link")],
        [member("link", tarfile.SYMTYPE, "../outside/secret"), member("link", content=b"changed")],
        [member(".wh...")],
        [member("a/.wh...")],
        [member(".wh..")],
        [member(".wh.")],
        [member(".wh..wh.x")],
        [member("loop", tarfile.SYMTYPE, "loop"), member("loop/x")],
        [member("null", tarfile.CHRTYPE)],
        [member("x", content=b"1"), member("x/y", content=b"2")],
    ],
    ids=lambda members: " ".join(info.name for info, _content in members),
)
def test_nothing_outside_the_root_changes(root: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    before = snapshot(root.parent / "outside")
    for layer in (True, False):
        try:
            unpack(tar(*members), root, layer=layer)
        except (ApiError, OSError):
            continue
    assert snapshot(root.parent / "outside") == before
    assert root.is_dir()
    assert not Path("/tmp/voltutor-escaped").exists()
    assert all(
        path.stat().st_nlink == 1 for path in root.rglob("*") if path.is_file() and not path.is_symlink()
    )


NAMES = st.lists(st.sampled_from(["a", "b", "..", ".", "", "link", "up"]), min_size=1, max_size=5).map(
    "/".join
)
LINKS = st.lists(st.sampled_from(["a", "..", "", "outside", "link", "up"]), min_size=1, max_size=4).map(
    "/".join
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(NAMES, st.sampled_from([b"0", b"1", b"2", b"5"]), LINKS), max_size=6))
def test_whatever_the_names_and_links_nothing_leaves_the_root(
    tmp_path_factory: pytest.TempPathFactory, plan: list[tuple[str, bytes, str]]
) -> None:
    base = tmp_path_factory.mktemp("scope")
    (base / "outside").mkdir()
    (base / "outside" / "a").write_text("kept")
    (base / "inside").mkdir()
    members = (
        member(name, kind, link if kind in b"12" else "", b"x" if kind == b"0" else b"")
        for name, kind, link in plan
    )
    with contextlib.suppress(ApiError, OSError):
        unpack(tar(*members), base / "inside")
    assert {path.name for path in base.iterdir()} == {"outside", "inside"}
    assert snapshot(base / "outside") == {str(base / "outside" / "a"): b"kept"}


@settings(max_examples=200, deadline=None)
@given(NAMES, LINKS)
def test_resolve_never_leaves_the_root(
    tmp_path_factory: pytest.TempPathFactory, path: str, link: str
) -> None:
    base = tmp_path_factory.mktemp("resolve")
    (base / "a").mkdir()
    (base / "link").symlink_to(link or ".")
    (base / "a" / "up").symlink_to("../" + link)
    try:
        found = scope.resolve(str(base), path)
    except OSError:
        return
    assert ".." not in found.split("/")
    assert (
        os.path.realpath(base / found.lstrip("/")).startswith(str(base))
        or not (base / found.lstrip("/")).exists()
    )


@pytest.mark.parametrize("cut", [1, 100, 511, 513, 1500])
def test_a_tar_that_breaks_off_is_refused(root: Path, cut: int) -> None:
    data = tar(member("a", content=bytes(5000)))
    with pytest.raises(BadRequest):
        unpack(data[:cut], root)


def test_what_unpacks_to_more_than_there_is_room_for_is_stopped(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = gzip.compress(tar(member("big", content=bytes(80 << 20))))
    assert len(bomb) < 1 << 20
    real = os.statvfs(root)

    class Small:
        f_bavail, f_frsize = (100 << 20) // real.f_frsize, real.f_frsize

    monkeypatch.setattr(os, "statvfs", lambda path: Small)
    with pytest.raises(ApiError, match="no space left"):
        unpack(bomb, root)
    assert sum(path.stat().st_size for path in root.rglob("*")) <= 80 << 20


def test_a_sparse_file_stays_sparse(root: Path, tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 30)
        file.seek(1 << 29)
        file.write(b"data")
    data = subprocess.run(
        ["tar", "-C", tmp_path, "--sparse", "-cf", "-", "sparse"], capture_output=True, check=True
    ).stdout
    unpack(data, root)
    found = (root / "sparse").stat()
    assert (found.st_size, found.st_blocks < 100) == (1 << 30, True)


def test_changes_are_those_of_an_overlay(tmp_path: Path) -> None:
    lower, upper = tmp_path / "lower", tmp_path / "upper"
    unpack(
        tar(
            member("d", tarfile.DIRTYPE),
            member("d/kept"),
            member("d/gone"),
            member("d/new", content=b"1"),
            member("opaque", tarfile.DIRTYPE),
            member("opaque/old"),
        ),
        _made(lower),
    )
    unpack(
        tar(
            member("d", tarfile.DIRTYPE),
            member("d/.wh.gone"),
            member("d/new", content=b"22"),
            member("opaque", tarfile.DIRTYPE),
            member("opaque/.wh..wh..opq"),
            member("opaque/young"),
            member(".wh.never"),
        ),
        _made(upper),
        layer=True,
    )
    found = layers.changes(str(upper), [str(lower)])
    assert found == [
        Change("/d", MODIFIED),
        Change("/d/gone", DELETED),
        Change("/d/new", MODIFIED),
        Change("/opaque", MODIFIED),
        Change("/opaque/old", DELETED),
        Change("/opaque/young", ADDED),
    ]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_a_layer_comes_out_as_it_came_in(tmp_path: Path) -> None:
    chance = random.Random(7)
    members = [member("d", tarfile.DIRTYPE)]
    members += [member(f"d/{n}", content=chance.randbytes(chance.randrange(0, 5000))) for n in range(40)]
    members += [
        member("d/hard", tarfile.LNKTYPE, "d/3"),
        member("d/soft", tarfile.SYMTYPE, "3"),
        member("d/.wh.x"),
    ]
    data = tar(*members)
    recorder = Recorder(io.BytesIO(data), tmp_path / "record")
    layers.unpack(recorder, str(_made(tmp_path / "l")), layer=True, recorder=recorder)
    while recorder.read(1 << 16):
        pass
    recorder.close()
    assert recorder.whole
    assert b"".join(replay(tmp_path / "record", str(tmp_path / "l"))) == data
    assert length(tmp_path / "record") == len(data)
    assert (tmp_path / "record").stat().st_size < 8000


def test_packing_is_the_same_for_the_same_content(tmp_path: Path) -> None:
    source = tar(
        member("b", content=b"1"),
        member("a", tarfile.DIRTYPE),
        member("a/.wh.x"),
        member("a/c", content=bytes(512)),
    )
    packed = []
    for name in ("one", "two"):
        unpack(source, _made(tmp_path / name), layer=True)
        packed.append(b"".join(layers.pack(str(tmp_path / name))))
    assert packed[0] == packed[1]
    unpack(packed[0], _made(tmp_path / "three"), layer=True)
    assert stat.S_ISCHR((tmp_path / "three" / "a" / "x").lstat().st_mode)


def test_a_tree_is_removed_whatever_its_modes(tmp_path: Path) -> None:
    deep = tmp_path / "t" / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "file").write_text("x")
    for folder in (deep, deep.parent, tmp_path / "t"):
        folder.chmod(0)
    layers.remove_tree(str(tmp_path / "t"))
    assert not (tmp_path / "t").exists()
    layers.remove_tree(str(tmp_path / "t"))
