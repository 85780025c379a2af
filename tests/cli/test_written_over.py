"""What a learner names as a file to write is never somebody's work that would be lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from voltutor import plots
from voltutor.cli import main, run
from voltutor.lessons import Progress
from voltutor.plots.style import figure


def test_progress_is_saved_again_and_over_nothing_else(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "kept.json"
    Progress.of(home).update("lab", "one", passed="seen")
    assert main(["progress", "save", str(kept)]) == 0
    Progress.of(home).update("lab", "two", passed="seen")
    assert main(["progress", "save", str(kept)]) == 0
    assert "2 steps" in capsys.readouterr().out
    for number, text in enumerate(("300 pages", "{}", '{"version": 99, "labs": {}}')):
        theirs = tmp_path / f"theirs{number}"
        theirs.write_text(text)
        assert main(["progress", "save", str(theirs)]) == 1
        assert str(theirs) in capsys.readouterr().err
        assert theirs.read_text() == text


def test_what_is_damaged_is_told_and_not_saved_as_no_steps(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Progress.of(home).path.write_text('{"version": 1, "la')
    assert main(["progress", "save", str(tmp_path / "kept.json")]) == 1
    out, err = capsys.readouterr()
    assert "0 steps" not in out
    assert str(Progress.of(home).path) in err
    assert not (tmp_path / "kept.json").exists()
    assert Progress.of(home).path.read_text() == '{"version": 1, "la'


def test_a_new_home_does_not_save_over_what_was_passed_in_another(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "kept.json"
    other = Progress(tmp_path / "other.json")
    other.update("lab", "one", passed="seen")
    other.update("lab", "two", hints=1)
    other.export(kept)
    before = kept.read_text()
    assert main(["progress", "save", str(kept)]) == 1
    assert "1 passed steps" in capsys.readouterr().err
    assert kept.read_text() == before
    assert main(["progress", "load", str(kept)]) == 0
    assert main(["progress", "save", str(kept)]) == 0


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_a_plot_is_drawn_over_a_plot_of_ours_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    ours, theirs = tmp_path / f"ours{suffix}", tmp_path / f"theirs{suffix}"
    plots.save(figure(), ours)
    assert plots.is_ours(ours)
    nowhere = ["--engine", f"unix://{tmp_path}/none.sock"]
    assert main(["measure", "--plot", str(ours), *nowhere]) == 3, "looked for an engine"
    theirs.write_bytes(b"my holidays")
    (tmp_path / f"growth-first-write{suffix}").write_bytes(b"my garden")
    for name in (theirs, tmp_path / f"growth{suffix}"):
        assert main(["measure", "--plot", str(name), *nowhere]) == 2
        assert "no figure of this kit" in capsys.readouterr().err
    assert theirs.read_bytes() == b"my holidays"


def test_a_run_writes_over_what_a_run_wrote_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nowhere = ["--engine", f"unix://{tmp_path}/none.sock"]
    notebook = tmp_path / "mine.ipynb"
    notebook.write_text("{}")
    assert main(["run", str(notebook), "--out", str(tmp_path), *nowhere]) == 2
    assert "Name another folder" in capsys.readouterr().err
    assert notebook.read_text() == "{}"
    for _again in range(2):
        assert main(["run", str(notebook), "--out", str(tmp_path / "out"), *nowhere]) == 3
        (tmp_path / "out" / "mine.ipynb").touch()
    assert (tmp_path / "out" / run.MARK).exists()
