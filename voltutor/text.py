"""Texts for learners: marked with `_` where they are written, translated with `tr` where they are shown.

A text is a constant with named fields, so that a translator sees one whole sentence and the fields are
filled in after the translation. The catalogues are gettext's, `locale/LANGUAGE/LC_MESSAGES/voltutor.po`.
"""

from __future__ import annotations

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


def language() -> str:
    """The language of the texts: that of `VOLTUTOR_LANGUAGE`, or else of the notebooks' folder in which this process
    works, such as labs/zh; English otherwise."""
    asked = os.environ.get("VOLTUTOR_LANGUAGE")
    return (known(asked) if asked else _of_the_folder()) or ENGLISH


@lru_cache
def _of_the_folder() -> str | None:
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


def tr(message: str, /, **fields: object) -> str:
    """Translate a marked text into `language()` and fill in its fields.

    Raises:
        KeyError: a field of the text was not given.
    """
    text = _catalogue(language()).get(message, message) if message else ""
    return text.format(**fields) if fields else text
