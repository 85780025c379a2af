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


def svg(scene: Scene) -> str:
    """The picture of a scene."""
    return stack_svg(scene) if isinstance(scene, StackScene) else mounts_svg(scene)


def text(scene: Scene) -> str:
    """The same in words."""
    return stack_text(scene) if isinstance(scene, StackScene) else mounts_text(scene)


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
