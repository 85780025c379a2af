"""Lab 00: one line in a container, and where it goes."""

from __future__ import annotations

from collections.abc import Mapping

from voltutor.diagrams import size_text
from voltutor.labs.common import has, shell
from voltutor.lessons import Choice, Failed, Lab, NotAttempted, Passed, Step, ThenNow, Verdict
from voltutor.session import Bench, Remove, Run, Stop
from voltutor.text import _


def fields(bench: Bench) -> Mapping[str, str]:
    """The names that the texts use."""
    return {"hello": bench.names("hello"), "image": bench.image("files")}


HELLO = Run("hello", "files")
LINE = shell("hello", "echo hello from $(hostname) > /hello")

WRITTEN = Passed(
    _("The line lies in `{hello}`'s own layer: {size} on top of the image, which has not changed.")
)


def written(bench: Bench) -> Verdict:
    """A file in the container's own layer."""
    hello = bench.container("hello")
    if hello is None or not hello.running or not has(bench, "hello", "/hello"):
        return NotAttempted()
    return WRITTEN.seen(**fields(bench), size=size_text(bench.engine.layer_size(hello.id)))


A_LINE = Step(
    id="a-line",
    title=_("Write one line in a container"),
    goal=_("Press Run: it starts a container, `{hello}`, and writes a line to /hello in it."),
    minutes=1,
    solution=[HELLO, LINE],
    check=written,
    hints=[
        _("The commands above are what Run does; you can type them in a terminal as well."),
        _(
            "`docker container run` makes a container and starts it; `docker container exec` runs a program in it."
        ),
    ],
    shows=("hello",),
    explanation=_(
        "A container sees the files of its image, and may write. What it writes lands in a layer of its own, on "
        "top of the image's layers, which never change. The picture is drawn from the engine as it is now: look "
        "for /hello."
    ),
    then_now=ThenNow(
        _("Docker puts a read-write layer on top of the read-only ones."),
        _("The same."),
    ),
)

STILL_THERE = Failed(_("`{hello}` is still there, and its layer with it."))
GONE = Passed(_("`{hello}` is gone, and the line with it. The image is as it was."))


def gone(bench: Bench) -> Verdict:
    """It was there, and is gone."""
    hello = bench.container("hello")
    if hello is not None:
        stopped = hello.finished and not hello.running
        return STILL_THERE.seen(**fields(bench)) if stopped else NotAttempted()
    return GONE.seen(**fields(bench)) if bench.was_there("hello") else NotAttempted()


WHERE_IT_WENT = Step(
    id="where-it-went",
    title=_("Remove the container. Where does the line go?"),
    goal=_("Remove `{hello}`, and think of where its line is then."),
    minutes=1,
    prediction=Choice(
        _("Where will the line be when the container is removed?"),
        (_("in the image"), _("in a volume that Docker keeps"), _("nowhere")),
        answer=2,
    ),
    given=[HELLO, LINE],
    solution=[Remove("hello")],
    check=gone,
    hints=[
        _("Stopping isn't enough. What is the word for taking something away for good?"),
        _("`docker container rm` removes a container; one that runs goes by --force."),
    ],
    wrong={STILL_THERE: [Stop("hello")]},
    shows=("hello",),
    explanation=_(
        "The layer belonged to the container and went with it. To keep data beyond a container they have to lie "
        "elsewhere, in a volume: labs 02 to 05 show every kind. And to find out what that layer costs while it is "
        "there, labs 01 and 06 measure it."
    ),
    then_now=ThenNow(
        _("Removing a container loses all its changes."),
        _("The same."),
    ),
)

START_HERE = Lab(
    id="00-start-here",
    title=_("Start here"),
    steps=(A_LINE, WHERE_IT_WENT),
    fields=fields,
)
