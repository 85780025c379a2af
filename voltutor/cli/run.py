"""`voltutor run`: labs executed without a browser, in a session of their own that leaves nothing behind."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbconvert import HTMLExporter
from traitlets.config import Config

from voltutor import cleanup
from voltutor.cli.notebooks import copied
from voltutor.engine import Engine, EngineError, EngineGone, find, find_for_deletion
from voltutor.errors import UsageError, VoltutorError
from voltutor.home import home
from voltutor.labs import LABS
from voltutor.results import load
from voltutor.session import RUN, Session
from voltutor.text import _, tr

CELL_LIMIT = 1200
"""Seconds that one cell may take."""


class RunFailed(VoltutorError):
    """A cell of a lab ended with an error."""


class RunLostEngine(RunFailed):
    """The engine went in the middle of a run."""

    exit_code = 3


def run(arguments: argparse.Namespace) -> int:
    """Execute each lab, write the notebook, a page and the plots, and remove what was made."""
    notebooks = _notebooks(arguments.labs)
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    for finder, paths in (
        (find, [path for path in notebooks if not _private(path)]),
        (find_for_deletion, [path for path in notebooks if _private(path)]),
    ):
        if paths:
            _run_on(finder(arguments.engine), paths, out)
    if missed := [reason for path in notebooks for reason in _not_live(out / path.name)]:
        print(tr(_("Not done live, since this engine can't:")))
        for reason in missed:
            print(f"  {reason}")
    print(tr(_("Done: {out}"), out=out))
    return 0


def _private(path: Path) -> bool:
    """Whether a notebook's lab removes what it finds, so that it takes an engine on which all is the learner's."""
    return path.stem in LABS and LABS[path.stem].private


def _run_on(engine: Engine, notebooks: list[Path], out: Path) -> None:
    """Execute notebooks on one engine, in a session of their own."""
    session = Session.begin(home(), engine, RUN)
    print(tr(_("{engine} at {url}, session {id}"), engine=engine.info.title, url=engine.url, id=session.id))
    session.hold()
    try:
        for path in notebooks:
            _execute(path, out, engine, session)
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
    """The notebooks by a lab's id, by a path, or all."""
    ours = {path.stem: path for path in copied(home())}
    if not names:
        return list(ours.values())
    found = []
    for name in names:
        path = Path(name)
        if path.suffix == ".ipynb" and path.is_file():
            found.append(path)
        elif path.stem in ours or name in ours:
            found.append(ours.get(name) or ours[path.stem])
        else:
            raise UsageError(
                _("There is no lab {name}."), _("Take one of: {names}."), name=name, names=", ".join(ours)
            )
    return found


def _execute(path: Path, out: Path, engine: Engine, session: Session) -> None:
    notebook = nbformat.read(path, as_version=4)
    steps = sum(cell.cell_type == "code" and bool(cell.source.strip()) for cell in notebook.cells)
    count = 0

    def told(cell: Any, cell_index: int) -> None:
        nonlocal count
        if cell.cell_type == "code" and cell.source.strip():
            count += 1
            print(f"  {path.stem} {count}/{steps}: {cell.source.strip().splitlines()[-1][:60]}", flush=True)

    env = {
        "VOLTUTOR_HEADLESS": "1",
        "VOLTUTOR_HOME": str(home()),
        "VOLTUTOR_ENGINE": engine.url,
        "VOLTUTOR_SESSION": session.id,
        # The learner's own IPython profile, with its start-up files and history, has no part in this.
        "IPYTHONDIR": str(session.folder / "ipython"),
    }
    # Messages over sockets of this user's, and not over TCP, where others on the machine could listen.
    config = Config()
    config.KernelManager.transport = "ipc"
    config.KernelManager.connection_file = str(session.folder / "kernel.json")
    try:
        NotebookClient(
            notebook,
            config=config,
            kernel_name="python3",
            timeout=CELL_LIMIT,
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
    except DeadKernelError as error:
        raise RunFailed(
            _("The kernel died."), _("Run `voltutor clean --all`; what was executed is in {out}."), out=out
        ) from error
    finally:
        nbformat.write(notebook, out / path.name)
        page, _resources = HTMLExporter(embed_images=True).from_notebook_node(notebook)
        (out / f"{path.stem}.html").write_text(page, encoding="utf-8")


def _plots(session: Session, out: Path) -> None:
    """The plots of what was measured, and the results themselves."""
    for path in sorted((session.folder / "results").glob("*.json")):
        from voltutor import plots

        for result in load(path):
            shutil.copyfile(path, out / path.name)
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
