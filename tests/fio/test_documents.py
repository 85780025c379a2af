"""Each document of a text is found: in arrays, in other JSON, behind a log's prefixes, between other lines."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fio.printing import job, printed, run
from voltutor.fio import Broken, NotFio, parse_all
from voltutor.fio.documents import documents

A, B = run(job("a")), run(job("b"))


def names(text: bytes | str) -> list[list[str]]:
    return [[job.name for job in run.jobs] for run in parse_all(text).runs]


@pytest.mark.parametrize(
    "text",
    [
        printed(A, B),
        printed([A, B]),
        f"fio: noise\n{printed(A)}\nbetween\n{printed(B)}\nafter",
        json.dumps({"4k": A, "more": {"results": [{"fio": B}]}}),
        json.dumps({"stdout": printed(A, B), "rc": 0}),
        json.dumps({"stdout_lines": printed(A, B).splitlines()}),
        json.dumps(A) + json.dumps(B),
        "\ufeff" + printed(A, B).replace("\n", "\r\n"),
        printed(A, B).encode("utf-16"),
    ],
    ids=[
        "appended",
        "an array",
        "between text",
        "in JSON",
        "in a string",
        "in strings",
        "on a line",
        "with CRLF",
        "of PowerShell",
    ],
)
def test_every_run_is_found(text: bytes | str) -> None:
    assert names(text) == [["a"], ["b"]]


def test_what_stands_around_each_run_is_kept() -> None:
    first, second = parse_all(f"one\n{printed(A)}\ntwo\n{printed(B)}\nthree").runs
    assert (first.noise, second.noise) == ("one", "two\nthree")
    assert [run.noise for run in parse_all(printed([A, B])).runs] == ["", ""]


def test_what_lacks_its_version_is_known_by_its_jobs() -> None:
    (read,) = parse_all(json.dumps({"jobs": [job("a")]})).runs
    assert (read.version, read.jobs[0].directions["read"].bytes) == ((), 4096000)


def lines(text: str, prefix: str) -> str:
    return "\n".join(prefix.format(number) + line for number, line in enumerate(text.splitlines()))


PREFIXES = {
    "docker compose": "bench-1  | ",
    "docker compose with colours": "\x1b[36mbench-1  |\x1b[0m ",
    "kubectl logs --timestamps": "2026-11-29T10:00:00.{0:03d}456789Z ",
    "kubectl logs --prefix": "[pod/fio-7d9c/fio] ",
    "stern": "fio-7d9c fio ",
    "a container's log of Kubernetes": "2026-11-29T10:00:00.{0}+00:00 stdout F ",
    "journalctl": "Nov 29 10:{0:02d}:00 host fio[7]: ",
    "dmesg": "[   12.{0:06d}] ",
    "a CI": "[2026-11-29 10:00:{0:02d},500] INFO  ",
    "ts": "1795947901.{0} ",
    "cat -n": "{0:6d}\t",
    "a mail": "> ",
    "the start of a diff": "+",
}


@pytest.mark.parametrize("prefix", PREFIXES.values(), ids=PREFIXES.keys())
def test_a_logs_prefix_is_taken_away(prefix: str) -> None:
    text = f"Attaching to bench-1\n{lines(printed(A, B), prefix)}\nbench-1 exited with code 0"
    assert names(text) == [["a"], ["b"]]


def test_two_containers_in_one_log_are_told_apart() -> None:
    pairs = zip(
        lines(printed(A), "one-1 | ").splitlines(), lines(printed(B), "two-1 | ").splitlines(), strict=True
    )
    assert names("\n".join(line for pair in pairs for line in pair)) == [["a"], ["b"]]


@pytest.mark.parametrize("key", ["log", "MESSAGE"])
def test_lines_in_json_of_their_own_are_unwrapped(key: str) -> None:
    """As Docker's json-file keeps them, with their ends, and `journalctl --output=json`, without."""
    end = "\n" if key == "log" else ""
    text = "\n".join(json.dumps({key: line + end, "time": "x"}) for line in printed(A, B).splitlines())
    assert names(text) == [["a"], ["b"]]


def test_another_programs_lines_in_the_middle_do_no_harm() -> None:
    first, *rest = printed(A).splitlines()
    text = "\n".join(
        [first, "Jobs: 1 (f=1): [R(1)][50.0%]", *rest[:5], "fio: pid=7, err=5/file:x.c:1", *rest[5:]]
    )
    (read,) = parse_all(text).runs
    assert read.jobs[0].directions["read"].ios == 1000
    assert "err=5" in read.noise


def test_a_backslash_that_fio_2_did_not_escape_is_one() -> None:
    text = (
        printed(run(job("a") | {"job options": {"filename": "C@:@data@@"}}))
        .replace("@@", "\\\\")
        .replace("@", "\\")
    )
    assert parse_all(text).runs[0].jobs[0].options["filename"] == "C\\:\\data\\"


def test_what_windows_writes_for_nan_and_inf_is_none() -> None:
    text = (
        printed(run(job("a"))).replace('"iops": 1000.0', '"iops" : -1.#IND00').replace("2000.0", "1.#INF00")
    )
    read = parse_all(text).runs[0].jobs[0].directions["read"]
    assert (read.ios, read.iops) == (1000, None)
    assert read.completion is not None
    assert (read.completion.mean, read.completion.max) == (None, 90000.0)


@pytest.mark.parametrize("prefix", ["", "bench-1  | ", "2026-11-29T10:00:{0:02d}Z "])
def test_a_run_that_is_cut_short_takes_no_whole_one_away(prefix: str) -> None:
    whole, cut = lines(printed(A), prefix), lines(printed(B)[:-40], prefix)
    found = parse_all(f"{whole}\n{cut}")
    assert [job.name for run in found.runs for job in run.jobs] == ["a"]
    assert found.broken == (Broken(2, ""),)
    found = parse_all(f"{cut}\n{whole}")
    assert [job.name for run in found.runs for job in run.jobs] == ["a"]
    assert [broken.number for broken in found.broken] == [1]


def test_a_compressed_file_is_no_text() -> None:
    with pytest.raises(NotFio, match="compressed"):
        parse_all(gzip.compress(printed(A).encode()))


@settings(max_examples=40)
@given(st.integers(0, len(printed(A))), st.sampled_from(["", "bench-1  | "]))
def test_of_any_part_of_a_document_nothing_is_made_up(size: int, prefix: str) -> None:
    text = lines(printed(A)[:size], prefix)
    whole = documents(text).whole
    assert [document.raw for document in whole] == ([A] if size == len(printed(A)) else [])


def test_a_prefix_full_of_numbers_and_dots_is_looked_for_once_in_each_line() -> None:
    """At a number at which trying each way to part them would not end."""
    prefix = ".".join(["1"] * 40) + ".{0} a: "
    text = lines(printed(A, B), prefix)
    assert names(f"{'1.' * 200}x\n{text}") == [["a"], ["b"]]


@pytest.mark.parametrize(
    "around",
    ['"a"' + " " * 300_000 + "x\n", ('{"a":' * 900 + "x\n") * 60, ('{"a":[' * 2000 + "\n") * 60],
    ids=["spaces", "braces", "too many braces"],
)
def test_a_run_is_read_whatever_stands_around_it(around: str) -> None:
    """At a length at which following each beginning to its end would not end."""
    assert names(f"{around}{lines(printed(A), '2026-11-29T10:00:00.{0:03d}Z ')}\n") == [["a"]]


def test_a_document_within_one_that_breaks_off_is_found_all_the_same() -> None:
    found = documents(f'{{"x": {{"done": {printed(A)}, "y": [{{"z": ?')
    assert [document.raw for document in found.whole] == [A]
