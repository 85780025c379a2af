"""Backups as files: what is written reads back, and what is damaged, cut short or foreign is refused."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voltutor.services import About, BadBackup, Manifest, Packing, chunks, read_manifest, verify

ABOUT = About("guestbook", "voltutor/store:1", "Docker 20.10", "/data", "2026-01-01T00:00:00+00:00", ("/x",))


def saved(path: Path, tar: bytes, piece: int = 1000) -> Manifest:
    """A backup of what an engine would have packed, in pieces of this size."""
    with path.open("wb+") as file, Packing(file) as packing:
        for _count in packing.copy(tar[at : at + piece] for at in range(0, len(tar), piece)):
            pass
        return packing.finish(ABOUT)


def packed(**members: bytes | str | None) -> bytes:
    """A tar with a folder named data: bytes are a file, a text a link, None a folder."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, value in {"": None, **members}.items():
            info = tarfile.TarInfo(f"data/{name.replace('__', '/')}".rstrip("/"))
            content = value if isinstance(value, bytes) else b""
            info.size, info.uid, info.mode = len(content), 999, 0o640
            if value is None:
                info.type = tarfile.DIRTYPE
            if isinstance(value, str):
                info.type, info.linkname = tarfile.SYMTYPE, value
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


TREE = packed(sub=None, sub__a=b"one" * 1000, b=b"two", link="sub/a", **{"long" * 60: b"long name"})


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    path = tmp_path / "monday.tar"
    saved(path, TREE)
    return path


@pytest.mark.parametrize("piece", [1, 511, 512, 10_000, 1 << 20])
def test_what_is_written_reads_back(tmp_path: Path, piece: int) -> None:
    path = tmp_path / "monday.tar"
    written = saved(path, TREE, piece)
    assert verify(path) == read_manifest(path) == written
    assert written.about == ABOUT
    assert written.size == 3000 + 3 + 9
    by_path = {entry.path: entry for entry in written.entries}
    assert by_path["data/sub/a"].sha256 == hashlib.sha256(b"one" * 1000).hexdigest()
    assert by_path["data/link"].link == "sub/a"
    assert by_path["data/b"].uid == 999
    assert b"".join(chunks(path)) == path.read_bytes()


def test_it_is_a_tar_as_any_other_and_its_sums_can_be_checked_by_hand(backup: Path, tmp_path: Path) -> None:
    subprocess.run(["tar", "-xf", backup, "-C", tmp_path, "--no-same-owner"], check=True)
    assert (tmp_path / "data" / "b").read_text() == "two"
    subprocess.run(
        ["sha256sum", "--check", "manifest.sha256"], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL
    )
    told = json.loads((tmp_path / "manifest.json").read_text())
    assert told["service"] == "guestbook"
    sums = {entry["path"]: entry["sha256"] for entry in told["files"] if entry["sha256"]}
    for path, wanted in sums.items():
        assert hashlib.sha256((tmp_path / path).read_bytes()).hexdigest() == wanted


@settings(deadline=None, max_examples=150)
@given(at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_no_flipped_bit_is_missed(tmp_path_factory: pytest.TempPathFactory, at: float, bit: int) -> None:
    path = tmp_path_factory.mktemp("flip") / "monday.tar"
    whole = saved(path, TREE)
    content = bytearray(path.read_bytes())
    content[int(at * len(content))] ^= 1 << bit
    path.write_bytes(content)
    with contextlib.suppress(BadBackup):
        assert verify(path) == whole, "only what stands for nothing may differ: the zeros behind the manifest"


@settings(deadline=None, max_examples=100)
@given(share=st.floats(0, 0.999))
def test_no_cut_is_missed(tmp_path_factory: pytest.TempPathFactory, share: float) -> None:
    path = tmp_path_factory.mktemp("cut") / "monday.tar"
    whole = saved(path, TREE)
    content = path.read_bytes()
    told = -(-(content.rindex(b"manifest.json\n") + 1) // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
    needed = told + 2 * tarfile.BLOCKSIZE
    cut = int(len(content) * share)
    path.write_bytes(content[:cut])
    if cut < needed:
        with pytest.raises(BadBackup):
            verify(path)
    else:
        assert verify(path) == whole, "only the zeros at its end are gone"


def _foreign(path: Path) -> None:
    path.write_bytes(TREE)


def _no_tar(path: Path) -> None:
    path.write_bytes(os.urandom(5000))


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _another_format(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"voltutor_backup": 1', b'"voltutor_backup": 9'))


def _followed(path: Path) -> None:
    with tarfile.open(path, "a") as tar:
        tar.addfile(tarfile.TarInfo("data/more"))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_foreign, "no manifest at its end"),
        (_no_tar, "not a tar"),
        (_empty, "not a tar|no manifest"),
        (_another_format, "can't be read"),
        (_followed, "follows its manifest"),
    ],
)
def test_what_is_no_backup_is_refused_in_words(
    backup: Path, spoil: Callable[[Path], None], said: str
) -> None:
    spoil(backup)
    with pytest.raises(BadBackup, match=said):
        verify(backup)


@pytest.mark.parametrize("name", ["../up", "/etc/passwd", "data/../../up", "other/x"])
def test_names_that_lead_out_of_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.addfile(tarfile.TarInfo(name))
    path = tmp_path / "monday.tar"
    saved(path, out.getvalue())
    with pytest.raises(BadBackup, match="outside"):
        verify(path)


@pytest.mark.parametrize("length", [0, 100, 512, 1024, len(TREE) // 2])
def test_an_engine_that_breaks_off_leaves_no_backup(tmp_path: Path, length: int) -> None:
    with pytest.raises(OSError, match=r"."):
        saved(tmp_path / "monday.tar", TREE[:length])
