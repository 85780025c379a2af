"""What the command line prints. A name, a label, a file's or an engine's words come from anybody: none of them may
move the cursor, colour the screen or forge a line."""

from __future__ import annotations

import sys

from rich.markup import escape
from rich.text import Text

from voltutor.text import legible, printable


def say(text: object = "", *, error: bool = False) -> None:
    """Print a text, on stderr where it tells of an error, at once."""
    print(legible(str(text)), file=sys.stderr if error else sys.stdout, flush=True)


def word(text: object) -> str:
    """Somebody's word within a line of ours: printable, and on that line."""
    return printable(str(text))


def marked(text: object) -> str:
    """The same within a text of ours that has Rich's markup."""
    return escape(word(text))


def cell(text: object, style: str = "") -> Text:
    """The same as a cell of a table, where square brackets mean nothing."""
    return Text(word(text), style)
