"""Every step on each storage of the embedded engine: fresh, by its button and reset, by its lines, and with its wrong
answers; or with the reason why not."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import sweep
from tests.own_engine import embedded
from voltutor.engine import find
from voltutor.labs import LABS
from voltutor.lessons import (
    Failed,
    Lab,
    NotAttempted,
    NotPossible,
    Passed,
    Step,
    clear,
    not_possible,
    perform,
    verdict,
)
from voltutor.session import Bench

pytestmark = pytest.mark.engine

EACH = [(lab, step) for lab in LABS.values() for step in lab.steps if not step.measures]
STEPS = [pytest.param(lab, step, id=f"{lab.id}:{step.id}") for lab, step in EACH]


def drain(work: Iterator[object]) -> None:
    for _ in work:
        pass


@pytest.fixture(scope="module", params=["overlay", "vfs"])
def elsewhere(request: pytest.FixtureRequest) -> Iterator[str]:
    """One engine for all steps, with the images that they need, which no test's sweep takes away."""
    folder = Path(tempfile.mkdtemp(prefix="vt-", dir="/var/tmp"))
    with embedded(folder / "e", request.param) as made:
        (folder / "images").mkdir()
        keeper = Bench(find(made.url, {}), folder / "images")
        drain(keeper.prepare(*dict.fromkeys(["lab", *(step.image for _lab, step in EACH)])))
        yield made.url
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def there(elsewhere: str, home: Path) -> Iterator[Bench]:
    """A bench on it, whose things are gone after the test."""
    bench = Bench(find(elsewhere, {}), home)
    yield bench
    sweep(bench.engine, home)
    assert bench.engine.containers() == []
    assert bench.engine.volumes() == []


@pytest.mark.parametrize(("lab", "step"), STEPS)
def test_a_step_passes_or_says_why_it_can_not(there: Bench, lab: Lab, step: Step) -> None:
    if reason := not_possible(step, there):
        assert isinstance(verdict(step, there), NotPossible)
        assert reason.text
        return
    assert isinstance(verdict(step, there), NotAttempted), "with nothing there at all"
    drain(clear(step, there))
    assert isinstance(verdict(step, there), NotAttempted), "with what is given"
    drain(perform(step, there))
    found = verdict(step, there)
    assert isinstance(found, Passed), found.text
    drain(clear(step, there))
    assert isinstance(verdict(step, there), NotAttempted), "after a reset"


WRONG = [
    pytest.param(lab, step, reason, id=f"{lab.id}:{step.id}:{number}")
    for lab in LABS.values()
    for step in lab.steps
    for number, reason in enumerate(step.wrong)
    if not step.measures
]


@pytest.mark.parametrize(("lab", "step", "reason"), WRONG)
@pytest.mark.parametrize("elsewhere", ["overlay"], indirect=True)
def test_each_wrong_answer_gets_its_own_reason_here_too(
    there: Bench, lab: Lab, step: Step, reason: Failed
) -> None:
    if not_possible(step, there):
        return
    drain(clear(step, there))
    there.do(*step.wrong[reason])
    assert verdict(step, there) == reason


@pytest.mark.parametrize(("lab", "step"), STEPS)
@pytest.mark.parametrize("elsewhere", ["overlay"], indirect=True)
def test_its_lines_typed_in_a_shell_pass_a_step(elsewhere: str, there: Bench, lab: Lab, step: Step) -> None:
    assert not_possible(step, there) is None or step.needs, "only what an engine can't do is refused"
    if not_possible(step, there):
        return
    drain(clear(step, there))
    env = {**os.environ, "DOCKER_HOST": elsewhere}
    for command in step.solution:
        line = there.line(command)
        done = subprocess.run(["sh", "-ec", line], capture_output=True, text=True, env=env, timeout=120)
        assert done.returncode == 0, f"{line}: {done.stderr}"
        verdict(step, there)  # as the engine's events bring it about
    found = verdict(step, there)
    assert isinstance(found, Passed), found.text
