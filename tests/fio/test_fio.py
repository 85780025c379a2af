"""Options become a command line, and any fio's output becomes jobs; what was not printed is None."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import subprocess
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dockerd import can_start, newer
from voltutor.fio import FioError, Job, Latency, NotFio, command, parse, samples
from voltutor.fio.job import Value

SAMPLES = Path(__file__).parents[3] / "shared" / "fio-samples"

PRINTED = Path(__file__).with_name("printed")
"""What fio printed, built from the tags of its repository: 4 KiB blocks, `--rw=randrw`, json+ where it is known; of
one job only its name, its error and one direction."""


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


@pytest.mark.parametrize("version", ["2.1.4", "2.19", "2.20", "2.21", "3.0"])
def test_bytes_are_bytes_whatever_the_version_counts_in(version: str) -> None:
    read = parse((PRINTED / f"fio-{version}.json").read_bytes()).job("w").directions["read"]
    ios = 546 if version == "2.1.4" else read.ios  # which prints no count
    assert read.bytes == (ios or 0) * 4096
    assert read.bandwidth == pytest.approx((read.iops or 0) * 4096, rel=1e-3)


def test_a_build_between_releases_is_judged_by_what_it_prints() -> None:
    """The commit that made `io_bytes` bytes lies between 2.20 and 2.21, as builds of git do."""
    one = {"total_ios": 2, "io_bytes": 8192, "io_kbytes": 8}
    built = {"fio version": "fio-2.20-31-g0a1b2c3", "jobs": [{"jobname": "j", "write": one}]}
    report = parse(json.dumps(built))
    assert (report.version, report.jobs[0].directions["write"].bytes) == ((2, 20), 8192)
    del one["io_kbytes"]
    assert parse(json.dumps(built)).jobs[0].directions["write"].bytes == 8192 * 1024


@pytest.mark.parametrize("version", ["2.19", "2.20", "2.21", "3.0"])
def test_bins_are_in_nanoseconds_whatever_the_version_prints(version: str) -> None:
    """Indices into fio's table, microseconds, or nanoseconds. fio takes its percentiles from the same bins."""
    report = parse((PRINTED / f"fio-{version}.json").read_bytes())
    read = report.job("w").directions["read"]
    found = read.completion
    assert found is not None
    assert sum(found.bins.values()) == read.ios
    assert all(found.bins.values())
    assert set(found.percentiles.values()) <= set(found.bins)
    mean = sum(at * count for at, count in found.bins.items()) / sum(found.bins.values())
    assert mean == pytest.approx(found.mean, rel=0.01)
    assert min(found.bins) == pytest.approx(found.min, rel=0.02)
    assert max(found.bins) == pytest.approx(found.max, rel=0.02)
    assert 0.0 not in found.percentiles, "it pads the list"


def test_of_a_table_with_other_measures_there_are_no_bins() -> None:
    other = {"5": 1, "FIO_IO_U_PLAT_BITS": 7, "FIO_IO_U_PLAT_VAL": 128, "FIO_IO_U_PLAT_NR": 2432}
    clat = {"min": 5, "max": 5, "mean": 5.0, "bins": other}
    old = {"fio version": "fio-2.19", "jobs": [{"jobname": "j", "write": {"total_ios": 1, "clat": clat}}]}
    completion = parse(json.dumps(old)).jobs[0].directions["write"].completion
    assert completion is not None
    assert (completion.mean, completion.bins) == (5000.0, {})


def test_directions_reported_as_one_are_mixed() -> None:
    job = parse((PRINTED / "fio-2.20-mixed.json").read_bytes()).job("w")
    assert list(job.directions) == ["mixed"]
    assert (job.directions["mixed"].ios, job.directions["mixed"].bytes) == (1024, 4 << 20)


@pytest.mark.parametrize("key", ["total_ios", "io_bytes", "iops"])
def test_a_direction_is_there_when_anything_says_that_it_moved(key: str) -> None:
    """2.1.4 prints no count and a whole number of I/Os per second: 0 for one in two seconds."""
    one = {"total_ios": 0, "io_bytes": 0, "iops": 0, key: 4}
    assert list(parse(document(write=one)).jobs[0].directions) == ["write"]
    old = {"fio version": "fio-2.1.4", "jobs": [{"jobname": "j", "write": {"io_bytes": 4, "iops": 0}}]}
    assert parse(json.dumps(old)).jobs[0].directions["write"].bytes == 4096


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


@pytest.mark.parametrize(
    "name",
    [
        "a, nan, b",
        ": nan, b",
        "[inf]",
        '", "x": nan, "',
        "-nan",
        'x": -inf}',
        "\\",
        '\\"x" : nan,',
        "{",
        "\n: nan,\n",
    ],
)
def test_what_stands_in_a_string_is_left_alone(name: str) -> None:
    write = {**WRITE, "iops": math.nan, "runtime": -math.inf}
    printed = document(jobname=name, write=write, **{"job options": {"name": name}})
    printed = printed.replace("NaN", "-nan").replace("-Infinity", "inf")
    around = 'said "iops": nan, and "more'
    report = parse(f"{around}\n{printed}\n{printed}\n{around}")
    job = report.job(name)
    assert job.options == {"name": name}
    assert (job.directions["write"].iops, job.directions["write"].runtime_ns) == (None, None)
    assert job.directions["write"].bytes == 8192
    assert report.noise == f"{around}\n{around}"


@pytest.mark.parametrize(
    "key",
    ["total_ios", "io_bytes", "bw_bytes", "bw", "iops", "runtime", "short_ios", "bw_max", "iops_samples"],
)
@pytest.mark.parametrize("number", ["1" + "0" * 400, "-1" + "0" * 400, "1e308", "1e400", '"1e308"'])
def test_numbers_that_are_not_finite_in_our_units_are_none(key: str, number: str) -> None:
    old = {"fio version": "fio-2.18", "jobs": [{"jobname": "j", "job_runtime": 0, "write": {"x": 1}}]}
    clat = '"clat": {"mean": 1e306, "max": 1, "bins": {"1e306": 1, "7": 2}, "percentile": {"99.0": 1e306}}'
    text = json.dumps(old).replace('"x": 1', f'"total_ios": 1, "{key}": {number}, {clat}')
    text = text.replace('"job_runtime": 0', '"job_runtime": 1e305')
    (job,) = parse(text).jobs
    assert job.runtime_ns is None
    for way in job.directions.values():
        assert way.completion is None or way.completion == Latency(
            way.completion.count, max=1000.0, bins={7000: 2}
        )
        assert not [value for value in asdict(way).values() if value in (math.inf, -math.inf)]


def test_an_error_of_any_size_is_an_error() -> None:
    with pytest.raises(FioError, match="job j ended with error 10000"):
        parse(document(error=10**400))


@pytest.mark.parametrize(
    ("said", "version"),
    [("fio-" + "3" * 5000, ()), ("fio-2." + "3" * 5000, (2,)), ("fio-2.0.12.1", (2, 0, 12, 1)), ("?", ()), (7, (7,)),
     ("fio-3.26-19-ge7e53", (3, 26))],
)  # fmt: skip
def test_a_version_is_what_is_dotted(said: object, version: tuple[int, ...]) -> None:
    assert parse(json.dumps({"fio version": said, "jobs": []})).version == version


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


def test_a_failed_job_takes_no_good_one_away() -> None:
    said = "fio: pid=1, err=28/file:io_u.c:1, func=io_u error, error=No space left on device"
    jobs = [
        {"jobname": name, "error": error, "write": WRITE} for name, error in (("a", 0), ("b", 28), ("c", 5))
    ]
    with pytest.raises(FioError) as caught:
        parse(said + json.dumps({"fio version": "fio-3.33", "jobs": jobs}))
    report = caught.value.report
    assert str(caught.value) == said
    assert report.job("a").directions["write"].bytes == 8192
    assert [(job.name, job.error) for job in report.failed] == [("b", 28), ("c", 5)]
    assert report.said(report.job("b")) == said
    assert report.said(report.job("c")) == f"error 5, {os.strerror(5)}"
    assert report.said(replace(report.job("c"), error=10**400)) == f"error {10**400}"


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


_KEYS = [
    "jobs", "jobname", "hostname", "job options", "read", "write", "mixed", "sync", "clat", "clat_ns", "lat", "slat",
    "percentile", "bins", "FIO_IO_U_PLAT_BITS", "FIO_IO_U_PLAT_VAL", "FIO_IO_U_PLAT_NR", "7", "7e305", "min", "mean",
    "N", "total_ios", "io_bytes", "io_kbytes", "bw", "bw_bytes", "bw_mean", "bw_samples", "iops", "iops_max",
    "runtime", "job_runtime", "usr_cpu", "groupid", "error", "x",
]  # fmt: skip
_numbers = st.integers() | st.integers(-(10**400), 10**400) | st.floats() | st.floats(1e300)
_json = st.recursive(
    st.none() | st.booleans() | _numbers | _numbers.map(str) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(_KEYS), inner),
    max_leaves=20,
)
_job = st.dictionaries(st.sampled_from(_KEYS), _json)
_version = st.from_regex(r"fio-[0-9]{1,3}(\.[0-9]{1,12}){0,4}(-[0-9]+-g[0-9a-f]+)?") | st.text() | _json


@given(
    st.dictionaries(st.sampled_from(["jobs", "client_stats", "global options"]), _json),
    _json | _job,
    _version,
)
def test_documents_of_any_shape_are_read_or_refused(
    document: dict[str, object], job: object, version: object
) -> None:
    text = json.dumps({"fio version": version, **document, "jobs": document.get("jobs", [job])})
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


@pytest.mark.parametrize(
    "part",
    [
        "{",
        '{"fio version"',
        '{"fio version":',
        '"jobname"{"a":',
        '[{"fio version":',
        'x "fio version"\n',
        " ",
        '\\"fio version\\"',
    ],
)
def test_a_text_full_of_beginnings_is_refused_all_the_same(part: str) -> None:
    """At a length at which following each to its end, or counting the lines before it, would not end."""
    with pytest.raises(NotFio):
        parse(part * 8_000)


def test_directions_of_a_real_run_reported_as_one(program: str, tmp_path: Path) -> None:
    job = steady(tmp_path, unified_rw_reporting=1)
    (way,) = parse(run(program, tmp_path, [job])).job("w").directions.items()
    assert (way[0], way[1].ios, way[1].bytes) == ("mixed", 64, 256 << 10)


def test_several_documents_and_text_around_them(program: str, tmp_path: Path) -> None:
    slow = steady(tmp_path, rw="write", fsync=0, time_based=True, runtime="600ms", thinktime="5ms")
    last = parse(run(program, tmp_path, [slow], "--status-interval=200ms"))
    assert (last.job("w").runtime_ns or 0) >= 550_000_000
    both = run(program, tmp_path, [steady(tmp_path)], "--output-format=normal,json")
    assert parse(both).job("w").directions["write"].ios
    assert "run=" in parse(both).noise


def test_a_failed_job_says_in_fios_words_what_failed(program: str, tmp_path: Path) -> None:
    full = replace(steady(tmp_path, rw="write", filename="/dev/full", fsync=0), name="full")
    printed = run(program, tmp_path, [full, steady(tmp_path, rw="write")], check=False)
    with pytest.raises(FioError, match="No space left on device") as caught:
        parse(printed)
    report = caught.value.report
    assert [job.name for job in report.failed] == ["full"]
    assert "error=No space left on device" in report.said(report.job("full"))
    assert report.job("w").directions["write"].ios == 64


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
