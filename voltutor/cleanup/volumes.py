"""Every volume on an engine with its owner: what a learner sees before anything goes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from voltutor.cleanup.find import Owner, Scene, Thing, find, look
from voltutor.cleanup.plan import CleanupPlan, plan
from voltutor.engine import Engine
from voltutor.session import HOME_LABEL, Session, has_anonymous_name, of_a_session
from voltutor.text import _


@dataclass(frozen=True)
class VolumeSeen:
    """Attributes:
    owner: what is shown, untranslated.
    anonymous: whether nobody named it.
    users: the names of the containers that have it.
    size: bytes, or None where the engine can't tell.
    created: RFC 3339, or empty.
    may_go: whether it is this home's, so that it may be ticked.
    """

    name: str
    owner: str
    session: str
    anonymous: bool
    users: tuple[str, ...]
    size: int | None
    created: str
    may_go: bool


THIS = _("this lab's")
ANOTHER = _("another session of yours")
BY_HAND = _("made by hand for a step")
ANOTHER_HOME = _("another learner's")
NOT_OURS = _("not this kit's")


def volumes(
    engine: Engine, sessions: Iterable[Session], this: Session, sizes: Mapping[str, int]
) -> tuple[VolumeSeen, ...]:
    """All volumes of the engine, this home's first; `this` is the session that looks, `sizes` are bytes by name.

    Raises:
        EngineError: the engine does not answer.
    """
    sessions = list(sessions)
    there = look(engine, sessions)
    scene = find(engine, sessions, there)
    ours = {thing.id: thing for thing in scene.things if thing.kind == "volume"}
    seen = []
    for volume in there.volumes:
        thing = ours.get(volume.name)
        users = there.users(volume.name).values()
        seen.append(
            VolumeSeen(
                volume.name,
                _owner(thing, volume.labels, this),
                thing.session if thing else "",
                has_anonymous_name(volume.name),
                tuple(sorted(users)),
                sizes.get(volume.name),
                volume.created,
                thing is not None,
            )
        )
    order = [THIS, BY_HAND, ANOTHER, ANOTHER_HOME, NOT_OURS]
    return tuple(sorted(seen, key=lambda one: (order.index(one.owner), one.anonymous, one.name)))


def _owner(thing: Thing | None, labels: Mapping[str, str], this: Session) -> str:
    if thing is None:
        if not of_a_session(labels):
            return NOT_OURS
        return ANOTHER if labels[HOME_LABEL] == this.home else ANOTHER_HOME
    if thing.owner is Owner.BY_HAND:
        return BY_HAND
    return THIS if thing.session == this.id else ANOTHER


def plan_for(engine: Engine, sessions: Iterable[Session], ticked: Collection[str]) -> CleanupPlan:
    """What becomes of the volumes of these names, and of nothing else; what isn't this home's is not even looked at.

    Raises:
        EngineError: the engine does not answer.
    """
    scene = find(engine, sessions)
    things = tuple(thing for thing in scene.things if thing.kind == "volume" and thing.id in ticked)
    return plan(Scene(things, scene.others), by_hand=True)
