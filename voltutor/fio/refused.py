"""What a text is that holds no JSON of fio: fio's other formats, its logs, its errors, or a part of a file."""

from __future__ import annotations

import json
import re
from enum import Enum, auto

from voltutor.fio.documents import Broken
from voltutor.fio.log import is_log


class Refusal(Enum):
    """Why there is no run in a text."""

    EMPTY = auto()
    CUT = auto()
    """fio's JSON begins, and the text ends in the middle of it."""
    BROKEN = auto()
    """fio's JSON begins, and something else goes on."""
    HEADLESS = auto()
    """fio's JSON without its beginning."""
    TERSE = auto()
    NORMAL = auto()
    ERROR = auto()
    """fio said what is wrong, and printed no JSON."""
    LOG = auto()
    HISTOGRAM_LOG = auto()
    IO_LOG = auto()
    JOB_FILE = auto()
    OTHER_JSON = auto()
    COMPRESSED = auto()
    UNKNOWN = auto()


class NotFio(ValueError):
    """The text holds no fio JSON; the message is one sentence, with what was there instead.

    Attributes:
        why: what the text is.
        detail: the line that shows it; empty where none does.
    """

    def __init__(self, why: Refusal, detail: str = "") -> None:
        self.why = why
        self.detail = detail[:200]
        said = _SENTENCES[why]
        super().__init__(f"{said}: {self.detail!r}." if self.detail else f"{said}.")


_SENTENCES = {
    Refusal.EMPTY: "fio printed nothing",
    Refusal.CUT: "The text ends in the middle of fio's JSON",
    Refusal.BROKEN: "fio's JSON breaks off before its end",
    Refusal.HEADLESS: "The text begins in the middle of fio's JSON",
    Refusal.TERSE: "This is fio's terse output",
    Refusal.NORMAL: "This is fio's normal output",
    Refusal.ERROR: "fio ended with an error",
    Refusal.LOG: "This is a log of fio",
    Refusal.HISTOGRAM_LOG: "This is a histogram log of fio",
    Refusal.IO_LOG: "This is a log of I/Os that fio can replay",
    Refusal.JOB_FILE: "This is a job file of fio",
    Refusal.OTHER_JSON: "This is JSON, and not fio's",
    Refusal.COMPRESSED: "This is a compressed file",
    Refusal.UNKNOWN: "This is not fio's JSON",
}

# In this order: normal output has lines that look like a job file's, and an error may stand before any of them. What
# each shows is in fio's HOWTO ("Interpreting the output", "Terse output", "Log File Formats", "Trace file format").
_SIGNS = tuple(
    (why, re.compile(sign, re.MULTILINE))
    for why, sign in (
        # The first bytes of gzip, zip, xz, zstd and bzip2, where what is no UTF-8 was replaced.
        (Refusal.COMPRESSED, "\\A(?:\x1f.\x08|PK\x03\x04|\ufffd7zXZ|\\(\ufffd/\ufffd|BZh[1-9])"),
        (Refusal.HEADLESS, r'"(?:fio version|jobname|[sc]?lat_ns|io_k?bytes|bw_bytes|iodepth_level)"\s*:'),
        (Refusal.TERSE, r"\b[2-5];[^;\n]+;[^;\n]*;\d+;-?\d+(?:;[^;\n]*){20}"),
        (Refusal.IO_LOG, r"\Afio version [23] iolog"),
        (Refusal.HISTOGRAM_LOG, r"^[ \t]*\d{1,20}, ?[012], ?\d{1,20}(?:, ?\d{1,20}){18}"),
        (
            Refusal.NORMAL,
            r"\(groupid=\d+, jobs=\d+\): err=|^Run status group|\(g=\d+\): rw=|^Jobs: \d+ \(f=\d+\)",
        ),
        (Refusal.ERROR, r"^fio: ?[^\n]*|^[^\n]{0,200}\berr= ?-?\d[^\n]*"),
        (Refusal.JOB_FILE, r"^[ \t]*(?:rw|readwrite|ioengine|bs|blocksize|filename|iodepth)[ \t]*="),
    )
)


def refusal(text: str, broken: tuple[Broken, ...] = ()) -> NotFio:
    """Why this text, in which these documents break off, holds no run."""
    if broken:
        return broken_off(broken[-1])
    if not text.strip():
        return NotFio(Refusal.EMPTY)
    first = next(line.strip() for line in text.splitlines() if line.strip())
    if _is_json(text):
        return NotFio(Refusal.OTHER_JSON, first)
    if is_log(text):
        return NotFio(Refusal.LOG)
    for why, sign in _SIGNS:
        if found := sign.search(text):
            return NotFio(why, found[0].strip() if why is Refusal.ERROR else "")
    return NotFio(Refusal.UNKNOWN, first)


def broken_off(document: Broken) -> NotFio:
    """Of a document that begins."""
    return NotFio(Refusal.BROKEN, document.line) if document.line else NotFio(Refusal.CUT)


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False
