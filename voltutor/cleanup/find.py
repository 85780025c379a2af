"""What is on the engine that concerns a session, and whose it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from voltutor.engine import ContainerView, Engine, ImageView, VolumeView
from voltutor.images import RECIPE_LABEL
from voltutor.session import (
    HOME_LABEL,
    SESSION_LABEL,
    Session,
    anonymous_volumes,
    attached,
    labelled,
    of_a_session,
)
from voltutor.session.journal import JournalState, Kind
from voltutor.text import _

ThingKind = Kind | Literal["device"]


class Owner(Enum):
    """Whose a thing is; the value is what a learner reads."""

    OURS = _("made by this kit")
    BY_HAND = _("made by hand")
    LABELLED = _("labelled by a session of another home")
    OTHERS = _("not ours")


@dataclass(frozen=True)
class Thing:
    """A container, a volume or an image on the engine; or a loop device of this machine.

    Attributes:
        id: what it is removed by: a container's id, a volume's name, an image's name, a device's path.
        stamp: what tells it from another of the same id: a volume's labels and, where the engine keeps it, its
            creation time; an image's id; a device's backing file.
        step: the step that its name was reserved for.
        users: the containers that use it, name by id; of a device the volumes on it too.
        session: the session that knows it.
        anonymous: whether it is an anonymous volume.
        names: all names of the image that an image's name stands for.
    """

    kind: ThingKind
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
class Foreign:
    """A session that another home left its labels of: its id, its home's, and how many things bear them."""

    session: str
    home: str
    things: int


@dataclass(frozen=True)
class Scene:
    """Everything that concerns these sessions; how much there is besides, by kind; and whose labels that bears."""

    things: tuple[Thing, ...]
    others: dict[str, int]
    foreign: tuple[Foreign, ...] = ()


@dataclass(frozen=True)
class Contents:
    """What is on the engine at one moment."""

    containers: tuple[ContainerView, ...]
    volumes: tuple[VolumeView, ...]
    images: tuple[ImageView, ...]
    keeps_creation_time: bool

    @property
    def by_ref(self) -> Mapping[str, ContainerView]:
        """Containers by id and by name."""
        return {key: view for view in self.containers for key in (view.id, view.name)}

    def users(self, volume: str) -> dict[str, str]:
        """The containers that have a volume, name by id."""
        return {
            view.id: view.name
            for view in self.containers
            if any(mount.type == "volume" and mount.name == volume for mount in view.mounts)
        }


def volume_stamp(volume: VolumeView, keeps_creation_time: bool) -> str:
    """What tells a volume from a later one of the same name."""
    return f"{sorted(volume.labels.items())} {volume.created if keeps_creation_time else ''}"


def look(engine: Engine) -> Contents:
    """Ask the engine for all that it has.

    Raises:
        EngineError: the engine does not answer.
    """
    return Contents(
        tuple(view for ref in engine.containers() if (view := engine.container(ref))),
        tuple(engine.volumes()),
        tuple(engine.images()),
        # Before API 1.42 it is renewed by every write in the volume's top folder (moby#38274).
        engine.serves("1.42"),
    )


def find(engine: Engine, sessions: Iterable[Session], there: Contents | None = None) -> Scene:
    """Look at the engine, or at what was seen of it, with the eyes of these sessions' journals.

    Raises:
        EngineError: the engine does not answer.
    """
    there = there or look(engine)
    things: list[Thing] = []
    for session in sessions:
        if session.engine_id == engine.info.id:
            state = session.journal.state()
            things += _containers(session, state, there)
            things += _volumes(session, state, there)
            things += _images(session, state, there)
            things += _devices(session, there)
    known = {(thing.kind, thing.id) for thing in things}
    others = {
        "container": sum(("container", view.id) not in known for view in there.containers),
        "volume": sum(("volume", volume.name) not in known for volume in there.volumes),
        "image": sum(not any(("image", tag) in known for tag in image.tags) for image in there.images),
    }
    return Scene(tuple(things), others, _foreign(there, known))


def _foreign(there: Contents, known: set[tuple[ThingKind, str]]) -> tuple[Foreign, ...]:
    """Sessions of which nothing but labels is known here."""
    marked = [view.labels for view in there.containers if ("container", view.id) not in known] + [
        volume.labels for volume in there.volumes if ("volume", volume.name) not in known
    ]
    counts = Counter((labels[SESSION_LABEL], labels[HOME_LABEL]) for labels in marked if of_a_session(labels))
    return tuple(Foreign(session, home, count) for (session, home), count in sorted(counts.items()))


def find_labelled(engine: Engine, session: str) -> Scene:
    """What bears the labels of a session of which there is no journal here, such as one of a home that was lost: its
    containers, their anonymous volumes, and its volumes. Labels are all that tells: the learner must have named it.

    Raises:
        EngineError: the engine does not answer.
    """
    there = look(engine)
    things: list[Thing] = []
    anonymous: set[str] = set()
    for view in there.containers:
        if of_a_session(view.labels, session):
            things.append(Thing("container", view.id, view.name, Owner.LABELLED, session))
            anonymous |= {volume.name for volume in anonymous_volumes(view, there.volumes, there.by_ref)}
    for volume in there.volumes:
        if of_a_session(volume.labels, session) or volume.name in anonymous:
            stamp = volume_stamp(volume, there.keeps_creation_time)
            users = there.users(volume.name)
            things.append(
                Thing("volume", volume.name, volume.name, Owner.LABELLED, session, stamp, "", users,
                      anonymous=volume.name in anonymous)
            )  # fmt: skip
    return Scene(tuple(things), {})


def _ours(session: Session, state: JournalState, there: Contents) -> list[ContainerView]:
    """The containers under reserved names, and those that we made and somebody renamed."""
    made = {id for (kind, _name), id in state.made.items() if kind == "container"}  # noqa: A001 - Docker's word
    return [
        view for view in there.containers if ("container", view.name) in state.reserved or view.id in made
    ]


def _containers(session: Session, state: JournalState, there: Contents) -> Iterator[Thing]:
    for view in _ours(session, state, there):
        ours = labelled(view.labels, session.id, session.home)
        owner = Owner.OURS if ours else Owner.BY_HAND
        yield Thing(
            "container", view.id, view.name, owner, session.id, step=_step(state, "container", view.name)
        )


def _volumes(session: Session, state: JournalState, there: Contents) -> Iterator[Thing]:
    anonymous = set(state.anonymous)
    for view in _ours(session, state, there):
        anonymous |= {volume.name for volume in anonymous_volumes(view, there.volumes, there.by_ref)}
    for volume in there.volumes:
        if volume.name not in anonymous and ("volume", volume.name) not in state.reserved:
            continue
        ours = volume.name in anonymous or labelled(volume.labels, session.id, session.home)
        users = there.users(volume.name)
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


def _images(session: Session, state: JournalState, there: Contents) -> Iterator[Thing]:
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


def _devices(session: Session, there: Contents) -> Iterator[Thing]:
    """The loop devices whose backing files are this session's; the volumes on one use it, and who has those."""
    for device, file in attached(session.folder).items():
        volumes = [volume.name for volume in there.volumes if volume.options.get("device") == device]
        users = {name: name for name in volumes}
        for volume in volumes:
            users |= there.users(volume)
        yield Thing("device", device, device, Owner.OURS, session.id, str(file), users=users)


def _step(state: JournalState, kind: Kind, name: str) -> str:
    reservation = state.reserved.get((kind, name))
    return reservation.step if reservation else ""
