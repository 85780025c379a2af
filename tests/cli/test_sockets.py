"""Kernels' sockets: in the home, or where its path is too long, in a folder of this user's that goes again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from voltutor.cli.sockets import NAME_AT_MOST, NOTES, PATH_AT_MOST, fits, remove_left, sockets

HOLD = """import sys; from pathlib import Path; from voltutor.cli.sockets import sockets
home = Path(sys.argv[1])
with sockets(home, home / "jupyter" / "runtime") as folder: print(folder, flush=True); sys.stdin.read()"""


@pytest.fixture
def far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose path is long."""
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    home = tmp_path / ("ü" * 60)
    home.mkdir()
    return home


def test_the_longest_that_fits_is_a_sockets_path_of_the_kernels() -> None:
    longest = Path("/" + "x" * (PATH_AT_MOST - NAME_AT_MOST - 1))
    assert fits(longest)
    assert not fits(longest.with_name(longest.name + "x"))
    assert not fits(longest.with_name(longest.name[:-1] + "ü")), "bytes count, not letters"


def test_in_a_home_with_a_short_path_they_lie_there() -> None:
    with tempfile.TemporaryDirectory(prefix="vt-", dir="/var/tmp") as name:
        wanted = Path(name, "r")
        wanted.mkdir()
        (wanted / "kernel-of-yesterday-ipc-1").touch()
        with sockets(Path(name), wanted) as folder:
            assert folder == wanted
            assert list(folder.iterdir()) == []
            assert folder.stat().st_mode & 0o077 == 0
        assert list(Path(name).iterdir()) == []


def test_in_a_home_with_a_long_path_they_lie_in_a_private_folder_elsewhere(far: Path) -> None:
    with sockets(far, far / "jupyter" / "runtime") as folder:
        assert fits(folder)
        assert folder.stat().st_mode & 0o077 == 0
        assert [note.readlink() for note in (far / NOTES).iterdir()] == [folder]
        remove_left(far)
        assert folder.is_dir(), "somebody works in it"
    assert not folder.exists()
    assert list((far / NOTES).iterdir()) == []


def test_what_a_killed_one_left_elsewhere_goes_with_the_next(far: Path) -> None:
    held = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(far)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with held:
        assert held.stdout
        left = Path(held.stdout.readline().strip())
        held.send_signal(signal.SIGKILL)
    assert left.is_dir()
    remove_left(far)
    assert not left.exists()
    assert not (far / NOTES).exists()


def test_a_note_that_leads_to_somebody_elses_folder_costs_them_nothing(far: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir(mode=0o755)
    (far / NOTES).mkdir()
    (far / NOTES / "voltutor-x").symlink_to(theirs)
    remove_left(far)
    assert theirs.is_dir()


@pytest.mark.parametrize(("mode", "taken"), [(0o700, True), (0o755, False)])
def test_the_users_runtime_folder_is_taken_where_it_is_private(
    far: Path, monkeypatch: pytest.MonkeyPatch, mode: int, taken: bool
) -> None:
    with tempfile.TemporaryDirectory(prefix="vt-", dir="/var/tmp") as name:
        Path(name).chmod(mode)
        monkeypatch.setenv("XDG_RUNTIME_DIR", name)
        with sockets(far, far / "runtime") as folder:
            assert (folder.parent == Path(name)) is taken


def test_where_the_temporary_folder_is_long_too_the_systems_is_taken(
    far: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", os.fspath(far))
    with sockets(far, far / "runtime") as folder:
        assert folder.parent == Path("/tmp")
