"""The command line: a short function a command. Errors are one sentence on what is wrong and one on what to
do; exit codes are 0 done, 1 failed, 2 wrong usage, 3 no engine that can do this."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence

from voltutor import __version__
from voltutor.cli.say import say
from voltutor.disk import writing
from voltutor.errors import UsageError, VoltutorError
from voltutor.notices import heard
from voltutor.text import CHOICE, _, known, languages, tr


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", help=tr(_("show a traceback where something fails")))
    engine = argparse.ArgumentParser(add_help=False, parents=[common])
    engine.add_argument(
        "--engine",
        metavar="URL",
        help=tr(_("auto, docker, embedded, or a URL such as unix:///var/run/docker.sock")),
    )
    parser = argparse.ArgumentParser(prog="voltutor", description=tr(_("A lab kit on Docker storage.")))
    parser.add_argument("--version", action="version", version=f"voltutor {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str, parent: argparse.ArgumentParser = engine) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=text, parents=[parent])

    doctor = command("doctor", tr(_("what this machine has, and what the labs need")))
    doctor.add_argument("--json", action="store_true", help=tr(_("print one JSON document")))

    lab = command("lab", tr(_("open the labs in JupyterLab")))
    lab.add_argument(
        "lab", nargs="?", metavar="LAB", help=tr(_("the lab to open, such as 04; the first without"))
    )
    lab.add_argument("--no-browser", action="store_true", help=tr(_("print the URL only")))
    lab.add_argument("--port", type=int, default=8888, help=tr(_("the first port to try")))
    lab.add_argument(
        "--language", help=tr(_("the language of the labs: {languages}"), languages=", ".join(languages()))
    )

    run = command("run", tr(_("execute labs without a browser")))
    run.add_argument(
        "labs", nargs="*", metavar="LAB", help=tr(_("a lab's name or its notebook; all without"))
    )
    run.add_argument("--out", default="out", metavar="DIR", help=tr(_("where notebooks, HTML and plots go")))

    measure = command("measure", tr(_("measure workloads in pairs of places")))
    measure.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=tr(_("first-write without")))
    measure.add_argument(
        "--places", default="layer,volume", metavar="A,B", help=tr(_("two places to compare"))
    )
    measure.add_argument(
        "--budget", type=float, default=60.0, metavar="SECONDS", help=tr(_("for each workload; 60 without"))
    )
    measure.add_argument(
        "--seed", type=int, metavar="N", help=tr(_("of the order of trials; drawn anew without"))
    )
    measure.add_argument("--out", metavar="FILE.json", help=tr(_("write the results")))
    measure.add_argument("--plot", metavar="FILE.png|svg", help=tr(_("draw the results")))

    record = command("record", tr(_("measure for the project's recorded results")))
    record.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=tr(_("the recorded three without")))
    record.add_argument(
        "--budget", type=float, default=60.0, metavar="SECONDS", help=tr(_("for each workload"))
    )
    record.add_argument("--out", default="data", metavar="DIR", help=tr(_("data without")))

    report = command("report", tr(_("several results on one HTML page")), common)
    report.add_argument("files", nargs="+", metavar="FILE.json", help=tr(_("what `measure --out` wrote")))
    report.add_argument("--html", default="report.html", metavar="FILE", help=tr(_("report.html without")))

    fio = command("fio", tr(_("read fio's output of any version")), common)
    fio.add_argument("file", nargs="?", default="-", metavar="FILE", help=tr(_("- or nothing reads stdin")))
    fio.add_argument(
        "--latency",
        choices=("clat", "lat", "slat"),
        help=tr(_("the latency to show; without, the one with percentiles")),
    )
    fio.add_argument(
        "--log",
        choices=("iops", "bw", "lat", "lat-us"),
        help=tr(_("what the values of a log are; lat-us for fio 2's latencies; by the file's name without")),
    )
    fio.add_argument("--json", action="store_true", help=tr(_("print one JSON document")))

    clean = command("clean", tr(_("remove what this kit made")))
    which = clean.add_mutually_exclusive_group()
    which.add_argument(
        "--session", metavar="ID", help=tr(_("one session only; another home's by its labels"))
    )
    which.add_argument(
        "--all",
        action="store_true",
        help=tr(_("every session of this home, and what was made by hand for a step")),
    )
    clean.add_argument(
        "--keep-data", metavar="DIR", help=tr(_("pack each volume into DIR as a tar before it goes"))
    )
    clean.add_argument("--dry-run", action="store_true", help=tr(_("list only")))
    clean.add_argument("--yes", action="store_true", help=tr(_("don't ask")))
    clean.add_argument("--json", action="store_true", help=tr(_("print one JSON document")))

    own = command(
        "engine", tr(_("the embedded engine of this home")), argparse.ArgumentParser(add_help=False)
    )
    acts = own.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in (
        ("start", _("start it, if it does not run")),
        ("stop", _("stop it, and what runs in it")),
        ("status", _("whether it runs, and how")),
        ("env", _("the line that sets DOCKER_HOST for the docker command")),
    ):
        act = acts.add_parser(name, help=tr(text), parents=[common])
        if name == "start":
            act.add_argument(
                "--storage",
                choices=("overlay", "overlay-tmpfs", "vfs"),
                help=tr(_("overlay, overlay-tmpfs or vfs; the best without")),
            )

    kept = command("progress", tr(_("what you passed, as a file")), argparse.ArgumentParser(add_help=False))
    moves = kept.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in (("save", _("write it to a file")), ("load", _("take it in from a file"))):
        moves.add_parser(name, help=tr(text), parents=[common]).add_argument("file", metavar="FILE")

    images = command("images", tr(_("the lab images on the engine")), argparse.ArgumentParser(add_help=False))
    actions = images.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in (("list", _("what is there")), ("build", _("make what is missing"))):
        action = actions.add_parser(name, help=tr(text), parents=[engine])
        if name == "build":
            action.add_argument("keys", nargs="*", metavar="IMAGE", help=tr(_("lab and files without")))
            action.add_argument(
                "--all", action="store_true", help=tr(_("every image that a lab or a measurement needs"))
            )
    return parser


def _language(asked: str) -> str:
    """The language of this name.

    Raises:
        UsageError: there is none.
    """
    if found := known(asked):
        return found
    raise UsageError(
        _("There are no texts in {language}."),
        _("Take one of: {all}."),
        language=asked,
        all=", ".join(languages()),
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal of few characters still shows the rest
    arguments = _parser().parse_args(argv)
    try:
        if asked := getattr(arguments, "language", None) or os.environ.get(CHOICE):
            os.environ[CHOICE] = _language(asked)
        with heard(lambda text: say(text, error=True)), writing():
            done = _dispatch(arguments)
            sys.stdout.flush()  # what finds no room is told now, and not by the interpreter at its end
        return done
    except VoltutorError as error:
        if arguments.debug:
            raise
        say(f"voltutor: {error.what}", error=True)
        if error.mend:
            say(f"  {error.mend}", error=True)
        return error.exit_code
    except KeyboardInterrupt:
        print(tr(_("Stopped. Nothing is lost; `voltutor clean` removes what was made.")), file=sys.stderr)
        return 1
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            return 1  # whoever read us has read enough
        if arguments.debug:
            raise
        where = f" ({error.filename})" if error.filename else ""
        say(f"voltutor: {error.strerror or error}{where}", error=True)
        return 1
    finally:
        _give_up_output()


def _give_up_output() -> None:
    """What could not be written to stdout goes nowhere: the interpreter must not complain about it at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _dispatch(arguments: argparse.Namespace) -> int:
    # Each command is imported when it is called: `voltutor fio` needs neither docker nor matplotlib.
    match arguments.command:
        case "doctor":
            from voltutor.cli.doctor import doctor as called
        case "lab":
            from voltutor.cli.lab import lab as called
        case "run":
            from voltutor.cli.run import run as called
        case "measure":
            from voltutor.cli.measure import measure as called
        case "record":
            from voltutor.cli.record import record as called
        case "report":
            from voltutor.cli.report import report as called
        case "fio":
            from voltutor.cli.fio import fio as called
        case "engine":
            from voltutor.cli.engine import engine as called
        case "progress":
            from voltutor.cli.progress import progress as called
        case "clean":
            from voltutor.cli.clean import clean as called
        case _:
            from voltutor.cli.images import images as called
    return called(arguments)
