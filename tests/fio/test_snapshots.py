"""Snapshots of one run are one run, of which the last counts; runs of their own stay apart, and where fio printed too
little to tell, nothing is dropped."""

from __future__ import annotations

import pytest

from tests.fio.printing import Document, job, printed, run, way
from voltutor.fio import NotFio, parse, parse_all


def at(second: float, ran: float, *, ms: bool = True, **more: object) -> Document:
    """A document of one job that had run so long when it was printed."""
    read = way(int(ran * 100), runtime=round(ran * 1000))
    stamps: Document = {"timestamp": int(second)}
    if ms:
        stamps["timestamp_ms"] = round(second * 1000)
    return run(job("a", read, job_runtime=round(ran * 1000), **more), **stamps)


def seen(*documents: Document) -> list[tuple[int, int | None]]:
    """Each run's documents before its last, and the last one's I/Os."""
    found = parse_all(printed(*documents))
    return [(run.earlier, run.jobs[0].directions["read"].ios) for run in found.runs]


@pytest.mark.parametrize("ms", [True, False])
def test_snapshots_every_second_are_one_run(ms: bool) -> None:
    ends = [(901.554, 0.887), (902.54, 1.887), (903.546, 2.887), (903.679, 3.02)]
    assert seen(*(at(*end, ms=ms) for end in ends)) == [(3, 302)]


@pytest.mark.parametrize("ms", [True, False])
@pytest.mark.parametrize("seconds", [1, 10, 60])
def test_runs_one_after_the_other_are_several(seconds: int, ms: bool) -> None:
    ends = [(1000 + number * (seconds + 0.2), seconds + number / 100) for number in range(3)]
    assert [earlier for earlier, _ios in seen(*(at(*end, ms=ms) for end in ends))] == [0, 0, 0]


def test_runs_shorter_than_a_second_are_several() -> None:
    assert len(seen(*(at(1000 + number / 10, 0.05 + number / 1000) for number in range(3)))) == 3


def test_what_job_start_says_counts_most() -> None:
    same = [at(1000, 1, job_start=5), at(1001, 2, job_start=5)]
    assert seen(*same) == [(1, 200)]
    assert len(seen(at(1000, 1, job_start=5), at(1001, 2, job_start=6))) == 2


def test_a_job_that_waited_for_another_is_in_the_same_run() -> None:
    def both(first: float, second: float, at_ms: int, eta: int) -> Document:
        jobs = [
            job(name, way(int(ran * 10), runtime=round(ran * 1000)), eta=eta)
            for name, ran in (("a", first), ("b", second))
        ]
        return run(*jobs, timestamp_ms=at_ms)

    found = parse_all(printed(both(5, 0, 1_005_000, 9), both(10, 3, 1_013_000, 4), both(10, 7, 1_017_000, 0)))
    assert [run.earlier for run in found.runs] == [2]


def test_where_nothing_tells_each_is_shown() -> None:
    documents = [run(job("a", way(ios))) for ios in (100, 200, 300)]
    assert seen(*documents) == [(0, 100), (0, 200), (0, 300)]


def test_a_run_of_other_jobs_or_with_fewer_ios_is_another() -> None:
    assert len(seen(at(1000, 1), run(job("b"), timestamp_ms=1_001_000))) == 2
    assert len(seen(at(1000, 2, eta=3), at(1001, 1, eta=2))) == 2


def test_of_one_command_that_ended_in_the_middle_there_is_no_result() -> None:
    with pytest.raises(NotFio, match="ends in the middle"):
        parse(printed(at(1000, 1, eta=3), at(1001, 2))[:-40])


def test_of_one_command_the_last_document_counts_and_says_how_many_came_before() -> None:
    report = parse(printed(run(job("a")), at(1000, 1, eta=3), at(1001, 2)))
    assert (report.earlier, report.jobs[0].directions["read"].ios) == (2, 200)
