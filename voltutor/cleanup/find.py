"""What is on the engine that concerns a session, and whose it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from voltutor.engine import ContainerView, Engine, ImageView, VolumeView
from voltutor.session import HOME_LABEL, SESSION_LABEL, Session, anonymous_volumes
from voltutor.session.journal import JournalState, Kind
from voltutor.text import _


class Owner(Enum):
    """Whose a thing is; the value is what a learner reads."""

    OURS = _("made by this kit")
    BY_HAND = _("made by hand")
    OTHERS = _("not ours")


@dataclass(frozen=True)
class Thing:
    """A container, a volume or an image on the engine.

    Attributes:
        id: what it is removed by: a container's id, a volume's name, an image's name.
        stamp: what tells it from another of the same id: a volume's creation time, an image's id.
        step: the step that its name was reserved for.
        users: the names of containers that use it.
        session: the session that knows it.
    """

    kind: Kind
    id: str
    name: str
    owner: Owner
    session: str = ""
    stamp: str = ""
    step: str = ""
    users: tuple[str, ...] = ()
    user_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scene:
    """Everything that concerns these sessions, and how much there is besides."""

    things: tuple[Thing, ...]
    others: dict[str, int]


def find(engine: Engine, sessions: Iterable[Session]) -> Scene:
    """Look at the engine with the eyes of these sessions' journals.

    Raises:
        EngineError: the engine does not answer.
    """
    views = [view for ref in engine.containers() if (view := engine.container(ref))]
    volumes = engine.volumes()
    images = engine.images()
    things: list[Thing] = []
    for session in sessions:
        if session.engine_id == engine.info.id:
            things += _of(session, views, volumes, images)
    known = {(thing.kind, thing.id) for thing in things}
    others = {
        "container": sum(("container", view.id) not in known for view in views),
        "volume": sum(("volume", volume.name) not in known for volume in volumes),
        "image": sum(not any(("image", tag) in known for tag in image.tags) for image in images),
    }
    return Scene(tuple(things), others)


def _of(
    session: Session, views: list[ContainerView], volumes: list[VolumeView], images: list[ImageView]
) -> list[Thing]:
    state = session.journal.state()
    containers = [view for view in views if ("container", view.name) in state.reserved]
    anonymous = dict(state.anonymous)
    by_id = {view.id: view for view in views} | {view.name: view for view in views}
    for view in containers:
        sharers = [by_id[ref] for ref in view.volumes_from if ref in by_id]
        anonymous |= {v.name: v.created for v in anonymous_volumes(view, volumes, sharers)}
    found = [
        Thing(
            "container",
            view.id,
            view.name,
            _owner(session, state, "container", view.name, view.labels),
            session.id,
            step=state.reserved["container", view.name].step,
        )
        for view in containers
    ]
    for volume in volumes:
        key: tuple[Kind, str] = ("volume", volume.name)
        if anonymous.get(volume.name) == volume.created:
            owner = Owner.OURS
        elif key in state.reserved:
            owner = _owner(session, state, "volume", volume.name, volume.labels)
        else:
            continue
        using = [
            view for view in views if any(m.type == "volume" and m.name == volume.name for m in view.mounts)
        ]
        step = state.reserved[key].step if key in state.reserved else ""
        found.append(
            Thing(
                "volume",
                volume.name,
                volume.name,
                owner,
                session.id,
                volume.created,
                step,
                tuple(view.name for view in using),
                tuple(view.id for view in using),
            )
        )
    for image in images:
        using = [view for view in views if view.image_id == image.id]
        for tag in image.tags:
            key = ("image", _short(tag))
            if key not in state.reserved:
                continue
            owner = Owner.OURS if state.made.get(key) == image.id else Owner.BY_HAND
            if state.reserved[key].logical == _short(tag) and key not in state.made:
                # A lab image: loading ended after the crash that kept its id from the journal.
                owner = Owner.OURS
            found.append(
                Thing(
                    "image",
                    tag,
                    _short(tag),
                    owner,
                    session.id,
                    image.id,
                    state.reserved[key].step,
                    tuple(view.name for view in using),
                    tuple(view.id for view in using),
                )
            )
    return found


def _short(tag: str) -> str:
    """A tag as it was reserved: engines show `one:latest`, Podman also puts `localhost/` before it."""
    return tag.removeprefix("localhost/").removesuffix(":latest")


def _owner(session: Session, state: JournalState, kind: Kind, name: str, labels: object) -> Owner:
    wanted = {SESSION_LABEL: session.id, HOME_LABEL: session.home}
    labelled = isinstance(labels, dict) and all(labels.get(key) == wanted[key] for key in wanted)
    return Owner.OURS if labelled else Owner.BY_HAND
