"""A stateful service: one instance, with its data in a volume that was given a size.

What the service is lies on the engine alone: a container, the volume that it has where its image declares one, and a
label on that volume that tells its size.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from voltutor.engine import ContainerView, VolumeView
from voltutor.errors import VoltutorError
from voltutor.images import LAB_IMAGES
from voltutor.session import Bench
from voltutor.text import _

SIZE_LABEL = "io.voltutor.size"
"""On a service's volume: how many bytes it was given."""


class Room(Enum):
    """How a volume's size is kept to."""

    MEMORY = _("Its size is enforced: it is a tmpfs, and empty again once nobody runs on it.")
    WATCHED = _("Its size is watched and not enforced: it is a folder on the engine's disk, and can fill it.")


@dataclass(frozen=True)
class Store:
    """What a stateful service looks like at one moment.

    Attributes:
        data: the folder that its image declares as VOLUME, or empty.
        volume: what it has there.
        size: bytes that the volume was given; 0 where nobody said.
    """

    name: str
    container: ContainerView
    data: str
    volume: VolumeView | None = None
    size: int = 0

    @property
    def room(self) -> Room:
        """How its size is kept to."""
        return Room.MEMORY if self.volume and self.volume.options.get("type") == "tmpfs" else Room.WATCHED

    @property
    def running(self) -> bool:
        """Whether it does anything just now."""
        return self.container.running and not self.container.paused


def volume_of(service: str) -> str:
    """The logical name of a service's volume."""
    return f"{service}-data"


def declared(bench: Bench, image: str) -> str:
    """The folder that an image declares as VOLUME: read from its config, or from its recipe where it isn't on the
    engine yet.

    Raises:
        VoltutorError: it declares none, or several.
    """
    there = bench.engine.image(bench.image(image))
    volumes = there.volumes if there else LAB_IMAGES[image].volumes
    if len(volumes) != 1:
        none = _("{image} declares no VOLUME, so nobody can tell where its data would lie.")
        raise VoltutorError(
            _("{image} declares several volumes, and a backup is of one.") if volumes else none,
            _("Take an image that says where its data belong, such as {store}."),
            image=bench.image(image),
            store=LAB_IMAGES["store"].repository,
        )
    return volumes[0]


def look_at(bench: Bench, service: str) -> Store | None:
    """How a service is doing; None where it has no container.

    Raises:
        EngineError: the engine does not answer.
    """
    container = bench.container(service)
    if container is None:
        return None
    image = bench.engine.image(container.image_id)
    data = next((path for path in image.volumes if container.mount(path)), "") if image else ""
    mount = container.mount(data)
    volume = bench.engine.volume(mount.name) if mount and mount.name else None
    label = volume.labels.get(SIZE_LABEL, "") if volume else ""
    return Store(service, container, data, volume, int(label) if label.isdigit() else 0)


def used(bench: Bench, store: Store) -> int | None:
    """Bytes that its data take, as `du -k` counts them; None where it doesn't run.

    Raises:
        EngineError: the engine does not answer.
    """
    if not store.running or not store.data:
        return None
    told = bench.exec(store.name, "du", "-sk", store.data).text.split()
    return int(told[0]) * 1024 if told and told[0].isdigit() else None
