"""`voltutor fio`: the jobs that ran are printed, and the ones that failed are named."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

Command = Callable[..., Any]

WRITE = {"total_ios": 1, "iops": 5, "bw_bytes": 9}
SAID = "fio: pid=7, err=28/file:io_u.c:1876, func=io_u error, error=No space left on device"


def printed(*jobs: dict[str, object]) -> str:
    return json.dumps({"fio version": "fio-3.33", "jobs": jobs})


def test_a_failed_job_is_named_after_those_that_ran(voltutor: Command) -> None:
    jobs = [
        {"jobname": name, "error": error, "write": WRITE} for name, error in (("a", 0), ("b", 28), ("c", 0))
    ]
    done = voltutor("fio", input=f"{SAID}\n{printed(*jobs)}")
    assert done.returncode == 1
    assert done.stdout == "fio 3.33\na write: 5 IOPS, 9 B/s\nc write: 5 IOPS, 9 B/s\n"
    assert done.stderr.splitlines() == [
        f"voltutor: The job b failed: {SAID}.",
        "  Mend what fio names, and run that job again.",
    ]
    as_json = voltutor("fio", "--json", input=f"{SAID}\n{printed(*jobs)}")
    assert (as_json.returncode, as_json.stderr) == (1, done.stderr)
    assert [job["error"] for job in json.loads(as_json.stdout)["jobs"]] == [0, 28, 0]


def test_every_failed_job_is_named(voltutor: Command) -> None:
    jobs = [{"jobname": "a", "error": 5}, {"jobname": "{b}", "error": 28}]
    done = voltutor("fio", input=printed(*jobs))
    assert (done.returncode, done.stdout) == (1, "fio 3.33\n")
    assert "The job a failed: error 5" in done.stderr
    assert "The job {b} failed: error 28, No space left on device." in done.stderr


def test_the_latency_of_fsync_is_printed_where_fio_timed_it(voltutor: Command) -> None:
    timed = {
        "total_ios": 3,
        "lat_ns": {"N": 3, "min": 1, "max": 9, "mean": 5.0, "percentile": {"99.000000": 9}},
    }
    untimed = {"total_ios": 0, "lat_ns": {"N": 0, "min": 0, "max": 0, "mean": 0.0}}
    jobs = [{"jobname": name, "write": WRITE, "sync": sync} for name, sync in (("a", timed), ("b", untimed))]
    assert voltutor("fio", input=printed(*jobs)).stdout.splitlines()[1:] == [
        "a write: 5 IOPS, 9 B/s",
        "a sync: mean 5 ns, p99 9 ns",
        "b write: 5 IOPS, 9 B/s",
    ]


def test_what_is_not_fios_json_is_refused_with_the_option_that_prints_it(voltutor: Command) -> None:
    done = voltutor("fio", input="hello")
    assert (done.returncode, done.stdout) == (1, "")
    assert "--output-format=json" in done.stderr
