"""Every step of every lab, on a real engine, from its declaration alone: a new step is tested by existing."""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from voltutor.diagrams import stack_svg
from voltutor.engine import Engine
from voltutor.labs import LABS
from voltutor.lessons import (
    Choice,
    Duration,
    EngineTrouble,
    Failed,
    Lab,
    NotAttempted,
    NotPossible,
    Passed,
    Step,
    clear,
    names_of,
    not_possible,
    perform,
    picture,
    prepare,
    verdict,
    volumes_of,
)
from voltutor.measure import Measure
from voltutor.session import Bench, Command, CopyOut, Run
from voltutor.widgets import words
from voltutor.widgets.controller import option_text

pytestmark = pytest.mark.engine

EACH = [(lab, step) for lab in LABS.values() for step in lab.steps]
STEPS = [pytest.param(lab, step, id=f"{lab.id}:{step.id}") for lab, step in EACH]
QUICK = [pytest.param(lab, step, id=f"{lab.id}:{step.id}") for lab, step in EACH if not step.measures]
WRONG = [
    pytest.param(lab, step, reason, commands, id=f"{lab.id}:{step.id}:{number}")
    for lab in LABS.values()
    for step in lab.steps
    for number, (reason, commands) in enumerate(step.wrong.items())
]


def drain(work: Iterator[object]) -> None:
    for _ in work:
        pass


def possible(step: Step, bench: Bench) -> bool:
    """Whether the step can be done on the tests' engine; where not, it says so, and `test_elsewhere` does it."""
    if reason := not_possible(step, bench):
        assert reason.text
        assert isinstance(verdict(step, bench), NotPossible)
        return False
    return True


def test_no_lab_uses_the_names_of_another() -> None:
    """One session does all labs: what one leaves must not look like another's beginning."""
    seen: dict[tuple[str, str], str] = {}
    for lab in LABS.values():
        for step in lab.steps:
            kinds = (("container", names_of(step)), ("volume", volumes_of(step)))
            for key in ((kind, name) for kind, names in kinds for name in names):
                assert seen.setdefault(key, lab.id) == lab.id, key


@pytest.mark.parametrize(("lab", "step"), STEPS)
def test_a_fresh_scene_is_not_passed_run_passes_it_and_a_reset_makes_it_fresh(
    bench: Bench, lab: Lab, step: Step
) -> None:
    if not possible(step, bench):
        return
    assert isinstance(verdict(step, bench), NotAttempted), "with nothing there at all"
    drain(clear(step, bench))
    assert isinstance(verdict(step, bench), NotAttempted), "with what is given"
    if step.measures:
        return  # measuring takes its time, and has tests of its own
    drain(prepare(step, bench))  # as after the guess; Run does it again
    drain(perform(step, bench))
    found = verdict(step, bench)
    assert isinstance(found, Passed), found.text
    assert "{" not in found.text
    drain(perform(step, bench))
    assert isinstance(verdict(step, bench), Passed), "a second run does no harm"
    drain(clear(step, bench))
    assert isinstance(verdict(step, bench), NotAttempted), "after a reset"


@pytest.mark.parametrize(("lab", "step", "reason", "commands"), WRONG)
def test_each_wrong_answer_gets_its_own_reason(
    bench: Bench, lab: Lab, step: Step, reason: Failed, commands: list[Command]
) -> None:
    if not possible(step, bench):
        return
    drain(clear(step, bench))
    bench.do(*commands)
    found = verdict(step, bench)
    assert found == reason
    assert "{" not in found.text


@pytest.mark.parametrize(("lab", "step"), QUICK)
def test_the_shown_lines_typed_in_a_shell_pass_the_step(
    bench: Bench, lab: Lab, step: Step, docker: Callable[..., str]
) -> None:
    if not possible(step, bench):
        return
    drain(bench.prepare("lab", "files", step.image))
    drain(prepare(step, bench))  # as after the guess
    for command in step.solution:
        docker(bench.line(command))
        if isinstance(command, Run):
            # A look in between, as the engine's events bring it about.
            assert not isinstance(verdict(step, bench), EngineTrouble)
    found = verdict(step, bench)
    assert isinstance(found, Passed), found.text


@pytest.mark.parametrize(("lab", "step"), STEPS)
def test_the_python_that_is_shown_is_the_solution(lab: Lab, step: Step) -> None:
    """To the command, so what passes by Run passes by it."""
    done: list[Command] = []
    lines = words.python(step.solution)
    exec("\n".join(lines), {"lab": SimpleNamespace(bench=SimpleNamespace(do=done.append))})  # noqa: S102 - what a learner is shown
    assert done == list(step.solution)


def _reasons(check: Callable[..., object], met: set[object]) -> Iterator[Failed]:
    """The reasons that a check names, itself or by functions of the labs that it calls."""
    if check in met:
        return
    met.add(check)
    for value in inspect.getclosurevars(check).globals.values():
        if isinstance(value, Failed):
            yield value
        elif inspect.isfunction(value) and value.__module__.startswith("voltutor.labs"):
            yield from _reasons(value, met)


@pytest.mark.parametrize(("lab", "step"), STEPS)
def test_every_reason_that_a_check_can_give_has_a_wrong_answer(lab: Lab, step: Step) -> None:
    named = {reason.template for reason in _reasons(step.check, set())}
    earned = {reason.template for reason in step.wrong}
    assert named - earned == set()


@pytest.mark.parametrize("lab", LABS.values(), ids=lambda lab: lab.id)
def test_texts_name_only_fields_that_the_lab_gives(bench: Bench, lab: Lab) -> None:
    fields = lab.fields(bench)
    for step in lab.steps:
        asked = step.prediction
        texts = [step.goal, step.explanation, step.then_now.then, step.then_now.now, *step.hints]
        if asked:
            texts.append(asked.question)
        if isinstance(asked, Choice):
            texts += asked.options
            buttons = [option_text(asked, index, fields) for index in range(len(asked.options))]
            assert not any(mark in text for text in buttons for mark in "{}`"), step.id
            assert 0 <= asked.answer < len(asked.options), step.id
        if isinstance(asked, Duration):
            assert asked.least <= asked.start <= asked.most, step.id
        for text in texts:
            assert text.format_map(fields) or text is step.then_now.then, step.id
            assert len(re.findall("`", text)) % 2 == 0, f"an open code mark in: {text}"
        assert len(step.hints) == 2, f"{step.id}: a nudge, a clearer one; the line itself is the third"


@pytest.mark.parametrize("lab", LABS.values(), ids=lambda lab: lab.id)
def test_the_shown_line_is_a_line_that_a_shell_reads_back(bench: Bench, lab: Lab) -> None:
    for command in (command for step in lab.steps for command in step.solution):
        line, words = bench.line(command), command.argv(bench)
        assert line == words[2] if words[:2] == ["sh", "-c"] else shlex.split(line) == words


def test_a_changed_file_is_found_in_the_picture(bench: Bench, engine: Engine) -> None:
    bench.do(Run("one", "files"))
    before = picture(bench, "files", ("one",))
    assert before is not None
    engine.run(
        bench.names("one"), ["sh", "-c", "echo x >> /seed/16MiB-1; rm /seed/16MiB-3; echo y > /new-file"]
    )
    after = picture(bench, "files", ("one",))
    assert after is not None
    svg = stack_svg(after)
    for path in ("/seed/16MiB-1", "/seed/16MiB-3", "/new-file"):
        assert path in svg
        assert path not in stack_svg(before)
    image = engine.image(bench.image("files"))
    assert image is not None
    for digest in image.layers:
        assert digest.removeprefix("sha256:")[:12] in svg


def test_the_measuring_line_is_the_kits_own_command(bench: Bench) -> None:
    step = LABS["01-copy-on-write"].step("price")
    (command,) = step.solution
    assert isinstance(command, Measure)
    assert bench.line(command) == "voltutor measure first-write --places layer,volume --budget 90"


def test_a_copy_out_of_a_container_follows_no_link(bench: Bench, tmp_path: Path) -> None:
    """A container that has the folder may have put one there."""
    theirs, folder = tmp_path / "precious", bench.files / "taken"
    theirs.write_text("not ours")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "passwd").symlink_to(theirs)
    bench.do(Run("locker", "lab"), CopyOut("locker", "/etc/passwd", "taken"))
    assert theirs.read_text() == "not ours"
    assert not (folder / "passwd").is_symlink()
    assert "root" in (folder / "passwd").read_text()
