"""The notebooks' server, as Binder starts it: it hands out the first notebook only once its cards are live. A page
that got it before would show it without them, and be asked a little later whose version counts."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

from voltutor.cli.notebooks import source
from voltutor.home import home

LIMIT = 60.0
"""Seconds that a page waits at most; a notebook without live cards can be run by hand."""


def marker() -> Path:
    """The file that is there once the first notebook is live, or won't be."""
    return home() / "binder.live"


def first() -> Path:
    """The notebook that Binder opens."""
    return sorted(source().glob("*.ipynb"))[0]


class Waiting(AsyncLargeFileManager):
    """As Jupyter's own, but for one notebook."""

    async def get(self, path: str, *arguments: Any, **options: Any) -> Any:
        """Read a file or list a folder; the first notebook when it is live."""
        if Path(self.root_dir, path) == first():
            until = time.monotonic() + LIMIT
            while not marker().exists() and time.monotonic() < until:
                await asyncio.sleep(0.1)
        return await super().get(path, *arguments, **options)  # type: ignore[no-untyped-call]
