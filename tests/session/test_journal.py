"""The journal alone tells what is ours, whatever ended the writer."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from voltutor.session import Journal, Reservation


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.jsonl")


def test_what_was_written_is_read_by_another_kernel(journal: Journal) -> None:
    assert journal.state().empty
    journal.reserve(Reservation("container", "one-ab12", "one", "layers"))
    journal.made("container", "one-ab12", "f00")
    journal.anonymous("0" * 64, "one-ab")
    state = Journal(journal.path).state()
    assert state.name_of("container", "one") == "one-ab12"
    assert state.name_of("volume", "one") is None
    assert state.made["container", "one-ab12"] == "f00"
    assert state.anonymous == {"0" * 64: "one-ab"}


def test_what_went_is_no_longer_made_and_a_released_name_no_longer_reserved(journal: Journal) -> None:
    journal.reserve(Reservation("volume", "v", "v"))
    journal.made("volume", "v", "1")
    journal.gone("volume", "v")
    assert ("volume", "v") in journal.state().reserved
    assert not journal.state().made
    journal.release("volume", "v")
    assert journal.state().empty


def test_what_was_asked_for_is_awaited_until_an_answer_or_until_none_can_come(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        journal.reserve(Reservation("volume", name, name))
        journal.asked("volume", name)
    journal.made("volume", "a", "a")
    journal.release("volume", "b")
    assert [name for name in "abc" if Journal(journal.path).state().awaited("volume", name)] == ["c"]
    assert journal.state().awaits
    monkeypatch.setattr("voltutor.session.journal.LATE", 0.0)
    assert not journal.state().awaits


def test_a_line_that_a_crash_cut_spoils_only_itself(journal: Journal) -> None:
    journal.reserve(Reservation("container", "a", "a"))
    with journal.path.open("a") as file:
        file.write('{"op": "reserve", "kind": "container", "na')
    journal.reserve(Reservation("container", "b", "b"))
    assert {name for _kind, name in journal.state().reserved} == {"a", "b"}


@pytest.mark.parametrize(
    "line", ["5", "null", "{}", "[]", '{"op": "made"}', '{"op": "reserve", "name": "x"}', "\x00"]
)
def test_a_line_that_is_no_record_does_no_harm(journal: Journal, line: str) -> None:
    journal.path.write_text(line + "\n")
    journal.reserve(Reservation("container", "b", "b"))
    assert {name for _kind, name in journal.state().reserved} == {"b"}


def test_what_was_made_after_its_reservation_was_forgotten_is_still_ours(journal: Journal) -> None:
    journal.made("image", "voltutor/lab:1", "sha256:1")
    assert ("image", "voltutor/lab:1") in journal.state().reserved


def test_what_was_met_is_remembered_until_it_is_forgotten(journal: Journal) -> None:
    journal.meet("container", "a")
    journal.gone("container", "a")
    assert ("container", "a") in journal.state().met
    journal.forget("container", "a")
    assert not journal.state().met


def _write(path: Path, worker: int) -> None:
    journal = Journal(path)
    for number in range(50):
        journal.reserve(Reservation("container", f"{worker}-{number}", "x"))


def test_writers_at_the_same_time_lose_no_line(journal: Journal) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_write, args=(journal.path, n)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert len(journal.state().reserved) == 200


def test_a_journal_knows_whether_it_was_emptied(journal: Journal) -> None:
    journal.begin()
    assert not journal.state().lost
    journal.reserve(Reservation("container", "a", "a"))
    assert not journal.state().lost
    journal.path.write_text("")
    assert journal.state().lost
    journal.reserve(Reservation("container", "b", "b"))
    assert journal.state().lost, "what came since doesn't bring back what it knew"
    journal.begin()
    assert not journal.state().lost
    with journal.path.open("a") as file:
        file.write("\x00\x00\x00\n")
    assert journal.state().lost
    journal.path.unlink()
    assert journal.state().lost


def test_a_name_may_hold_what_some_take_for_the_end_of_a_line(journal: Journal) -> None:
    journal.begin()
    journal.reserve(Reservation("container", "a\u2028b\x85c", "a"))
    assert journal.state().name_of("container", "a") == "a\u2028b\x85c"
    assert not journal.state().lost
