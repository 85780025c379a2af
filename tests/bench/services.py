"""Backup and restore of a service against tar in a container by hand, and the memory that they take."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.conftest import sweep
from voltutor.engine import find
from voltutor.images import DATA, MIB
from voltutor.services import Backup, Deploy, backup_path
from voltutor.session import Bench, Remove, RemoveVolume

SIZE = 512 * MIB
HELD = 256
"""MiB that the service holds."""

MEMORY = """
import resource, sys
from voltutor.engine import find
from voltutor.images import MIB
from voltutor.services import Backup, Deploy
from voltutor.session import Bench

def most():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10

bench = Bench(find(sys.argv[1]))
before = most()
bench.do(Backup("store", "memory"), Deploy("copy", 512 * MIB, backup="memory"))
print(f"{most()} MiB at most, {before} of them before it began")
"""


def services(
    url: str, home: Path, interleaved: Callable[[str, Callable[[], None], Callable[[], None]], None]
) -> None:
    """Print all three; `interleaved` times two acts pair by pair. Both sides bring what they wrote to the disk."""
    bench = Bench(find(url), home)
    bench.do(Deploy("store", SIZE))
    fill = f"dd if=/dev/urandom of={DATA}/held bs=1M count={HELD} 2>/dev/null && sync -f {DATA}"
    bench.succeeded(["dd"], bench.exec("store", "sh", "-c", fill))
    name, image, env = bench.names("store"), bench.image("store"), {**os.environ, "DOCKER_HOST": url}
    folder = backup_path(bench, "x").parent
    folder.mkdir(parents=True, exist_ok=True)
    helper = f"docker run --rm --network none --volume {folder}:/backups"

    def by_hand(line: str) -> None:
        subprocess.run(
            ["sh", "-ec", line], check=True, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def kit_saves() -> None:
        backup_path(bench, "kit").unlink(missing_ok=True)
        bench.do(Backup("store", "kit"))

    def tar_saves() -> None:
        backup_path(bench, "hand").unlink(missing_ok=True)
        pack = f"tar -cf /backups/hand.tar {DATA} && sync -f /backups"
        by_hand(f"{helper} --volumes-from {name} {image} sh -c '{pack}'")

    interleaved(f"backup of {HELD} MiB / docker run … tar, both synced", kit_saves, tar_saves)

    def cleared() -> None:
        if bench.container("copy"):
            bench.do(Remove("copy"), RemoveVolume("copy-data"))

    def kit_restores() -> None:
        cleared()
        bench.do(Deploy("copy", SIZE, backup="kit"))

    def tar_restores() -> None:
        cleared()
        volume, copy = bench.names("copy-data", "volume"), bench.names("copy")
        by_hand(
            f"docker volume create {volume}\n"
            f"{helper} --volume {volume}:{DATA}:nocopy {image} "
            f"sh -c 'tar -xf /backups/hand.tar -C / && sync -f {DATA}'\n"
            f"docker run --detach --network none --name {copy} --volume {volume}:{DATA} {image}"
        )

    interleaved(f"restore of {HELD} MiB and start / the same by docker run … tar", kit_restores, tar_restores)
    cleared()
    told = subprocess.run(
        [sys.executable, "-c", MEMORY, url],
        env={**os.environ, "VOLTUTOR_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    print(f"memory of a backup and a restore of {HELD} MiB: {told.stdout.strip()}")
    sweep(bench.engine, home)
