"""Containers as the paths that a program sees, mounts as bars that cover them, what lies behind each; and volumes
that nobody mounts."""

from __future__ import annotations

from dataclasses import dataclass

from voltutor.diagrams.change import gone_in_words, in_words
from voltutor.text import _, escape, tr

ROW = 26
"""A path of a container: a bar, and the space to the next one."""
BAR = 22
HEAD = 30
"""A container's name and state."""
STORE = 44
"""A volume, a folder of the host, a tmpfs: name and kind."""
GAP = 16
EDGE = 10
"""How much of the layers shows beside a bar that covers them, and below the last."""
INSET = 16
"""How much of a bar shows beside one that covers a path in it."""

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
_CHARACTER = 7.6
"""Width of a character of a path, at most."""


@dataclass(frozen=True)
class _Frame:
    """Where things stand: the picture's width, where the containers' boxes end, where the storage's begin and end."""

    width: int
    edge: int
    store: int
    store_end: int

    @property
    def below(self) -> bool:
        """Whether the storage stands below the containers, and not beside them."""
        return self.store < self.edge


_ROOMY = _Frame(720, 392, 462, 718)
_TIGHT = _Frame(400, 330, 2, 330)
_LONE = _Frame(720, 0, 2, 258)
"""Storage alone begins at the left."""


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

    @property
    def bars(self) -> tuple[tuple[MountedAt, int], ...]:
        """Its mounts by their paths, each with the number of other mounts that it lies in."""
        ordered = sorted(self.mounts, key=lambda mount: mount.target.rstrip("/").split("/"))
        return tuple(
            (mount, sum(_within(mount.target, other.target) for other in ordered)) for mount in ordered
        )


@dataclass(frozen=True)
class MountScene:
    """Containers, and the volumes of which none of them has a mount."""

    containers: tuple[ContainerMounts, ...]
    unused: tuple[Storage, ...] = ()

    @property
    def storage(self) -> tuple[Storage, ...]:
        """All that holds data, in the order in which it is met."""
        used = (mount.storage for container in self.containers for mount, _depth in container.bars)
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


def _within(path: str, folder: str) -> bool:
    return path != folder and path.startswith(folder.rstrip("/") + "/")


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
    new = (one.name if isinstance(one, ContainerMounts) else _shown(one) for one in change.new)
    return in_words(new, change.gone)


def _shown(storage: Storage) -> str:
    """A name that fits: of an anonymous volume the first twelve digits, of a long path its end."""
    return f"{storage.name[:12]}…" if storage.kind == "anonymous" else _end(storage.name, 30)


def _end(path: str, most: int) -> str:
    return path if len(path) <= most else f"…{path[1 - most :]}"


def mounts_svg(scene: MountScene, before: MountScene | None = None, tight: bool = False) -> str:
    """The picture: each container as its paths from / on, where its own layer and the image lie below and every mount
    covers them with a bar; and what the bars lead to, at the containers' right, or below them where `tight` asks for
    a narrow picture. What is new since the picture before is outlined, and what has gone is named below."""
    parts: list[str] = []
    change = Change.between(before, scene)
    storage = scene.storage
    if tight:  # the bows then lie in each other, and don't cross
        used = [one for one in storage if one not in scene.unused]
        storage = (*reversed(used), *scene.unused)
    frame = _TIGHT if tight else _ROOMY if scene.containers else _LONE
    heights = [HEAD + ROW * (1 + len(container.mounts)) + EDGE for container in scene.containers]
    left_height = sum(heights) + GAP * max(0, len(heights) - 1)
    right_height = STORE * len(storage) + GAP * max(0, len(storage) - 1)
    above = left_height + GAP if frame.below and heights and storage else 0
    height = (above + right_height if above else max(left_height, right_height, HEAD)) + 4
    places: dict[Storage, float] = {}
    y = 2.0 + (above or max(0.0, (height - 4 - right_height) / 2))
    for one in storage:
        places[one] = y + STORE / 2
        parts.append(_storage(frame, one, y, one in scene.unused, one in change.new))
        y += STORE + GAP
    y = 2.0
    for container, tall in zip(scene.containers, heights, strict=True):
        parts.append(_container(frame, container, y, tall, places, container in change.new))
        y += tall + GAP
    label = escape(mounts_text(scene, before))
    if not scene.containers and not storage:
        parts.append(_text(2, 20, mounts_text(scene), "vt-kind"))
    if change.gone:
        height += ROW
        shown = GONE_NAMES // 2 if tight else GONE_NAMES
        more = " …" if len(change.gone) > shown else ""
        parts.append(_text(2, height - 8, gone_in_words(change.gone[:shown]) + more, "vt-gone"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {frame.width} {height:.0f}" role="img" '
        f'aria-label="{label}" class="vt-mounts">{"".join(parts)}</svg>'
    )


def _text(x: float, y: float, text: str, name: str, anchor: str = "start") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{name}" text-anchor="{anchor}">{escape(text)}</text>'


def _box(x: float, y: float, width: float, height: float, name: str, radius: int = 4) -> str:
    place = f'x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{height:.0f}"'
    return f'<rect {place} rx="{radius}" class="{name}"/>'


def _storage(frame: _Frame, one: Storage, y: float, unused: bool, new: bool) -> str:
    marks = (" vt-unused" if unused else "") + (" vt-new" if new else "")
    kind = tr(KINDS[one.kind]) + (f" · {tr(_('not mounted'))}" if unused else "")
    left, right = frame.store, frame.store_end
    beside_name = len(_shown(one)) * _CHARACTER < right - left - 60
    return (
        _box(left, y, right - left, STORE, f"vt-store vt-{_COLOURS[one.kind]}{marks}")
        + _text(left + 12, y + 18, _shown(one), "vt-name")
        + _text(left + 12, y + 36, kind, "vt-kind")
        + (_text(right - 10, y + (18 if beside_name else 36), tr(NEW), "vt-news", "end") if new else "")
    )


def _container(
    frame: _Frame, container: ContainerMounts, y: float, tall: float, places: dict[Storage, float], new: bool
) -> str:
    off = ("" if container.state == "running" else " vt-off") + (" vt-new" if new else "")
    layers, right = y + HEAD, frame.edge
    own = (
        _("its own layer, over the image")
        if container.mounts
        else _("its own layer, over the image; no mount")
    )
    parts = [
        _box(2, y, right - 2, tall, f"vt-container{off}"),
        _text(12, y + 20, container.name, "vt-name"),
        _text(right - 12, y + 20, tr(STATES[container.state]), "vt-kind", "end"),
        _box(EDGE, layers, right - EDGE - 8, tall - HEAD - 6, "vt-layer", 3),
        _text(EDGE + 10, layers + 16, "/", "vt-path"),
        _text(right - 20, layers + 16, tr(own), "vt-kind", "end"),
    ]
    for number, (mount, depth) in enumerate(container.bars, start=1):
        top = layers + ROW * number
        parts.append(_bar(frame, mount, EDGE * 2 + INSET * depth, top, places[mount.storage]))
    return "".join(parts)


def _bar(frame: _Frame, mount: MountedAt, left: float, top: float, there: float) -> str:
    """One mount: a bar over the path that it covers, and a line to what lies behind it."""
    right = frame.edge
    mode = "" if mount.read_write else tr(_("read only"))
    room = int((right - left - 28) / _CHARACTER) - (len(mode) + 2 if mode else 0)
    middle = top + BAR / 2
    read = "" if mount.read_write else " vt-read"
    return (
        _box(left, top, right - left, BAR, f"vt-cover vt-{_COLOURS[mount.storage.kind]}", 3)
        + _text(left + 10, top + 15, _end(mount.target, room), "vt-path")
        + (_text(right - 10, top + 15, mode, "vt-kind", "end") if mode else "")
        + f'<path d="{_wire(frame, middle, there)}" class="vt-wire vt-{_COLOURS[mount.storage.kind]}-wire{read}"/>'
    )


def _wire(frame: _Frame, middle: float, there: float) -> str:
    """From a bar to its storage: across the gap, or in a bow at the right, the wider the farther it goes."""
    start, end = frame.edge, frame.store_end if frame.below else frame.store
    if frame.below:
        bow = min(4 / 3 * (frame.width - start - 4), 24 + (there - middle) / 5)
        first = second = start + bow
    else:
        bend = (end - start) * 0.6
        first, second = start + bend, end - bend
    return f"M {start} {middle:.0f} C {first:.0f} {middle:.0f}, {second:.0f} {there:.0f}, {end} {there:.0f}"
