"""`voltutor fio`: a table of every run, job and error; what can't be read is refused with a way out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fio.conftest import Fio
from tests.fio.printing import Document, clients, idle, job, printed, run, way
from voltutor.fio import Refusal
from voltutor.text import printable

SAID = "fio: pid=7, err=28/file:io_u.c:1876, func=io_u error, error=No space left on device"


def test_a_run_is_a_table_that_names_its_latency(fio: Fio) -> None:
    done = fio(printed(run(job("a", way(1000)))))
    assert (done.code, done.err) == (0, "")
    first, head, rule, row, last = done.out.splitlines()
    assert (first, last) == ("fio 3.36", "clat: from an I/O's submission to its completion.")
    assert head.endswith("| Latency | mean (µs) | p50 (µs) | p99 (µs) | p99.9 (µs) | max (µs) |")
    assert set(rule) == {"|", "-"}
    assert row.endswith("| clat    |      2.00 |     1.80 |     40.0 |       80.0 |     90.0 |")
    assert len({len(line) for line in (head, rule, row)}) == 1, "it is aligned"


LAT = {
    "min": 950,
    "max": 95000,
    "mean": 2050.0,
    "N": 9,
    "percentile": {"50.000000": 1900, "99.000000": 41000},
}


def test_the_latency_with_percentiles_is_shown_and_of_two_the_wider(fio: Fio) -> None:
    both = fio(printed(run(job("a", way(lat_ns=LAT)))))
    assert [both.column(head) for head in ("Latency", "mean (µs)", "p50 (µs)", "p99.9 (µs)", "max (µs)")] == [
        ["lat"], ["2.05"], ["1.90"], ["-"], ["95.0"],
    ]  # fmt: skip
    none = fio(printed(run(job("a", way(clat_ns={"min": 1, "max": 3000, "mean": 2000.0})))))
    assert [none.column(head) for head in ("Latency", "mean (µs)", "p50 (µs)")] == [["lat"], ["2.05"], ["-"]]


def test_a_row_without_percentiles_shows_the_latency_of_the_others(fio: Fio) -> None:
    """Before 3.39 fio sums up its clients without them."""
    without = way(clat_ns={"min": 900, "max": 91000, "mean": 2000.0, "N": 9})
    done = fio(printed(clients(job("c", hostname="h"), job("All clients", without, hostname="h"))))
    assert [done.column(head) for head in ("Latency", "p99 (µs)", "max (µs)")] == [
        ["clat", "clat"], ["40.0", "-"], ["90.0", "91.0"],
    ]  # fmt: skip


def test_one_may_ask_for_another_latency(fio: Fio) -> None:
    text = printed(run(job("a", way(lat_ns=LAT))))
    asked = fio(text, "--latency", "clat")
    assert (asked.column("Latency"), asked.column("p99.9 (µs)")) == (["clat"], ["80.0"])
    refused = fio(text, "--latency", "slat")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.splitlines() == ["voltutor: fio printed no slat here.", "  Take one of: clat, lat."]


def test_other_percentiles_are_told(fio: Fio) -> None:
    clat = {"min": 1, "max": 9, "mean": 5.0, "percentile": {"95.000000": 7, "90.000000": 6}}
    assert (
        "other percentiles, which --json shows: p90, p95."
        in fio(printed(run(job("a", way(clat_ns=clat))))).out
    )


def test_fio_2_counts_in_microseconds(fio: Fio) -> None:
    clat = {"min": 1, "max": 90, "mean": 2.5, "percentile": {"50.000000": 2}}
    old: Document = {
        "fio version": "fio-2.1.4",
        "jobs": [{"jobname": "a", "write": {"io_bytes": 8, "iops": 1, "clat": clat}}],
    }
    done = fio(printed(old))
    assert [done.column(head) for head in ("Latency", "mean (µs)", "p50 (µs)", "max (µs)")] == [
        ["clat"], ["2.50"], ["2.00"], ["90.0"],
    ]  # fmt: skip


def test_every_run_of_a_file_is_shown_by_its_number(fio: Fio) -> None:
    runs = [run(job("bs4k")), run(job("bs64k", way(500)))]
    for text in (printed(*runs), printed(runs)):
        done = fio(text)
        assert [done.column(head) for head in ("Run", "Job", "IOPS")] == [
            ["1", "2"], ["bs4k", "bs64k"], ["1000", "500"],
        ]  # fmt: skip
    assert [len(one["jobs"]) for one in json.loads(fio(printed(runs), "--json").out)["runs"]] == [1, 1]


def test_that_snapshots_were_left_out_is_said(fio: Fio) -> None:
    done = fio(printed(*(run(job("a", way(ios), job_start=7)) for ios in (100, 200, 300))))
    assert done.column("IOPS") == ["300"]
    assert "Run 1: the last of 3 snapshots." in done.out


def test_a_job_without_any_io_has_its_line(fio: Fio) -> None:
    done = fio(printed(run(job("busy"), idle("idle1"), idle("idle2"))))
    assert done.column("Job") == ["busy", "idle1", "idle2"]
    assert done.column("IOPS") == ["1000", "-", "-"]
    assert "Jobs without any I/O: idle1, idle2." in done.out


def test_a_failed_job_keeps_its_figures_and_is_named(fio: Fio) -> None:
    text = f"{SAID}\n{printed(run(job('a'), job('b', error=28), job('c')))}"
    done = fio(text)
    assert (done.code, done.column("Job"), done.column("Errors")) == (1, ["a", "b", "c"], ["0", "1", "0"])
    assert done.err.splitlines() == [
        f"voltutor: The job b failed: {SAID}.",
        "  Mend what fio names, and run that job again.",
    ]
    as_json = fio(text, "--json")
    assert (as_json.code, as_json.err) == (1, done.err)
    assert [job["error"] for job in json.loads(as_json.out)["runs"][0]["jobs"]] == [0, 28, 0]


def test_every_failed_job_is_named(fio: Fio) -> None:
    done = fio(printed(run(job("a", error=5), job("{b}", error=28))))
    assert done.code == 1
    assert "The job a failed: error 5" in done.err
    assert "The job {b} failed: error 28, No space left on device." in done.err


def test_a_job_that_went_on_after_errors_keeps_its_figures_and_their_number(fio: Fio) -> None:
    done = fio(printed(run(job("verify", way(256), error=28, total_err=256, first_error=28))))
    assert (done.code, done.column("IOPS"), done.column("Errors")) == (1, ["256"], ["256"])
    assert (
        "I/Os that failed in the job verify: 256; the first: error 28, No space left on device." in done.err
    )
    quiet = fio(printed(run(job("verify", total_err=0, first_error=0))))
    assert (quiet.code, quiet.err) == (0, "")


def test_clients_on_one_host_differ_by_their_port_and_their_sum_is_marked(fio: Fio) -> None:
    two = [job("c", way(ios), hostname="127.0.0.1", port=port) for ios, port in ((100, 8765), (200, 8766))]
    total = job("All clients", way(300), hostname="127.0.0.1", port=8766)
    done = fio(printed(clients(*two, total)))
    assert done.column("Client") == ["127.0.0.1:8765", "127.0.0.1:8766", "-"]
    assert done.column("Job") == ["c", "c", "All clients (sum)"]
    assert done.column("IOPS") == ["100", "200", "300"]
    # fio 2.6 may print the sum only.
    assert fio(printed(clients(total))).column("Job") == ["All clients (sum)"]
    # Without clients it is a name like another.
    assert fio(printed(run(job("All clients")))).column("Job") == ["All clients"]


def test_a_run_without_jobs_is_told(fio: Fio) -> None:
    done = fio(printed(clients()))
    assert (done.code, done.out) == (1, "fio 3.36\n")
    assert "The run 1 has no jobs." in done.err


def test_a_run_that_is_cut_short_is_told_after_the_whole_ones(fio: Fio) -> None:
    done = fio(f"{printed(run(job('a')))}\n{printed(run(job('b')))[:-30]}")
    assert (done.code, done.column("Job")) == (1, ["a"])
    assert done.err.splitlines() == [
        "voltutor: The document 2 of this file is cut short.",
        "  Copy the file whole, and try again.",
    ]


def test_the_latency_of_fsync_is_printed_where_fio_timed_it(fio: Fio) -> None:
    timed = {
        "total_ios": 3,
        "lat_ns": {"N": 3, "min": 1, "max": 9000, "mean": 5000.0, "percentile": {"99.000000": 9000}},
    }
    untimed = {"total_ios": 0, "lat_ns": {"N": 0, "min": 0, "max": 0, "mean": 0.0}}
    done = fio(printed(run(job("a", sync=timed), job("b", sync=untimed))))
    assert done.column("Direction") == ["read", "sync", "read"]
    assert done.cells[2][4:] == ["sync", "5.00", "-", "9.00", "-", "9.00"]


@pytest.mark.parametrize(
    "name", ["[/bold] x", "[red]x", "\x1b[31mred\x1b[0m\nx", "\u202eright", "a|b", "名前", "{x}"]
)
def test_a_jobs_name_is_shown_and_does_nothing(fio: Fio, name: str) -> None:
    done = fio(printed(run(job(name, error=5), idle(name))))
    shown = printable(name)
    assert shown.isprintable()
    assert done.column("Job") == [shown.replace("|", "\\|")] * 2
    assert f"Jobs without any I/O: {shown}." in done.out
    assert f"The job {shown} failed" in done.err
    assert "\x1b" not in done.out + done.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "nothing"),
        ("hello \x1b[31m", "not fio's JSON: hello \\x1b[31m"),
        (printed(run(job("a")))[:300], "ends in the middle"),
        (printed(run(job("a")))[300:], "begins in the middle"),
        ("3;fio-3.36;a;0;0;" + ";".join(["0"] * 60), "--minimal"),
        ("a: (groupid=0, jobs=1): err= 0: pid=7", "--output-format=json"),
        ("fio: unable to open 'x' job file", "unable to open 'x' job file"),
        ("[a]\nrw=read", "job file"),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_name(fio: Fio, text: str, words: str) -> None:
    done = fio(text)
    assert (done.code, done.out) == (1, "")
    assert words in done.err
    assert len(done.err.splitlines()) == 2


def test_every_refusal_has_its_text() -> None:
    from voltutor.cli.fio import _REFUSED

    assert set(Refusal) - set(_REFUSED) == {Refusal.LOG}, "which is read"


def test_a_log_is_a_table_in_the_unit_that_its_name_says(fio: Fio, tmp_path: Path) -> None:
    file = tmp_path / "x_clat.1.log"
    file.write_text("500, 4700, 34700, 1, 0, 0\n1000, 4600, 56300, 1, 0, 0\n")
    done = fio("", str(file))
    assert done.cells == [
        [
            "Direction",
            "Samples",
            "from (s)",
            "to (s)",
            "mean (µs)",
            "p50 (µs)",
            "p99 (µs)",
            "p99.9 (µs)",
            "max (µs)",
        ],
        ["write", "2", "0.500", "1.00", "4.65", "4.60", "4.70", "4.70", "56.3"],
    ]
    assert "fio 3" in done.out
    assert "log_avg_msec" in done.out
    assert fio("", str(file), "--log", "lat-us").column("max (µs)") == ["56300"]


def test_a_log_of_which_nothing_says_what_it_holds_has_no_unit(fio: Fio) -> None:
    done = fio("1795879319361, 7301, 1, 4096, 0\n")
    assert done.column("mean") == ["7301"]
    assert "--log iops, bw, lat or lat-us" in done.out
    assert "2026-11-28 15:21:59.361+00:00" in done.out
    assert fio("1, 7301, 1, 4096, 0\n", "--log", "bw").column("mean (KiB/s)") == ["7301"]
    assert json.loads(fio("1, 7301, 1, 4096, 0\n", "--json").out)["logs"][0]["samples"][0]["value"] == 7301


def test_an_option_that_has_no_effect_is_refused(fio: Fio) -> None:
    assert (
        fio("1, 7301, 1, 4096\n", "--latency", "clat").code,
        fio(printed(run(job("a"))), "--log", "bw").code,
    ) == (2, 2)


@pytest.mark.parametrize(
    ("time", "words"),
    [("1700000000000000000", "at 1700000000000000000 ms."), ("9" * 20, f"at {'9' * 20} ms.")],
)
def test_a_time_that_no_calendar_has_is_shown_as_it_is(fio: Fio, time: str, words: str) -> None:
    done = fio(f"{time}, 5, 0, 4096\n")
    assert (done.code, done.err, done.column("mean")) == (0, "", ["5.00"])
    assert words in done.out


@pytest.mark.parametrize(
    ("words", "value", "kind", "unit"),
    [
        (["--log", "lat-us"], 7_000, "lat", "ns"),
        (["--log", "lat"], 7, "lat", "ns"),
        (["--log", "iops"], 7, "iops", "IOPS"),
        (["--log", "bw"], 7, "bw", "KiB/s"),
        ([], 7, None, None),
    ],
)
def test_a_logs_json_says_what_its_values_are(
    fio: Fio, words: list[str], value: int, kind: str | None, unit: str | None
) -> None:
    read = json.loads(fio("1, 7, 7, 1, 0, 0\n", *words, "--json").out)
    sample = read["logs"][0]["samples"][0]
    assert (sample["value"], sample["peak"], read["kind"], read["unit"]) == (value, value, kind, unit)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_a_log_with_a_byte_order_mark_is_read_whole(fio: Fio, encoding: str) -> None:
    assert fio("1, 7, 1, 4096\n2, 8, 1, 4096\n".encode(encoding)).column("Samples") == ["2"]


def test_a_files_name_forges_no_line(fio: Fio) -> None:
    done = fio("", "no\n  such\x1b[31m")
    assert done.code == 2
    assert done.err.splitlines()[0].startswith(r"voltutor: no\n  such\x1b[31m can't be read")
