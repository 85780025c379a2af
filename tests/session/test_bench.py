"""Everything goes through the bench, so everything is reserved, labelled and journalled."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable

import pytest

from voltutor.engine import ContainerSpec, Engine, Mount
from voltutor.images import RECIPE_LABEL
from voltutor.session import (
    HOME_LABEL,
    HOST_PATHS,
    PROBES,
    REFLINK,
    SESSION_LABEL,
    SUBPATH,
    Bench,
    CommandFailed,
    Exec,
    NameTaken,
    Remove,
    Reservation,
    Run,
    Stop,
    Tag,
    Watch,
)

pytestmark = pytest.mark.engine


def test_what_is_made_is_labelled_and_journalled_with_its_anonymous_volumes(
    bench: Bench, engine: Engine
) -> None:
    bench.do(Run("one", "lab", volumes=(Mount("/data"), Mount("/named", "vol"))))
    view = bench.container("one")
    assert view is not None
    assert view.labels[SESSION_LABEL] == bench.session.id
    assert view.labels[HOME_LABEL] == bench.session.home
    state = bench.session.journal.state()
    assert state.made["container", view.name] == view.id
    anonymous = view.mount("/data")
    assert anonymous is not None
    assert list(state.anonymous) == [anonymous.name]
    named = engine.volume(bench.names("vol", "volume"))
    assert named is not None
    assert named.labels[SESSION_LABEL] == bench.session.id


def test_the_line_that_is_shown_does_what_the_call_does(bench: Bench, docker: Callable[..., str]) -> None:
    command = Run("one", "lab", ("sleep", "100"), (Mount("/data"),))
    docker(bench.line(command))
    typed = bench.container("one")
    assert typed is not None
    assert not bench.ours(typed)
    docker(bench.line(Remove("one", volumes=True)))
    assert bench.container("one") is None
    bench.do(command)
    called = bench.container("one")
    assert called is not None
    assert bench.ours(called)
    assert (called.name, called.image, [m.target for m in called.mounts]) == (
        (typed.name, typed.image, [m.target for m in typed.mounts])
    )


def test_a_name_that_was_there_is_never_adopted(bench: Bench, engine: Engine) -> None:
    wanted = f"one-{bench.session.id}"
    theirs = engine.create_container(ContainerSpec(wanted, bench.image("lab")))
    try:
        assert bench.names("one") == f"{wanted}-1"
        bench.do(Run("one", "lab"))
        there = engine.container(wanted)
        assert there is not None
        assert there.id == theirs
    finally:
        engine.remove_container(theirs, force=True)


def test_what_appears_under_a_reserved_name_is_not_taken_over(bench: Bench, engine: Engine) -> None:
    name = bench.names("one")
    theirs = engine.create_container(ContainerSpec(name, bench.image("lab")))
    with pytest.raises(NameTaken, match=name):
        bench.do(Run("one", "lab"))
    assert engine.container(theirs) is not None


def test_docker_answers_a_create_with_somebody_elses_volume_and_it_stays_theirs(
    bench: Bench, engine: Engine
) -> None:
    name = bench.names("vol", "volume")
    theirs = engine.create_volume(name, {"mine": "yes"})
    with pytest.raises(NameTaken):
        bench.create_volume("vol")
    assert engine.volume(name) == theirs
    assert ("volume", name) not in bench.session.journal.state().made


def test_a_foreign_image_under_our_tag_stays_as_it_is(bench: Bench, engine: Engine) -> None:
    ours = bench.image("lab")
    other = engine.image(bench.image("files"))
    assert other is not None
    source = bench.source("lab")
    taken = f"{source.repository}:{source.hash[:12]}"
    assert ours == taken
    before = engine.image(ours)
    assert before is not None
    engine.remove_image(taken)
    try:
        engine.tag(other.id, *taken.split(":"))
        assert bench.image("lab") == f"{source.repository}:{source.hash[:24]}"
        list(bench.prepare("lab"))
        there, made = engine.image(taken), engine.image(bench.image("lab"))
        assert there is not None
        assert there.id == other.id
        assert made is not None
        assert made.id == before.id
    finally:
        engine.remove_image(taken)
        engine.tag(before.id, *taken.split(":"))


def test_an_image_that_is_there_costs_no_work(bench: Bench, engine: Engine) -> None:
    assert list(bench.prepare("lab", "files")) == []
    view = engine.image(bench.image("files"))
    assert view is not None
    assert view.labels[RECIPE_LABEL] == bench.source("files").hash
    assert not [key for key in bench.session.journal.state().made if key[0] == "image"], "not ours to remove"


def test_a_program_that_fails_says_so_in_its_own_words(bench: Bench) -> None:
    bench.do(Run("one", "lab"))
    with pytest.raises(CommandFailed, match="No such file or directory"):
        bench.do(Exec("one", ("cat", "/nowhere")))
    with pytest.raises(CommandFailed, match="executable file not found"):
        bench.do(Exec("one", ("fio-that-is-missing",)))


def test_stopping_is_quick_because_the_image_listens_to_term(bench: Bench) -> None:
    bench.do(Run("one", "lab"), Stop("one"))
    view = bench.container("one")
    assert view is not None
    assert not view.running


def test_a_tag_never_takes_a_name_away(bench: Bench, engine: Engine) -> None:
    name = bench.names("stack", "image")
    engine.tag(bench.image("lab"), name)
    with pytest.raises(NameTaken):
        bench.do(Tag("files", "stack"))
    there, lab = engine.image(name), engine.image(bench.image("lab"))
    assert there is not None
    assert lab is not None
    assert there.id == lab.id


def test_scratch_containers_and_volumes_leave_nothing(bench: Bench, engine: Engine) -> None:
    with (
        bench.scratch_volume() as volume,
        bench.scratch("lab", (), [Mount("/a"), Mount("/v", volume)]) as ref,
    ):
        view = engine.container(ref)
        assert view is not None
        names = [mount.name for mount in view.mounts]
    assert engine.container(ref) is None
    assert all(name and engine.volume(name) is None for name in names)
    assert not [key for key in bench.session.journal.state().made if key[0] != "image"]


def test_a_new_volume_counts_only_when_its_block_has_ended_well(bench: Bench, engine: Engine) -> None:
    bench.create_volume("data")
    old = bench.names("data", "volume")
    halves: list[str] = []

    def fail() -> None:
        with bench.new_volume("data") as half:
            halves.append(half)
            assert engine.volume(half) is not None
            assert bench.names("data", "volume") == old != half
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert engine.volume(halves[0]) is None
    assert bench.names("data", "volume") == old
    with bench.new_volume("data", labels={"a": "b"}) as new:
        pass
    assert bench.names("data", "volume") == new
    found = engine.volume(new)
    assert found is not None
    assert found.labels["a"] == "b"
    assert engine.volume(old) is not None, "what was there stays"


def test_half_a_volume_of_a_process_that_ended_goes_with_the_next_sweep(bench: Bench, engine: Engine) -> None:
    with subprocess.Popen(["true"]) as ended:
        pass
    name = bench.names.fresh("data", "volume")
    bench.session.journal.reserve(Reservation("volume", name, name, f"process {ended.pid}"))
    engine.create_volume(name, bench.session.labels())
    with bench.new_volume("data") as new:
        bench.sweep_trials()
        assert engine.volume(name) is None
        assert engine.volume(new) is not None, "one that is being filled stays"


def test_what_an_engine_makes_after_its_asker_died_is_found_by_the_next_sweep(
    bench: Bench, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with subprocess.Popen(["true"]) as ended:
        pass
    name, journal = bench.names.fresh("trial", "volume"), bench.session.journal
    journal.reserve(Reservation("volume", name, name, f"process {ended.pid}"))
    journal.asked("volume", name)
    bench.sweep_trials()
    bench.session.let_go()
    assert not bench.session.end(), "the journal alone will know it"
    engine.create_volume(name, bench.session.labels())
    bench.sweep_trials()
    assert engine.volume(name) is None
    assert ("volume", name) not in journal.state().reserved
    journal.reserve(Reservation("volume", name, name, f"process {ended.pid}"))
    journal.asked("volume", name)
    monkeypatch.setattr("voltutor.session.journal.LATE", 0.0)
    bench.sweep_trials()
    assert ("volume", name) not in journal.state().reserved, "by now it will not come"
    assert bench.session.end()


def test_a_volume_is_left_while_a_container_may_come_that_would_make_it_anew(
    bench: Bench, engine: Engine
) -> None:
    with subprocess.Popen(["true"]) as ended:
        pass
    journal, names = bench.session.journal, {}
    for kind in ("container", "volume"):
        names[kind] = bench.names.fresh("trial", kind)
        journal.reserve(Reservation(kind, names[kind], names[kind], f"process {ended.pid}"))
        journal.asked(kind, names[kind])
    engine.create_volume(names["volume"], bench.session.labels())
    bench.sweep_trials()
    assert engine.volume(names["volume"]) is not None
    for _sign in bench.prepare("lab"):
        pass
    mounts = (Mount("/data", names["volume"]),)
    spec = ContainerSpec(names["container"], bench.image("lab"), mounts=mounts, labels=bench.session.labels())
    engine.create_container(spec)
    bench.sweep_trials()
    assert engine.container(names["container"]) is None
    assert engine.volume(names["volume"]) is None


def test_capabilities_are_found_out_by_trying(bench: Bench) -> None:
    for name in PROBES:
        tried = bench.capability(name)
        assert tried.available is not None, tried.why
        assert tried.why
        assert bench.capability(name) is tried
    assert bench.capability(HOST_PATHS).available
    assert bench.capability(SUBPATH).available == bench.engine.serves("1.45")
    if bench.engine.info.backing == "extfs":
        assert not bench.capability(REFLINK).available


def test_a_look_into_a_container_is_no_change_and_what_a_learner_runs_is(
    bench: Bench, engine: Engine
) -> None:
    """Else a card that looks by running a program would look again because of it, for ever."""
    bench.do(Run("one", "lab"))
    changes: list[float] = []
    heard = threading.Event()

    def changed() -> None:
        changes.append(time.monotonic())
        heard.set()

    watch = Watch(bench, changed, lambda _here: None)
    try:
        assert heard.wait(30), "the first look"
        heard.clear()
        before = len(changes)
        for _ in range(3):
            assert bench.exec("one", "test", "-e", "/etc/passwd").code == 0
        engine.run(bench.names("one"), ["touch", "/typed"])
        assert heard.wait(30), "what was typed"
        assert len(changes) == before + 1, "events come in their order"
    finally:
        watch.close()
