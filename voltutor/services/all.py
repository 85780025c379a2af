"""Every service that a session has, found on the engine by the names that are reserved for it."""

from __future__ import annotations

from voltutor.services.stateful import Store, look_at
from voltutor.services.web import Service, front, look
from voltutor.session import Bench

_FRONT = front("")


def stateless(bench: Bench) -> tuple[Service, ...]:
    """The stateless services that have a balancer, running or not.

    Raises:
        EngineError: the engine does not answer.
    """
    names = [name.removesuffix(_FRONT) for name in _there(bench) if name.endswith(_FRONT)]
    return tuple(look(bench, name) for name in names)


def stateful(bench: Bench) -> tuple[Store, ...]:
    """The containers whose image declares where its data lie, and that have a volume there.

    Raises:
        EngineError: the engine does not answer.
    """
    found = (look_at(bench, name) for name in _there(bench))
    return tuple(store for store in found if store and store.volume)


def _there(bench: Bench) -> list[str]:
    """The logical names of this session that a container bears."""
    reserved = bench.session.journal.state().reserved.values()
    names = set(bench.engine.container_names())
    return [each.logical for each in reserved if each.kind == "container" and each.name in names]
