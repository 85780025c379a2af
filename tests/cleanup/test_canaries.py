"""Clean-up removes what this home made, and only that: each of these would be easy to take along."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import sweep
from voltutor import cleanup
from voltutor.cleanup import Outcome
from voltutor.engine import ContainerSpec, Engine, Mount
from voltutor.session import HOME_LABEL, SESSION_LABEL, Bench, Exec, Run, Session, Tag

pytestmark = pytest.mark.engine


def everything(engine: Engine) -> dict[str, Any]:
    """All that is on the engine, in detail."""
    return {
        **{ref: engine.container(ref) for ref in engine.containers()},
        **{volume.name: volume for volume in engine.volumes()},
        **{tag: image.id for image in engine.images() for tag in image.tags},
    }


def test_nothing_of_others_changes_and_nothing_of_ours_is_left(
    bench: Bench,
    engine: Engine,
    tmp_path: Path,
    voltutor: Callable[..., Any],
    docker: Callable[..., str],
    engine_url: str,
) -> None:
    token, image = bench.session.id, bench.image("lab")
    labels = bench.session.labels()
    other_home = Bench(engine, tmp_path)
    theirs = [
        engine.create_container(ContainerSpec(f"shape-{token}", image)),
        engine.create_container(ContainerSpec(f"one-{token}", image)),
        engine.create_container(ContainerSpec("half", image, labels={SESSION_LABEL: token})),
        engine.create_container(ContainerSpec("other-half", image, labels={HOME_LABEL: labels[HOME_LABEL]})),
        engine.create_container(ContainerSpec("all-labels", image, labels=labels)),
        engine.create_container(ContainerSpec("user", image, mounts=(Mount("/anonymous"),))),
    ]
    volumes = {f"shape-{token}": {}, f"vol-{token}": {}, "half": {SESSION_LABEL: token}, "all": labels,
               "ef" * 32: {"com.docker.volume.anonymous": ""}}  # fmt: skip
    for name, with_labels in volumes.items():
        engine.create_volume(name, with_labels)
    engine.tag(image, f"stack-{token}")
    other_home.do(Run("one", "lab", volumes=(Mount("/data"), Mount("/v", "vol"))))
    before = everything(engine)
    try:
        bench.do(Run("one", "lab", volumes=(Mount("/data"), Mount("/v", "vol"))), Tag("files", "stack"))
        hand, ours = bench.names("two"), bench.names("vol", "volume")
        docker(f"docker run -d --network none --name {hand} -v /x -v {ours}:/v -v {'ef' * 32}:/e {image}")
        bench.note_mounts(hand)
        done = voltutor("clean", "--all", "--yes", "--engine", engine_url)
        assert done.returncode == 0, done.stderr + done.stdout
        assert everything(engine) == before
        state = Session.all(bench.home)[0].journal.state()
        assert not state.made
        assert not state.anonymous
        assert state.reserved, "a process works in the session still, and may be about to make something"
    finally:
        sweep(engine, tmp_path)
        for ref in theirs:
            engine.remove_container(ref, force=True, volumes=True)
        for name in volumes:
            engine.remove_volume(name)
        engine.remove_image(f"stack-{token}")


def test_a_foreign_container_keeps_the_volume_that_it_uses(bench: Bench, engine: Engine) -> None:
    name = bench.create_volume("vol")
    theirs = engine.create_container(ContainerSpec("theirs", bench.image("lab"), mounts=(Mount("/v", name),)))
    try:
        plan = cleanup.plan(cleanup.find(engine, [bench.session]), by_hand=True)
        assert [(d.thing.name, "theirs" in d.reason) for d in plan.keep] == [(name, True)]
        assert not plan.remove
    finally:
        engine.remove_container(theirs, force=True)


def test_a_volume_that_became_another_one_is_left(bench: Bench, engine: Engine) -> None:
    import time

    name = bench.create_volume("vol")
    plan = cleanup.plan(cleanup.find(engine, [bench.session]))
    engine.remove_volume(name)
    born = plan.remove[0].thing.stamp
    until = time.monotonic() + 60
    while engine.create_volume(name, {}).created == born and time.monotonic() < until:
        engine.remove_volume(name)  # its creation time is told to the second only
    reports = list(cleanup.apply(engine, plan, [bench.session]))
    assert [report.outcome for report in reports] == [Outcome.CHANGED]
    assert engine.volume(name) is not None


def test_what_was_made_by_hand_is_listed_and_stays_without_all(
    bench: Bench, engine: Engine, voltutor: Callable[..., Any], docker: Callable[..., str], engine_url: str
) -> None:
    name = bench.names("one", step="container-layer")
    docker(f"docker create --network none --name {name} {bench.image('lab')}")
    listed = json.loads(voltutor("clean", "--json", "--yes", "--engine", engine_url).stdout)
    assert [item["name"] for item in listed["keep"]] == [name]
    assert "by hand in step container-layer" in listed["keep"][0]["reason"]
    assert engine.container(name) is not None
    gone = json.loads(voltutor("clean", "--json", "--all", "--yes", "--engine", engine_url).stdout)
    assert [(item["name"], item["outcome"]) for item in gone["remove"]] == [(name, "removed")]
    assert "container-layer" in gone["remove"][0]["reason"]
    assert engine.container(name) is None


def test_a_dry_run_and_an_unanswered_question_remove_nothing(
    bench: Bench, engine: Engine, voltutor: Callable[..., Any], engine_url: str
) -> None:
    bench.do(Run("one", "lab"))
    assert voltutor("clean", "--dry-run", "--engine", engine_url).returncode == 0
    asked = voltutor("clean", "--engine", engine_url, stdin=-3)
    assert asked.returncode == 1
    assert "--yes" in asked.stderr
    assert bench.container("one") is not None


def test_no_prune_and_no_forced_volume_removal_is_ever_sent(bench: Bench, engine: Engine) -> None:
    asked: list[str] = []
    send = engine._api.send

    def recorded(request: Any, **options: Any) -> Any:
        asked.append(f"{request.method} {request.url}")
        return send(request, **options)

    engine._api.send = recorded
    bench.do(Run("one", "lab", volumes=(Mount("/data"), Mount("/v", "vol"))))
    sweep(engine, bench.home)
    assert any("DELETE" in line and "/volumes/" in line for line in asked)
    assert not [
        line for line in asked if "prune" in line.lower() or ("/volumes/" in line and "force=True" in line)
    ]


def test_data_are_packed_before_they_go_and_never_written_over(
    bench: Bench, engine: Engine, voltutor: Callable[..., Any], engine_url: str, tmp_path: Path
) -> None:
    import tarfile

    bench.do(Run("one", "lab", volumes=(Mount("/v", "vol"), Mount("/w", "other"))))
    bench.do(Exec("one", ("sh", "-c", "echo kept > /v/file; mkdir /v/folder")))
    name, other = bench.names("vol", "volume"), bench.names("other", "volume")
    keep = tmp_path / "keep"
    keep.mkdir()
    (keep / f"{other}.tar").write_text("mine")
    words = ("clean", "--yes", "--json", "--engine", engine_url, "--keep-data", str(keep))
    done = voltutor(*words)
    assert done.returncode == 1, done.stderr
    outcomes = {item["name"]: item for item in json.loads(done.stdout)["remove"]}
    assert outcomes[name]["outcome"] == "removed"
    assert outcomes[other]["outcome"] == "unsaved"
    assert f"{other}.tar" in outcomes[other]["detail"]
    assert engine.volume(other), "what could not be saved stays"
    assert (keep / f"{other}.tar").read_text() == "mine"
    with tarfile.open(keep / f"{name}.tar") as tar:
        kept = tar.extractfile("./file")
        assert kept
        assert kept.read() == b"kept\n"
        assert "./folder" in tar.getnames()
    assert not list(keep.glob("*.part"))


def test_another_homes_session_is_told_and_goes_only_when_it_is_named(
    bench: Bench, engine: Engine, voltutor: Callable[..., Any], engine_url: str, tmp_path: Path
) -> None:
    lost = Bench(engine, tmp_path / "lost")
    lost.do(Run("one", "lab", volumes=(Mount("/anonymous"), Mount("/v", "vol"))))
    view = lost.container("one")
    assert view
    volumes = [mount.name or "" for mount in view.mounts]
    try:
        listed = voltutor("clean", "--all", "--yes", "--engine", engine_url)
        assert f"--session {lost.session.id}" in listed.stdout
        assert engine.container(view.id), "told, and left"
        unknown = voltutor("clean", "--session", "ffff", "--yes", "--engine", engine_url)
        assert unknown.returncode == 2
        assert lost.session.id in unknown.stderr
        done = voltutor("clean", "--session", lost.session.id, "--yes", "--engine", engine_url)
        assert done.returncode == 0, done.stderr
        assert "which you named" in " ".join(done.stdout.split())
        assert engine.container(view.id) is None
        assert not any(engine.volume(name) for name in volumes), "its anonymous volume went with it"
    finally:
        sweep(engine, tmp_path / "lost")
