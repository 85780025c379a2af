"""From the live state to a diagram's plain data."""

from __future__ import annotations

from collections.abc import Sequence

from voltutor.diagrams import ContainerLayer, Entry, ImageLayer, StackScene
from voltutor.session import Bench
from voltutor.text import _, tr


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
