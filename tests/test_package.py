"""What importing costs, how texts are translated, and files that a crash can't spoil."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from voltutor.errors import UsageError
from voltutor.home import home, write_atomically
from voltutor.text import _, tr


def test_importing_the_package_loads_neither_docker_nor_matplotlib() -> None:
    names = ("docker", "matplotlib", "numpy", "ipywidgets")
    code = f"import sys, voltutor; print([name for name in {names} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_fields_are_filled_in_after_translation() -> None:
    assert tr(_("{n} pairs"), n=3) == "3 pairs"
    assert tr(_("50 % {without fields}")) == "50 % {without fields}"
    with pytest.raises(KeyError):
        tr(_("{n} of {total}"), n=3)


def test_an_error_is_a_sentence_on_what_and_one_on_what_to_do() -> None:
    error = UsageError(_("There is no {what}."), _("Take {other}."), what="x", other="y")
    assert (error.what, error.mend, error.exit_code) == ("There is no x.", "Take y.", 2)


def test_the_home_is_the_users_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOLTUTOR_HOME", str(tmp_path / "a" / "b"))
    assert home() == tmp_path / "a" / "b"
    assert home().stat().st_mode & 0o777 == 0o700


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "\udcff")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
