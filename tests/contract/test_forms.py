"""Each cell of the table of forms, executed on each engine."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.conftest import Target
from voltutor.labs.forms import FORMS, NEITHER, QUESTIONS, YES, Form

IMAGE = "seeded:latest"
GONE_LIMIT = 60.0


class Stand:
    """One form on one engine: the same line again and again, and where its data can be."""

    def __init__(self, target: Target, form: Form, folder: Path) -> None:
        self.target, self.form, self.folder = target, form, folder
        self.path = "/data/file" if form.id == "file" else "/data/token"
        (folder / "file").write_text("")
        places = {"files": folder, "file": folder / "file", "volume": "vol1", "store": "store"}
        self.flag = form.flag.format(**places)
        for line in form.lines:
            target.cli(line.format(**places, image=IMAGE))

    def run(self, name: str, more: str = "-d", flag: str | None = None) -> None:
        """The same line each time."""
        flags = self.flag if flag is None else flag
        line = f"docker run {more} --network none --name {name} {flags} {IMAGE}"
        self.target.cli(f"{line} sh -c 'trap \"exit 0\" TERM; while :; do sleep 0.1; done'")

    def write(self, name: str) -> None:
        """Leave a token."""
        self.target.cli(f"docker exec {name} sh -c 'mkdir -p /data; echo token > {self.path}'")

    def reads(self, name: str) -> bool:
        """Whether the token is seen there."""
        return "token" in self.target.cli(f"docker exec {name} cat {self.path}", check=False)

    def volumes(self) -> set[str]:
        """All volumes that there are."""
        return set(self.target.cli("docker volume ls -q").split())

    def kept(self) -> bool:
        """Whether the token is anywhere that outlives a container."""
        if any("token" in path.read_text() for path in self.folder.iterdir() if path.is_file()):
            return True
        look = f"docker run --rm --network none -v {{}}:/look {IMAGE} cat /look/token /look/inner/token"
        return any("token" in self.target.cli(look.format(name), check=False) for name in self.volumes())

    def removed(self) -> bool:
        """Whether what held the data is gone: a volume, or where there is none, the data."""
        return (
            not self.volumes() if self.form.id not in ("none", "tmpfs", "file", "folder") else not self.kept()
        )


@pytest.fixture
def stand(target: Target, tmp_path: Path) -> Callable[[Form], Stand]:
    """A stand on an engine that holds nothing but an image with a file at /data."""
    target.cli("docker run --network none --name seed box sh -c 'mkdir /data; echo seed > /data/seed'")
    target.cli(f"docker commit seed {IMAGE}; docker rm seed")
    return lambda form: Stand(target, form, tmp_path)


def answers(stand: Stand) -> dict[str, bool]:
    """What is seen of the first six questions."""
    target = stand.target
    stand.run("one")
    seen = {"filled": bool(target.cli("docker exec one cat /data/seed", check=False)) and bool(stand.flag)}
    stand.write("one")
    stand.run("two", flag="--volumes-from one" if stand.form.id == "anonymous" else None)
    seen["share"] = stand.reads("two")
    seen["host"] = "bind" in target.cli("docker inspect -f '{{range .Mounts}}{{.Type}} {{end}}' one")
    target.cli("docker rm -f two")
    target.cli("docker stop one; docker start one")
    seen["stop"] = stand.reads("one")
    stand.write("one")
    target.cli("docker rm -f one")
    seen["remove"] = stand.kept()
    stand.run("one")
    seen["name"] = stand.reads("one")
    return seen


def removals(stand: Stand) -> dict[str, bool]:
    """What is seen of removals: each from a fresh container."""
    target, seen = stand.target, {}
    before = stand.volumes()
    stand.run("one")
    stand.write("one")
    target.cli("docker rm -f -v one")
    seen["rm_v"] = stand.removed()
    stand.run("one", "--rm -d")
    stand.write("one")
    target.cli("docker stop one")
    until = time.monotonic() + GONE_LIMIT
    while target.cli("docker ps -aq -f name=^one$") and time.monotonic() < until:
        time.sleep(0.05)
    seen["run_rm"] = stand.removed()
    for key, api in (("prune_then", "1.41"), ("prune_now", "1.45")):
        if tuple(map(int, target.api.version()["ApiVersion"].split("."))) < tuple(map(int, api.split("."))):
            continue
        if not before <= stand.volumes():  # the prune before took it
            for line in stand.form.lines:
                target.cli(line.format(volume="vol1", store="store", image=IMAGE), check=False)
        stand.run("one")
        stand.write("one")
        target.cli("docker rm -f one")
        target.cli(f"DOCKER_API_VERSION={api} docker volume prune -f")
        seen[key] = stand.removed()
    return seen


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.id)
def test_each_answer_of_the_table_is_what_is_seen(
    target: Target, form: Form, stand: Callable[[Form], Stand]
) -> None:
    if form.id == "tmpfs" and "tmpfs" in target.lacks:
        pytest.xfail(f"{target.name} refuses tmpfs")
    if form.id == "subpath" and target.name == "docker-20.10":
        pytest.xfail("subpaths came with 1.45")
    if form.id == "sized" and "sized" in target.lacks:
        pytest.xfail(f"{target.name} refuses sized")
    seen = answers(stand(form))
    target.cli("docker rm -f one")
    for volume in target.cli("docker volume ls -q -f dangling=true").split():
        target.cli(f"docker volume rm {volume}")
    for file in stand(form).folder.iterdir() if form.id != "store" else ():
        file.write_text("")
    if form.id == "store":
        target.cli("docker rm -f -v store")
    seen |= removals(stand(form))
    expected = {key: answer is YES for key, answer in form.answers.items() if answer is not NEITHER}
    assert {key: seen[key] for key in expected if key in seen} == {
        key: value for key, value in expected.items() if key in seen
    }
    assert set(expected) - set(seen) <= {"prune_now"}


def test_every_question_has_an_answer_for_every_form() -> None:
    assert all(set(form.answers) == set(QUESTIONS) for form in FORMS)
