"""A question is answered, and Ctrl+D is a no."""

from __future__ import annotations

import io
from argparse import Namespace

import pytest

from voltutor.cli.clean import _confirmed


class Keyboard(io.StringIO):
    """What is typed at a terminal; its end is Ctrl+D."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("typed", "yes"), [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False), ("", False)]
)
def test_only_a_yes_removes(
    typed: str, yes: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", Keyboard(typed))
    assert _confirmed(Namespace(json=False), 2) is yes
    out, err = capsys.readouterr()
    assert err == ""
    assert out.endswith("\n") is not bool(typed), "what is printed next begins a line"
