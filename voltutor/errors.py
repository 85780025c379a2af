"""The one family of errors that a learner may see: one sentence on what is wrong, one on what to do."""

from __future__ import annotations

from voltutor.text import tr


class VoltutorError(Exception):
    """Something that a learner can read and act on.

    Attributes:
        what: what is wrong, one translated sentence.
        mend: what to do about it, one translated sentence.
        exit_code: what the command line exits with.
    """

    exit_code = 1

    def __init__(self, what: str, mend: str = "", /, **fields: object) -> None:
        self.what = tr(what, **fields)
        self.mend = tr(mend, **fields)
        super().__init__(f"{self.what} {self.mend}".strip())


class UsageError(VoltutorError):
    """The command line, a notebook cell or a setting asks for what does not exist."""

    exit_code = 2
