"""A full disk beside a real engine, and under one: told at once, and what was paused or half made is put back."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cleanup.test_faults import drain, nothing_is_left, swept
from tests.disk.conftest import MIB, Disk
from tests.dockerd import can_start, dockerd
from voltutor import cleanup
from voltutor.cleanup import CleanupPlan, Decision, Outcome, Owner, Thing
from voltutor.disk import DiskTrouble
from voltutor.engine import Engine, ExecResult, ImageView, Mount, NoRoom
from voltutor.measure import LAYER, RANDOM_WRITE, VOLUME, Experiment, Measure, NoSpace
from voltutor.services import Backup, Deploy, backups
from voltutor.session import Bench, CommandFailed, CopyOut, Exec, Run, Session

pytestmark = pytest.mark.engine

DATA = "head -c 8000000 /dev/urandom"


def begun(bench: Bench) -> None:
    bench.do(Deploy("guestbook", 32 * MIB))
    bench.do(Exec("guestbook", ("sh", "-c", f"{DATA} > /data/much")))
    bench.engine.set_limit(20)  # what hangs is told soon


def test_a_backup_without_room_says_so_and_leaves_the_service_running(bench: Bench, home_disk: Disk) -> None:
    begun(bench)
    with pytest.raises(DiskTrouble, match=f"The disk at {home_disk.top} is full"):
        bench.do(Backup("guestbook", "monday"))
    view = bench.container("guestbook")
    assert view is not None
    assert (view.running, view.paused) == (True, False)
    assert backups(bench) == ()
    assert list((bench.files / "backups").glob(".*.half")) == []
    assert home_disk.free > MIB, "what was written of it is gone"


def test_a_backup_that_is_broken_off_lets_the_service_go_on(bench: Bench) -> None:
    begun(bench)
    with closing(Backup("guestbook", "monday").perform(bench)) as work:  # type: ignore[type-var]
        next(sign for sign in work if sign.done)
    view = bench.container("guestbook")
    assert view is not None
    assert not view.paused


def test_a_volume_that_finds_no_room_to_be_kept_stays(bench: Bench, home_disk: Disk, engine: Engine) -> None:
    begun(bench)
    first = cleanup.keep_data(bench, home_disk.top / "kept")
    engine.set_limit(20)
    sessions = Session.all(bench.home)
    plan = cleanup.plan(cleanup.find(engine, sessions), by_hand=True)
    told = {report.thing.name: report for report in cleanup.apply(engine, plan, sessions, first)}
    report = told[bench.names("guestbook-data", "volume")]
    assert report.outcome is Outcome.UNSAVED
    assert f"The disk at {home_disk.top} is full" in report.detail
    assert list((home_disk.top / "kept").iterdir()) == []
    assert bench.volume("guestbook-data")
    assert engine.containers() == [], "what read it is gone"


def test_a_copy_without_room_leaves_no_half_of_a_file(bench: Bench, home_disk: Disk) -> None:
    bench.do(Run("one", "lab", ("sleep", "1000")), Exec("one", ("sh", "-c", f"{DATA} > /much")))
    (bench.files / "out").mkdir(parents=True)
    with pytest.raises(DiskTrouble, match=f"The disk at {home_disk.top} is full"):
        bench.do(CopyOut("one", "/much", "out"))
    assert list((bench.files / "out").iterdir()) == []


def test_nothing_is_measured_whose_result_finds_no_room(bench: Bench, home_disk: Disk) -> None:
    there = bench.engine.containers()
    home_disk.fill()
    with pytest.raises(DiskTrouble, match="is full"):
        bench.do(Measure(RANDOM_WRITE, LAYER, VOLUME, budget=5))
    assert bench.engine.containers() == there


def test_a_measurement_that_fills_the_engines_disk_says_so_and_removes_what_it_made(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = (bench.engine.containers(), bench.engine.volumes())
    said = b"fio: pid=7, err=28/file:io_u.c:1876, func=io_u error, error=No space left on device\n"
    run = Bench.succeeded

    def full(self: Bench, argv: Any, result: ExecResult) -> ExecResult:
        if argv[0] == "fio":
            raise CommandFailed(argv, ExecResult(1, said, b""))
        return run(self, argv, result)

    monkeypatch.setattr(Bench, "succeeded", full)
    with pytest.raises(NoSpace, match="random-write ran out of room on the engine"):
        drain(Experiment(RANDOM_WRITE, LAYER, VOLUME, budget=5).run(bench))
    assert (bench.engine.containers(), bench.engine.volumes()) == there


def test_on_an_engine_whose_disk_is_full_everything_of_ours_can_be_removed(
    tmp_path: Path,
) -> None:
    if not can_start():
        pytest.skip("needs root and dockerd")
    folder = Path(tempfile.mkdtemp(prefix="vt-", dir="/var/tmp"))
    disk = Disk(folder / "data", 320 * MIB, 0)
    try:
        with dockerd(folder / "d", disk.top) as started:
            engine, home = started.engine(), tmp_path / "home"
            bench = Bench(engine, home)
            drain(bench.prepare("lab"))
            disk.fill()
            with pytest.raises(NoRoom, match=f"The engine's disk is full .*{disk.top}"):
                bench.do(Run("one", "lab", volumes=(Mount("/x"),)))
            with pytest.raises(NoRoom):
                drain(bench.prepare("files"))
            _take_its_name(engine, bench.image("lab"), disk)
            (image,) = engine.images()
            assert image.tags == (), "as an older clean-up left it"
            reports = swept(engine, home)
            assert [(report.thing.kind, report.outcome) for report in reports] == [("image", Outcome.REMOVED)]
            nothing_is_left(engine)
            disk.make_room()
            drain(bench.prepare("lab"))
            disk.fill()
            assert {report.outcome for report in swept(engine, home)} == {Outcome.REMOVED}
            nothing_is_left(engine)
    finally:
        disk.unmount()
        shutil.rmtree(folder, ignore_errors=True)


def _take_its_name(engine: Engine, name: str, disk: Disk) -> None:
    """What Docker does on a full disk with the first of two calls."""
    before = disk.free
    with pytest.raises(Exception, match="no space left on device"):
        engine._api.remove_image(name)
    assert disk.free == before


def test_an_image_that_lost_its_name_and_is_still_there_is_not_told_to_be_gone() -> None:
    """As on a full disk: the first try takes the name, and fails; the image can't go by its id either."""
    image = ImageView("sha256:1", ("stack:1",), {}, (), 0)

    class Full:
        """An engine of which no image can be removed."""

        names: tuple[str, ...] = ("stack:1",)

        def image(self, ref: str) -> ImageView | None:
            return replace(image, tags=self.names) if ref in (image.id, *self.names) else None

        def remove_image(self, ref: str) -> None:
            self.names = ()
            raise NoRoom("remove image", 500, "write repositories.json: no space left on device", "/data")

    thing = Thing("image", "stack:1", "stack:1", Owner.OURS, stamp=image.id)
    engine: Any = Full()
    (report,) = cleanup.apply(engine, CleanupPlan((Decision(thing, ""),), (), {}), [])
    assert report.outcome is Outcome.FAILED
    assert "no space left" in report.detail
