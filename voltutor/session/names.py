"""Names: a lab's own words (`kvstor`) and this session's names for them on the engine (`kvstor-3f9a`)."""

from __future__ import annotations

import itertools
import os
import secrets

from voltutor.engine import Engine
from voltutor.errors import VoltutorError
from voltutor.session.journal import Journal, Kind, Reservation
from voltutor.text import _, tr

PROCESS = "process "
"""What the step of a name that is used once begins with; the process that uses it follows."""


KINDS = {
    "container": _("container"),
    "volume": _("volume"),
    "image": _("image"),
    "device": _("loop device"),
}


class NameTaken(VoltutorError):
    """Something that this kit did not make bears the name that was to be used."""

    def __init__(self, kind: str, name: str) -> None:
        self.kind, self.name = kind, name
        super().__init__(
            _("There is a {kind} named {name} already, and this kit did not make it."),
            _("Check it, if you made it for this step; or press Reset, which shows what it would remove."),
            kind=tr(KINDS[kind]),
            name=name,
        )


class Names:
    """The names of one session. A name is reserved in the journal only while it is free on the engine, so
    what was there before is never adopted."""

    def __init__(self, engine: Engine, journal: Journal, token: str) -> None:
        self._engine, self._journal, self.token = engine, journal, token

    def __call__(self, logical: str, kind: Kind = "container", step: str = "") -> str:
        """The name reserved for a logical name, reserving it first where needed."""
        known = self._journal.state().name_of(kind, logical)
        if known:
            return known
        tries = (f"{logical}-{self.token}" + (f"-{n}" if n else "") for n in itertools.count())
        name = next(name for name in tries if self.free(kind, name))
        self._journal.reserve(Reservation(kind, name, logical, step))
        return name

    def fresh(self, logical: str, kind: Kind = "container") -> str:
        """A name that is used once, such as that of a trial's container."""
        while True:
            name = f"{logical}-{self.token}-{secrets.token_hex(3)}"
            if self.free(kind, name):
                self._journal.reserve(Reservation(kind, name, name, f"{PROCESS}{os.getpid()}"))
                return name

    def free(self, kind: Kind, name: str) -> bool:
        """Whether nothing on the engine bears this name."""
        match kind:
            case "container":
                return self._engine.container(name) is None
            case "volume":
                return self._engine.volume(name) is None
            case "image":
                return self._engine.image(name) is None
