"""What a balancer wrote down of the requests that it answered: who answered, and what became of each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from voltutor.images import SOCKETS

# The format "answer" of the balancer's configuration (images/web.py).
_LINE = re.compile(r'(\d+\.\d+) (\d+) "([^"]*)" "([^"]*)" (\d+) "([^"]*)" (\S+)')


@dataclass(frozen=True)
class Answer:
    """One request.

    Attributes:
        at: seconds since the epoch, on the balancer's clock, when it was done.
        status: of the answer (RFC 9110).
        tried: the replicas that it was given to, in order; the last one is who answered.
        whole: whether all of the answer came.
        path: what was asked for.
    """

    at: float
    status: int
    tried: tuple[str, ...]
    whole: bool
    path: str

    @property
    def replica(self) -> str:
        """Who answered, or was the last to be tried."""
        return self.tried[-1] if self.tried else ""

    @property
    def failed(self) -> bool:
        """Whether whoever asked got no whole answer."""
        return not self.whole or not 200 <= self.status < 400

    @property
    def retried(self) -> bool:
        """Whether the first replica that was tried didn't answer, and another one did."""
        return len(self.tried) > 1 and not self.failed


def parse(text: str) -> tuple[Answer, ...]:
    """Every whole line; what a crash cut is left out."""
    return tuple(_answer(found) for line in text.splitlines() if (found := _LINE.fullmatch(line)))


def _answer(found: re.Match[str]) -> Answer:
    at, status, tried, _statuses, sent, length, path = found.groups()
    # nginx parts the addresses that it tried by commas; where it could choose none, it writes the group's name
    # (ngx_http_upstream_module, $upstream_addr).
    sockets = (one.removeprefix(f"unix:{SOCKETS}/").removesuffix(".sock") for one in tried.split(", ") if one)
    whole = not length.isdigit() or int(sent) >= int(length)
    return Answer(float(at), int(status), tuple(sockets), whole, path)


def spread(answers: Iterable[Answer]) -> dict[str, int]:
    """How many requests each replica answered in full."""
    return dict(Counter(answer.replica for answer in answers if not answer.failed))
