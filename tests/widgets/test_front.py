"""Which lab is in front: a kernel is told by its page, and leads cells and terminals there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import anywidget
import pytest

from tests.own_engine import Embedded
from voltutor.engine import candidates, docker_host
from voltutor.labs import LABS
from voltutor.session import terminal
from voltutor.widgets.notebook import LabView
from voltutor.widgets.script import when_in_front
from voltutor.widgets.workplace import Workplace


class View(anywidget.AnyWidget):
    """A view without a page; it keeps what it would send."""

    _esm = "export default {}"

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Any] = []

    def send(self, content: Any, buffers: Any = None) -> None:
        self.sent.append(content)


def test_a_page_that_comes_to_the_front_is_heard_once_and_answered() -> None:
    view, led = View(), list[float]()
    when_in_front(view, led.append)
    for content in ({"front": 1764410000000}, {"front": "soon"}, {"action": "run", "id": "x"}, "front", None):
        view._handle_custom_msg(content, [])
    assert led == [1764410000000]
    assert view.sent == [{"fronted": 1764410000000}]


@pytest.fixture
def view(own: Embedded, home: Path) -> LabView:
    workplace = Workplace(home, own.url, watch=False, private=True)
    return LabView(LABS["08-removing-and-cleaning"], workplace)


def test_beside_our_server_it_leads_the_terminals_and_an_older_message_does_not(
    view: LabView, own: Embedded, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(terminal.FRONT, "set")
    view.lead(2)
    front = terminal.front(home)
    assert front
    assert (front.url, front.engine, front.at) == (own.url, own.url, 2)  # not this home's own engine
    assert front.said.startswith("lab 08, ")
    view.lead(1)
    assert terminal.front(home) == front


def test_elsewhere_it_leads_its_own_cells_only_and_the_learner_s_wish_is_kept(
    view: LabView, own: Embedded, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://localhost:1")
    view.lead()
    view.lead()
    assert os.environ["DOCKER_HOST"] == own.url
    assert docker_host() == "tcp://localhost:1"
    assert [candidate.url for candidate in candidates()] == ["tcp://localhost:1"]
    assert terminal.front(home) is None
