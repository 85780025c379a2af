"""Which notebooks `voltutor run` executes, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from voltutor.cli import run
from voltutor.cli.notebooks import copied


def test_a_name_means_what_it_means_to_lab_and_a_path_any_notebook(home: Path, tmp_path: Path) -> None:
    ours = copied(home)
    assert run._notebooks([]) == ours
    theirs = tmp_path / "theirs.ipynb"
    theirs.touch()
    assert run._notebooks(["3", str(theirs), "00-start-here"]) == [ours[3], theirs, ours[0]]


@pytest.mark.parametrize("name", ["08-removing-and-cleaning", "08-removing-and-cleaning-1a2b3c4d"])
def test_a_lab_that_removes_what_it_finds_takes_its_own_engine_beside_a_changed_copy_too(name: str) -> None:
    assert run._private(Path(f"labs/{name}.ipynb"))
    assert not run._private(Path("labs/01-copy-on-write.ipynb"))
