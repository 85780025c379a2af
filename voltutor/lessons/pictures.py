"""From the live state to a diagram's plain data."""

from __future__ import annotations

from collections.abc import Sequence

from voltutor.diagrams import (
    ContainerLayer,
    ContainerMounts,
    Entry,
    ImageLayer,
    MountedAt,
    MountScene,
    StackScene,
    Storage,
)
from voltutor.engine import ContainerView, MountView
from voltutor.session import Bench, has_anonymous_name
from voltutor.text import _, tr

IN_MEMORY = _("in memory, for {place}")


def picture(bench: Bench, image: str, containers: Sequence[str] = ()) -> StackScene | None:
    """A lab image's layers with the containers of these logical names that exist; None while the image is
    not on the engine.

    Raises:
        EngineError: the engine does not answer.
    """
    tag = bench.image(image)
    view = bench.engine.image(tag)
    if view is None:
        return None
    layers = tuple(
        ImageLayer(layer.id, layer.created_by, layer.size) for layer in bench.engine.history(tag) if layer.id
    )
    own = (_layer(bench, logical) for logical in containers)
    names = tuple(name.removesuffix(":latest") for name in sorted(view.tags, reverse=True))
    return StackScene(names, layers, tuple(layer for layer in own if layer))


def _layer(bench: Bench, logical: str) -> ContainerLayer | None:
    view = bench.container(logical)
    if view is None:
        return None
    changes = bench.engine.diff(view.id)
    paths = {change.path for change in changes}
    # A folder is listed as changed because of what lies in it; what lies in it says more.
    leaves = [c for c in changes if not any(path.startswith(c.path + "/") for path in paths)]
    notes = {"C": tr(_("copied up")), "D": tr(_("whiteout"))}
    entries = tuple(Entry(c.kind, c.path, notes.get(c.kind, "")) for c in leaves)
    return ContainerLayer(view.name, entries, bench.engine.layer_size(view.id), view.running)


def mount_picture(bench: Bench, containers: Sequence[str], volumes: Sequence[str] = ()) -> MountScene:
    """The containers of these logical names that exist with their mounts; and of the volumes of these logical names,
    and of the anonymous ones that such containers left behind, those that none of them mounts.

    Raises:
        EngineError: the engine does not answer.
    """
    shown = [view for logical in containers if (view := bench.container(logical))]
    boxes = tuple(
        ContainerMounts(view.name, _state(view), (*map(_mounted, view.mounts), *_in_memory(view)))
        for view in shown
    )
    used = {mount.name for view in shown for mount in view.mounts}
    named = [one.name for logical in volumes if (one := bench.volume(logical)) and one.name not in used]
    left = (name for logical in containers for name in bench.left_behind(logical))
    anonymous = [name for name in left if name not in used]
    unused = [
        *(Storage("volume", name) for name in named),
        *(Storage("anonymous", name) for name in anonymous),
    ]
    return MountScene(boxes, tuple(unused))


def _state(view: ContainerView) -> str:
    return "running" if view.running else "stopped" if view.started else "created"


def _in_memory(view: ContainerView) -> list[MountedAt]:
    """What `--tmpfs` mounted: each is this container's alone, so its place is its name."""
    listed = {mount.target for mount in view.mounts}
    places = (place for place in view.tmpfs if place not in listed)
    return [MountedAt(place, Storage("tmpfs", tr(IN_MEMORY, place=place))) for place in places]


def _mounted(mount: MountView) -> MountedAt:
    named = mount.name or ""
    kind = (
        mount.type
        if mount.type in ("bind", "tmpfs")
        else "anonymous"
        if has_anonymous_name(named)
        else "volume"
    )
    behind = named or mount.source or tr(IN_MEMORY, place=mount.target)
    return MountedAt(mount.target, Storage(kind, behind), mount.read_write)
