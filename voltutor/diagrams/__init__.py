"""Diagrams: layers and mounts as SVG with a text that says the same, from plain data. Knows no engine."""

from voltutor.diagrams.stack import (
    ContainerLayer,
    Entry,
    ImageLayer,
    StackScene,
    size_text,
    stack_svg,
    stack_text,
)

__all__ = ["ContainerLayer", "Entry", "ImageLayer", "StackScene", "size_text", "stack_svg", "stack_text"]
