"""What several labs use: a shell in a container, and looks at what lies where."""

from __future__ import annotations

from voltutor.engine import ContainerView, Mount
from voltutor.session import Bench, Exec


def shell(name: str, line: str) -> Exec:
    """A line of shell in a container. `hostname` in it is a text that differs from container to container."""
    return Exec(name, ("sh", "-c", line))


def seen(bench: Bench, logical: str) -> ContainerView | None:
    """The container under a logical name, its anonymous volumes noted as this session's."""
    view = bench.container(logical)
    if view:
        bench.note_mounts(view.id)
    return view


def has(bench: Bench, logical: str, path: str) -> bool:
    """Whether a running container has a file."""
    return bench.exec(logical, "test", "-e", path).code == 0


def orphans(bench: Bench) -> list[str]:
    """The anonymous volumes of this session's containers that no container has any longer."""
    engine = bench.engine
    views = (engine.container(ref) for ref in engine.containers())
    used = {mount.name for view in views if view for mount in view.mounts}
    there = {volume.name for volume in engine.volumes()}
    return sorted((bench.session.journal.state().anonymous & there) - used)


def holds(bench: Bench, volume: str, *argv: str) -> bool:
    """Whether a program succeeds that sees the volume, read only, at /look."""
    with bench.scratch("lab", (), [Mount("/look", volume)]) as container:
        return bench.engine.run(container, argv).code == 0
