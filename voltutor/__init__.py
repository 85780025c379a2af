"""voltutor: a lab kit on Docker storage. What a notebook imports; everything else is loaded when it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voltutor.widgets import LabView

__version__ = "0.1.0"

__all__ = ["__version__", "open_lab"]


def open_lab(id: str) -> LabView:  # noqa: A002 - a lab's id, as in its notebook's name
    """Open a lab, such as "01-copy-on-write"; shows which engine answers.

    Raises:
        UsageError: there is no such lab.
    """
    from voltutor.widgets import open_lab as opened

    return opened(id)
