"""Clean-up when things go wrong: refusals, engines that die, disks that are full, learners side by side, and a
process that is killed after any of its calls."""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.dockerd import can_start, dockerd, formatted
from tests.own_engine import Embedded
from voltutor import cleanup
from voltutor.cleanup import Outcome, Report
from voltutor.engine import (
    Conflict,
    Engine,
    EngineError,
    EngineGone,
    EngineTimeout,
    Mount,
    NotFound,
    Refused,
    find,
)
from voltutor.images import MIB
from voltutor.labs import LABS
from voltutor.lessons import Passed, perform, verdict
from voltutor.measure import FIRST_WRITE, LAYER, VOLUME, Experiment, Measure, NoSpace, Workload
from voltutor.session import Bench, CommandFailed, Exec, Run, Session, Tag

LEARNERS = 30
EVERY_CALL = bool(os.environ.get("VOLTUTOR_EVERY_CALL"))


def swept(engine: Engine, home: Path) -> list[Report]:
    sessions = Session.all(home)
    plan = cleanup.plan(cleanup.find(engine, sessions), by_hand=True)
    return list(cleanup.apply(engine, plan, sessions))


def drain(work: Iterator[object]) -> None:
    for _ in work:
        pass


def nothing_is_left(engine: Engine) -> None:
    assert engine.containers() == []
    assert engine.volumes() == []
    assert engine.images() == []


REFUSALS: dict[str, Callable[[str], EngineError]] = {
    "404": lambda call: NotFound(call, 404, "no such thing"),
    "409": lambda call: Conflict(call, 409, "in use by the container theirs"),
    "500": lambda call: Refused(call, 500, "the disk is on fire"),
    "time-out": lambda call: EngineTimeout(call, 60),
    "reset": lambda _call: EngineGone("unix:///x"),
}


@pytest.mark.parametrize("kind", ["container", "volume", "image"])
@pytest.mark.parametrize("how", list(REFUSALS))
def test_each_refusal_ends_in_a_report_of_what_was_done_and_what_was_not(
    own: Embedded, home: Path, monkeypatch: pytest.MonkeyPatch, kind: str, how: str
) -> None:
    engine = find(own.url, {})
    bench = Bench(engine, home)
    bench.do(Run("one", "lab", volumes=(Mount("/x"), Mount("/y", "vol")), start=False), Tag("lab", "stack"))
    method = f"remove_{kind}"
    calls = []

    def refused(_engine: Engine, ref: str, **_options: Any) -> None:
        calls.append(ref)
        raise REFUSALS[how](method)

    sessions = Session.all(home)
    plan = cleanup.plan(cleanup.find(engine, sessions), by_hand=True)
    reports: list[Report] = []
    with monkeypatch.context() as patched:
        patched.setattr(Engine, method, refused)
        if how == "reset":
            with pytest.raises(EngineGone):
                reports += cleanup.apply(engine, plan, sessions)
        else:
            reports = list(cleanup.apply(engine, plan, sessions))
            assert [report.thing for report in reports] == [decision.thing for decision in plan.remove]
            of_kind = {report.outcome for report in reports if report.thing.kind == kind}
            assert of_kind == {Outcome.GONE if how == "404" else Outcome.FAILED}
            if how != "404":
                told = str(REFUSALS[how](method))
                assert all(report.detail == told for report in reports if report.thing.kind == kind)
        assert len(calls) <= 3 * len(plan.remove), "retries are bounded"
    # What was not removed is found again, though a 404 that lies is believed.
    swept(engine, home)
    if how != "404":
        nothing_is_left(engine)


@pytest.mark.parametrize("when", ["create", "measure", "clean"])
def test_an_engine_that_dies_in_the_middle_is_named_and_the_next_clean_up_finishes(
    own: Embedded, home: Path, when: str
) -> None:
    chance = random.Random(when)
    for _round in range(4):
        engine = find(own.url, {})
        bench = Bench(engine, home)
        drain(bench.prepare("lab", "files"))
        small = replace(FIRST_WRITE, image="files", sizes=(16 * MIB,), files={16: 3})
        send, left = engine._api.send, chance.randrange(1, 12)

        def dying(request: Any, send: Any = send, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                own.kill()
            return send(request, **options)

        def work(bench: Bench = bench, small: Workload = small) -> None:
            for number in range(9):
                if when == "clean":
                    swept(bench.engine, home)
                elif when == "measure":
                    bench.do(Measure(small, LAYER, VOLUME, budget=5))
                else:
                    bench.do(Run(f"c{number}", "lab", volumes=(Mount("/x"), Mount("/y", "vol"))))

        if when == "clean":
            bench.do(Run("one", "lab", volumes=(Mount("/x"), Mount("/y", "vol"))))
        engine._api.send = dying
        with pytest.raises(EngineGone) as gone:
            work()
        assert own.url in str(gone.value)
        bench.session.let_go()
        own.start()
        again = find(own.url, {})
        swept(again, home)
        nothing_is_left(again)


def test_two_learners_clean_everything_side_by_side_and_each_keeps_its_own(
    own: Embedded, tmp_path: Path
) -> None:
    """As taught: `clean --all`. One of them has just restarted the kernel."""
    engine = find(own.url, {})
    benches = [Bench(engine, tmp_path / name) for name in ("a", "b")]
    for bench in benches:
        bench.do(Run("one", "lab", volumes=(Mount("/x"), Mount("/y", "vol"))))
    benches[1].session.let_go()
    benches[1] = Bench(engine, tmp_path / "b")
    theirs = benches[1].container("one")
    swept(engine, tmp_path / "a")
    assert benches[0].container("one") is None
    assert benches[1].container("one") == theirs
    assert theirs is not None
    assert all(engine.volume(mount.name or "") for mount in theirs.mounts)
    swept(engine, tmp_path / "b")
    assert engine.containers() == []
    assert engine.volumes() == []


def test_thirty_sessions_at_once_pass_two_labs_each_and_leave_nothing(own: Embedded, tmp_path: Path) -> None:
    engine = find(own.url, {})
    keeper = Bench(engine, tmp_path / "keeper")
    drain(keeper.prepare("lab"))
    together = threading.Barrier(LEARNERS)

    def learn(number: int) -> list[str]:
        bench = Bench(find(own.url, {}), tmp_path / f"learner{number}")
        together.wait(60)
        missed = []
        for lab in ("02-what-a-volume-is-for", "05-data-containers"):
            for step in LABS[lab].steps:
                drain(perform(step, bench))
                found = verdict(step, bench)
                if not isinstance(found, Passed):
                    missed.append(f"{number} {step.id}: {found.text}")
        reports = swept(bench.engine, bench.home)
        return missed + [f"{number} {report}" for report in reports if report.outcome is not Outcome.REMOVED]

    with ThreadPoolExecutor(LEARNERS) as pool:
        missed = [line for lines in pool.map(learn, range(LEARNERS)) for line in lines]
    # A second learner's tag or commit of the same image is another name; the lab image itself belongs to the keeper.
    assert missed == []
    assert engine.containers() == []
    assert engine.volumes() == []
    swept(engine, keeper.home)
    nothing_is_left(engine)


@pytest.mark.timeout(3600)
def test_a_kill_after_any_single_call_of_a_lab_leaves_nothing_that_clean_does_not_find(
    own: Embedded, home: Path
) -> None:
    """Each run is killed after one call more. `VOLTUTOR_EVERY_CALL` takes every call, else there is a sample."""
    lab = LABS["08-removing-and-cleaning"]

    def play(last: int) -> int:
        """The calls that were made, or 0 where it was killed; in a process of its own."""
        read, write = os.pipe()
        child = os.fork()
        if child:
            os.close(write)
            with os.fdopen(read) as pipe:
                told = pipe.read()
            _pid, status = os.waitpid(child, 0)
            killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
            assert killed or status == 0, told
            return 0 if killed else int(told)
        calls = 0
        try:
            engine = find(own.url, {})
            send = engine._api.send

            def counted(request: Any, **options: Any) -> Any:
                nonlocal calls
                answer = send(request, **options)
                calls += 1
                if calls == last:
                    os.kill(os.getpid(), signal.SIGKILL)
                return answer

            engine._api.send = counted
            bench = Bench(engine, home)
            for step in lab.steps:
                drain(perform(step, bench))
            os.write(write, str(calls).encode())
            os._exit(0)
        except BaseException as error:
            os.write(write, repr(error).encode())
            os._exit(1)

    engine = find(own.url, {})
    whole = play(0)
    swept(engine, home)
    assert whole > 150
    chance = random.Random(8)
    chosen = range(1, whole) if EVERY_CALL else sorted(chance.sample(range(1, whole), 12))
    kills = 0
    for last in chosen:
        kills += play(last) == 0
        swept(engine, home)
        assert engine.containers() == [], f"after call {last}"
        assert engine.volumes() == [], f"after call {last}"
        if last % 40 == 0 or not EVERY_CALL:
            nothing_is_left(engine)
    assert kills >= len(chosen) - 3, "how often a program is looked at differs from run to run"


@pytest.mark.engine
def test_a_full_disk_is_seen_before_and_named_when_it_fills_all_the_same(home: Path) -> None:
    if not can_start():
        pytest.skip("needs root and dockerd")
    folder = Path(tempfile.mkdtemp(prefix="vt-", dir="/var/tmp"))
    try:
        with formatted(folder, "ext4", 0.25) as data, dockerd(folder / "d", data) as started:
            engine = started.engine()
            bench = Bench(engine, home)
            with pytest.raises(NoSpace) as refused:
                drain(Experiment(FIRST_WRITE, LAYER, VOLUME, budget=5).run(bench))
            assert "MiB" in str(refused.value)
            bench.do(Run("one", "lab", volumes=(Mount("/x"),)))
            with pytest.raises(CommandFailed) as full:
                bench.do(Exec("one", ("dd", "if=/dev/zero", "of=/x/fill", "bs=1M")))
            assert "No space left on device" in str(full.value)
            assert [r.outcome for r in swept(engine, home)].count(Outcome.FAILED) == 0
            nothing_is_left(engine)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
