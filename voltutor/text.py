"""Texts for learners: marked with `_` where they are written, translated with `tr` where they are shown.

A text is a constant with named fields, so that a translator sees one whole sentence and the fields are
filled in after the translation.
"""

from __future__ import annotations

import gettext
import os
from functools import lru_cache
from pathlib import Path

LOCALE = Path(__file__).with_name("locale")


def _(message: str) -> str:
    """Mark a text for the catalogue; `tr` translates it later."""
    return message


@lru_cache
def _catalogue(language: str) -> gettext.NullTranslations:
    return gettext.translation("voltutor", LOCALE, [language], fallback=True)


def tr(message: str, /, **fields: object) -> str:
    """Translate a marked text into `VOLTUTOR_LANGUAGE` (English without it) and fill in its fields.

    Raises:
        KeyError: a field of the text was not given.
    """
    language = os.environ.get("VOLTUTOR_LANGUAGE", "en")
    text = _catalogue(language).gettext(message) if message else ""
    return text.format(**fields) if fields else text
