"""What is recorded says so, and is listed with where and when."""

from __future__ import annotations

from pathlib import Path

import pytest

from voltutor.results import load, recorded

DATA = Path(__file__).parents[2] / "data"


@pytest.mark.parametrize("path", sorted(DATA.glob("*.json")), ids=lambda path: path.stem)
def test_a_recorded_result_is_marked_whole_and_listed(path: Path) -> None:
    for result in load(path):
        assert result.origin == "recorded"
        assert result.answers
        assert result.started
        assert result.circumstances["engine_version"]
    assert path.name in (DATA / "README.md").read_text()


def test_what_can_t_be_measured_is_shown_from_the_record() -> None:
    found = recorded("first-write")
    assert found is not None
    assert found.origin == "recorded"
    assert recorded("nonsense") is None
