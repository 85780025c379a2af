"""Progress survives kernels and crashes, and nothing is lost where its file can't be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from voltutor.lessons import Failed, NotAttempted, NotProgress, Passed, Progress, StepProgress, Verdict


def test_what_was_guessed_and_passed_is_kept(tmp_path: Path) -> None:
    progress = Progress.of(tmp_path)
    assert progress.get("lab", "step") == StepProgress()
    progress.update("lab", "step", guessed=True, guess=2.0)
    progress.update("lab", "other", passed="seen")
    again = Progress.of(tmp_path)
    assert again.get("lab", "step") == StepProgress(guessed=True, guess=2.0)
    assert again.get("lab", "other").passed == "seen"


def test_a_file_that_cannot_be_read_is_kept_beside_the_new_one(tmp_path: Path) -> None:
    (tmp_path / "progress.json").write_text('{"version": 1, "labs"')
    progress = Progress.of(tmp_path)
    assert progress.get("lab", "step") == StepProgress()
    progress.update("lab", "step", passed="seen")
    assert progress.get("lab", "step").passed == "seen"
    assert (tmp_path / "progress.corrupt.json").read_text() == '{"version": 1, "labs"'


@pytest.mark.parametrize(
    "labs",
    [
        '{"L": []}',
        '{"L": {"s": null}}',
        '{"L": {"s": {"hints": "x"}}}',
        '{"L": {"s": {"guess": true}}}',
        "[]",
        "5",
    ],
)
def test_whatever_stands_in_the_file_a_card_can_be_shown_and_nothing_is_lost(
    tmp_path: Path, labs: str
) -> None:
    progress = Progress.of(tmp_path)
    for number, version in enumerate((1, 2)):
        text = f'{{"version": {version}, "labs": {labs}}}'
        progress.path.write_text(text)
        assert progress.get("L", "s") == StepProgress()
        assert progress.path.read_text() == text, "looking changes nothing"
        progress.update("L", "s", hints=1)
        assert progress.get("L", "s").hints == 1
        kept = tmp_path / ("progress.corrupt.json", "progress.corrupt-2.json")[number]
        assert kept.read_text() == text


def test_two_verdicts_are_the_same_whatever_was_seen() -> None:
    reason = Failed("{name} is missing.")
    assert reason.seen(name="one") == reason == reason.seen(name="two")
    assert reason.seen(name="one").text == "one is missing."
    assert reason != Failed("other")
    kinds: list[Verdict] = [Passed("x"), Failed("x")]
    assert kinds[0] != kinds[1]
    assert NotAttempted().text


def test_progress_is_taken_away_and_brought_back(tmp_path: Path) -> None:
    here, there = Progress(tmp_path / "here.json"), Progress(tmp_path / "there.json")
    here.update("lab", "one", passed="seen")
    here.update("lab", "two", hints=2)
    there.update("lab", "one", passed="seen before")
    assert here.export(tmp_path / "taken.json") == 2
    assert there.take_in(tmp_path / "taken.json") == 2
    assert there.get("lab", "one").passed == "seen before"
    assert there.get("lab", "two").hints == 2


@pytest.mark.parametrize(
    "text", ["", "[]", '{"version": 99, "labs": {}}', '{"version": 1, "labs": {"a": {"b": 3}}}']
)
def test_what_is_no_progress_file_is_refused_and_changes_nothing(tmp_path: Path, text: str) -> None:
    here = Progress(tmp_path / "here.json")
    here.update("lab", "one", passed="seen")
    before = here.path.read_text()
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(NotProgress):
        here.take_in(tmp_path / "bad.json")
    assert here.path.read_text() == before
