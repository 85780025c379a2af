"""Notebooks are copied to the home, and never over what the learner changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from voltutor.cli import notebooks
from voltutor.errors import UsageError


def notebook(*sources: str) -> str:
    cells = [{"cell_type": "code", "source": [source], "outputs": [], "metadata": {}} for source in sources]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture
def labs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "shipped"
    folder.mkdir()
    (folder / "01.ipynb").write_text(notebook("one"))
    monkeypatch.setattr(notebooks, "source", lambda: folder)
    return folder


def test_a_copy_that_was_only_executed_is_renewed(labs: Path, home: Path) -> None:
    (copy,) = notebooks.copied(home)
    assert copy == home / "labs" / "01.ipynb"
    executed = json.loads(copy.read_text())
    executed["cells"][0]["outputs"] = [{"output_type": "stream"}]
    copy.write_text(json.dumps(executed))
    (labs / "01.ipynb").write_text(notebook("two"))
    assert notebooks.copied(home) == [copy]
    assert "two" in copy.read_text()


def test_a_copy_that_was_only_executed_keeps_its_outputs(labs: Path, home: Path) -> None:
    (copy,) = notebooks.copied(home)
    executed = copy.read_text().replace('"outputs": []', '"outputs": [{"output_type": "stream"}]')
    copy.write_text(executed)
    assert notebooks.copied(home) == [copy]
    assert copy.read_text() == executed


def test_what_the_learner_changed_is_never_written_over(labs: Path, home: Path) -> None:
    (copy,) = notebooks.copied(home)
    copy.write_text(notebook("one", "mine"))
    assert copy.read_text() == notebook("one", "mine")
    (beside,) = notebooks.copied(home)
    assert beside != copy
    assert copy.read_text() == notebook("one", "mine")
    beside.write_text(notebook("one", "mine too"))
    notebooks.copied(home)
    assert beside.read_text() == notebook("one", "mine too")
    assert copy.read_text() == notebook("one", "mine")


def test_a_lost_ledger_makes_no_second_copy(labs: Path, home: Path) -> None:
    (copy,) = notebooks.copied(home)
    (home / "labs" / ".copied.json").unlink()
    assert notebooks.copied(home) == [copy]
    assert len(list((home / "labs").glob("*.ipynb"))) == 1


OURS = [Path(f"{name}.ipynb") for name in ("00-start-here", "03-bind-mounts-1a2b3c4d", "10-more")]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("0", 0),
        ("00-start-here", 0),
        ("3", 1),
        ("03", 1),
        ("03-bind-mounts", 1),
        ("03-bi", 1),
        ("labs/03-bind-mounts.ipynb", 1),
        ("10", 2),
    ],
)
def test_a_lab_is_named_by_number_by_name_or_by_path(name: str, meant: int) -> None:
    assert notebooks.named(name, OURS) == OURS[meant]


@pytest.mark.parametrize("name", ["", "1", "4", "nonsense", "bind"])
def test_a_name_of_no_lab_is_refused_with_those_that_there_are(name: str) -> None:
    with pytest.raises(UsageError, match="Take one of: 00-start-here, 03-bind-mounts"):
        notebooks.named(name, OURS)
