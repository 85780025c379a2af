"""Play a step: its commands in order, what stands in their way, its reset, and its verdict."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from voltutor.engine import Conflict, EngineError, NotFound
from voltutor.home import make_folder, write_new
from voltutor.lessons.step import Lab, Step
from voltutor.lessons.verdict import EngineTrouble, NotPossible, Passed, Verdict
from voltutor.session import (
    Bench,
    Bind,
    Command,
    Commit,
    CreateVolume,
    Mount,
    Progress,
    Remove,
    Run,
    Start,
    Tag,
)
from voltutor.text import _, tr


@runtime_checkable
class Lasting(Protocol):
    """A command that can tell whether what it brings about is there, and that a reset takes back."""

    def done(self, bench: Bench) -> bool:
        """Whether it is there."""

    def undo(self, bench: Bench) -> None:
        """Take back what is not on the engine, such as a file; what is on the engine goes by its name."""

    def files(self, bench: Bench) -> Sequence[Path]:
        """What `undo` would remove, where it is there."""


GOING_LIMIT = 5.0
"""Seconds that an engine may take to remove a container that removes itself."""


def _preparation(step: Step, bench: Bench) -> list[Command]:
    given_names = {part.name for part in _parts(step.given) if isinstance(part, Run)}
    ours = [command for command in step.solution if isinstance(command, Run) and _our(command, bench)]
    again = [
        Remove(name) for name in dict.fromkeys(command.name for command in ours) if name not in given_names
    ]
    left = _left_as_given(step, bench)
    given = [
        needed
        for command in step.given
        if getattr(command, "name", "") not in left and (needed := _lacking(command, bench))
    ]
    return [*again, *given]


def _left_as_given(step: Step, bench: Bench) -> set[str]:
    """The containers that are given as already removed, and whose volumes are still there: a second round of them
    would leave twice as much behind."""
    gone = {command.name for command in step.given if isinstance(command, Remove)}
    return {
        command.name
        for command in step.given
        if isinstance(command, Run)
        and command.name in gone
        and bench.container(command.name) is None
        and bench.was_there(command.name)
        and all(_volume_stands(command, mount, bench) for mount in command.volumes)
    }


def _volume_stands(command: Run, mount: Mount | Bind, bench: Bench) -> bool:
    if isinstance(mount, Bind):
        return True
    return bool(bench.volume(mount.source)) if mount.source else bool(bench.left_behind(command.name))


def _lacking(command: Command, bench: Bench) -> Command | None:
    """What brings about what is given: the command itself, a start where it has only stopped, or nothing."""
    if isinstance(command, Lasting):
        return command  # what it brings about is looked at when its turn comes
    if isinstance(command, CreateVolume):
        return None if bench.volume(command.name) else command
    view = bench.container(command.name) if isinstance(command, Run) else None
    if view is None or not isinstance(command, Run):
        return command
    return None if view.running or not command.start else Start(command.name)


def _our(command: Run, bench: Bench) -> bool:
    view = bench.container(command.name)
    return view is not None and bench.ours(view)


def prepare(step: Step, bench: Bench) -> Iterator[Progress]:
    """Bring about what is given, where anything is missing."""
    lay_out(step, bench)
    if not isinstance(verdict(step, bench), Passed):
        yield from _do(_preparation(step, bench), bench)


def solve(step: Step, bench: Bench) -> Iterator[Progress]:
    """Do the solution. Where the step is passed already nothing is done: a second `rm` of one file would fail.

    Raises:
        VoltutorError: a command failed; what the ones before it did stands.
    """
    if isinstance(verdict(step, bench), Passed):
        yield Progress(tr(_("It is so already. Reset makes it as it was, to do it again.")))
    else:
        yield from _do(step.solution, bench)


def perform(step: Step, bench: Bench) -> Iterator[Progress]:
    """Both. Each command's own line comes before what it says; closing the iterator stops it."""
    yield from prepare(step, bench)
    yield from solve(step, bench)


def _do(commands: Sequence[Command], bench: Bench) -> Iterator[Progress]:
    for command in commands:
        if isinstance(command, Lasting) and command.done(bench):
            continue
        # A scene that is set for a quest has no line: it would tell where everything lies.
        if line := bench.line(command):
            yield Progress(f"$ {line}")
        yield from command.perform(bench)


def lay_out(step: Step, bench: Bench) -> None:
    """The step's files on the host; what is there stays.

    Raises:
        DiskTrouble: there is no room for them.
    """
    for name, content in step.files.items():
        path = bench.files / name
        if content is None:
            make_folder(path)
        elif not os.path.lexists(path):
            make_folder(path.parent)
            # A container that has this folder may have put a link here: what it leads to is not ours.
            write_new(path, content.replace("{n}", str(bench.number)))


def _parts(commands: Sequence[Command]) -> list[Command]:
    """The commands; of one that is several at once, its parts."""
    return [part for command in commands for part in getattr(command, "parts", (command,))]


def _commands(step: Step) -> list[Command]:
    """What is given and done."""
    return _parts([*step.given, *step.solution])


def names_of(step: Step) -> list[str]:
    """The containers that a step uses, by logical name."""
    return list(dict.fromkeys(command.name for command in _commands(step) if isinstance(command, Run)))


def volumes_of(step: Step) -> list[str]:
    """The named volumes that a step makes, by logical name."""
    names = []
    for command in _commands(step):
        if isinstance(command, CreateVolume):
            names.append(command.name)
        elif isinstance(command, Run):
            mounts = [mount for mount in command.volumes if isinstance(mount, Mount) and not mount.raw]
            names += [mount.source for mount in mounts if mount.source]
    return list(dict.fromkeys(names))


def reserve(lab: Lab, bench: Bench) -> None:
    """Reserve every name of a lab while it is free, and before anybody types it; a clean-up then says for which step
    a thing was made.

    Raises:
        EngineError: the engine does not answer.
    """
    for step in lab.steps:
        where = f"{lab.id.partition('-')[0]} {step.id}"
        for logical in names_of(step):
            bench.names(logical, "container", where)
        for logical in volumes_of(step):
            bench.names(logical, "volume", where)


def reset_plan(step: Step, bench: Bench) -> tuple[list[str], list[str]]:
    """What a reset removes: the names of what the kit made, with the files that it saved, and of what was made by
    hand."""
    ours: list[str] = []
    by_hand: list[str] = []
    for logical in names_of(step):
        if view := bench.container(logical):
            ours_here = bench.ours(view)
            (ours if ours_here else by_hand).append(view.name)
    made = bench.session.journal.state().made
    for logical in volumes_of(step):
        if volume := bench.volume(logical):
            ours_here = bench.ours(volume)
            (ours if ours_here else by_hand).append(volume.name)
    for name in _tags(step, bench):
        if image := bench.engine.image(name):
            (ours if made.get(("image", name)) == image.id else by_hand).append(name)
    for command in (*step.given, *step.solution):
        if isinstance(command, Lasting):
            ours += [str(path) for path in command.files(bench)]
    return ours, by_hand


def _wait_until_gone(bench: Bench, logical: str) -> None:
    """One that was started with --rm may be going by itself just now.

    Raises:
        EngineError: it stays.
    """
    until = time.monotonic() + GOING_LIMIT
    while view := bench.container(logical):
        if not view.auto_remove or time.monotonic() > until:
            bench.do(Remove(logical))
            return
        time.sleep(0.05)


def _tags(step: Step, bench: Bench) -> list[str]:
    """The further image names that a step gives."""
    tagged = [command.name for command in step.solution if isinstance(command, Tag)]
    made = [command.image for command in [*step.given, *step.solution] if isinstance(command, Commit)]
    return [bench.names(name, "image") for name in [*tagged, *made]]


IN_USE = _("{name} stays, since somebody uses it: {why}")


def clear(step: Step, bench: Bench) -> Iterator[Progress]:
    """Reset: take the step down, and set up what is given.

    What was made by hand under the step's names goes too; the caller has asked.
    """
    yield from take_down(step, bench)
    lay_out(step, bench)
    yield from _do(step.given, bench)


def take_down(step: Step, bench: Bench) -> Iterator[Progress]:
    """Remove the step's containers, volumes, further image names, files and result; what was made by hand under its
    names too. What somebody else uses stays, and is named.

    Raises:
        EngineError: the engine does not answer.
    """
    for logical in names_of(step):
        if view := bench.container(logical):
            ours = bench.ours(view)
            if not ours:
                # Made by hand, it may share volumes of somebody else's, which --volumes could take along. Those
                # that came with it are noted instead, and go with a clean-up.
                bench.note_mounts(view.id)
            removal = Remove(logical, volumes=ours)
            yield Progress(f"$ {bench.line(removal)}")
            try:
                yield from removal.perform(bench)
            except (NotFound, Conflict):
                _wait_until_gone(bench, logical)
    for logical in names_of(step):
        for volume_name in bench.left_behind(logical):
            yield Progress(f"$ docker volume rm {volume_name}")
            with contextlib.suppress(
                NotFound, Conflict
            ):  # one that another container has by now stays with it
                bench.engine.remove_volume(volume_name)
                bench.session.journal.gone("volume", volume_name)
        bench.session.journal.forget("container", bench.names(logical))
    for logical in volumes_of(step):
        if volume := bench.volume(logical):
            yield Progress(f"$ docker volume rm {volume.name}")
            with contextlib.suppress(NotFound):
                try:
                    bench.engine.remove_volume(volume.name)
                except Conflict as error:
                    yield Progress(tr(IN_USE, name=volume.name, why=error.explanation))
                    continue
            bench.session.journal.gone("volume", volume.name)
        bench.session.journal.forget("volume", bench.names(logical, "volume"))
    for name in _tags(step, bench):
        if bench.engine.image(name):
            yield Progress(f"$ docker image rm {name}")
            with contextlib.suppress(NotFound):
                try:
                    bench.engine.remove_image(name)
                except Conflict as error:
                    yield Progress(tr(IN_USE, name=name, why=error.explanation))
                    continue
        bench.session.journal.gone("image", name)
    if step.measures:
        bench.forget_result(step.measures)
    for command in (*step.given, *step.solution):
        if isinstance(command, Lasting):
            command.undo(bench)
    for name, content in step.files.items():
        if content is None:
            shutil.rmtree(bench.files / name, ignore_errors=True)
        else:
            (bench.files / name).unlink(missing_ok=True)


NO_CAPABILITY = NotPossible(_("{engine} can't do this here: {why}."))


def not_possible(step: Step, bench: Bench) -> NotPossible | None:
    """Why this engine can't do it, or None.

    Raises:
        EngineError: the engine does not answer.
    """
    for need in sorted(step.needs):
        capability = bench.capability(need)
        if capability.available is False:
            return NO_CAPABILITY.seen(engine=bench.engine.info.title, why=capability.why)
    return None


def verdict(step: Step, bench: Bench) -> Verdict:
    """What the check finds; trouble with the engine is a verdict of its own."""
    try:
        return not_possible(step, bench) or step.check(bench)
    except EngineError as error:
        return EngineTrouble("{text}", {"text": str(error)})
