"""What several labs use: a shell in a container, and looks at what lies where."""

from __future__ import annotations

from voltutor.engine import ContainerView, Mount
from voltutor.session import READ_ONLY, Bench, Exec


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


def looked(bench: Bench, volume: str, *argv: str) -> int:
    """The exit code of a program that finds the volume at /look, where it can't write."""
    mode = "ro" if bench.capability(READ_ONLY).available else ""
    with bench.scratch("lab", (), [Mount("/look", volume, mode)]) as container:
        return bench.engine.run(container, argv).code
