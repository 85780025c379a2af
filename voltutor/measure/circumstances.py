"""The circumstances of a measurement: what figures mean little without, read from the engine and, inside a
container, from the kernel that it runs on."""

from __future__ import annotations

import re

from voltutor.engine import Mount
from voltutor.results import Circumstances
from voltutor.session import REFLINK, Bench

# One look: the volume's mount, its device's queue, and the machine's load. sysfs and procfs are readable there.
_LOOK = r"""
grep ' /look ' /proc/self/mountinfo
dev=$(awk '$5 == "/look" {print $3}' /proc/self/mountinfo)
for d in /sys/dev/block/$dev /sys/dev/block/$dev/..; do
  [ -d $d/queue ] && for k in scheduler write_cache rotational; do echo "$k=$(cat $d/queue/$k)"; done && break
done
echo "load=$(cut -d' ' -f1 /proc/loadavg)"
echo "dirty_kib=$(awk '/^Dirty:/ {print $2}' /proc/meminfo)"
echo "fio=$(fio --version)"
"""


def circumstances(bench: Bench) -> Circumstances:
    """Engine, kernel, the file system under a volume with its device and options, load, fio's version.

    What could not be read is None.
    """
    info = bench.engine.info
    with bench.scratch_volume() as volume, bench.scratch("lab", (), [Mount("/look", volume)]) as container:
        looked = bench.engine.run(container, ["sh", "-c", _LOOK]).text
    seen: dict[str, str] = dict(re.findall(r"^(\w+)=(.*)$", looked, re.MULTILINE))
    # mountinfo: … mount-point options optional-fields - type source super-options (proc_pid_mountinfo(5))
    mount = re.search(r"^\S+ \S+ (\S+) \S+ /look (\S+) .*- (\S+) (\S+) (\S+)$", looked, re.MULTILINE)
    scheduler = re.search(r"\[(\w[\w-]*)\]", seen.get("scheduler", ""))
    reflink = bench.capability(REFLINK)
    return {
        "engine": info.title,
        "engine_version": info.version,
        "api": info.api,
        "storage_driver": info.driver,
        "backing_file_system": mount[3] if mount else info.backing or None,
        "device": mount[4] if mount else None,
        "mount_options": mount[5] if mount else None,
        "scheduler": scheduler[1] if scheduler else seen.get("scheduler"),
        "write_cache": seen.get("write_cache"),
        "rotational": seen.get("rotational"),
        "reflink": reflink.available,
        "kernel": info.kernel,
        "cpus": info.cpus,
        "memory_bytes": info.memory,
        "fio": seen.get("fio"),
        "load_1min": seen.get("load"),
        "dirty_kib": seen.get("dirty_kib"),
    }
