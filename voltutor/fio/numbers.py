"""Numbers as fio prints them: also in strings, also without an end."""

from __future__ import annotations

import math
from typing import Any


def whole(raw: Any, scale: int = 1) -> int | None:
    """As `number`, without what follows the point."""
    found = number(raw, scale)
    return None if found is None else int(found)


def number(raw: Any, scale: int = 1) -> float | None:
    """A number times `scale`, also where it was printed as a string; None where it is not, or is not finite then."""
    try:
        found = float(raw) * scale
    except (TypeError, ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None
