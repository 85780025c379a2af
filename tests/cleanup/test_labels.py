"""What labels tell and what they don't, on Docker and on the embedded engine: an image hands its container's labels
on, anybody can write any, and a home is known by more than a session's id."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cleanup.test_canaries import everything
from tests.conftest import sweep
from tests.own_engine import Embedded, embedded
from voltutor.cli import main
from voltutor.engine import ContainerSpec, ContainerView, Engine, EngineTimeout, Mount, find
from voltutor.session import HOME_LABEL, RUN, SESSION_LABEL, Bench, Run, Session

HOSTILE = (
    "[/bold] x",
    "\x1b[31mred\x1b[0m",
    "</td><script>",
    "{container} {x",
    "a\nb",
    "]]>&amp;",
    "\u202eabc",
)


@dataclass
class Canaries:
    """An engine with a learner on it, and others' things, which the test makes."""

    url: str
    engine: Engine
    bench: Bench
    capsys: pytest.CaptureFixture[str]

    def docker(self, *words: str) -> str:
        """The docker command, as anybody types it there."""
        done = subprocess.run(
            ["docker", *words],
            capture_output=True,
            text=True,
            env={**os.environ, "DOCKER_HOST": self.url},
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def committed(self, ref: str) -> str:
        """What a learner makes of one of our containers: an image, and of that a container with data; its id."""
        self.docker("commit", ref, "handed")
        theirs = self.docker(
            "run", "-d", "--network", "none", "--name", "theirs", "-v", "/data", "handed", "sleep", "999"
        )
        self.docker("exec", "theirs", "sh", "-c", "echo precious > /data/file")
        return theirs

    def clean(self, *words: str) -> tuple[int, str, str]:
        """The exit code of `voltutor clean`, and what it printed; none of that is a field that nobody filled in, nor
        anything that a terminal obeys."""
        self.capsys.readouterr()
        code = main(["clean", "--engine", self.url, *words])
        out, err = self.capsys.readouterr()
        assert not [char for char in out + err if char in "\x1b\u202e"]
        for field in ("{container}", "{volume}", "{image}", "{id}", "{n}"):
            assert field not in (out + err).replace("{container} {x", "")
        return code, " ".join(out.split()), " ".join(err.split())


@pytest.fixture(scope="module")
def small() -> Iterator[Embedded]:
    """An embedded engine for this file."""
    folder = Path(tempfile.mkdtemp(prefix="vt-", dir="/var/tmp"))
    with embedded(folder / "e") as made:
        for _progress in Bench(find(made.url, {}), folder / "keeper").prepare("lab"):
            pass  # once, so that no test makes and removes it
        yield made
    shutil.rmtree(folder, ignore_errors=True)


ONCE = pytest.mark.parametrize("canaries", ["embedded"], indirect=True)
"""What no engine does in its own way."""


@pytest.fixture(params=[pytest.param("docker", marks=pytest.mark.engine), "embedded"])
def canaries(
    request: pytest.FixtureRequest,
    home: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Canaries]:
    """An engine with a learner's bench; whatever a test leaves there is removed."""
    monkeypatch.setenv("COLUMNS", "200")
    url = (
        request.getfixturevalue("engine_url")
        if request.param == "docker"
        else request.getfixturevalue("small").url
    )
    engine = find(url, {})
    before = {*engine.containers()}, {volume.name for volume in engine.volumes()}, everything(engine)
    bench = Bench(engine, home)
    yield Canaries(url, engine, bench, capsys)
    for ref in {*engine.containers()} - before[0]:
        engine.remove_container(ref, force=True, volumes=True)
    for name in {volume.name for volume in engine.volumes()} - before[1]:
        engine.remove_volume(name)
    sweep(engine, home)
    for image in engine.images():
        for tag in image.tags:
            if tag not in before[2]:
                engine.remove_image(tag)
    engine.close()


def lose(bench: Bench) -> None:
    """Somebody empties the journal, and the learner goes on."""
    bench.session.journal.path.write_text("")
    bench.names("later")


@pytest.mark.parametrize(("way", "lost"), [("all", False), ("all", True), ("named", True)])
def test_what_an_image_handed_down_stays_with_its_data_and_ours_goes(
    canaries: Canaries, way: str, lost: bool
) -> None:
    bench, engine = canaries.bench, canaries.engine
    bench.do(Run("one", "lab", volumes=(Mount("/anonymous"), Mount("/v", "vol"))))
    ours = bench.container("one")
    assert ours
    theirs = canaries.committed(ours.name)
    view = engine.container(theirs)
    assert view
    assert view.labels[SESSION_LABEL] == bench.session.id, "the engine handed it down"
    if lost:
        lose(bench)
    code, out, err = canaries.clean(
        "--yes", *(["--all"] if way == "all" else ["--session", bench.session.id])
    )
    assert code == 0, err
    assert engine.container(ours.id) is None
    assert not any(engine.volume(mount.name or "") for mount in ours.mounts)
    assert engine.container(theirs) == view
    assert canaries.docker("exec", "theirs", "cat", "/data/file") == "precious"
    assert engine.image("handed")
    assert "Session" not in out, "nothing is left of which a clean-up would have to be told"


@ONCE
def test_a_container_of_a_committed_image_under_a_steps_name_was_made_by_hand(canaries: Canaries) -> None:
    bench = canaries.bench
    bench.do(Run("one", "lab", start=False))
    canaries.docker("commit", bench.names("one"), "handed")
    canaries.docker("rm", bench.names("one"))
    for name in ("one", "two"):
        canaries.docker("create", "--network", "none", "--name", bench.names(name), "handed", "true")
        view = bench.container(name)
        assert view
        assert not bench.ours(view), "its id isn't that of the one that we made"
    assert "made by hand" in canaries.clean("--yes")[1]
    assert bench.container("one")
    assert bench.container("two")
    assert canaries.clean("--yes", "--all")[0] == 0
    assert canaries.engine.container(bench.names("two")) is None


def test_what_a_lost_home_handed_down_stays_when_its_session_is_named(
    canaries: Canaries, tmp_path: Path
) -> None:
    lost = Bench(canaries.engine, tmp_path / "lost")
    lost.do(Run("one", "lab", volumes=(Mount("/v", "vol"),)))
    theirs = canaries.committed(lost.names("one"))
    code, out, err = canaries.clean("--yes", "--session", lost.session.id)
    assert code == 0, err
    assert "Not ours, and untouched: 1 containers" in out
    assert lost.container("one") is None
    assert canaries.engine.container(theirs)
    assert canaries.docker("exec", "theirs", "cat", "/data/file") == "precious"


def test_hostile_labels_and_names_are_shown_and_nothing_of_theirs_goes(canaries: Canaries) -> None:
    engine, bench = canaries.engine, canaries.bench
    bench.do(Run("one", "lab"))
    for number, text in enumerate(HOSTILE):
        labels = {SESSION_LABEL: text, HOME_LABEL: text}
        engine.create_volume(f"hostile{number}", labels)
        engine.create_container(ContainerSpec(f"hostile{number}", bench.image("lab"), labels=labels))
    code, out, err = canaries.clean("--yes", "--all")
    assert code == 0, err
    assert all(engine.container(f"hostile{n}") and engine.volume(f"hostile{n}") for n in range(len(HOSTILE)))
    for shown in (
        "[/bold] x@[/bold] x",
        r"\x1b[31mred",
        "</td><script>",
        "{container} {x",
        r"a\nb",
        r"\u202eabc",
    ):
        assert shown in out
    code, _out, err = canaries.clean("--yes", "--session", "[/i]")
    assert code == 2
    assert "[/bold] x" in err
    assert canaries.clean("--yes", "--session", "[/bold] x")[0] == 0
    assert engine.container("hostile0") is None
    assert engine.volume("hostile0") is None
    assert engine.container("hostile1")


@ONCE
def test_labels_alone_go_only_where_the_session_is_named_or_its_journal_lost(canaries: Canaries) -> None:
    bench, engine = canaries.bench, canaries.engine
    bench.do(Run("one", "lab"))
    engine.create_container(ContainerSpec("labelled", bench.image("lab"), labels=bench.session.labels()))
    _code, out, _err = canaries.clean("--yes", "--all")
    assert engine.container("labelled"), "its journal is whole, and doesn't know it"
    assert f"--session {bench.session.id} would" in out
    code, out, _err = canaries.clean("--yes", "--session", bench.session.id)
    assert (code, engine.container("labelled")) == (0, None)
    assert "--session" not in out
    assert "--session" not in canaries.clean("--yes", "--all")[1]


@ONCE
def test_a_session_of_the_same_id_in_another_home_is_not_ours(canaries: Canaries) -> None:
    bench, engine = canaries.bench, canaries.engine
    bench.do(Run("one", "lab"))
    for home in ("feedbeef", "f00dcafe"):
        for session in (bench.session.id, "abcde"):
            engine.create_volume(f"{session}-{home}", {SESSION_LABEL: session, HOME_LABEL: home})
    code, out, _err = canaries.clean("--yes", "--session", bench.session.id)
    assert code == 0
    assert f"--session {bench.session.id}@feedbeef" in out
    assert bench.container("one") is None
    assert engine.volume(f"{bench.session.id}-feedbeef")
    code, _out, err = canaries.clean("--yes", "--session", "abcde")
    assert code == 2
    assert "abcde@f00dcafe, abcde@feedbeef." in err
    assert canaries.clean("--yes", "--session", "abcde@feedbeef")[0] == 0
    assert engine.volume("abcde-feedbeef") is None
    assert engine.volume("abcde-f00dcafe")


@ONCE
def test_what_another_session_of_this_home_made_is_no_riddle_where_one_is_named(canaries: Canaries) -> None:
    first, second = (Session.begin(canaries.bench.home, canaries.engine, RUN) for _ in range(2))
    for session in (first, second):
        canaries.engine.create_volume(f"vol-{session.id}", session.labels())
        session.journal.made("volume", f"vol-{session.id}", f"vol-{session.id}")
    code, out, _err = canaries.clean("--yes", "--session", first.id)
    assert code == 0
    assert "Session" not in out
    assert canaries.engine.volume(f"vol-{second.id}")
    assert canaries.clean("--yes", "--session", second.id)[0] == 0


@ONCE
def test_things_of_a_session_whose_engine_has_another_id_by_now_can_be_removed_by_name(
    canaries: Canaries,
) -> None:
    session = Session.begin(canaries.bench.home, canaries.engine, RUN)
    canaries.engine.create_volume("moved", session.labels())
    record = session.folder / "session.json"
    record.write_text(record.read_text().replace(canaries.engine.info.id, "another"))
    assert f"--session {session.id} would" in canaries.clean("--yes", "--all")[1]
    assert canaries.engine.volume("moved")
    assert canaries.clean("--yes", "--session", session.id)[0] == 0
    assert canaries.engine.volume("moved") is None
    assert canaries.clean("--yes", "--session", session.id)[1].startswith("Nothing of ours")


@ONCE
def test_a_home_knows_its_own_ended_sessions(canaries: Canaries) -> None:
    session = Session.begin(canaries.bench.home, canaries.engine, RUN)
    assert session.end()
    assert not session.folder.exists()
    canaries.engine.create_volume("late", session.labels())
    _code, out, _err = canaries.clean("--yes", "--all")
    assert f"Session {session.id} of this home" in out
    assert canaries.engine.volume("late")
    assert canaries.clean("--yes", "--session", session.id)[0] == 0
    assert canaries.engine.volume("late") is None
    code, out, err = canaries.clean("--yes", "--session", session.id)
    assert (code, err) == (0, "")
    assert out.startswith("Nothing of ours")


@ONCE
def test_a_container_that_the_engine_hangs_over_is_named_where_it_is_ours_and_passed_by_where_not(
    canaries: Canaries, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, engine = canaries.bench, canaries.engine
    bench.do(Run("one", "lab"), Run("two", "lab", volumes=(Mount("/v", "vol"),)))
    theirs = engine.create_container(ContainerSpec("theirs", bench.image("lab")))
    two, name = bench.container("two"), bench.names("two")
    assert two
    inspect, limits = Engine.container, []

    def hanging(self: Engine, ref: str, limit: float | None = None) -> ContainerView | None:
        if ref in (theirs, two.id):
            limits.append(limit or self.limit)
            raise EngineTimeout("container", limits[-1])
        return inspect(self, ref, limit)

    with monkeypatch.context() as patched:
        patched.setattr(Engine, "container", hanging)
        code, out, _err = canaries.clean("--yes", "--json", "--all")
    assert code == 1
    document = json.loads(out)
    assert bench.container("one") is None
    assert {
        one["name"]: "does not answer" in one["reason"]
        for one in document["keep"]
        if one["kind"] == "container"
    } == {name: True}
    assert bench.names("vol", "volume") in {one["name"] for one in document["keep"]}, (
        "what uses it is there still"
    )
    assert limits
    assert max(limits) <= 10
    assert canaries.clean("--yes", "--all")[0] == 0
    assert bench.container("two") is None
    assert engine.container(theirs)
