"""One thread that does what is asked of it, one thing after the other, and alone changes what is seen."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any

from voltutor.disk import writing
from voltutor.engine import EngineGone
from voltutor.errors import VoltutorError
from voltutor.session import Bench
from voltutor.text import _, tr
from voltutor.widgets.workplace import Workplace

View = dict[str, Any]
LOOK = "look"
"""The action that the engine's events ask for."""


class Worker:
    """What a panel's controller is: actions by name, done by one daemon thread, and a view published after each.

    A subclass gives `actions`, `view` and `told`, and calls `begin` when it is ready.
    """

    actions: Mapping[str, Callable[[Any], None]]

    def __init__(self, workplace: Workplace, publish: Callable[[View], None]) -> None:
        self.workplace, self._publish = workplace, publish
        self._queue: queue.Queue[tuple[str, Any, threading.Event]] = queue.Queue()
        self._looking = threading.Event()

    def act(self, action: str, value: Any = None) -> threading.Event:
        """Ask for an action; the event is set when it is done, or was dropped."""
        raise NotImplementedError

    def begin(self, name: str) -> None:
        """Publish the first view, look once, and work from now on."""
        self.show()
        self.workplace.listen(self._heard)
        self.submit(LOOK)
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def view(self) -> View:
        """What is to be seen, as plain data, every text translated."""
        raise NotImplementedError

    def told(self, trouble: str) -> None:
        """Keep a sentence for the view: what went wrong, or nothing."""
        raise NotImplementedError

    def ended(self, action: str) -> None:
        """An action came to its end, however it did."""

    def show(self) -> None:
        """Publish the view."""
        self._publish(self.view())

    def submit(self, action: str, value: Any = None) -> threading.Event:
        """Queue an action; the event is set when it is done."""
        done = threading.Event()
        self._queue.put((action, value, done))
        return done

    @property
    def bench(self) -> Bench:
        """The bench.

        Raises:
            VoltutorError: there is no engine.
        """
        if self.workplace.bench is None:
            raise self.workplace.trouble or VoltutorError(_("There is no engine yet."))
        return self.workplace.bench

    def _heard(self, _what: str) -> None:
        if not self._looking.is_set():
            self._looking.set()
            self.submit(LOOK)

    def _work(self) -> None:
        while True:
            action, value, done = self._queue.get()
            if action == LOOK:
                self._looking.clear()  # what happens from here on may be missed by this look
            try:
                if action in self.actions:
                    with writing():
                        self.actions[action](value)
            except VoltutorError as error:
                self.told(str(error))
                if isinstance(error, EngineGone):
                    self.workplace.lost()
            except Exception as error:  # a panel that dies silently would be worse than one that says so
                self.told(tr(_("Something unforeseen happened ({detail})."), detail=repr(error)))
            finally:
                self.ended(action)
                self.show()
                done.set()


def already_done() -> threading.Event:
    """The event of an action that was dropped."""
    done = threading.Event()
    done.set()
    return done
