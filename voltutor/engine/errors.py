"""What can go wrong with an engine, and the reasons for which one was not taken."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from voltutor.errors import VoltutorError
from voltutor.text import _, tr


class EngineError(VoltutorError):
    """A call to an engine failed."""


class EngineGone(EngineError):
    """The engine no longer answers, or left a call without an answer."""

    exit_code = 3

    def __init__(self, url: str, detail: str = "") -> None:
        super().__init__(
            _("The engine at {url} has gone{detail}."),
            _("Start it again; what was measured is kept, and `voltutor clean` removes what was left."),
            url=url,
            detail=f" ({detail})" if detail else "",
        )


class EngineTimeout(EngineError):
    """A call did not end within its limit."""

    def __init__(self, call: str, seconds: float) -> None:
        super().__init__(
            _("The engine did not finish `{call}` within {seconds:g} s."),
            _("See whether it is busy (`docker ps`), then try again."),
            call=call,
            seconds=seconds,
        )


class Refused(EngineError):
    """The engine answered, and its answer was no: `status` is HTTP's, `explanation` the engine's own words."""

    def __init__(self, call: str, status: int, explanation: str) -> None:
        self.status, self.explanation = status, explanation
        super().__init__(_("The engine refused `{call}`: {explanation}"), call=call, explanation=explanation)


class NotFound(Refused):
    """404: no such container, image or volume."""


class Conflict(Refused):
    """409: the name is taken, or the thing is in use."""


class NoRoom(Refused):
    """The engine's own disk takes no more."""

    WORDS = ("no space left on device", "disk quota exceeded")
    """What the kernel calls it (strerror(3)), in the engine's words."""

    def __init__(self, call: str, status: int, explanation: str, root: str) -> None:
        self.call, self.status, self.explanation = call, status, explanation
        EngineError.__init__(
            self,
            _("The engine's disk is full (its data lie in {root}): `{call}` got {explanation}."),
            _("Make room there, for example by `voltutor clean --all`, then do it again."),
            root=root,
            call=call,
            explanation=explanation,
        )


class NotServed(Refused):
    """501: this engine does not do that, and says what does."""


class Why(Enum):
    """Why a candidate was not taken; the value is the sentence that a learner reads."""

    NO_SOCKET = _("no socket there")
    PERMISSION = _("permission denied")
    TOO_OLD = _("too old: it speaks API {api}, and {least} is needed")
    SILENT = _("silent: no answer within {seconds:g} s")
    REFUSED = _("nothing listens there")
    NOT_NAMED = _("it is another machine, and was not named")
    NOT_AN_ENGINE = _("it does not speak the Docker Engine API ({detail})")
    BAD_URL = _("that is not an engine's URL ({detail})")
    SSH = _("an engine over ssh is not spoken to directly")
    CANNOT_START = _("{detail}")
    NO_CONTEXT = _("there is no such Docker context, or none with an engine's address")
    TLS = _("its certificates can't be used: {detail}")


MENDS = {
    Why.NO_SOCKET: _("Start Docker, or install it: https://docs.docker.com/engine/install/"),
    Why.PERMISSION: _('Run `sudo usermod -aG docker "$USER"`, then log in again.'),
    Why.TOO_OLD: _("Upgrade that engine, or name another with --engine."),
    Why.SILENT: _("Restart that engine (`sudo systemctl restart docker`, or restart Docker Desktop)."),
    Why.REFUSED: _("Start that engine (`sudo systemctl start docker`, or start Docker Desktop)."),
    Why.NOT_NAMED: _("To use it, name it: --engine {url}"),
    Why.NOT_AN_ENGINE: _("Name an engine with --engine unix:///path/to/docker.sock."),
    Why.BAD_URL: _("Write it as unix:///path/to/docker.sock or tcp://HOST:PORT."),
    Why.SSH: _(
        "Forward it (`ssh -N -L /tmp/far.sock:/var/run/docker.sock HOST`), then --engine unix:///tmp/far.sock"
    ),
    Why.CANNOT_START: _("Start Docker, or install it: https://docs.docker.com/engine/install/"),
    Why.NO_CONTEXT: _(
        "See `docker context ls`, then choose one by `docker context use NAME` or DOCKER_CONTEXT; or name an engine "
        "with --engine."
    ),
    Why.TLS: _("Look at DOCKER_CERT_PATH, or unset DOCKER_TLS_VERIFY."),
}


@dataclass(frozen=True)
class Refusal:
    """A candidate that was not taken: where it was looked for, who named it, and why not."""

    url: str
    origin: str
    why: Why
    fields: tuple[tuple[str, object], ...] = ()

    @property
    def reason(self) -> str:
        """Why not, translated."""
        return tr(self.why.value, url=self.url, **dict(self.fields))

    @property
    def mend(self) -> str:
        """The line that mends it, translated."""
        return tr(MENDS[self.why], url=self.url, **dict(self.fields))


class NoEngine(VoltutorError):
    """No engine can be used; `refusals` says of each candidate why."""

    exit_code = 3

    def __init__(self, refusals: tuple[Refusal, ...]) -> None:
        self.refusals = refusals
        # What is nearest to working tells most: an engine that is there but closed beats a missing socket.
        nearest = min(refusals, key=lambda r: (r.why is Why.NO_SOCKET, r.why is Why.NOT_NAMED), default=None)
        if nearest is None:
            super().__init__(_("No Docker engine was found."), MENDS[Why.NO_SOCKET])
        else:
            super().__init__(
                _("No Docker engine answers: {where}: {reason}."),
                nearest.mend.replace("{", "{{").replace("}", "}}"),
                where=nearest.url or nearest.origin,
                reason=nearest.reason,
            )
