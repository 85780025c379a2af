"""Diagrams: layers and mounts as SVG with a text that says the same, from plain data. Knows no engine."""

from voltutor.diagrams.mounts import (
    ContainerMounts,
    MountedAt,
    MountScene,
    Storage,
    mounts_svg,
    mounts_text,
)
from voltutor.diagrams.stack import (
    ContainerLayer,
    Entry,
    ImageLayer,
    StackScene,
    size_text,
    stack_svg,
    stack_text,
)

Scene = StackScene | MountScene


def svg(scene: Scene, before: Scene | None = None, tight: bool = False) -> str:
    """The picture of a scene, or the one for a narrow place, with what has changed since `before`."""
    if isinstance(scene, StackScene):
        return stack_svg(scene, before if isinstance(before, StackScene) else None, tight)
    return mounts_svg(scene, before if isinstance(before, MountScene) else None, tight)


def html(scene: Scene, before: Scene | None = None) -> str:
    """Both pictures; the style sheet shows the one that there is room for."""
    return f'<div class="vt-roomy">{svg(scene, before)}</div><div class="vt-tight">{svg(scene, before, True)}</div>'


def text(scene: Scene, before: Scene | None = None) -> str:
    """The same in words."""
    if isinstance(scene, StackScene):
        return stack_text(scene, before if isinstance(before, StackScene) else None)
    return mounts_text(scene, before if isinstance(before, MountScene) else None)


__all__ = [
    "ContainerLayer",
    "ContainerMounts",
    "Entry",
    "ImageLayer",
    "MountScene",
    "MountedAt",
    "Scene",
    "StackScene",
    "Storage",
    "html",
    "mounts_svg",
    "mounts_text",
    "size_text",
    "stack_svg",
    "stack_text",
    "svg",
    "text",
]
