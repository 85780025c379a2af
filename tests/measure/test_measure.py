"""Measuring: what a trial runs and reads, and experiments on a real engine that end whole, cancelled or broken."""

from __future__ import annotations

import itertools
import json
import math
import tempfile
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from tests.dockerd import Dockerd
from voltutor.engine import Engine, EngineGone
from voltutor.errors import UsageError
from voltutor.images import MIB
from voltutor.measure import (
    BIND,
    FIRST_WRITE,
    LAYER,
    RANDOM_WRITE,
    TMPFS,
    VOLUME,
    WORKLOADS,
    Experiment,
    Line,
    Measure,
    NoSpace,
    Update,
    Workload,
    look,
    place,
    two_places,
    workload,
)
from voltutor.measure.jobs import FirstWrite, Io, NotReadable, Reading, RedisSet, Stall, Timed
from voltutor.results import load
from voltutor.session import Bench, CommandFailed


def quick(name: str = "first-write", sizes: tuple[int, ...] = (1, 4)) -> Workload:
    from dataclasses import replace

    return replace(FIRST_WRITE, name=name, sizes=tuple(size * MIB for size in sizes))


def test_first_write_times_the_opening_and_a_write_that_reaches_the_disk() -> None:
    argv = FirstWrite().argv("/seed/1MiB-1")
    assert "--ioengine=filecreate" in argv
    assert "--sync=1" in argv
    assert argv.count("--stonewall") == 2, "one after the other"
    assert FirstWrite(again=True).argv("/x").count("--sync=1") == 2
    jobs = [
        {
            "jobname": "open",
            "error": 0,
            "read": {"total_ios": 1, "clat_ns": {"mean": 85e6, "min": 1, "max": 1}},
        },
        {
            "jobname": "write",
            "error": 0,
            "write": {"total_ios": 1, "lat_ns": {"mean": 1e6, "min": 1, "max": 1}},
        },
    ]
    metrics = FirstWrite().read(json.dumps({"fio version": "fio-3.33", "jobs": jobs}).encode()).metrics
    assert metrics == {"seconds": pytest.approx(0.086), "open_seconds": 0.085, "write_seconds": 0.001}


def test_a_run_without_a_timing_is_refused() -> None:
    empty = {
        "fio version": "fio-3.33",
        "jobs": [{"jobname": "open", "error": 0}, {"jobname": "write", "error": 0}],
    }
    with pytest.raises(NotReadable, match="timed nothing"):
        FirstWrite().read(json.dumps(empty).encode())
    idle = {
        "fio version": "fio-3.33",
        "jobs": [{"jobname": "io", "error": 0, "write": {"total_ios": 0}}],
    }
    with pytest.raises(NotReadable, match="no I/O"):
        Io(MIB, {}).read(json.dumps(idle).encode())
    with pytest.raises(NotReadable, match="no fsync"):
        Io(MIB, {}, metric="seconds").read(document(write=MOVED))
    with pytest.raises(NotReadable, match="no write"):
        Stall().read(document(write={**MOVED, "iops": 0}))
    with pytest.raises(NotReadable, match="clock"):
        Timed("true").read(b"took 2.5 2.5")
    with pytest.raises(NotReadable, match="SET"):
        RedisSet().read(b'"test","rps"\n')


MOVED = {"total_ios": 10, "iops": 5.0, "bw_bytes": 20480, "clat_ns": {"mean": 2.0, "min": 1, "max": 3, "N": 10,
         "percentile": {"99.000000": 3000}, "bins": {"2": 9, "3": 0, "4": 1}}}  # fmt: skip


def document(**job: object) -> bytes:
    jobs = [{"jobname": "io", "error": 0, **job}]
    return json.dumps({"fio version": "fio-3.33", "jobs": jobs}).encode()


def test_both_directions_add_up_and_their_latencies_lie_together() -> None:
    read = Io(MIB, {}).read(document(read=MOVED, write=MOVED))
    assert read.metrics == {"iops": 10.0, "p99_seconds": 3e-6}
    assert read.bins == {2: 18, 4: 2}
    assert (
        Io(MIB, {}, metric="bytes_per_second").read(document(write=MOVED)).metrics["bytes_per_second"]
        == 20480
    )
    sync = {"lat_ns": {"mean": 5e5, "min": 1, "max": 9}, "total_ios": 10}
    assert Io(MIB, {}, metric="seconds").read(document(write=MOVED, sync=sync)).metrics == {"seconds": 5e-4}


def test_the_log_that_follows_the_report_is_the_series() -> None:
    output = document(write={**MOVED, "iops": 40.0}) + b"\n10, 4000, 1, 0, 0\n20, 6000, 1, 0, 0\n"
    read = Stall().read(output)
    assert read.metrics == {"seconds": 0.25}
    assert Stall().read(document(write={**MOVED, "iops": 40.0})).series == ((0.25, 40.0),)
    assert read.series == ((0.01, 4000.0), (0.02, 6000.0))


def test_the_shells_clock_and_redis_benchmark_are_read() -> None:
    assert Timed("true").read(b"noise\ntook 10.25 10.75\n").metrics == {"seconds": 0.5}
    assert RedisSet().read(b'"test","rps"\n"SET","37800.50","0.4"\n').metrics == {
        "requests_per_second": 37800.5
    }


def test_a_place_against_itself_is_two_of_its_kind() -> None:
    a, b = two_places("volume, volume")
    assert (a.name, b.name, b.kind) == ("volume", "volume-2", "volume")
    assert a.inside("/seed/x") == "/seed/x"
    assert place("tmpfs").inside("/seed/x") == "/place/seed/x"
    with pytest.raises(UsageError, match="two places"):
        two_places("layer")


def test_names_are_looked_up_and_strangers_refused_with_a_list() -> None:
    assert workload("random-write") is RANDOM_WRITE
    assert place("layer") is LAYER
    with pytest.raises(UsageError, match="first-write"):
        workload("nonsense")
    with pytest.raises(UsageError, match="layer, volume, bind, tmpfs"):
        place("nowhere")
    for each in WORKLOADS.values():
        assert each.isolates
        assert each.expects


@pytest.mark.engine
def test_copy_up_grows_with_the_file_in_the_layer_and_not_in_a_volume(bench: Bench, engine: Engine) -> None:
    updates = list(Experiment(quick(sizes=(1, 16, 64)), LAYER, VOLUME, budget=120, seed=3).run(bench))
    result = updates[-1].result
    assert result.complete
    assert result.planned is not None
    assert 8 <= result.planned <= 40
    assert len(result.of_size(16 * MIB)) == result.planned
    announced = [
        update for update in updates if str(result.planned) in update.text and len(update.result.pairs) == 24
    ]
    assert announced, "the number is told before going on"
    assert {pair.first for pair in result.pairs} == {"layer", "volume"}
    if not bench.capability("reflink").available:
        assert result.growth("layer", 1 * MIB, 64 * MIB).median > 4
    assert result.growth("volume", 1 * MIB, 64 * MIB).median < 4
    assert result.circumstances["fio"]
    assert not [key for key in bench.session.journal.state().made if key[0] != "image"]


@pytest.mark.engine
def test_steady_state_is_measured_in_both_places(bench: Bench) -> None:
    from dataclasses import replace

    assert isinstance(RANDOM_WRITE.job, Io)
    job = replace(RANDOM_WRITE.job, size=16 * MIB, runtime=0.2)
    short = replace(RANDOM_WRITE, job=job, prefill=job.prefill)
    *_, last = Experiment(short, LAYER, VOLUME, budget=8).run(bench)
    assert len(last.result.pairs) >= 8
    assert all(trial.metrics["iops"] > 100 for pair in last.result.pairs for trial in (pair.a, pair.b))
    assert all("p99_seconds" in pair.a.metrics for pair in last.result.pairs)
    assert all(sum(pair.b.bins.values()) > 20 for pair in last.result.pairs)


@pytest.mark.engine
def test_cancelling_ends_the_trial_keeps_whole_pairs_and_leaves_nothing(bench: Bench, engine: Engine) -> None:
    before = set(engine.containers()), {volume.name for volume in engine.volumes()}
    command = Measure(quick(sizes=(64,)))
    running = command.perform(bench)
    assert isinstance(running, Generator)
    for sign in running:
        if sign.result and len(sign.result.pairs) == 2:
            break
    running.close()
    (kept,) = load(bench.result_path(command.workload.name))
    assert len(kept.pairs) == 2
    assert (kept.complete, kept.stopped) == (False, "cancelled")
    assert (set(engine.containers()), {volume.name for volume in engine.volumes()}) == before


@pytest.mark.engine
def test_an_interrupted_experiment_goes_on_where_it_was(bench: Bench) -> None:
    experiment = Experiment(quick(), LAYER, VOLUME, budget=300, seed=4)
    part: Update | None = None
    for part in experiment.run(bench):
        if len(part.result.pairs) == 5:
            break
    assert part is not None
    *_, whole = experiment.run(bench, part.result)
    assert whole.result.pairs[:5] == part.result.pairs
    keys = [(pair.round, pair.size) for pair in whole.result.pairs]
    assert len(keys) == len(set(keys))
    assert whole.result.complete


@pytest.mark.engine
def test_measuring_again_goes_on_where_it_was_cancelled(bench: Bench) -> None:
    command = Measure(quick(), budget=300)
    running = command.perform(bench)
    assert isinstance(running, Generator)
    for sign in running:
        if sign.result and sign.result.rounds == 3:
            break
    running.close()
    (kept,) = load(bench.result_path(command.workload.name))
    signs = list(command.perform(bench))
    (whole,) = load(bench.result_path(command.workload.name))
    assert whole.pairs[: len(kept.pairs)] == kept.pairs
    assert whole.complete
    assert not whole.stopped
    assert "3" in signs[0].text


@pytest.mark.engine
def test_a_spent_budget_ends_it_and_says_so(bench: Bench) -> None:
    *_, last = Experiment(quick(), LAYER, VOLUME, budget=0.1).run(bench)
    assert last.result.stopped == "budget"
    assert not last.result.complete
    assert last.result.pairs


@pytest.mark.engine
def test_fios_own_message_is_shown_where_it_fails_or_is_missing(bench: Bench) -> None:
    from dataclasses import dataclass, replace

    @dataclass(frozen=True)
    class Broken:
        words: tuple[str, ...]

        def argv(self, path: str) -> list[str]:
            return [*self.words, path]

        def read(self, output: bytes) -> Reading:
            raise AssertionError("not reached")

    for words, message in (
        (("fio", "--name=x", "--rw=nonsense", "--filename"), "nonsense"),
        (("fio-is-missing",), "not found"),
    ):
        failing = replace(quick(), job=Broken(words))
        with pytest.raises(CommandFailed, match=message) as caught:
            list(Experiment(failing, LAYER, VOLUME).run(bench))
        assert words[0] in caught.value.what


EVERYWHERE = {"second-write", "stall", "random-write", "chown-tree", "redis-append", "redis-start"}

SLOWER = {"chown-tree", "many-small-files", "rename-directory"}
"""What is slower in the layer on any file system: files are made anew there."""


@pytest.mark.engine
@pytest.mark.parametrize("name", [name for name in WORKLOADS if name != "first-write-1g"])
def test_every_workload_runs_in_every_place_and_leaves_nothing(
    bench: Bench, engine: Engine, name: str
) -> None:
    """One pair in layer and volume, and of each kind of job one in bind mount and tmpfs; what takes long takes less
    here."""
    from dataclasses import replace

    before = set(engine.containers()), {volume.name for volume in engine.volumes()}
    work = workload(name)
    if work.image == "seed":
        sizes = tuple(size for size in work.sizes if size != 256 * MIB)
        work = replace(work, image="seed-small", sizes=sizes)
    if isinstance(work.job, Io):
        job = replace(work.job, size=8 * MIB, runtime=work.job.runtime and 0.1)
        work = replace(work, job=job, prefill=job.prefill if work.prefill else None)
    places = [(LAYER, VOLUME), *([(BIND, TMPFS)] if name in EVERYWHERE else [])]
    for a, b in places:
        running = Experiment(work, a, b, budget=60).run(bench)
        assert isinstance(running, Generator)
        for update in running:
            if len(update.result.pairs) == len(work.sizes):
                break
        running.close()
        pair = update.result.pairs[0]
        if a is LAYER and name in SLOWER:
            assert pair.log_ratio(work.metric) > math.log(1.5)
        for trial in (pair.a, pair.b):
            assert trial.metrics[work.metric] > 0
            assert sum(trial.bins.values()) > 0 or not isinstance(work.job, Io)
            assert trial.series or not isinstance(work.job, Stall)
    assert (set(engine.containers()), {volume.name for volume in engine.volumes()}) == before
    assert not list((bench.session.folder / "places").glob("*"))


@pytest.mark.engine
def test_a_disk_that_is_too_full_is_refused_with_the_figures(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    from voltutor.measure import experiment

    monkeypatch.setattr(experiment, "SPARE", 1 << 60)
    with pytest.raises(NoSpace, match=r"needs \d+ MiB .* and \d+ MiB are free"):
        list(Experiment(FIRST_WRITE, LAYER, VOLUME).run(bench))
    assert bench.result(FIRST_WRITE.name) is None


@pytest.mark.engine
def test_a_second_measurement_waits_and_says_so(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # a line in which no other test stands
    with Line(bench.engine.info.id) as first:
        running = Experiment(quick(sizes=(1,)), LAYER, VOLUME, budget=20).run(bench)
        assert isinstance(running, Generator)
        assert "before this one: 1" in next(running).text
        first.__exit__()
        assert "before this one" not in next(running).text
        running.close()
        first.__enter__()


@pytest.mark.engine
def test_circumstances_are_read_where_the_data_lie(bench: Bench) -> None:
    seen = look(bench)
    assert seen["backing_file_system"] not in (None, "overlay")
    assert seen["storage_driver"] == bench.engine.info.driver
    assert str(seen["fio"]).startswith("fio-")
    assert seen["reflink"] in (True, False)
    assert seen["device"]
    assert isinstance(seen["free_bytes"], int)
    assert seen["caches_dropped"] in (True, False)


@pytest.mark.engine
def test_an_engine_that_dies_in_the_middle_is_named_and_what_was_measured_is_kept(
    own_dockerd: Dockerd, home: Path, voltutor: Callable[..., Any]
) -> None:
    bench = Bench(own_dockerd.engine(), home)
    command = Measure(quick(sizes=(1,)), budget=60)
    with pytest.raises(EngineGone) as caught:  # noqa: PT012 - the engine is killed within
        for sign in command.perform(bench):
            if sign.result and len(sign.result.pairs) == 3:
                threading.Thread(target=own_dockerd.kill).start()
    assert own_dockerd.url in caught.value.what
    kept = load(bench.result_path(command.workload.name))[0]
    assert len(kept.pairs) >= 3
    assert own_dockerd.url in kept.stopped
    gone = voltutor("clean", "--all", "--yes", "--engine", own_dockerd.url)
    assert (gone.returncode, "Traceback" in gone.stderr) == (3, False)
    own_dockerd.start()
    done = voltutor("clean", "--all", "--yes", "--engine", own_dockerd.url)
    assert done.returncode == 0, done.stdout + done.stderr
    engine = own_dockerd.engine()
    assert (engine.containers(), engine.volumes(), engine.images()) == ([], [], [])
    assert list(itertools.islice(engine.images(), 1)) == []
