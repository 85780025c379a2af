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


def svg(scene: Scene, before: Scene | None = None) -> str:
    """The picture of a scene; of mounts, with what has changed since the one before."""
    if isinstance(scene, StackScene):
        return stack_svg(scene)
    return mounts_svg(scene, before if isinstance(before, MountScene) else None)


def text(scene: Scene, before: Scene | None = None) -> str:
    """The same in words."""
    if isinstance(scene, StackScene):
        return stack_text(scene)
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
    "mounts_svg",
    "mounts_text",
    "size_text",
    "stack_svg",
    "stack_text",
    "svg",
    "text",
]
