"""A word to whoever waits: what takes long says so here, and the command line or a notebook shows it. Nothing that is
only slow ends by a clock."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from voltutor.text import tr

EVERY = 10.0
"""Seconds of silence after which a line says what is waited for."""

Listener = Callable[[str], object]

_listeners: list[Listener] = []


def tell(text: str) -> None:
    """Say something, already translated; where nobody listens it is lost."""
    for listener in list(_listeners):
        listener(text)


@contextlib.contextmanager
def heard(listener: Listener) -> Iterator[None]:
    """Have a listener told what is said while the block runs, on whichever thread."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


@contextlib.contextmanager
def telling(text: str, every: float = EVERY) -> Iterator[None]:
    """While the block takes long, say `text` again and again; its field {n} is the seconds so far."""
    began, ended = time.monotonic(), threading.Event()

    def repeat() -> None:
        while not ended.wait(every):
            tell(tr(text, n=f"{time.monotonic() - began:.0f}"))

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
