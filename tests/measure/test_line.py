"""One measurement at a time per engine: who comes later waits, sees the place, and outlives who dies in line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from voltutor.measure import Line

HOLD = "import sys; from pathlib import Path; from voltutor.measure import Line\n" \
       "with Line('e', Path(sys.argv[1])): print('in', flush=True); sys.stdin.read()"  # fmt: skip


def standing(folder: Path) -> subprocess.Popen[str]:
    """Another process that stands in line until its stdin closes."""
    held = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert held.stdout
    assert held.stdout.readline() == "in\n"
    return held


def test_places_are_in_the_order_of_coming(tmp_path: Path) -> None:
    with Line("e", tmp_path) as first, Line("e", tmp_path) as second:
        assert (first.ahead(), second.ahead()) == (0, 1)
        with Line("another", tmp_path) as elsewhere:
            assert elsewhere.ahead() == 0
        with Line("e", tmp_path) as third:
            waiting = third.wait()
            assert next(waiting) == 2
            first.__exit__()
            assert next(waiting) == 1
            second.__exit__()
            assert list(waiting) == []
            first.__enter__()
            second.__enter__()
    assert list(tmp_path.iterdir()) == [], "who leaves last takes the folder away"


def test_who_draws_a_lower_number_and_shows_it_later_waits_all_the_same(tmp_path: Path) -> None:
    with Line("e", tmp_path) as measuring, Line("e", tmp_path) as late:
        assert list(measuring.wait()) == []
        lower = late._ticket.with_name("0" * 20)
        late._ticket = late._ticket.rename(lower)
        assert late.ahead() == 0
        waiting = late.wait()
        assert next(waiting) == 1
        measuring.__exit__()
        assert list(waiting) == []
        measuring.__enter__()


def test_a_folder_that_is_not_everybodys_is_left_alone(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (tmp_path / "voltutor-line-e").symlink_to(victim)
    (tmp_path / "voltutor-line-f").write_text("mine")
    for name in ("e", "f"):
        with Line(name, tmp_path) as one, Line(name, tmp_path) as two:
            assert (one.ahead(), two.ahead()) == (0, 1)
    assert list(victim.iterdir()) == []
    assert (tmp_path / "voltutor-line-f").read_text() == "mine"


def test_who_is_killed_in_line_holds_nobody_up(tmp_path: Path) -> None:
    one, two = standing(tmp_path), standing(tmp_path)
    with Line("e", tmp_path) as line:
        assert line.ahead() == 2
        one.send_signal(signal.SIGKILL)
        one.wait(60)
        until = time.monotonic() + 60
        while line.ahead() != 1:
            assert time.monotonic() < until
        two.communicate()
        assert line.ahead() == 0


@pytest.mark.skipif(os.name != "posix" or not hasattr(os, "mkfifo"), reason="needs POSIX")
def test_what_is_no_ticket_is_no_harm(tmp_path: Path) -> None:
    with Line("e", tmp_path) as line:
        folder = tmp_path / "voltutor-line-e"
        (folder / "0-a-directory").mkdir()
        (folder / "0-a-link").symlink_to("/etc/passwd")
        (folder / "0-nobodys").write_text("")
        assert line.ahead() == 0
        assert Path("/etc/passwd").exists()
        assert not (folder / "0-nobodys").exists()
