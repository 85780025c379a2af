"""The views' scripts, and what they tell the kernel besides clicks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget

HERE = Path(__file__).parent


def script(name: str) -> str:
    """A view's script behind what all views share: a module can't import another one without a server for it."""
    return (HERE / "common.js").read_text(encoding="utf-8") + (HERE / name).read_text(encoding="utf-8")


def when_in_front(view: anywidget.AnyWidget, lead: Callable[[float], None]) -> None:
    """Have `lead` called when the view's notebook comes to the front, with the time in ms since 1970."""

    def heard(_view: Any, content: Any, _buffers: Any) -> None:
        at = content.get("front") if isinstance(content, dict) else None
        if isinstance(at, int | float):
            lead(at)
            view.send({"fronted": at})

    view.on_msg(heard)
