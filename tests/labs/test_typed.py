"""Every line that a lab prints, typed in a terminal of that lab's page, beside a Docker full of what isn't ours: it
changes nothing of theirs."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.conftest import sweep
from voltutor.engine import ContainerSpec, Engine, Mount, embedded
from voltutor.labs import LABS
from voltutor.lessons import Lab, Step
from voltutor.session import Bench, terminal
from voltutor.widgets.workplace import Workplace

pytestmark = pytest.mark.engine

NOTEBOOKS = Path(__file__).parents[2] / "labs"
SHOWN = re.compile(r"`((?:docker|voltutor|for|sh|\$\() ?[^`]*)`")
LONG = "voltutor measure"
"""What takes minutes, and touches its own session's things alone."""


@pytest.fixture
def theirs(engine: Engine, bench: Bench) -> Iterator[dict[str, Any]]:
    """What a learner's Docker holds: volumes with and without a name, in use or not, containers, an image."""
    image = bench.image("lab")
    serves = ("sh", "-c", "echo precious >/data/kept; exec sleep 1000")
    busy = engine.create_container(
        ContainerSpec(
            "their-busy", image, command=serves, mounts=(Mount("/data"), Mount("/named", "their-used"))
        )
    )
    engine.start(busy)
    engine.create_container(ContainerSpec("their-stopped", image, mounts=(Mount("/data"),)))
    for name in ("their-database", "ab" * 32, "NAME", "volume_name", "vol1", "html"):
        made = engine.create_volume(name, {})
        (Path(made.mountpoint) / "kept").write_text(f"of {name}")
    for name in ("NAME", "web04", "dbstore"):
        engine.create_container(ContainerSpec(name, image))
    engine.tag(image, "theirs")
    before = state(engine)
    yield before
    for ref in before["containers"]:
        engine.remove_container(ref, force=True, volumes=True)
    for name in before["volumes"]:
        if engine.volume(name):
            engine.remove_volume(name)
    engine.remove_image("theirs")


def state(engine: Engine) -> dict[str, Any]:
    """What is there, with what is in it."""
    views = [view for ref in engine.containers() if (view := engine.container(ref))]
    return {
        "containers": {view.id: (view.name, view.running) for view in views},
        "volumes": {
            volume.name: {
                path.name: path.read_text(errors="replace")
                for path in Path(volume.mountpoint).glob("*")
                if path.is_file()
            }
            for volume in engine.volumes()
        },
        "images": {tag: image.id for image in engine.images() for tag in image.tags},
    }


def shown(lab: Lab, step: Step, bench: Bench) -> Iterator[str]:
    """The lines of a card, in the order in which one comes across them."""
    names = defaultdict(lambda: "NAME", lab.fields(bench))
    after = (step.explanation, step.then_now.then, step.then_now.now)
    for text in (step.goal, *step.hints):
        yield from SHOWN.findall(text.format_map(names))
    yield from (bench.line(command) for command in step.solution)
    for text in after:
        yield from SHOWN.findall(text.format_map(names)) if text else ()


def printed(lab: Lab, bench: Bench) -> list[str]:
    """All lines of a lab: its prose's and its cards'."""
    cells = nbformat.read(NOTEBOOKS / f"{lab.id}.ipynb", as_version=4).cells
    prose = [line for cell in cells if cell.cell_type == "markdown" for line in SHOWN.findall(cell.source)]
    lines = [*prose, *(line for step in lab.steps for line in shown(lab, step, bench))]
    return [line for line in dict.fromkeys(lines) if not line.startswith(LONG)]


@pytest.mark.parametrize("lab", LABS.values(), ids=lambda lab: lab.id)
def test_no_line_that_a_lab_prints_changes_what_is_not_ours(
    lab: Lab, engine: Engine, engine_url: str, home: Path, theirs: dict[str, Any], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    # Where nothing leads it, the docker command goes to the learner's Docker, and so does voltutor.
    config = tmp_path / "learner" / ".docker" / "config.json"
    meta = config.parent / "contexts" / "meta" / hashlib.sha256(b"theirs").hexdigest() / "meta.json"
    meta.parent.mkdir(parents=True)
    config.write_text(json.dumps({"currentContext": "theirs"}))
    meta.write_text(json.dumps({"Name": "theirs", "Endpoints": {"docker": {"Host": engine_url}}}))
    monkeypatch.setenv("HOME", str(config.parents[1]))
    monkeypatch.setenv("DOCKER_CONFIG", str(config.parent))
    for name, value in terminal.variables(home).items():
        monkeypatch.setenv(name, value)
    shell = terminal.shell(home)
    workplace = Workplace(home, None if lab.private else engine_url, watch=False, private=lab.private)
    try:
        assert workplace.bench
        assert workplace.bench.engine.info.private == lab.private
        workplace.lead(lab.id)
        env = {name: value for name, value in os.environ.items() if name not in terminal.NOT_HANDED_ON}
        lines = printed(lab, workplace.bench)
        assert lines or not lab.steps
        for line in lines:
            subprocess.run(
                [*shell, "-c", line], input="y\n" * 9, env=env, capture_output=True, text=True, timeout=300,
                check=False,
            )  # fmt: skip
            now = state(engine)
            for kind, each in theirs.items():
                assert {key: now[kind].get(key) for key in each} == each, line
    finally:
        workplace.close()
        sweep(engine, home)
        embedded.stop()
