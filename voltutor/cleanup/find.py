"""What is on the engine that concerns a session, and whose it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from voltutor.engine import ContainerView, Engine, ImageView, VolumeView
from voltutor.images import RECIPE_LABEL
from voltutor.session import Session, anonymous_volumes, labelled
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
        stamp: what tells it from another of the same id: a volume's labels and, where the engine keeps it, its
            creation time; an image's id.
        step: the step that its name was reserved for.
        users: the containers that use it, name by id.
        session: the session that knows it.
        anonymous: whether it is an anonymous volume.
        names: all names of the image that an image's name stands for.
    """

    kind: Kind
    id: str
    name: str
    owner: Owner
    session: str = ""
    stamp: str = ""
    step: str = ""
    users: Mapping[str, str] = field(default_factory=dict)
    anonymous: bool = False
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scene:
    """Everything that concerns these sessions, and how much there is besides, by kind."""

    things: tuple[Thing, ...]
    others: dict[str, int]


@dataclass(frozen=True)
class _Engine:
    """What is on the engine at one moment."""

    containers: tuple[ContainerView, ...]
    volumes: tuple[VolumeView, ...]
    images: tuple[ImageView, ...]
    keeps_creation_time: bool

    @property
    def by_ref(self) -> Mapping[str, ContainerView]:
        """Containers by id and by name."""
        return {key: view for view in self.containers for key in (view.id, view.name)}


def volume_stamp(volume: VolumeView, keeps_creation_time: bool) -> str:
    """What tells a volume from a later one of the same name."""
    return f"{sorted(volume.labels.items())} {volume.created if keeps_creation_time else ''}"


def find(engine: Engine, sessions: Iterable[Session]) -> Scene:
    """Look at the engine with the eyes of these sessions' journals.

    Raises:
        EngineError: the engine does not answer.
    """
    there = _Engine(
        tuple(view for ref in engine.containers() if (view := engine.container(ref))),
        tuple(engine.volumes()),
        tuple(engine.images()),
        # Before API 1.42 it is renewed by every write in the volume's top folder (moby#38274).
        engine.serves("1.42"),
    )
    things: list[Thing] = []
    for session in sessions:
        if session.engine_id == engine.info.id:
            state = session.journal.state()
            things += _containers(session, state, there)
            things += _volumes(session, state, there)
            things += _images(session, state, there)
    known = {(thing.kind, thing.id) for thing in things}
    others = {
        "container": sum(("container", view.id) not in known for view in there.containers),
        "volume": sum(("volume", volume.name) not in known for volume in there.volumes),
        "image": sum(not any(("image", tag) in known for tag in image.tags) for image in there.images),
    }
    return Scene(tuple(things), others)


def _ours(session: Session, state: JournalState, there: _Engine) -> list[ContainerView]:
    """The containers under reserved names, and those that we made and somebody renamed."""
    made = {id for (kind, _name), id in state.made.items() if kind == "container"}  # noqa: A001 - Docker's word
    return [
        view for view in there.containers if ("container", view.name) in state.reserved or view.id in made
    ]


def _containers(session: Session, state: JournalState, there: _Engine) -> Iterator[Thing]:
    for view in _ours(session, state, there):
        ours = labelled(view.labels, session.id, session.home)
        owner = Owner.OURS if ours else Owner.BY_HAND
        yield Thing(
            "container", view.id, view.name, owner, session.id, step=_step(state, "container", view.name)
        )


def _volumes(session: Session, state: JournalState, there: _Engine) -> Iterator[Thing]:
    anonymous = set(state.anonymous)
    for view in _ours(session, state, there):
        anonymous |= {volume.name for volume in anonymous_volumes(view, there.volumes, there.by_ref)}
    for volume in there.volumes:
        if volume.name not in anonymous and ("volume", volume.name) not in state.reserved:
            continue
        ours = volume.name in anonymous or labelled(volume.labels, session.id, session.home)
        users = {
            view.id: view.name
            for view in there.containers
            if any(mount.type == "volume" and mount.name == volume.name for mount in view.mounts)
        }
        yield Thing(
            "volume",
            volume.name,
            volume.name,
            Owner.OURS if ours else Owner.BY_HAND,
            session.id,
            volume_stamp(volume, there.keeps_creation_time),
            _step(state, "volume", volume.name),
            users,
            anonymous=volume.name in anonymous,
        )


def _images(session: Session, state: JournalState, there: _Engine) -> Iterator[Thing]:
    for image in there.images:
        for tag in image.tags:
            name = tag.removesuffix(":latest")  # an engine shows the tag that was left out
            key: tuple[Kind, str] = ("image", name)
            if key not in state.reserved:
                continue
            # After a crash between load and journal the recipe tells: its hash is in the name and in the label.
            _repository, _colon, digest = name.partition(":")
            recipe = bool(digest) and image.labels.get(RECIPE_LABEL, "").startswith(digest)
            ours = state.made.get(key) == image.id or (key not in state.made and recipe)
            users = {view.id: view.name for view in there.containers if view.image_id == image.id}
            yield Thing(
                "image",
                tag,
                name,
                Owner.OURS if ours else Owner.BY_HAND,
                session.id,
                image.id,
                _step(state, "image", name),
                users,
                names=image.tags,
            )


def _step(state: JournalState, kind: Kind, name: str) -> str:
    reservation = state.reserved.get((kind, name))
    return reservation.step if reservation else ""
