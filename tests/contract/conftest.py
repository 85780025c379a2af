"""The engines, each started once, with one small image of busybox."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.box import root_archive
from tests.dockerd import can_start, dockerd, newer
from tests.own_engine import Embedded, embedded

ENGINES = ("docker-20.10", "docker-26.1", "overlay", "overlay-tmpfs", "vfs")

# What each storage of the embedded engine refuses by name, as its `info` says.
LACKS = {
    "overlay": frozenset({"uids", "devices"}),
    "overlay-tmpfs": frozenset({"uids", "devices"}),
    "vfs": frozenset({"uids", "devices", "read_only", "tmpfs", "sized", "isolation", "setpgid"}),
}


@dataclass
class Target:
    """One engine under test."""

    name: str
    url: str
    api: Any
    lacks: frozenset[str] = frozenset()
    embedded: Embedded | None = None
    made: list[str] = field(default_factory=list)

    def cli(self, line: str, *, check: bool = True, data: str | None = None, timeout: float = 60) -> str:
        """A line as typed in a shell; what it printed."""
        env = {**os.environ, "DOCKER_HOST": self.url}
        done = subprocess.run(
            ["bash", "-c", line], capture_output=True, text=True, env=env, timeout=timeout, input=data
        )
        assert not check or done.returncode == 0, f"{line}: {done.returncode}: {done.stderr}"
        return done.stdout.strip()

    def fails(self, line: str, timeout: float = 60) -> str:
        """A line that must fail; what it said."""
        env = {**os.environ, "DOCKER_HOST": self.url}
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, env=env, timeout=timeout)
        assert done.returncode != 0, f"{line} succeeded: {done.stdout}"
        return done.stderr.strip()

    def at(self, version: str) -> Any:
        """A client that speaks an older version."""
        return docker.APIClient(base_url=self.url, version=version)

    def clear(self) -> None:
        """Remove all but the image."""
        for item in self.api.containers(all=True):
            self.api.remove_container(item["Id"], force=True, v=True)
        for volume in self.api.volumes()["Volumes"] or ():
            self.api.remove_volume(volume["Name"])
        for image in self.api.images():
            if "box:latest" not in (image["RepoTags"] or ()):
                self.api.remove_image(image["Id"], force=True)


@pytest.fixture(scope="session")
def engines() -> Iterator[Callable[[str], Target]]:
    """Start an engine when it is first asked for; all end with the session."""
    found: dict[str, Target] = {}
    with ExitStack() as stack:

        def get(name: str) -> Target:
            if name not in found:
                found[name] = _start(name, stack)
            return found[name]

        yield get


def _start(name: str, stack: ExitStack) -> Target:
    folder = Path(tempfile.mkdtemp(prefix="vt-", dir="/var/tmp"))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    made: Embedded | None = None
    if name.startswith("docker"):
        if not can_start():
            pytest.skip("needs root and dockerd")
        programs = newer(folder / "programs", "docker.io", "containerd") if name == "docker-26.1" else None
        url = stack.enter_context(dockerd(folder / "d", programs=programs)).url
    else:
        made = stack.enter_context(embedded(folder / "e", name))
        url = made.url
    api = docker.APIClient(base_url=url, version="auto", timeout=30)
    api.import_image_from_data(
        root_archive(), repository="box", changes=['CMD ["sleep","600"]', "ENV A=image"]
    )
    return Target(name, url, api, LACKS.get(name, frozenset()), made)


@pytest.fixture(params=ENGINES)
def target(request: pytest.FixtureRequest, engines: Callable[[str], Target]) -> Iterator[Target]:
    """Each engine in turn, empty but for its image."""
    found = engines(request.param)
    needs = request.node.get_closest_marker("needs")
    lacking = found.lacks & set(needs.args if needs else ())
    if lacking:
        # Not a skip: what an engine refuses by name is part of the contract, and has tests of its own.
        pytest.xfail(f"{found.name} refuses {', '.join(sorted(lacking))}")
    yield found
    found.clear()
