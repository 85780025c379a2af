"""A card whose home is full: it says so, and the lab goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.disk.conftest import Disk
from tests.widgets.test_controller import Card, passed
from voltutor.home import write_atomically
from voltutor.session import Bench
from voltutor.widgets.workplace import Workplace

pytestmark = pytest.mark.engine


@pytest.fixture
def card(bench: Bench, engine_url: str) -> Iterator[Card]:
    workplace = Workplace(bench.home, engine_url)
    made = Card(workplace, "container-layer")
    made.until(lambda view: view["check"])
    yield made
    workplace.close()


def test_a_step_can_be_passed_without_room_for_progress(
    card: Card, home_disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, text: str) -> None:
        home_disk.fill()
        try:
            write_atomically(path, text * 100)
        finally:
            home_disk.make_room()

    monkeypatch.setattr("voltutor.lessons.progress.write_atomically", full)
    card.act("guess", None)
    view = card.act("run")
    assert passed(view)
    (told,) = [line for line in view["log"] if "is full" in line]
    assert f"The disk at {home_disk.top} is full" in told


def test_what_was_not_foreseen_is_told_without_room_to_write_it_down(
    card: Card, home_disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    home_disk.fill()
    monkeypatch.setattr("voltutor.widgets.controller.verdict", lambda *_: 1 // 0)
    view = card.act("check")
    assert "ZeroDivisionError" in "".join(view["log"])
    assert any("is full" in line for line in view["log"])
    monkeypatch.undo()
    assert card.act("check")["verdict"], "its worker lives"
