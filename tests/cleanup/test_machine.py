"""Two learners and others at work on one engine, in any order: no clean-up touches what isn't its own, and none of
ours is left at the end.

`VOLTUTOR_RULES` says how many steps are taken; 2,000 take some minutes.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, ClassVar

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, rule, run_state_machine_as_test

from tests.own_engine import embedded
from voltutor import cleanup
from voltutor.engine import Conflict, ContainerSpec, Engine, Mount, NotFound, find
from voltutor.session import (
    HOME_LABEL,
    SESSION_LABEL,
    Bench,
    CreateVolume,
    NameTaken,
    Remove,
    RemoveVolume,
    Run,
    Session,
)

RULES = int(os.environ.get("VOLTUTOR_RULES", "400"))
STEPS = 50
HARMLESS = (Conflict, NotFound, NameTaken)

LEARNERS = st.sampled_from([0, 1])
LOGICAL = st.sampled_from(["one", "two", "three"])
MOUNTS = st.lists(st.sampled_from(["/x", "/y", "/z=vol", "/w=other"]), unique=True, max_size=3)


class Machine(RuleBasedStateMachine):
    """The engine is real and empty at the beginning of each run; others' things are known with all their details."""

    engine: ClassVar[Engine]
    image: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="vt-machine-"))
        self.benches = [Bench(self.engine, self.folder / name) for name in ("a", "b")]
        self.images = {tag for image in self.engine.images() for tag in image.tags}
        self.theirs: dict[tuple[str, str], Any] = {}
        self.count = 0

    foreign = Bundle("foreign")

    # what a lab does

    def _mounts(self, bench: Bench, wanted: list[str]) -> tuple[Mount, ...]:
        return tuple(Mount(target, source) for target, _is, source in (one.partition("=") for one in wanted))

    @rule(who=LEARNERS, name=LOGICAL, mounts=MOUNTS, of=st.none() | LOGICAL)
    def lab_runs(self, who: int, name: str, mounts: list[str], of: str | None) -> None:
        bench = self.benches[who]
        shared = (of,) if of and of != name and bench.container(of) else ()
        run = Run(name, "lab", volumes=self._mounts(bench, mounts), volumes_from=shared, start=False)
        with contextlib.suppress(*HARMLESS):
            bench.do(run)

    @rule(who=LEARNERS, name=LOGICAL, volumes=st.booleans())
    def lab_removes(self, who: int, name: str, volumes: bool) -> None:
        with contextlib.suppress(*HARMLESS):
            self.benches[who].do(Remove(name, volumes=volumes))

    @rule(who=LEARNERS, name=st.sampled_from(["vol", "other"]), remove=st.booleans())
    def lab_volumes(self, who: int, name: str, remove: bool) -> None:
        with contextlib.suppress(*HARMLESS):
            self.benches[who].do(RemoveVolume(name) if remove else CreateVolume(name))

    # what a learner types: no labels; a notebook that watches notes the volumes

    @rule(who=LEARNERS, name=LOGICAL, mounts=MOUNTS)
    def typed_create(self, who: int, name: str, mounts: list[str]) -> None:
        bench = self.benches[who]
        names = tuple(bench.mount(mount) for mount in self._mounts(bench, mounts))
        with contextlib.suppress(*HARMLESS):
            made = self.engine.create_container(ContainerSpec(bench.names(name), self.image, mounts=names))
            bench.note_mounts(made)

    @rule(who=LEARNERS, name=LOGICAL, key=foreign)
    def typed_with_volumes_of_others(self, who: int, name: str, key: tuple[str, str]) -> None:
        bench = self.benches[who]
        if key in self.theirs:
            kinds: dict[str, dict[str, Any]] = {
                "container": {"volumes_from": (key[1],)},
                "volume": {"mounts": (Mount("/v", key[1]),)},
            }
            shared = kinds[key[0]]
            with contextlib.suppress(*HARMLESS):
                made = self.engine.create_container(ContainerSpec(bench.names(name), self.image, **shared))
                bench.note_mounts(made)

    @rule(who=LEARNERS, name=LOGICAL, volumes=st.booleans())
    def typed_remove(self, who: int, name: str, volumes: bool) -> None:
        with contextlib.suppress(*HARMLESS):
            self.engine.remove_container(self.benches[who].names(name), force=True, volumes=volumes)

    @rule(who=LEARNERS)
    def kernel_restarts(self, who: int) -> None:
        bench = self.benches[who]
        bench.session.let_go()
        self.benches[who] = Bench(self.engine, bench.home)

    # what others do

    def _keep(self, kind: str, name: str) -> tuple[str, str]:
        key = (kind, name)
        self.theirs[key] = self._seen(key)
        return key

    def _seen(self, key: tuple[str, str]) -> Any:
        kind, name = key
        return self.engine.container(name) if kind == "container" else self.engine.volume(name)

    def _labels(self, who: int, choice: str) -> dict[str, str]:
        """Labels as they could be spoofed: of the session, of the home, of both, or of Docker's own kind."""
        labels = self.benches[who].session.labels()
        return {
            "none": {},
            "session": {SESSION_LABEL: labels[SESSION_LABEL]},
            "home": {HOME_LABEL: labels[HOME_LABEL]},
            "both": labels,
            "elsewhere": {SESSION_LABEL: labels[SESSION_LABEL], HOME_LABEL: "deadbeef"},
            "anonymous": {"com.docker.volume.anonymous": ""},
        }[choice]

    LABELS = st.sampled_from(["none", "session", "home", "both", "elsewhere", "anonymous"])

    @rule(
        target=foreign,
        who=LEARNERS,
        labels=LABELS,
        uses=st.sampled_from(["", "new", "ours", "from"]),
        name=LOGICAL,
    )
    def another_container(self, who: int, labels: str, uses: str, name: str) -> tuple[str, str]:
        """Named as ours could be; with a volume of its own, one of ours, or those of one of our containers."""
        self.count += 1
        bench = self.benches[who]
        ours = bench.names("vol", "volume")
        mounts = {"new": (Mount("/n"),), "ours": (Mount("/o", ours),)}.get(uses, ())
        if uses == "ours" and self.engine.volume(ours) is None:
            mounts = ()  # a create would make it
        sharer = (bench.names(name),) if uses == "from" and bench.container(name) else ()
        spec = ContainerSpec(
            f"shape{self.count}-{bench.session.id}",
            self.image,
            mounts=mounts,
            volumes_from=sharer,
            labels=self._labels(who, labels),
        )
        made = self.engine.create_container(spec)
        view = self.engine.container(made)
        assert view
        for mount in view.mounts if uses == "new" else ():
            self._keep("volume", str(mount.name))
        return self._keep("container", made)

    @rule(target=foreign, who=LEARNERS, labels=LABELS, hexadecimal=st.booleans())
    def another_volume(self, who: int, labels: str, hexadecimal: bool) -> tuple[str, str]:
        self.count += 1
        token = self.benches[who].session.id
        name = f"{self.count:064x}" if hexadecimal else f"vol{self.count}-{token}"
        self.engine.create_volume(name, self._labels(who, labels))
        return self._keep("volume", name)

    @rule(key=foreign)
    def another_goes(self, key: tuple[str, str]) -> None:
        with contextlib.suppress(*HARMLESS):
            if key in self.theirs:
                remove = self.engine.remove_container if key[0] == "container" else self.engine.remove_volume
                remove(key[1])
                del self.theirs[key]

    @rule(who=LEARNERS, name=LOGICAL)
    def somebody_removes_ours(self, who: int, name: str) -> None:
        with contextlib.suppress(*HARMLESS):
            self.engine.remove_container(self.benches[who].names(name), force=True)

    # clean-up

    @rule(who=LEARNERS, everything=st.booleans())
    def clean(self, who: int, everything: bool) -> None:
        other = self._of(1 - who)
        self._sweep(who, everything)
        assert self._of(1 - who) == other, "another learner's"
        self._check()

    def _of(self, who: int) -> dict[tuple[str, str], Any]:
        """All that a learner's journals know, in detail."""
        scene = cleanup.find(self.engine, Session.all(self.benches[who].home))
        keys = [("container" if thing.kind == "container" else "volume", thing.id) for thing in scene.things
                if thing.kind != "image"]  # fmt: skip
        return {key: self._seen(key) for key in keys}

    def _sweep(self, who: int, everything: bool) -> None:
        sessions = Session.all(self.benches[who].home)
        plan = cleanup.plan(cleanup.find(self.engine, sessions), by_hand=everything)
        for report in cleanup.apply(self.engine, plan, sessions):
            assert report.outcome in (cleanup.Outcome.REMOVED, cleanup.Outcome.GONE), report

    def _check(self) -> None:
        for key, before in self.theirs.items():
            assert self._seen(key) == before, key

    def teardown(self) -> None:
        """Others' containers go first, since what they use stays; then nothing but others' volumes may be left."""
        try:
            self._check()
            for kind, name in [key for key in self.theirs if key[0] == "container"]:
                self.engine.remove_container(name)
                del self.theirs[kind, name]
            for who in (0, 1):
                self._sweep(who, True)
            self._check()
            assert self.engine.containers() == []
            left = {volume.name for volume in self.engine.volumes()}
            assert left == {name for _kind, name in self.theirs}
            assert {tag for image in self.engine.images() for tag in image.tags} == self.images
        finally:
            for ref in self.engine.containers():
                self.engine.remove_container(ref, force=True, volumes=True)
            for volume in self.engine.volumes():
                self.engine.remove_volume(volume.name)
            shutil.rmtree(self.folder, ignore_errors=True)


@pytest.mark.timeout(1800)
def test_no_order_of_things_makes_a_clean_up_take_what_is_not_its_own(tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="vt-", dir="/var/tmp"))
    try:
        with embedded(folder / "e") as made:
            Machine.engine = find(made.url, {})
            keeper = Bench(Machine.engine, tmp_path)
            for _progress in keeper.prepare("lab"):
                pass
            Machine.image = keeper.image("lab")
            run_state_machine_as_test(
                Machine,
                settings=settings(
                    max_examples=max(1, RULES // STEPS),
                    stateful_step_count=STEPS,
                    deadline=None,
                    # A failure's 50 steps are read in less time than they are shrunk in.
                    phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck),
                ),
            )
            Machine.engine.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
