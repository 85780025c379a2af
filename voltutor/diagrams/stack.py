"""An image's layers with the layers of the containers that stand on them."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from voltutor.diagrams.change import gone_in_words, in_words
from voltutor.text import _, escape, tr

WIDTH, NARROW = 720, 400
SLAB = 34
LINE = 17
GAP = 6
MOST_ENTRIES = 6
NEW, CHANGED = _("new"), _("changed")
COLUMN = 190
"""Width of a container's own layer, at least; more of them than fit side by side stand in rows."""

_CHARACTER = 8.0
"""Width of a character of a title, at most."""

KINDS = {"A": _("added"), "C": _("changed"), "D": _("deleted")}


@dataclass(frozen=True)
class ImageLayer:
    """A read-only layer: its digest, the line that made it, bytes."""

    id: str
    created_by: str
    size: int


@dataclass(frozen=True)
class Entry:
    """A line of `docker diff`: A, C or D, the path, and a note that stands behind it."""

    kind: str
    path: str
    note: str = ""


@dataclass(frozen=True)
class ContainerLayer:
    """A container's own layer: its name, what it holds, bytes; None where they are not known."""

    name: str
    entries: tuple[Entry, ...] = ()
    size: int | None = None
    running: bool = True


@dataclass(frozen=True)
class StackScene:
    """An image by its names, its layers from the lowest up, and the containers made from it."""

    names: tuple[str, ...]
    layers: tuple[ImageLayer, ...]
    containers: tuple[ContainerLayer, ...] = ()


def size_text(size: int) -> str:
    """Bytes in the unit that suits them, such as 16.0 MiB."""
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024 or unit == "GiB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError("unreachable")


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12]


@dataclass(frozen=True)
class Change:
    """What a picture has that the one before hadn't, and the names of what has gone."""

    new: frozenset[ContainerLayer | str] = frozenset()
    gone: tuple[str, ...] = ()

    @classmethod
    def between(cls, before: StackScene | None, after: StackScene) -> Change:
        """From one picture to the next: containers, of which one counts as new where anything about it differs, and
        the image's names. Without a picture before, nothing is new."""
        if before is None:
            return cls()
        there = {container.name for container in after.containers} | {*after.names}
        were = [*(container.name for container in before.containers), *before.names]
        new: set[ContainerLayer | str] = {*after.containers, *after.names}
        new -= {*before.containers, *before.names}
        return cls(frozenset(new), tuple(name for name in were if name not in there))

    @property
    def lines(self) -> list[str]:
        """The same in words."""
        return in_words((one if isinstance(one, str) else one.name for one in self.new), self.gone)


def stack_text(scene: StackScene, before: StackScene | None = None) -> str:
    """The same as the picture, in words; and what is new and what has gone since the one before."""
    lines = [tr(_("Image {names}: {n} read-only layers."), names=", ".join(scene.names), n=len(scene.layers))]
    lines += [
        tr(
            _("Layer {id}: {by}, {size}."),
            id=_short(layer.id),
            by=layer.created_by,
            size=size_text(layer.size),
        )
        for layer in scene.layers
    ]
    for container in scene.containers:
        size = "" if container.size is None else f", {size_text(container.size)}"
        if not container.entries:
            lines.append(
                tr(_("Container {name}: its own layer is empty{size}."), name=container.name, size=size)
            )
            continue
        listed = ", ".join(f"{tr(KINDS[e.kind])} {e.path}" for e in container.entries)
        lines.append(
            tr(
                _("Container {name}: its own layer{size}: {listed}."),
                name=container.name,
                size=size,
                listed=listed,
            )
        )
    return "\n".join([*lines, *Change.between(before, scene).lines])


def stack_svg(scene: StackScene, before: StackScene | None = None, tight: bool = False) -> str:
    """The picture: image layers as slabs below, each container's own layer side by side above them; `tight` asks for
    a narrow one. What is new since the picture before is outlined, and what has gone is named below."""
    parts: list[str] = []
    change = Change.between(before, scene)
    known = {container.name for container in before.containers} if before else set()
    width = NARROW if tight else WIDTH
    columns = max(min(len(scene.containers), width // COLUMN), 1)
    column = (width - GAP * (columns - 1)) / columns
    y = 0.0
    for start in range(0, len(scene.containers), columns):
        row = scene.containers[start : start + columns]
        tops = [_container_height(container) for container in row]
        y += max(tops) + (GAP if start else 0)
        for index, container in enumerate(row):
            news = "" if container not in change.new else CHANGED if container.name in known else NEW
            parts += _container(container, index * (column + GAP), y - tops[index], column, tops[index], news)
    if scene.containers:
        y += GAP
        parts.append(_rule(y, width))
        y += GAP
    for layer in reversed(scene.layers):
        parts += _image_layer(layer, y, tight)
        y += SLAB + (LINE if tight else 0) + GAP
    marked = (f"{name} ({tr(NEW)})" if name in change.new else name for name in scene.names)
    parts.append(_text(0, y + 12, tr(_("image {names}"), names=", ".join(marked)), "vt-muted"))
    height = y + 20
    if change.gone:
        height += 20
        parts.append(_text(0, y + 32, gone_in_words(change.gone), "vt-muted", italic=True))
    title = escape(stack_text(scene, before))
    return (
        f'<svg class="vt-stack" viewBox="0 0 {width} {height:.0f}" width="{width}" height="{height:.0f}" '
        f'xmlns="http://www.w3.org/2000/svg" role="img" font-family="system-ui, sans-serif" font-size="13">'
        f"<title>{title}</title>{_STYLE}{''.join(parts)}</svg>"
    )


# The picture stands alone in an HTML page too, so it brings its own colours; a card may set the variables.
_STYLE = (
    "<style>"
    ".vt-image{fill:var(--vt-image,#e6ebf2);stroke:var(--vt-image-edge,#9aa8ba)}"
    ".vt-own{fill:var(--vt-own,#fff1e6);stroke:var(--vt-own-edge,#b3400a)}"
    ".vt-ink{fill:var(--vt-ink,#22272e)}.vt-muted{fill:var(--vt-muted,#5b6573)}"
    ".vt-mono{font-family:ui-monospace,Menlo,Consolas,monospace}"
    ".vt-fresh{stroke:var(--vt-accent,#1a5fa8);stroke-width:2.4}.vt-news{fill:var(--vt-accent,#1a5fa8)}"
    ".vt-badge{fill:var(--vt-own-edge,#b3400a)}.vt-badge-text{fill:var(--vt-badge-ink,#fff);font-weight:700}"
    "</style>"
)


def _text(
    x: float,
    y: float,
    text: str,
    classes: str = "vt-ink",
    anchor: str = "start",
    weight: int = 400,
    italic: bool = False,
    note: str = "",
) -> str:
    slant = ' font-style="italic"' if italic else ""
    news = f' <tspan class="vt-news" font-size="12">{escape(note)}</tspan>' if note else ""
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" class="{classes}" text-anchor="{anchor}" '
        f'font-weight="{weight}"{slant}>{escape(text)}{news}</text>'
    )


def _box(x: float, y: float, width: float, height: float, classes: str, dashed: bool = False) -> str:
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    return (
        f'<rect x="{x + 0.5:.1f}" y="{y + 0.5:.1f}" width="{width - 1:.1f}" height="{height - 1:.1f}" rx="5" '
        f'class="{classes}"{dash}/>'
    )


def _letters(text: str) -> int:
    """Its length in Latin letters: a Chinese character takes as much room as two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _rule(y: float, width: int) -> str:
    return (
        f'<line x1="0" x2="{width}" y1="{y:.0f}" y2="{y:.0f}" stroke="var(--vt-muted,#5b6573)" '
        f'stroke-dasharray="2 4"/>'
    )


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _image_layer(layer: ImageLayer, y: float, tight: bool) -> list[str]:
    """A slab: digest, what made it, bytes, in one line; the digest below where it is narrow."""
    size = size_text(layer.size)
    if tight:
        return [
            _box(0, y, NARROW, SLAB + LINE, "vt-image"),
            _text(12, y + 22, _cut(layer.created_by, 38)),
            _text(12, y + 22 + LINE, _short(layer.id), "vt-muted vt-mono"),
            _text(NARROW - 12, y + 22, size, "vt-ink", "end", 600),
        ]
    return [
        _box(0, y, WIDTH, SLAB, "vt-image"),
        _text(12, y + 22, _short(layer.id), "vt-muted vt-mono"),
        _text(122, y + 22, _cut(layer.created_by, 62)),
        _text(WIDTH - 12, y + 22, size, "vt-ink", "end", 600),
    ]


def _container_height(container: ContainerLayer) -> float:
    return SLAB + LINE * max(min(len(container.entries), MOST_ENTRIES + 1), 1) + 8


def _container(
    container: ContainerLayer, x: float, y: float, width: float, height: float, news: str
) -> list[str]:
    title = container.name if container.running else tr(_("{name} (stopped)"), name=container.name)
    size = "" if container.size is None else size_text(container.size)
    note = tr(news)
    if (_letters(title) + _letters(note) + _letters(size) + 2) * _CHARACTER > width - 24:
        note = ""  # the outline tells it, and the words do
    parts = [
        _box(x, y, width, height, "vt-own vt-fresh" if news else "vt-own", dashed=not container.entries),
        _text(x + 12, y + 22, title, "vt-ink", weight=600, note=note),
    ]
    if size:
        parts.append(_text(x + width - 12, y + 22, size, "vt-ink", "end", 600))
    line = y + SLAB + 13
    if not container.entries:
        parts.append(_text(x + 12, line, tr(_("its own layer: empty")), "vt-muted"))
    room = int((width - 44) / 8)
    for entry in container.entries[:MOST_ENTRIES]:
        parts.append(
            f'<rect x="{x + 12:.0f}" y="{line - 12:.0f}" width="16" height="15" rx="3" class="vt-badge"/>'
            f'<text x="{x + 20:.0f}" y="{line:.0f}" class="vt-badge-text" text-anchor="middle" '
            f'font-size="11">{escape(entry.kind)}</text>'
        )
        whole = f"{entry.path} {entry.note}".strip()
        said = whole if len(whole) <= room else _cut(entry.path, room)
        parts.append(_text(x + 34, line, said, "vt-ink vt-mono"))
        line += LINE
    more = len(container.entries) - MOST_ENTRIES
    if more > 0:
        parts.append(_text(x + 12, line, tr(_("and {n} more"), n=more), "vt-muted"))
    return parts
