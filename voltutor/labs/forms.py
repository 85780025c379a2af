"""The forms of a volume as data: what each survives, who reaches it, and what removes it. A test executes each cell
on each engine."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from voltutor.text import _


class Answer(Enum):
    """A cell of the table; the value is what a learner reads."""

    YES = _("yes")
    NO = _("no")
    NEITHER = "–"
    """The question makes no sense here."""


YES, NO, NEITHER = Answer.YES, Answer.NO, Answer.NEITHER

QUESTIONS: dict[str, str] = {
    "stop": _("survives stop and start"),
    "remove": _("survives the container's removal"),
    "host": _("is a path of yours on the host"),
    "share": _("two containers can have it"),
    "name": _("a new container gets it back by the same line"),
    "filled": _("is filled from the image when empty"),
    "rm_v": _("is removed by rm --volumes"),
    "run_rm": _("is removed with run --rm"),
    "prune_then": _("is removed by volume prune, 2018"),
    "prune_now": _("is removed by volume prune, now"),
}


@dataclass(frozen=True)
class Form:
    """One form of a volume.

    Attributes:
        flag: how it is written, at /data, with {files} for a folder of the host, {file} for a file there, {volume}
            for a volume's name and {store} for a data container's.
        lab: where it is walked through.
        answers: by the keys of `QUESTIONS`.
        lines: what comes before, such as `docker volume create`.
    """

    id: str
    title: str
    flag: str
    lab: str
    answers: dict[str, Answer]
    lines: tuple[str, ...] = ()


def _answers(words: str) -> dict[str, Answer]:
    letters = {"y": YES, "n": NO, "-": NEITHER}
    return {key: letters[word] for key, word in zip(QUESTIONS, words.split(), strict=True)}


FORMS: tuple[Form, ...] = (
    # In the order of QUESTIONS: stop, remove, host, share, name, filled, rm -v, run --rm, prune then, prune now.
    Form("none", _("none: the container's own layer"), "", "02", _answers("y n n n n - y y - -")),
    Form(
        "file", _("a file of the host"), "--volume {file}:/data/file", "03", _answers("y y y y y - n n n n")
    ),
    Form(
        "folder", _("a folder of the host"), "--volume {files}:/data", "03", _answers("y y y y y n n n n n")
    ),
    Form("anonymous", _("an anonymous volume"), "--volume /data", "04", _answers("y y n y n y y y y y")),
    Form(
        "store",
        _("a data container"),
        "--volumes-from {store}",
        "05",
        _answers("y y n y y y n n n n"),
        ("docker container create --network none --name {store} --volume /data {image}",),
    ),
    Form(
        "named", _("a volume with a name"), "--volume {volume}:/data", "04", _answers("y y n y y y n n y n")
    ),
    Form(
        "sized",
        _("a volume in memory, with a size"),
        "--volume {volume}:/data",
        "04",
        _answers("n n n y n n n n n n"),
        ("docker volume create --opt type=tmpfs --opt device=tmpfs --opt o=size=1m {volume}",),
    ),
    Form(
        "subpath",
        _("a folder of a volume"),
        "--mount type=volume,source={volume},target=/data,volume-subpath=inner",
        "04",
        _answers("y y n y y y n n y n"),
        (
            "docker volume create {volume}",
            "docker run --rm --network none --volume {volume}:/whole {image} mkdir -p /whole/inner",
        ),
    ),
    Form("tmpfs", _("tmpfs"), "--tmpfs /data", "04", _answers("n n n n n n y y - -")),
)
