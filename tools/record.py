"""Record the project's results: `python -m tools.record [BUDGET]`, as root, on a machine with nothing else to do.

Docker 20.10 and 26.1 with overlay2 on ext4, xfs and btrfs, Docker's vfs driver, and each storage of the embedded
engine that has layers; each on its own engine, on loop devices but for ext4.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.dockerd import dockerd, formatted, newer
from tests.own_engine import embedded

FILE_SYSTEMS = ("ext4", "xfs", "btrfs")


def record(url: str, home: Path, budget: str) -> None:
    """One engine's file."""
    command = [
        sys.executable,
        "-m",
        "voltutor",
        "record",
        "--engine",
        url,
        "--budget",
        budget,
        "--out",
        "data",
    ]
    subprocess.run(command, check=True, env={**os.environ, "VOLTUTOR_HOME": str(home)})


def main() -> int:
    """Every engine, one after the other."""
    budget = sys.argv[1] if len(sys.argv) > 1 else "60"
    with tempfile.TemporaryDirectory(prefix="vt-", dir="/var/tmp") as name:
        folder = Path(name)
        programs = newer(folder / "programs", "docker.io", "containerd")
        for version, own in (("20.10", None), ("26.1", programs)):
            for kind in FILE_SYSTEMS:
                with ExitStack() as stack:
                    here = folder / f"{version}-{kind}"
                    data = None if kind == "ext4" else stack.enter_context(formatted(here, kind, 8)) / "data"
                    engine = stack.enter_context(dockerd(here / "d", data, own, driver="overlay2"))
                    record(engine.url, here / "home", budget)
        with dockerd(folder / "vfs", driver="vfs") as engine:
            record(engine.url, folder / "vfs" / "home", budget)
        for storage in ("overlay", "overlay-tmpfs"):
            with embedded(folder / storage, storage) as private:
                record(private.url, folder / f"{storage}-home", budget)
    return 0


if __name__ == "__main__":
    sys.exit(main())
