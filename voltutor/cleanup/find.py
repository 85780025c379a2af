"""What is on the engine that concerns a session, and whose it is."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from voltutor.engine import ContainerView, Engine, EngineTimeout, ImageView, VolumeView
from voltutor.images import RECIPE_LABEL
from voltutor.session import (
    HOME_LABEL,
    SESSION_LABEL,
    Session,
    anonymous_volumes,
    attached,
    handed_down,
    labelled,
    of_a_session,
)
from voltutor.session.journal import JournalState, Kind
from voltutor.text import _

ThingKind = Kind | Literal["device"]

INSPECT_LIMIT = 10.0
"""Seconds that an engine may take to tell of one container."""


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
        id: what it is removed by: a container's id, a volume's name, an image's name, or its id where it has none, a
            device's path.
        stamp: what tells it from another of the same id: a volume's labels and, where the engine keeps it, its
            creation time; an image's id; a device's backing file.
        step: the step that its name was reserved for.
        users: the containers that use it, name by id; of a device the volumes on it too.
        session: the session that knows it.
        anonymous: whether it is an anonymous volume.
        names: all names of the image that an image's name stands for.
        silent: whether the engine said nothing of it in time when it was asked.
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
    silent: bool = False


@dataclass(frozen=True)
class Foreign:
    """A session of which there are only labels here: its id, its home's, and how many things bear them."""

    session: str
    home: str
    things: int

    @property
    def name(self) -> str:
        """What tells it from another home's session of the same id."""
        return f"{self.session}@{self.home}"


@dataclass(frozen=True)
class Scene:
    """Everything that concerns these sessions; how much there is besides, by kind; and whose labels that bears."""

    things: tuple[Thing, ...]
    others: Mapping[str, int]
    foreign: tuple[Foreign, ...] = ()


@dataclass(frozen=True)
class Contents:
    """What is on the engine at one moment.

    Attributes:
        containers: as inspected, where they concern somebody; the others as the engine lists them.
        inspected: the ids of those that were; of what concerns somebody and wasn't, the engine said nothing in time.
        inherited: the ids of those that may have a session's labels from their image.
    """

    containers: tuple[ContainerView, ...]
    volumes: tuple[VolumeView, ...]
    images: tuple[ImageView, ...]
    keeps_creation_time: bool
    inspected: frozenset[str] = frozenset()
    inherited: frozenset[str] = frozenset()

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

    def bears(self, view: ContainerView, session: str, home: str) -> bool:
        """Whether a container was given the labels of this session."""
        return labelled(view.labels, session, home) and view.id not in self.inherited


def volume_stamp(volume: VolumeView, keeps_creation_time: bool) -> str:
    """What tells a volume from a later one of the same name."""
    return f"{sorted(volume.labels.items())} {volume.created if keeps_creation_time else ''}"


def look(engine: Engine, sessions: Iterable[Session], home: str = "") -> Contents:
    """Ask the engine for all that it has. Only what these sessions may have made is inspected, and what bears the
    labels of this home: an engine can hang over a container (moby holds a lock while it starts and stops one), and
    somebody else's must not keep a clean-up from its work.

    Raises:
        EngineError: the engine does not answer.
    """
    here = [session for session in sessions if session.engine_id == engine.info.id]
    homes = {one for one in (home, *(session.home for session in here)) if one}
    listed = engine.summaries()
    states = [session.journal.state() for session in here]
    names = {name for state in states for kind, name in state.reserved if kind == "container"}
    made = {id for state in states for id in _made(state)}  # noqa: A001 - Docker's word
    seen: list[ContainerView] = []
    inspected: set[str] = set()
    for view in listed:
        if view.name in names or view.id in made or view.labels.get(HOME_LABEL) in homes:
            with contextlib.suppress(EngineTimeout):
                found = engine.container(view.id, limit=INSPECT_LIMIT)
                if found is None:
                    continue
                inspected.add(view.id)
                view = found
        seen.append(view)
    marked = [view for view in seen if of_a_session(view.labels)]
    of = {id: engine.image(id) for id in {view.image_id for view in marked}}  # noqa: A001 - Docker's word
    return Contents(
        tuple(seen),
        tuple(engine.volumes()),
        tuple(engine.images()),
        # Before API 1.42 it is renewed by every write in the volume's top folder (moby#38274).
        engine.serves("1.42"),
        frozenset(inspected),
        frozenset(view.id for view in marked if handed_down(view.labels, of[view.image_id])),
    )


def find(
    engine: Engine, sessions: Iterable[Session], there: Contents | None = None, *, by_labels: bool = False
) -> Scene:
    """Look at the engine, or at what was seen of it, with the eyes of these sessions' journals.

    Labels alone tell only of a session whose journal is lost; `by_labels`, of each, since the learner named it.

    Raises:
        EngineError: the engine does not answer.
    """
    sessions = list(sessions)
    there = there or look(engine, sessions)
    things: list[Thing] = []
    for session in sessions:
        if session.engine_id == engine.info.id:
            state = session.journal.state()
            ours = _Eyes(session, state, there, by_labels or state.lost)
            things += ours.containers()
            things += ours.volumes()
            things += _images(session, state, there)
            things += _devices(session, there)
    return _scene(things, there)


def find_labelled(engine: Engine, session: str, home: str) -> Scene:
    """What bears the labels of a session of which there is no journal here, such as one of a home that was lost: its
    containers, their anonymous volumes, and its volumes. Labels are all that tells: the learner must have named it.

    Raises:
        EngineError: the engine does not answer.
    """
    there = look(engine, (), home)
    marked = [view for view in there.containers if there.bears(view, session, home)]
    things = [_container(view, Owner.LABELLED, session, there) for view in marked]
    anonymous = _anonymous(marked, there)
    for volume in there.volumes:
        if labelled(volume.labels, session, home) or volume.name in anonymous:
            things.append(_volume(volume, Owner.LABELLED, session, there, anonymous))
    return _scene(things, there)


def _scene(things: list[Thing], there: Contents) -> Scene:
    known = {(thing.kind, thing.id) for thing in things}
    others = {
        "container": sum(("container", view.id) not in known for view in there.containers),
        "volume": sum(("volume", volume.name) not in known for volume in there.volumes),
        "image": sum(
            not any(("image", ref) in known for ref in (image.id, *image.tags)) for image in there.images
        ),
    }
    return Scene(tuple(things), others, _foreign(there, known))


def _foreign(there: Contents, known: set[tuple[ThingKind, str]]) -> tuple[Foreign, ...]:
    """Sessions of which nothing but labels is known here."""
    left = [
        view
        for view in there.containers
        if ("container", view.id) not in known and view.id not in there.inherited
    ]
    marked = [view.labels for view in left] + [
        volume.labels for volume in there.volumes if ("volume", volume.name) not in known
    ]
    counts = Counter((labels[SESSION_LABEL], labels[HOME_LABEL]) for labels in marked if of_a_session(labels))
    return tuple(Foreign(session, home, count) for (session, home), count in sorted(counts.items()))


def _made(state: JournalState) -> set[str]:
    """The ids of the containers that we made."""
    return {id for (kind, _name), id in state.made.items() if kind == "container"}  # noqa: A001 - Docker's word


def _anonymous(views: Iterable[ContainerView], there: Contents) -> set[str]:
    """The anonymous volumes that came with these containers; which those are, only an inspected one tells."""
    return {
        volume.name
        for view in views
        if view.id in there.inspected
        for volume in anonymous_volumes(view, there.volumes, there.by_ref)
    }


def _container(view: ContainerView, owner: Owner, session: str, there: Contents, step: str = "") -> Thing:
    silent = view.id not in there.inspected
    return Thing("container", view.id, view.name, owner, session, step=step, silent=silent)


def _volume(
    volume: VolumeView,
    owner: Owner,
    session: str,
    there: Contents,
    anonymous: Collection[str],
    step: str = "",
) -> Thing:
    return Thing(
        "volume",
        volume.name,
        volume.name,
        owner,
        session,
        volume_stamp(volume, there.keeps_creation_time),
        step,
        there.users(volume.name),
        anonymous=volume.name in anonymous,
    )


@dataclass(frozen=True)
class _Eyes:
    """What is there, as one session sees it; whether it believes its labels where its journal knows nothing."""

    session: Session
    state: JournalState
    there: Contents
    by_labels: bool

    def _bears(self, view: ContainerView) -> bool:
        return self.there.bears(view, self.session.id, self.session.home)

    def _ours(self) -> list[ContainerView]:
        """The containers under reserved names, and those that we made and somebody renamed."""
        made = _made(self.state)
        return [
            view
            for view in self.there.containers
            if ("container", view.name) in self.state.reserved
            or view.id in made
            or (self.by_labels and self._bears(view))
        ]

    def containers(self) -> Iterator[Thing]:
        made = _made(self.state)
        for view in self._ours():
            owner = Owner.OURS if view.id in made or self._bears(view) else Owner.BY_HAND
            yield _container(
                view, owner, self.session.id, self.there, _step(self.state, "container", view.name)
            )

    def volumes(self) -> Iterator[Thing]:
        anonymous = {*self.state.anonymous, *_anonymous(self._ours(), self.there)}
        for volume in self.there.volumes:
            ours = labelled(volume.labels, self.session.id, self.session.home)
            reserved = ("volume", volume.name) in self.state.reserved
            if volume.name in anonymous or reserved or (self.by_labels and ours):
                owner = Owner.OURS if volume.name in anonymous or ours else Owner.BY_HAND
                step = _step(self.state, "volume", volume.name)
                yield _volume(volume, owner, self.session.id, self.there, anonymous, step)


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
        if not image.tags and (nameless := _had_name(state, image)):
            name, owner = nameless
            users = {view.id: view.name for view in there.containers if view.image_id == image.id}
            yield Thing(
                "image", image.id, name, owner, session.id, image.id, _step(state, "image", name), users
            )


def _had_name(state: JournalState, image: ImageView) -> tuple[str, Owner] | None:
    """The name that an image without one had, or would have been given: a removal, a load or a commit that failed, as
    on a full disk, leaves such ones. It is ours by its id; its recipe alone it may have from a lab's container that
    somebody committed."""
    recipe = image.labels.get(RECIPE_LABEL)
    for kind, name in state.reserved:
        if kind == "image":
            made = state.made.get((kind, name))
            if made == image.id:
                return name, Owner.OURS
            digest = name.partition(":")[2]
            if made is None and digest and recipe and recipe.startswith(digest):
                return name, Owner.BY_HAND
    return None


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
