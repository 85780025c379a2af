"""A stateful service on a real engine and on this kit's own: one instance, saved and restored to the byte."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import sweep
from tests.dockerd import Dockerd
from tests.own_engine import Embedded
from voltutor.engine import ContainerSpec, Engine, EngineError, Mount, Refused, find
from voltutor.errors import VoltutorError
from voltutor.images import MIB
from voltutor.services import (
    Backup,
    BadBackup,
    Deploy,
    Room,
    Scale,
    ScaleByLoad,
    backup_path,
    backups,
    look_at,
    recover,
    used,
    verify,
)
from voltutor.session import LATE, SIZED, Bench, Remove, RemoveVolume, Run, Stop

pytestmark = pytest.mark.engine

SIZE = 32 * MIB
ROUNDS = 20


def ask(bench: Bench, *words: str) -> str:
    return bench.exec("guestbook", "ask", *words).text


def checksum(bench: Bench) -> str:
    return bench.exec("guestbook", "checksum").text


def begun(bench: Bench) -> str:
    """A service with some data; their checksum."""
    bench.do(Deploy("guestbook", SIZE))
    for name in ("ann", "bob", "cleo"):
        assert ask(bench, "SET", name, f"{name} was here") == "OK"
    return checksum(bench)


def destroyed(bench: Bench) -> None:
    bench.do(Remove("guestbook", volumes=True), RemoveVolume("guestbook-data"))


def test_it_is_saved_destroyed_and_restored_to_the_byte(anywhere: Bench) -> None:
    bench = anywhere
    before = begun(bench)
    bench.exec("guestbook", "sh", "-c", "mkdir -p /srv/deep; echo x > /srv/deep/outside")
    bench.do(Backup("guestbook", "monday"))
    store = look_at(bench, "guestbook")
    assert store is not None
    assert store.running, "it goes on"
    assert store.size == SIZE
    assert store.room is Room.WATCHED
    assert 0 < (used(bench, store) or 0) < SIZE
    (kept,) = backups(bench)
    manifest = verify(kept.path)
    assert kept.manifest == manifest
    assert manifest.about.service == "guestbook"
    assert manifest.about.image == bench.image("store")
    assert manifest.about.engine == bench.engine.info.title
    assert "/srv/deep/outside" in manifest.about.outside
    assert not any("outside" in entry.path for entry in manifest.entries)
    destroyed(bench)
    bench.do(Deploy("guestbook", SIZE, backup="monday"))
    assert checksum(bench) == before
    assert bench.exec("guestbook", "test", "-e", "/srv/deep/outside").code == 1
    # A second one from the same backup, and the first one over an older volume of its own.
    bench.do(Deploy("copy", SIZE, backup="monday"))
    assert bench.exec("copy", "checksum").text == before
    ask(bench, "SET", "later", "gone again")
    bench.do(Remove("guestbook"), Deploy("guestbook", SIZE, backup="monday"))
    assert checksum(bench) == before
    sweep(bench.engine, bench.home)
    assert bench.engine.containers() == []
    assert bench.engine.volumes() == []
    assert kept.path.exists(), "a clean-up of the engine leaves what was saved from it"


def test_recreated_it_has_its_data_and_with_another_volume_it_has_not(bench: Bench) -> None:
    before = begun(bench)
    bench.do(Remove("guestbook"), Run("guestbook", "store"))
    assert ask(bench, "DBSIZE") == "0"
    bench.do(Remove("guestbook", volumes=True), Deploy("guestbook", SIZE))
    assert checksum(bench) == before


def test_a_size_is_enforced_where_the_engine_can(anywhere: Bench) -> None:
    bench = anywhere
    if not bench.capability(SIZED).available:
        with pytest.raises(EngineError, match="user namespaces"):
            bench.do(Deploy("jar", 4 * MIB, memory=True))
        return
    bench.do(Deploy("jar", 4 * MIB, memory=True))
    store = look_at(bench, "jar")
    assert store is not None
    assert store.room is Room.MEMORY
    filled = bench.exec("jar", "sh", "-c", "dd if=/dev/zero of=/data/fill bs=64k count=1000")
    assert "No space left" in filled.message
    assert (used(bench, store) or 0) <= 4 * MIB


def _twice(bench: Bench) -> None:
    bench.do(Deploy("guestbook", SIZE))


def _scaled(bench: Bench) -> None:
    bench.do(Scale("guestbook", 2))


def _scaled_by_load(bench: Bench) -> None:
    bench.do(ScaleByLoad("guestbook"))


def _no_size(bench: Bench) -> None:
    bench.do(Deploy("other", 0))


def _no_volume(bench: Bench) -> None:
    bench.do(Deploy("other", SIZE, image="web"))


def _no_backup(bench: Bench) -> None:
    bench.do(Deploy("other", SIZE, backup="nosuch"))


def _too_small(bench: Bench) -> None:
    bench.do(Deploy("other", 10, backup="monday"))


def _in_memory(bench: Bench) -> None:
    bench.do(Deploy("other", SIZE, backup="monday", memory=True))


def _same_name(bench: Bench) -> None:
    bench.do(Backup("guestbook", "monday"))


def _of_nobody(bench: Bench) -> None:
    bench.do(Backup("other", "tuesday"))


def test_what_is_refused_changes_nothing_and_says_why(bench: Bench, engine: Engine) -> None:
    before = begun(bench)
    bench.do(Backup("guestbook", "monday"), Run("other-layer", "web", ("stay",)))
    refusals: list[tuple[Callable[[Bench], None], str]] = [
        (_twice, "one instance"),
        (_scaled, "is stateful"),
        (_scaled_by_load, "is stateful"),
        (_no_size, "must say how much"),
        (_no_volume, "declares no VOLUME"),
        (_no_backup, "no backup named nosuch"),
        (_too_small, "was given 10 B"),
        (_in_memory, "in memory is empty"),
        (_same_name, "a backup named monday already"),
        (_of_nobody, "no volume that its image declares"),
    ]
    content = backup_path(bench, "monday").read_bytes()

    def scene() -> tuple[object, ...]:
        return sorted(engine.containers()), sorted(volume.name for volume in engine.volumes())

    there = scene()
    for refused, said in refusals:
        with pytest.raises(VoltutorError, match=said):
            refused(bench)
        assert scene() == there, said
    for cut in (content.index(b"manifest.json"), content.rindex(b"manifest.json")):
        backup_path(bench, "monday").write_bytes(content[:cut])
        with pytest.raises(BadBackup):
            bench.do(Deploy("other", SIZE, backup="monday"))
        assert scene() == there
    assert checksum(bench) == before
    assert [kept.manifest for kept in backups(bench)] == [None], "listed, and said to be none"


def test_an_engine_that_can_not_freeze_stops_it_instead(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = begun(bench)

    def refuse(_ref: str) -> None:
        raise Refused("pause", 500, "cgroups: the freezer is not there")

    monkeypatch.setattr(bench.engine, "pause", refuse)
    bench.do(Backup("guestbook", "monday"))
    assert checksum(bench) == before, "it runs again"
    verify(backup_path(bench, "monday"))
    assert list(backup_path(bench, "monday").parent.glob(".*.half")) == []


def test_what_somebody_has_paused_is_saved_as_it_is_and_stays_paused(bench: Bench, engine: Engine) -> None:
    before = begun(bench)
    engine.pause(bench.names("guestbook"))
    bench.do(Backup("guestbook", "monday"))
    view = engine.container(bench.names("guestbook"))
    assert view is not None
    assert view.paused
    engine.unpause(bench.names("guestbook"))
    bench.do(Deploy("copy", SIZE, backup="monday"))
    assert bench.exec("copy", "checksum").text == before


def test_memory_is_not_stopped_to_be_saved(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.do(Deploy("jar", 4 * MIB, memory=True))
    assert bench.exec("jar", "ask", "SET", "a", "b").text == "OK"

    def refuse(_ref: str) -> None:
        raise Refused("pause", 500, "cgroups: the freezer is not there")

    monkeypatch.setattr(bench.engine, "pause", refuse)
    with pytest.raises(VoltutorError, match="would lose its data"):
        bench.do(Backup("jar", "monday"))
    assert bench.exec("jar", "ask", "GET", "a").text == "b"
    assert backups(bench) == ()


def test_a_service_made_by_hand_is_thawed_after_a_crash_too(bench: Bench, engine: Engine) -> None:
    for _sign in bench.prepare("store"):
        pass
    by_hand = engine.create_container(ContainerSpec(bench.names("guestbook"), bench.image("store")))
    engine.start(by_hand)
    engine.pause(by_hand)
    half = backup_path(bench, "x").with_name(f".paused.{by_hand}.abc.half")
    half.parent.mkdir(parents=True)
    half.touch()
    recover(Bench(engine, bench.home))
    view = engine.container(by_hand)
    assert view is not None
    assert not view.paused
    assert not half.exists()
    engine.remove_container(by_hand, force=True, volumes=True)


def test_two_backups_of_one_service_at_once_are_refused(bench: Bench) -> None:
    begun(bench)
    first = Backup("guestbook", "first").perform(bench)
    for sign in first:
        if sign.done:  # frozen, and being packed
            break
    with pytest.raises(VoltutorError, match="being made just now"):
        bench.do(Backup("guestbook", "second"))
    for _sign in first:
        pass
    verify(backup_path(bench, "first"))
    assert [kept.name for kept in backups(bench)] == ["first"]


def test_a_backup_that_is_broken_off_leaves_nothing_and_a_service_that_goes_on(bench: Bench) -> None:
    before = begun(bench)
    with closing(Backup("guestbook", "monday").perform(bench)) as signs:  # type: ignore[type-var]
        for sign in signs:
            if sign.done:
                break
    assert checksum(bench) == before
    assert backups(bench) == ()
    assert list(backup_path(bench, "monday").parent.glob(".*.half")) == []


def test_a_stopped_service_is_started_and_a_volume_of_another_kind_is_refused(bench: Bench) -> None:
    before = begun(bench)
    bench.do(Stop("guestbook"), Deploy("guestbook", SIZE))
    assert checksum(bench) == before
    bench.do(Remove("guestbook"))
    with pytest.raises(VoltutorError, match="of another kind"):
        bench.do(Deploy("guestbook", SIZE, memory=True))


def test_the_shown_line_of_a_restore_never_names_a_volume_that_is_there(bench: Bench) -> None:
    begun(bench)
    bench.do(Backup("guestbook", "monday"), Remove("guestbook"))
    old = bench.names("guestbook-data", "volume")
    line = bench.line(Deploy("guestbook", SIZE, backup="monday"))
    assert f"--volume {old}:" not in line
    assert "guestbook-data-again" in line


@pytest.mark.timeout(300)
def test_nothing_that_was_acknowledged_before_a_backup_is_lost(anywhere: Bench) -> None:
    """While writes go on: twenty backups, each restored; Redis loads them without repairing anything."""
    bench = anywhere
    bench.do(Deploy("guestbook", SIZE))
    assert ask(bench, "PING") == "PONG"
    writes = "while redis-cli -s /tmp/redis.sock INCR counter >/dev/null; do :; done"

    def write() -> None:
        with contextlib.suppress(EngineError):  # it ends with its container
            for _sign in bench.engine.exec(bench.names("guestbook"), ["sh", "-c", writes], limit=300):
                pass

    threading.Thread(target=write, daemon=True).start()
    until = time.monotonic() + 30
    while int(ask(bench, "GET", "counter") or 0) < 10:
        assert time.monotonic() < until
    for number in range(ROUNDS):
        acknowledged = int(ask(bench, "GET", "counter"))
        bench.do(Backup("guestbook", f"round-{number}"), Deploy("copy", SIZE, backup=f"round-{number}"))
        assert int(bench.exec("copy", "ask", "GET", "counter").text) >= acknowledged
        said = bench.engine.logs(bench.names("copy")).decode()
        assert "DB loaded from incr file" in said
        assert not any(word in said for word in ("truncat", "repair", "Unexpected end", "Bad file format")), (
            said
        )
        bench.do(Remove("copy"), RemoveVolume("copy-data"))
    assert int(ask(bench, "GET", "counter")) > acknowledged, "writes went on"


# kills

PLAY = """
import sys
from voltutor.engine import find
from voltutor.images import MIB
from voltutor.services import Backup, Deploy
from voltutor.session import Bench

bench = Bench(find(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
bench.do(Backup("guestbook", sys.argv[2]), Deploy("copy", 64 * MIB, backup=sys.argv[2]))
print("done", flush=True)
"""


def filled(bench: Bench) -> str:
    """A service whose volume holds enough for a kill to come in between; the checksum of its keys."""
    before = begun(bench)
    bench.exec("guestbook", "dd", "if=/dev/urandom", "of=/data/more", "bs=1M", "count=24")
    return before


def whole(bench: Bench, name: str, before: str) -> str:
    """After a crash: the service goes on with its data, a backup is whole or isn't there, and so is a copy of it.
    What was reached."""
    recover(bench)
    store = look_at(bench, "guestbook")
    assert store is not None
    assert not store.container.paused
    assert store.volume is not None
    if not store.running:  # the engine was killed, and it with it
        bench.engine.start(store.container.id)
    assert checksum(bench) == before
    halves = list(backup_path(bench, name).parent.glob(".*.half"))
    assert halves == []
    saved = backup_path(bench, name).exists()
    if saved:
        verify(backup_path(bench, name))
    volume = bench.session.journal.state().name_of("volume", "copy-data")
    copied = bench.engine.volume(volume) if volume else None
    wanted = {store.volume.name, *({copied.name} if copied else ())}
    until = time.monotonic() + 2 * LATE
    while (there := {view.name for view in bench.engine.volumes()}) != wanted:
        # What the engine was just making when its client died may come only now; the next look removes it.
        assert time.monotonic() < until, there
        recover(bench)
    if copied:
        if look_at(bench, "copy"):
            bench.do(Remove("copy"))
        bench.do(Run("copy", "store", (), (Mount("/data", "copy-data"),)))
        assert bench.exec("copy", "checksum").text == before
        bench.do(Remove("copy"), RemoveVolume("copy-data"))
        return "copied"
    return "saved" if saved else "neither"


def played(url: str, name: str, after: float, kill: Callable[[subprocess.Popen[str]], None]) -> None:
    """Save and restore in a process of its own; so many seconds later comes the kill."""
    words = [sys.executable, "-c", PLAY, url, name]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        words, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=dict(os.environ)
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.stdin.write("go\n")
        process.stdin.flush()
        time.sleep(after)  # the moment of the kill, not a wait for something
        kill(process)


def moments(rounds: int, longest: float, seen: Collection[str]) -> Iterator[tuple[int, float]]:
    """When so many kills come, in seconds after the start; a slow machine gets more of them, and later ones, until
    some came early and some late."""
    chance = random.Random(rounds)
    for number in range(4 * rounds):
        if number >= rounds and len(seen) > 1:
            return
        yield number, chance.uniform(0, longest) * max(1, 2 * number / rounds)


def test_a_kill_of_the_kit_leaves_the_old_state_or_the_new_one(bench: Bench) -> None:
    before, seen = filled(bench), set[str]()
    for number, after in moments(ROUNDS, 1.5, seen):
        played(bench.engine.url, f"kill-{number}", after, lambda process: process.kill())
        seen.add(whole(bench, f"kill-{number}", before))
    assert len(seen) > 1, "some kills came early and some late"


@pytest.fixture(params=["docker", "overlay"])
def killable(request: pytest.FixtureRequest) -> Dockerd | Embedded:
    """An engine of this test's own."""
    made: Dockerd | Embedded = request.getfixturevalue("own_dockerd" if request.param == "docker" else "own")
    return made


def test_a_kill_of_the_engine_leaves_the_old_state_or_the_new_one(
    killable: Dockerd | Embedded, home: Path
) -> None:
    bench = Bench(find(killable.url, {}), home)
    before, seen = filled(bench), set[str]()
    for number, after in moments(ROUNDS // 2, 1.2, seen):

        def kill(process: subprocess.Popen[str]) -> None:
            killable.kill()
            _out, said = process.communicate(timeout=60)
            assert process.returncode in (0, 1), said
            if process.returncode:
                last = said.strip().splitlines()[-1]
                assert "voltutor" in last, f"an error of the kit's own, in words: {said}"

        played(killable.url, f"kill-{number}", after, kill)
        killable.start()
        seen.add(whole(bench, f"kill-{number}", before))
    assert len(seen) > 1, "some kills came early and some late"
