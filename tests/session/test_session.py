"""A home knows its sessions, those that have ended too, and is known itself by an id that nobody else has."""

from __future__ import annotations

import itertools
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from voltutor.session import RUN, Session, home_id


@dataclass
class Info:
    id: str = "an engine"


@dataclass
class NoCalls:
    """As much of an engine as a session asks for."""

    info: Info
    url: str = "unix:///nowhere"


ENGINE: Any = NoCalls(Info())


@pytest.mark.parametrize("text", ["", "\n", "\x00\x00", "../x"])
def test_a_home_whose_id_was_lost_gets_another(tmp_path: Path, text: str) -> None:
    first = home_id(tmp_path)
    assert home_id(tmp_path) == first
    (tmp_path / "id").write_text(text)
    assert home_id(tmp_path) not in ("", text.strip(), first)


def test_an_ended_sessions_id_is_given_to_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = itertools.chain(["aaaa", "aaaa", "aaaa", "bbbb"])
    home_id(tmp_path)
    monkeypatch.setattr(secrets, "token_hex", lambda size: next(ids) if size == 2 else "f" * 2 * size)
    first = Session.begin(tmp_path, ENGINE, RUN)
    assert first.end()
    assert Session.ended(tmp_path) == {"aaaa"}
    second = Session.begin(tmp_path, ENGINE, RUN)
    assert second.id == "bbbb"
    assert Session.all(tmp_path) == [second]
    assert second.end()
    assert Session.ended(tmp_path) == {"aaaa", "bbbb"}
