"""The embedded engine on a full disk: refused in Docker's words, nothing half made, and removing needs no room."""

from __future__ import annotations

import errno
import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.box import root_archive
from tests.cleanup.test_faults import drain, nothing_is_left, swept
from tests.disk.conftest import MIB, Disk
from tests.own_engine import embedded
from voltutor.cleanup import Outcome
from voltutor.embedded.database import Database
from voltutor.embedded.events import Events
from voltutor.embedded.images import Images, full_config
from voltutor.embedded.logs import Log
from voltutor.embedded.spare import FILES, SPARE, Spare
from voltutor.embedded.spare import short as is_short
from voltutor.embedded.volumes import Volumes
from voltutor.engine import Mount, NoRoom, find
from voltutor.session import Bench, CreateVolume, Run


def no_room() -> pytest.RaisesExc[OSError]:
    return pytest.raises(OSError, check=lambda error: error.errno == errno.ENOSPC)


@pytest.fixture
def roomy(disks: Callable[..., Disk]) -> Disk:
    """Room enough for a database to keep its spare."""
    return disks(4 * MIB)


def test_what_is_new_needs_room_and_what_goes_finds_some(roomy: Disk) -> None:
    database = Database(roomy.top / "state.sqlite")
    for number in range(30):
        database.put("volume", f"v{number}", {"text": "x" * 1000})
    roomy.fill()
    with no_room():
        for number in range(1000):
            database.put("volume", f"new{number}", {"text": "x" * 4000})
    there = database.all("volume")
    database.put("volume", "v0", {"text": "changed"})
    for key in [*there][1:]:
        database.delete("volume", key)
    assert len(database.all("volume")) == 1
    database.close()
    again = Database(roomy.top / "state.sqlite")
    assert len(again.all("volume")) == 1
    roomy.make_room()
    again.put("volume", "new", {})
    again.close()


def test_room_is_kept_for_the_start_on_a_full_disk(disks: Callable[..., Disk]) -> None:
    disk = disks(16 * MIB, 2000)
    spare = Spare(disk.top / "spare")
    spare.take()
    spare.lend()
    assert (disk.top / "spare").exists(), "as long as there is other room"
    for use_up in (disk.fill, disk.take_inodes):
        use_up()
        assert is_short(disk.top, SPARE, FILES)
        spare.lend()
        assert not is_short(disk.top, SPARE, FILES)
        disk.make_room()
        spare.take()


def test_a_change_that_finds_no_room_is_none_in_memory_either(roomy: Disk) -> None:
    database = Database(roomy.top / "state.sqlite")
    with database.together():
        database.put("volume", "one", {})
    roomy.fill()
    with no_room():
        _many(database)
    assert [*database.all("volume")] == ["one"]
    with database.together():
        database.delete("volume", "one")
    assert database.all("volume") == {}


def _many(database: Database) -> None:
    with database.together():
        for number in range(1000):
            database.put("volume", f"new{number}", {"text": "x" * 4000})


def test_a_volume_that_finds_no_room_leaves_no_folder(roomy: Disk) -> None:
    database = Database(roomy.top / "state.sqlite")
    volumes = Volumes(roomy.top / "v", database, Events(), False)
    roomy.fill()
    made = 0
    with no_room():
        for made in range(1000):
            volumes.create(f"v{made}", {"label": "x" * 4000})
    assert len(volumes.by_name) == made
    assert len([*(roomy.top / "v").iterdir()]) == made


def test_an_image_that_finds_no_room_for_its_name_leaves_no_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "store").mkdir()
    database = Database(tmp_path / "store" / "state.sqlite")
    images = Images(tmp_path / "store" / "l", database, Events(), "amd64")

    def commit() -> None:
        layer = images.add_layer(io.BytesIO(root_archive()))
        images.add(images.new_config(full_config({}), None, layer, "made"), [layer], ["snapshot:1"])

    put = Database.put

    def full(self: Database, kind: str, key: str, document: Any) -> None:
        if kind == "image" and document["tags"]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        put(self, kind, key, document)

    with monkeypatch.context() as patched:
        patched.setattr(Database, "put", full)
        with no_room():
            commit()
    assert (images.by_id, images.layers, database.all("image"), database.all("layer")) == ({}, {}, {}, {})
    assert [*(tmp_path / "store" / "l").iterdir()] == []
    commit()
    assert [image.tags for image in images.by_id.values()] == [["snapshot:1"]]


async def _lines(log: Log) -> list[bytes]:
    read = log.read(channels={1, 2}, tail=None, since=0, until=None, follow=lambda: False, timestamps=False)
    return [text async for _channel, text in read]


def test_a_log_that_finds_no_room_loses_lines_and_nothing_else(disk: Disk) -> None:
    import asyncio

    log = Log(disk.top / "log")
    log.write(1, b"before\n")
    disk.fill()
    log.write(1, b"x" * 9000 + b"\n")
    log.flush()
    disk.make_room()
    log.write(1, b"after\n")
    assert asyncio.run(_lines(log)) == [b"before\n", b"after\n"]


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose path leaves room for a socket's name."""
    folder = Path(tempfile.mkdtemp(prefix="vt-", dir="/var/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_an_engine_on_a_full_disk_refuses_by_name_keeps_nothing_half_made_and_can_be_cleaned(
    short: Path, tmp_path: Path, disks: Callable[..., Disk]
) -> None:
    disks()  # skips where nothing can be mounted
    disk = Disk(short / "e", 240 * MIB, 0)
    try:
        with embedded(disk.top, "vfs") as own:
            engine = find(own.url, {})
            bench = Bench(engine, tmp_path / "home")
            bench.do(CreateVolume("vol"), Run("one", "lab", ("sleep", "1000"), (Mount("/y", "vol"),)))
            disk.fill()
            with pytest.raises(NoRoom):
                bench.do(*(CreateVolume(f"vol{number}") for number in range(1000)))
            there = (engine.containers(), engine.volumes(), engine.images())
            works: list[Callable[[], object]] = [
                lambda: bench.do(Run("two", "lab", volumes=(Mount("/x"),))),
                lambda: drain(bench.prepare("files")),
            ]
            for work in works:
                with pytest.raises(NoRoom, match=f"The engine's disk is full .*{disk.top}") as told:
                    work()
                assert told.value.status == 500
                assert (engine.containers(), engine.volumes(), engine.images()) == there
            assert {report.outcome for report in swept(engine, bench.home)} == {Outcome.REMOVED}
            nothing_is_left(engine)
            assert "Traceback" not in own.complaints()
    finally:
        disk.unmount()
