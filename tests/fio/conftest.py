"""`voltutor fio` without a process of its own."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from voltutor.cli import main


@dataclass(frozen=True)
class Shown:
    """What the command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def cells(self) -> list[list[str]]:
        """Those of the table, its head first."""
        rows = [line for line in self.out.splitlines() if line.startswith("|")]
        return [
            [cell.strip() for cell in row.strip("|").split(" | ")] for row in rows if not row.startswith("|-")
        ]

    def column(self, head: str) -> list[str]:
        """What stands under this head."""
        at = self.cells[0].index(head)
        return [row[at] for row in self.cells[1:]]


Fio = Callable[..., Shown]


@pytest.fixture
def fio(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Fio:
    """The command, with this on stdin."""

    def run(text: bytes | str = "", *words: str) -> Shown:
        given = text.encode() if isinstance(text, str) else text
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given)))
        code = main(["fio", *words])
        return Shown(code, *capsys.readouterr())

    return run
