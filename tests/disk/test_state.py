"""The kit's own state on a full disk: what must be written before anything is made, and what can wait."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.disk.conftest import Disk
from voltutor.cli.notebooks import copied
from voltutor.cli.notebooks import source as notebooks
from voltutor.disk import DiskTrouble
from voltutor.lessons import Progress
from voltutor.session import Journal, Session
from voltutor.session.journal import Reservation


def fill_journal(journal: Journal) -> None:
    """Use up what is left of its last page."""
    with contextlib.suppress(DiskTrouble):
        for number in range(1000):
            journal.reserve(Reservation("container", f"filler{number}", "filler"))


def test_nothing_is_begun_that_could_not_be_written_down_and_what_ends_waits_for_room(disk: Disk) -> None:
    path = disk.top / "journal.jsonl"
    journal = Journal(path)
    journal.reserve(Reservation("volume", "vol", "vol"))
    journal.made("volume", "vol", "vol")
    disk.fill()
    fill_journal(journal)
    written = path.read_bytes()
    with pytest.raises(DiskTrouble, match="is full"):
        journal.reserve(Reservation("volume", "later", "later"))
    with pytest.raises(DiskTrouble):
        journal.asked("volume", "vol")
    journal.anonymous("a" * 64, "box")
    journal.gone("volume", "vol")
    assert path.read_bytes() == written, "no half of a line"
    assert ("volume", "vol") not in journal.state().made
    assert journal.state().anonymous == {"a" * 64: "box"}
    disk.make_room()
    journal.release("volume", "vol")
    on_disk = Journal(path).state()
    assert on_disk == journal.state()
    assert ("volume", "vol") not in on_disk.reserved
    assert on_disk.anonymous == {"a" * 64: "box"}


def test_a_journal_that_is_only_in_memory_is_forgotten_with_the_session(disk: Disk) -> None:
    journal = Journal(disk.top / "journal.jsonl")
    journal.begin()
    disk.fill()
    journal.gone("volume", "vol")
    journal.meet("volume", "vol")
    assert journal.state().met
    journal.begin()
    assert journal.state().empty
    assert not journal.state().met
    assert not journal.state().lost


def test_a_session_that_finds_no_room_is_not_half_begun(home: Path, home_disk: Disk) -> None:
    home_disk.fill()
    engine: Any = SimpleNamespace(info=SimpleNamespace(id="x"), url="unix:///x")
    with pytest.raises(DiskTrouble, match="is full"):
        Session.open(home, engine)
    assert not list((home / "sessions").glob("*"))
    home_disk.make_room()
    assert Session.open(home, engine) == Session.all(home)[0]


def test_progress_that_finds_no_room_leaves_what_was_passed(home: Path, home_disk: Disk) -> None:
    progress = Progress.of(home)
    progress.update("01", "one", passed="seen")
    home_disk.fill()
    with pytest.raises(DiskTrouble):
        progress.update("01", "two", passed="x" * 10_000)
    assert progress.get("01", "one").passed == "seen"


def test_notebooks_that_found_no_room_are_copied_whole_later(home: Path, home_disk: Disk) -> None:
    home_disk.fill()
    with pytest.raises(DiskTrouble):
        copied(home)
    assert not list(home.rglob("*.ipynb"))
    home_disk.make_room()
    made = {path.name: path.read_bytes() for path in copied(home)}
    assert made == {path.name: path.read_bytes() for path in notebooks().glob("*.ipynb")}


def test_a_disk_that_is_over_its_quota_keeps_no_half_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(
        "os.write", lambda handle, data: write(handle, data[:7]) if len(data) > 30 else _over()
    )
    journal = Journal(tmp_path / "journal.jsonl")
    with pytest.raises(DiskTrouble, match="quota"):
        journal.reserve(Reservation("volume", "vol", "vol"))
    monkeypatch.undo()
    assert journal.path.read_bytes() == b""


def _over() -> int:
    raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
