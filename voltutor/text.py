"""Texts for learners: marked with `_` where they are written, translated with `tr` where they are shown.

A text is a constant with named fields, so that a translator sees one whole sentence and the fields are
filled in after the translation. The catalogues are gettext's, `locale/LANGUAGE/LC_MESSAGES/voltutor.po`.
"""

from __future__ import annotations

import html
import os
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

LOCALE = Path(__file__).with_name("locale")

ENGLISH = "en"
"""The language in which the texts are written."""


def _(message: str) -> str:
    """Mark a text for the catalogue; `tr` translates it later."""
    return message


@lru_cache
def languages() -> tuple[str, ...]:
    """The languages that there are, English first."""
    return (ENGLISH, *sorted(path.name for path in LOCALE.glob("*") if path.is_dir()))


def known(asked: str) -> str | None:
    """The language that a locale's name such as zh_CN.UTF-8 or zh-Hans stands for, or None."""
    language = re.split(r"[-_.@]", asked.strip().lower())[0]
    return language if language in languages() else None


CHOICE = "VOLTUTOR_LANGUAGE"
"""The variable that chooses the language of this kit alone."""

LOCALE_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")
"""What chooses the language of messages, the strongest first (POSIX, 8.2)."""


def language() -> str:
    """The language of the texts: that of `VOLTUTOR_LANGUAGE`; else of the notebook whose kernel this is, such as one
    of labs/zh, since a page and its cards speak one language; else of the locale. The first variable that
    is set decides, and stands for English where it names a language without texts, or none as "C" does."""
    if asked := os.environ.get(CHOICE):
        return known(asked) or ENGLISH
    locale = next(filter(None, map(os.environ.get, LOCALE_VARIABLES)), "")
    return _of_the_folder() or known(locale) or ENGLISH


@lru_cache
def _of_the_folder() -> str | None:
    if notebook := os.environ.get("JPY_SESSION_NAME"):  # by jupyter_server, for a kernel
        return known(Path(notebook).parent.name) or ENGLISH
    try:
        here = Path.cwd()
    except OSError:  # it is gone
        return None
    return known(here.name) if here.parent.name == "labs" else None


@lru_cache
def _catalogue(language: str) -> Mapping[str, str]:
    if language == ENGLISH:
        return {}
    # gettext reads compiled catalogues only, which a clone doesn't have; JupyterLab's server needs Babel anyway.
    from babel.messages.pofile import read_po

    with (LOCALE / language / "LC_MESSAGES" / "voltutor.po").open("rb") as file:
        return {str(text.id): str(text.string) for text in read_po(file) if text.string and not text.fuzzy}


_UNPRINTABLE = re.compile(
    # Control characters but for the newline, line and paragraph separators, what turns the direction of writing,
    # halves of characters, which no terminal's encoding can write, and what XML may not hold.
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def legible(text: str) -> str:
    """A text that did not come from this kit, as it may be shown: what a terminal or a page would obey, rather than
    show, becomes visible, such as ``\\x1b``. Newlines stay."""
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode(), text)


def printable(text: str) -> str:
    """The same for one line, such as a file's or a job's name within it: newlines become visible too."""
    return legible(text).replace("\n", "\\n")


def escape(text: str, quote: bool = True) -> str:
    """The same for HTML and SVG, of which none of it is markup; without `quote`, not for an attribute."""
    return html.escape(legible(text), quote)


def tr(message: str, /, **fields: object) -> str:
    """Translate a marked text into `language()` and fill in its fields.

    Raises:
        KeyError: a field of the text was not given.
    """
    text = _catalogue(language()).get(message, message) if message else ""
    return text.format(**fields) if fields else text
