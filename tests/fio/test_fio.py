"""Options become a command line, and any fio's output becomes jobs; what was not printed is None."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dockerd import can_start, newer
from voltutor.fio import FioError, Job, NotFio, command, parse, samples
from voltutor.fio.job import Value

SAMPLES = Path(__file__).parents[3] / "shared" / "fio-samples"


def document(**job: object) -> str:
    return json.dumps({"fio version": "fio-3.33", "jobs": [{"jobname": "j", "error": 0, **job}]})


WRITE = {"total_ios": 2, "io_bytes": 8192, "bw_bytes": 4096, "iops": 1.0, "runtime": 2000,
         "lat_ns": {"min": 10, "max": 30, "mean": 20.0, "stddev": 1.0},
         "clat_ns": {"min": 9, "max": 29, "mean": 19.0, "stddev": 1.0, "N": 2, "percentile": {"99.000000": 29},
                     "bins": {"9": 1, "29": 1}}}  # fmt: skip


def test_a_job_becomes_words_in_fios_own_terms() -> None:
    job = Job("w", {"rw": "write", "size": 4096, "time_based": True, "direct": False})
    assert command(job) == [
        "fio",
        "--output-format=json",
        "--name=w",
        "--rw=write",
        "--size=4096",
        "--time_based",
        "--direct=0",
    ]
    with pytest.raises(ValueError, match="at least one job"):
        command()


def test_figures_are_in_nanoseconds_and_bytes() -> None:
    job = parse(document(write=WRITE)).job("j")
    write = job.directions["write"]
    assert (write.ios, write.bytes, write.bandwidth, write.runtime_ns) == (2, 8192, 4096.0, 2_000_000_000)
    assert write.total is not None
    assert write.completion is not None
    assert (write.total.mean, write.total.max) == (20.0, 30.0)
    assert write.completion.percentiles == {99.0: 29.0}
    assert write.completion.bins == {9: 1, 29: 1}
    assert "read" not in job.directions


def test_fio_2_counts_in_microseconds_and_kibibytes() -> None:
    clat = {"min": 1, "max": 3, "mean": 2.0, "stddev": 0.5, "percentile": {"99.000000": 3, "0.00": 0}}
    write = {"io_bytes": 8, "bw": 4, "iops": 1, "runtime": 10, "clat": clat}
    old = {"fio version": "fio-2.1.4", "jobs": [{"jobname": "j", "error": 0, "write": write}]}
    read = parse(json.dumps(old)).jobs[0].directions["write"]
    assert (read.bytes, read.bandwidth) == (8192, 4096.0)
    assert read.ios is None
    assert read.completion is not None
    assert read.completion.mean == 2000.0
    assert read.completion.percentiles == {99.0: 3000.0}
    assert read.total is None


def test_what_did_not_happen_is_none_and_never_zero() -> None:
    idle = {"total_ios": 0, "io_bytes": 0, "lat_ns": {"min": 0, "max": 0, "mean": 0.0, "stddev": 0.0}}
    job = parse(document(read=idle, write=WRITE, sync={"total_ios": 0, "lat_ns": {"mean": 0}})).jobs[0]
    assert list(job.directions) == ["write"]
    assert job.sync is None
    assert job.directions["write"].submission is None


@pytest.mark.parametrize(
    "wrap",
    [
        "fio: noise before\n{}",
        "{}\nnoise after {{",
        "{{not json}} {}",
        '{{"fio version": "fio-1.0", "jobs": []}}\n{}',
    ],
)
def test_noise_around_and_several_documents_do_no_harm(wrap: str) -> None:
    assert parse(wrap.format(document(write=WRITE)).encode()).job("j").directions["write"].ios == 2


def test_nan_and_control_characters_occur() -> None:
    text = (
        document(write={**WRITE, "iops": 1.0}).replace('"iops": 1.0', '"iops": nan').replace('"j"', '"j\x01"')
    )
    assert parse(text).jobs[0].directions["write"].iops is None


def test_client_server_output_and_listed_options() -> None:
    raw = {"fio version": "fio-3.33", "global options": [{"bs": "4k"}], "client_stats": [
        {"jobname": "j", "error": 0, "job options": {"rw": "write"}, "write": WRITE},
        {"jobname": "All clients", "error": 0, "write": WRITE}]}  # fmt: skip
    (job,) = parse(json.dumps(raw)).jobs
    assert job.options == {"bs": "4k", "rw": "write"}


def test_an_error_carries_fios_own_words() -> None:
    said = "fio: pid=1, err=28/file:io_u.c:1, error=No space left on device\n"
    with pytest.raises(FioError, match="No space left on device"):
        parse(said + document(error=28, write=WRITE))


@pytest.mark.parametrize(
    "text", ["", "hello", "{}", '{"jobs": []}', "fio: unrecognized option", "[[[[", "{" * 5000]
)
def test_what_is_not_fio_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(NotFio) as caught:
        parse(text)
    assert str(caught.value).endswith(".")
    assert len(str(caught.value)) < 300


@given(st.text() | st.binary())
def test_nothing_but_its_own_errors_comes_out(output: str | bytes) -> None:
    with pytest.raises(NotFio):
        parse(output)


_KEYS = ["jobs", "write", "sync", "clat_ns", "percentile", "bins", "mean", "N", "total_ios", "error", "x"]
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(_KEYS), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["jobs", "client_stats", "global options"]), _json), _json)
def test_documents_of_any_shape_are_read_or_refused(document: dict[str, object], job: object) -> None:
    text = json.dumps({"fio version": "fio-3.33", **document, "jobs": document.get("jobs", [job])})
    with contextlib.suppress(NotFio, FioError):
        parse(text)


@pytest.fixture(scope="session", params=["of this machine", "of Debian 13"])
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """fio 3.33 of Debian 12, where this is one, and 3.39 of Debian 13."""
    if request.param == "of this machine":
        found = shutil.which("fio")
        return found or pytest.skip("needs fio")
    if shutil.which("apt-get") is None or not can_start():
        pytest.skip("needs apt and root")
    usr = newer(tmp_path_factory.mktemp("fio"), "fio", libraries=True)
    loader = next(usr.rglob("ld-linux-*.so.*"))
    script = usr.parent / "fio"
    paths = f"{loader.parent}:{loader.parent}/ceph"
    script.write_text(f'#!/bin/sh\nexec {loader} --library-path {paths} {usr}/bin/fio "$@"\n')
    script.chmod(0o755)
    return str(script)


def run(program: str, tmp_path: Path, jobs: list[Job], *more: str, check: bool = True) -> bytes:
    _fio, *words = command(*jobs, bins=True)
    done = subprocess.run([program, *words, *more], capture_output=True, check=check, cwd=tmp_path)
    return done.stdout


def steady(tmp_path: Path, **more: Value) -> Job:
    options: dict[str, Value] = {
        "filename": str(tmp_path / "f"),
        "rw": "randrw",
        "bs": "4k",
        "size": "256k",
        "ioengine": "psync",
        "fsync": 1,
        "iopsavgtime": 1,
        "bwavgtime": 1,
    }
    return Job("w", {**options, **more})


def test_a_real_run_agrees_with_a_reading_by_hand(program: str, tmp_path: Path) -> None:
    printed = run(program, tmp_path, [steady(tmp_path, time_based=True, runtime="200ms")])
    raw = json.loads(printed)["jobs"][0]
    job = parse(printed).job("w")
    for name in ("read", "write"):
        by_hand, way = raw[name], job.directions[name]
        assert (way.ios, way.bytes) == (by_hand["total_ios"], by_hand["io_bytes"])
        assert way.ios == (way.bytes or 0) // 4096
        assert (way.iops, way.bandwidth) == (by_hand["iops"], by_hand["bw_bytes"])
        assert way.runtime_ns == by_hand["runtime"] * 1_000_000
        assert way.iops_spread is not None
        assert (way.iops_spread.samples, way.iops_spread.mean) == (
            by_hand["iops_samples"],
            by_hand["iops_mean"],
        )
        assert way.bandwidth_spread is not None
        assert way.bandwidth_spread.max == by_hand["bw_max"] * 1024
        for latency, key in ((way.total, "lat_ns"), (way.completion, "clat_ns")):
            assert latency is not None
            assert (latency.min, latency.max) == (by_hand[key]["min"], by_hand[key]["max"])
            assert (latency.mean, latency.stddev) == (by_hand[key]["mean"], by_hand[key]["stddev"])
        assert way.completion is not None
        assert sum(way.completion.bins.values()) == way.ios
        percentiles = by_hand["clat_ns"]["percentile"]
        assert way.completion.percentiles == {float(key): value for key, value in percentiles.items()}
        assert (way.short, way.dropped) == (0, 0)
    assert job.sync is not None
    assert (job.sync.count, job.sync.mean) == (raw["sync"]["total_ios"], raw["sync"]["lat_ns"]["mean"])
    assert (job.user_cpu, job.group, job.options["bs"]) == (raw["usr_cpu"], raw["groupid"], "4k")


def test_a_log_of_a_real_run_is_read_line_by_line(program: str, tmp_path: Path) -> None:
    job = steady(tmp_path, rw="write", write_lat_log="log")
    report = parse(run(program, tmp_path, [job]))
    text = (tmp_path / "log_clat.1.log").read_text()
    found = list(samples(text))
    assert len(found) == report.job("w").directions["write"].ios == 64
    assert {sample.direction for sample in found} == {"write"}
    assert {sample.block for sample in found} == {4096}
    at, value, *_rest = text.splitlines()[0].split(",")
    assert (found[0].at_ns, found[0].value) == (int(at) * 1_000_000, int(value))
    assert list(samples("no log\n1, 2\n1, 2, 7, 4\n")) == []


def test_several_documents_and_text_around_them(program: str, tmp_path: Path) -> None:
    slow = steady(tmp_path, rw="write", fsync=0, time_based=True, runtime="600ms", thinktime="5ms")
    last = parse(run(program, tmp_path, [slow], "--status-interval=200ms"))
    assert (last.job("w").runtime_ns or 0) >= 550_000_000
    both = run(program, tmp_path, [steady(tmp_path)], "--output-format=normal,json")
    assert parse(both).job("w").directions["write"].ios
    assert "run=" in parse(both).noise


def test_a_failed_job_says_in_fios_words_what_failed(program: str, tmp_path: Path) -> None:
    full = steady(tmp_path, rw="write", filename="/dev/full", fsync=0)
    printed = run(program, tmp_path, [full], check=False)
    with pytest.raises(FioError, match="No space left on device"):
        parse(printed)


def test_samples_of_other_projects() -> None:
    if not SAMPLES.is_dir():
        pytest.xfail("the samples of other projects do not lie beside this clone")
    old = parse((SAMPLES / "pkb_fio-parser-sample-result.json").read_bytes())
    assert old.version == (2, 1, 4)
    write = old.job("sequential_write").directions["write"]
    assert (write.bytes, write.bandwidth, write.iops) == (361984 * 1024, 68118 * 1024, 133)
    assert write.ios is None, "2.1.4 prints no count"
    assert list(old.job("sequential_write").directions) == ["write"]
    new = parse((SAMPLES / "vc_Results_FIO_ReadWrite.json").read_bytes())
    assert new.version[:2] == (3, 26)
    read = new.jobs[0].directions["read"]
    assert (read.ios, read.bytes, read.bandwidth) == (2824, 740294656, 149343283)
    assert read.completion is not None
    assert (read.completion.count, read.completion.max) == (2824, 143918030)
    assert read.completion.percentiles[1.0] == 3227648
    with pytest.raises(NotFio, match="Invalid or incomplete multibyte"):
        parse((SAMPLES / "vc_Results_FIO_Error_1.txt").read_bytes())
