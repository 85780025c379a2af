"""`voltutor run`: labs executed without a browser, in a session of their own that leaves nothing behind."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from nbconvert import HTMLExporter
from traitlets.config import Config

from voltutor import cleanup
from voltutor.cli.notebooks import copied, named
from voltutor.cli.say import say
from voltutor.cli.sockets import sockets
from voltutor.cli.surroundings import KERNEL, settle, write_kernel
from voltutor.disk import see_room
from voltutor.engine import Engine, EngineError, EngineGone, find, find_for_deletion
from voltutor.errors import UsageError, VoltutorError
from voltutor.home import home, make_folder, write_atomically
from voltutor.labs import LABS
from voltutor.measure import WORKLOADS
from voltutor.results import load
from voltutor.session import RUN, Session
from voltutor.text import _, tr

MARK = ".voltutor-run"
"""The file in a folder that says that a run writes there."""

SUFFIXES = (".ipynb", ".html", ".json", ".png")
"""What a run writes."""

CELL_LIMIT = 1200
"""Seconds that one cell may take."""


class RunFailed(VoltutorError):
    """A cell of a lab ended with an error."""


class RunLostEngine(RunFailed):
    """The engine went in the middle of a run."""

    exit_code = 3


def run(arguments: argparse.Namespace) -> int:
    """Execute each lab, write the notebook, a page and the plots, and remove what was made."""
    folder = home()
    settle(folder)
    write_kernel(folder)
    notebooks = _notebooks(arguments.labs)
    out = Path(arguments.out)
    make_folder(out)
    for written in (folder, out):
        see_room(written)
    _may_write(out, notebooks)
    for finder, paths in (
        (find, [path for path in notebooks if not _private(path)]),
        (find_for_deletion, [path for path in notebooks if _private(path)]),
    ):
        if paths:
            _run_on(finder(arguments.engine), paths, out)
    if missed := [reason for path in notebooks for reason in _not_live(out / path.name)]:
        say(tr(_("Not done live, since this engine can't:")))
        for reason in missed:
            say(f"  {reason}")
    say(tr(_("Done: {out}"), out=out))
    return 0


def _may_write(out: Path, notebooks: list[Path]) -> None:
    """See that a run can write to a folder, over nothing but what a run wrote; a file in it says that one did.

    Raises:
        UsageError: something there bears a name that it would give.
    """
    ours = (*(path.stem for path in notebooks), *WORKLOADS)
    there = [path for path in out.iterdir() if path.suffix in SUFFIXES and path.stem.startswith(ours)]
    if there and not (out / MARK).exists():
        raise UsageError(
            _("{path} is there, and no run of this kit wrote it."),
            _("Name another folder by --out."),
            path=min(there),
        )
    (out / MARK).touch()


def _private(path: Path) -> bool:
    """Whether a notebook's lab removes what it finds, so that it takes an engine on which all is the learner's."""
    # One that lies beside a learner's changed copy has a longer name.
    return any(lab.private and path.stem.startswith(name) for name, lab in LABS.items())


def _run_on(engine: Engine, notebooks: list[Path], out: Path) -> None:
    """Execute notebooks on one engine, in a session of their own."""
    session = Session.begin(home(), engine, RUN)
    say(tr(_("{engine} at {url}, session {id}"), engine=engine.info.title, url=engine.url, id=session.id))
    session.hold()
    try:
        with sockets(home(), session.folder / "kernel") as folder:
            for path in notebooks:
                _execute(path, out, engine, session, folder / "kernel.json")
        _plots(session, out)
    except BaseException:
        with contextlib.suppress(Exception):  # the first trouble is the one to tell
            _plots(session, out)
        with contextlib.suppress(VoltutorError):
            session.let_go()
            _sweep(engine, session)
        raise
    session.let_go()
    _sweep(engine, session)


def _notebooks(names: list[str]) -> list[Path]:
    """The notebooks as `voltutor lab` names them, any other by its path, or all of ours."""
    ours = copied(home())
    return [_theirs(name) or named(name, ours) for name in names] or ours


def _theirs(name: str) -> Path | None:
    """The notebook at this path, if there is one."""
    path = Path(name)
    return path if path.suffix == ".ipynb" and path.is_file() else None


def _execute(path: Path, out: Path, engine: Engine, session: Session, connection: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    steps = sum(cell.cell_type == "code" and bool(cell.source.strip()) for cell in notebook.cells)
    count = 0

    def told(cell: Any, cell_index: int) -> None:
        nonlocal count
        if cell.cell_type == "code" and cell.source.strip():
            count += 1
            say(f"  {path.stem} {count}/{steps}: {cell.source.strip().splitlines()[-1][:60]}")

    env = {
        "VOLTUTOR_HEADLESS": "1",
        "VOLTUTOR_ENGINE": engine.url,
        "VOLTUTOR_SESSION": session.id,
        # Nor has what the learner does in the labs: another profile, and its history.
        "IPYTHONDIR": str(session.folder / "ipython"),
    }
    # Messages over sockets of this user's, and not over TCP, where others on the machine could listen.
    config = Config()
    config.KernelManager.transport = "ipc"
    config.KernelManager.connection_file = str(connection)
    try:
        NotebookClient(
            notebook,
            config=config,
            kernel_name=KERNEL,
            timeout=CELL_LIMIT,
            startup_timeout=sys.maxsize,  # a kernel that ends is seen to; one that is slow is waited for
            on_cell_start=told,
            resources={"metadata": {"path": str(path.parent)}},
        ).execute(env={**os.environ, **env})
    except CellExecutionError as error:
        lost = error.ename in (EngineGone.__name__, "NoEngine")
        failure = RunLostEngine if lost else RunFailed
        raise failure("{text}", _("What was executed is in {out}."), text=error.evalue, out=out) from error
    except CellTimeoutError as error:
        raise RunFailed(
            _("A cell did not end within {n} s."), _("What was executed is in {out}."), n=CELL_LIMIT, out=out
        ) from error
    except AssertionError as error:  # nbclient's answer to Ctrl+C
        raise KeyboardInterrupt from error
    except RuntimeError as error:  # nbclient's DeadKernelError, or its plain one before the first answer
        raise RunFailed(
            _("The kernel died."), _("Run `voltutor clean --all`; what was executed is in {out}."), out=out
        ) from error
    finally:
        write_atomically(out / path.name, nbformat.writes(notebook) + "\n", private=False)
        page, _resources = HTMLExporter(embed_images=True).from_notebook_node(notebook)
        write_atomically(out / f"{path.stem}.html", page, private=False)


def _plots(session: Session, out: Path) -> None:
    """The plots of what was measured, and the results themselves."""
    for path in sorted((session.folder / "results").glob("*.json")):
        from voltutor import plots

        for result in load(path):
            write_atomically(out / path.name, path.read_bytes(), private=False)
            for name, draw, _words in plots.views(result):
                plots.save(draw(), out / f"{path.stem}-{name}.png")


def _not_live(executed: Path) -> list[str]:
    """What the cards of an executed notebook say that could not be done, a line each."""
    notebook = nbformat.read(executed, as_version=4)
    outputs = [out for cell in notebook.cells if cell.cell_type == "code" for out in cell.outputs]
    marked = [out for out in outputs if "voltutor_not_possible" in out.get("metadata", {})]
    return [f"{executed.stem}: {out.metadata['voltutor_not_possible']}" for out in marked]


def _sweep(engine: Engine, session: Session) -> None:
    """Remove what this run made.

    Raises:
        RunFailed: something could not be removed; `voltutor clean --all` will.
    """
    mend = _("Run `voltutor clean --all` once the engine can do it.")
    try:
        plan = cleanup.plan(cleanup.find(engine, [session]), by_hand=True)
        reports = list(cleanup.apply(engine, plan, [session]))
        cleanup.end_empty(engine, [session])
    except EngineError as error:
        raise RunFailed("{text}", mend, text=error.what) from error
    failed = [report.thing.name for report in reports if report.outcome is cleanup.Outcome.FAILED]
    kept = [decision.thing.name for decision in plan.keep]
    if failed or kept:
        raise RunFailed(_("These could not be removed: {names}."), mend, names=", ".join([*failed, *kept]))
