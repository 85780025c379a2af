"""Save what volumes hold before they go: each as a tar, through a container that only reads."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from voltutor.cleanup.find import Thing
from voltutor.disk import writing
from voltutor.engine import Mount
from voltutor.home import make_folder, name_new
from voltutor.session import READ_ONLY, Bench

PLACE = "/volume"


def keep_data(bench: Bench, folder: Path) -> Callable[[Thing], Path]:
    """A function that writes a volume's content to `folder`/NAME.tar, as `docker cp` would; a file of that name that
    is there is never written over.

    The tar bears its name only once it is whole and on disk.

    Raises (the function):
        EngineError: the engine does not answer, or refuses.
        DiskTrouble: the disk takes no more.
        OSError: it can't be written; FileExistsError where one of that name is there.

    Raises (at once):
        DiskTrouble: the disk takes no folder.
    """
    make_folder(folder)

    def save(thing: Thing) -> Path:
        target = folder / f"{thing.name}.tar"
        if target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        mode = "ro" if bench.capability(READ_ONLY).available else ""
        with (
            writing(target),
            tempfile.NamedTemporaryFile(dir=folder, prefix=f".{thing.name[:40]}.", delete=False) as file,
        ):
            half = Path(file.name)
            try:
                with (
                    bench.scratch("lab", (), [Mount(PLACE, thing.id, mode)]) as container,
                    contextlib.closing(bench.engine.archive(container, f"{PLACE}/.")) as pieces,
                ):
                    for piece in pieces:
                        file.write(piece)
                        file.flush()
                os.fsync(file.fileno())
                name_new(half, target)
            finally:
                half.unlink(missing_ok=True)
        return target

    return save
