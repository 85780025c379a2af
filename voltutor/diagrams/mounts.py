"""Containers, the volumes and host folders that are mounted in them, and volumes that nobody mounts."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from voltutor.text import _, tr

WIDTH = 720
BOX = 30
LINE = 21
GAP = 14
LEFT, RIGHT = 330, 420
"""Where the containers' boxes end, and the storage's begin."""

GONE_NAMES = 4
"""Names of what has gone, at most."""

NEW = _("new")

KINDS = {
    "volume": _("volume"),
    "anonymous": _("anonymous volume"),
    "bind": _("on the host"),
    "tmpfs": _("tmpfs"),
}
_COLOURS = {"volume": "volume", "anonymous": "volume", "bind": "host", "tmpfs": "memory"}


@dataclass(frozen=True)
class Storage:
    """What is mounted: `kind` is one of `KINDS`, `name` a volume's name or a path."""

    kind: str
    name: str


@dataclass(frozen=True)
class MountedAt:
    """One mount of a container: where, what, and whether it may be written."""

    target: str
    storage: Storage
    read_write: bool = True


@dataclass(frozen=True)
class ContainerMounts:
    """A container with its mounts; `state` is running, stopped or created."""

    name: str
    state: str
    mounts: tuple[MountedAt, ...] = ()


@dataclass(frozen=True)
class MountScene:
    """Containers, and the volumes of which none of them has a mount."""

    containers: tuple[ContainerMounts, ...]
    unused: tuple[Storage, ...] = ()

    @property
    def storage(self) -> tuple[Storage, ...]:
        """All that holds data, in the order in which it is met."""
        used = (mount.storage for container in self.containers for mount in container.mounts)
        return tuple(dict.fromkeys([*used, *self.unused]))


@dataclass(frozen=True)
class Change:
    """What a picture has that the one before hadn't, and what has gone: names as they are shown."""

    new: frozenset[ContainerMounts | Storage] = frozenset()
    gone: tuple[str, ...] = ()

    @classmethod
    def between(cls, before: MountScene | None, after: MountScene) -> Change:
        """From one picture to the next; a container counts as new where anything about it differs. Without a picture
        before, nothing is new."""
        if before is None:
            return cls()
        names = {container.name for container in after.containers}
        gone = [container.name for container in before.containers if container.name not in names]
        gone += [_shown(one) for one in before.storage if one not in after.storage]
        things: set[ContainerMounts | Storage] = {*after.containers, *after.storage}
        return cls(frozenset(things - {*before.containers, *before.storage}), tuple(gone))


STATES = {"running": _("running"), "stopped": _("stopped"), "created": _("created, never started")}


def mounts_text(scene: MountScene, before: MountScene | None = None) -> str:
    """The same as the picture, in words; and what is new and what has gone since the one before."""
    lines = []
    for container in scene.containers:
        state = tr(STATES[container.state])
        lines.append(tr(_("Container {name}, {state}:"), name=container.name, state=state))
        if not container.mounts:
            lines.append("  " + tr(_("nothing mounted: all that it writes lies in its own layer")))
        lines += [
            "  "
            + tr(
                _("{target} is {kind} {name}, {mode}"),
                target=mount.target,
                kind=tr(KINDS[mount.storage.kind]),
                name=_shown(mount.storage),
                mode=tr(_("read and written") if mount.read_write else _("read only")),
            )
            for mount in container.mounts
        ]
    lines += [
        tr(_("{kind} {name}: mounted by none of these"), kind=tr(KINDS[one.kind]), name=_shown(one))
        for one in scene.unused
    ]
    lines = lines or [tr(_("No container and no volume yet."))]
    return "\n".join([*lines, *_changes(scene, before)])


def _changes(scene: MountScene, before: MountScene | None) -> list[str]:
    change = Change.between(before, scene)
    new = [one.name if isinstance(one, ContainerMounts) else _shown(one) for one in change.new]
    lines = [tr(_("New or changed: {names}"), names=", ".join(sorted(new)))] if new else []
    return lines + ([tr(_("Gone: {names}"), names=", ".join(change.gone))] if change.gone else [])


def _shown(storage: Storage) -> str:
    """A name that fits: of an anonymous volume the first twelve digits, of a long path its end."""
    if storage.kind == "anonymous":
        return f"{storage.name[:12]}…"
    return storage.name if len(storage.name) <= 34 else f"…{storage.name[-33:]}"


def mounts_svg(scene: MountScene, before: MountScene | None = None) -> str:
    """The picture: containers on the left, what holds the data on the right, a line for each mount; what is new since
    the picture before is outlined, and what has gone is named below."""
    parts: list[str] = []
    change = Change.between(before, scene)
    heights = [BOX + LINE * max(1, len(container.mounts)) + 8 for container in scene.containers]
    left_height = sum(heights) + GAP * max(0, len(heights) - 1)
    storage = scene.storage
    right_height = (BOX + 14) * len(storage) + GAP * max(0, len(storage) - 1)
    height = max(left_height, right_height, BOX) + 4
    places: dict[Storage, float] = {}
    y = 2.0 + max(0.0, (height - 4 - right_height) / 2)
    for one in storage:
        places[one] = y + (BOX + 14) / 2
        parts.append(_storage(one, y, one in scene.unused, one in change.new))
        y += BOX + 14 + GAP
    y = 2.0
    for container, tall in zip(scene.containers, heights, strict=True):
        parts.append(_container(container, y, tall, places, container in change.new))
        y += tall + GAP
    label = escape(mounts_text(scene, before))
    if not scene.containers and not storage:
        parts.append(_text(2, 20, mounts_text(scene), "vt-kind"))
    if change.gone:
        height += LINE + 6
        names = ", ".join(change.gone[:GONE_NAMES]) + (" …" if len(change.gone) > GONE_NAMES else "")
        parts.append(_text(2, height - 8, tr(_("Gone: {names}"), names=names), "vt-gone"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{label}" '
        f'class="vt-mounts">{"".join(parts)}</svg>'
    )


def _text(x: float, y: float, text: str, name: str, anchor: str = "start") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{name}" text-anchor="{anchor}">{escape(text)}</text>'


def _storage(one: Storage, y: float, unused: bool, new: bool) -> str:
    dashed = (" vt-unused" if unused else "") + (" vt-new" if new else "")
    kind = tr(KINDS[one.kind]) + (f" · {tr(_('not mounted here'))}" if unused else "")
    return (
        f'<rect x="{RIGHT}" y="{y:.0f}" width="{WIDTH - RIGHT - 2}" height="{BOX + 14}" rx="4" '
        f'class="vt-{_COLOURS[one.kind]}{dashed}"/>'
        + _text(RIGHT + 12, y + 18, _shown(one), "vt-name")
        + _text(RIGHT + 12, y + 36, kind, "vt-kind")
        + (_text(WIDTH - 12, y + 18, tr(NEW), "vt-news", "end") if new else "")
    )


def _container(
    container: ContainerMounts, y: float, tall: float, places: dict[Storage, float], new: bool
) -> str:
    off = ("" if container.state == "running" else " vt-off") + (" vt-new" if new else "")
    parts = [
        f'<rect x="2" y="{y:.0f}" width="{LEFT - 2}" height="{tall:.0f}" rx="4" class="vt-container{off}"/>',
        _text(14, y + 20, container.name, "vt-name"),
        _text(LEFT - 12, y + 20, tr(STATES[container.state]), "vt-kind", "end"),
    ]
    if not container.mounts:
        parts.append(_text(14, y + BOX + 14, tr(_("its own layer only")), "vt-kind"))
    for number, mount in enumerate(container.mounts):
        at = y + BOX + LINE * number + 12
        there = places[mount.storage]
        mode = "" if mount.read_write else f"  {tr(_('read only'))}"
        curve = (
            f"M {LEFT} {at - 4:.0f} C {LEFT + 50} {at - 4:.0f}, {RIGHT - 50} {there:.0f}, {RIGHT} {there:.0f}"
        )
        parts.append(f'<path d="{curve}" class="vt-wire{"" if mount.read_write else " vt-read"}"/>')
        parts.append(_text(14, at, f"{mount.target}{mode}", "vt-path"))
        parts.append(f'<circle cx="{LEFT}" cy="{at - 4:.0f}" r="3.5" class="vt-dot"/>')
    return "".join(parts)
