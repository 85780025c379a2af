"""The circumstances of a measurement: what figures mean little without, read from the engine and, inside a
container, from the kernel that it runs on."""

from __future__ import annotations

import re

from voltutor.engine import Mount
from voltutor.results import Circumstances
from voltutor.session import DROP_CACHES, REFLINK, Bench

# One look: the volume's mount, its device's queue, and the machine's load. sysfs and procfs are readable there.
_LOOK = r"""
grep ' /look ' /proc/self/mountinfo
dev=$(awk '$5 == "/look" {print $3}' /proc/self/mountinfo)
src=$(basename "$(awk '$5 == "/look" {for (i = 6; i < NF; i++) if ($i == "-") print $(i + 2)}' /proc/self/mountinfo)")
for d in /sys/dev/block/$dev /sys/dev/block/$dev/.. /sys/class/block/$src /sys/class/block/$src/..; do
  [ -d $d/queue ] && for k in scheduler write_cache rotational; do echo "$k=$(cat $d/queue/$k)"; done && break
done
echo "load=$(cut -d' ' -f1 /proc/loadavg)"
echo "dirty_kib=$(awk '/^Dirty:/ {print $2}' /proc/meminfo)"
echo "fio=$(fio --version)"
echo "free_kib=$(df -Pk /look | awk 'NR == 2 {print $4}')"
for f in memory.max cpu.max memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us; do
  [ ! -r /sys/fs/cgroup/$f ] || echo "cgroup_$(basename $f | tr . _)=$(cat /sys/fs/cgroup/$f)"
done
"""


def look(bench: Bench) -> Circumstances:
    """Engine, kernel, the file system under a volume with its device, options and free bytes, load, limits of the
    containers' cgroup, fio's version, and whether page caches can be dropped.

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
        # Those of the mount, and those of its file system.
        "mount_options": ",".join(dict.fromkeys(f"{mount[2]},{mount[5]}".split(","))) if mount else None,
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
        "free_bytes": int(seen["free_kib"]) * 1024 if seen.get("free_kib", "").isdigit() else None,
        "journal": _journal(mount),
        "memory_limit": seen.get("cgroup_memory_max") or seen.get("cgroup_memory_limit_in_bytes"),
        "cpu_limit": seen.get("cgroup_cpu_max") or seen.get("cgroup_cpu_cfs_quota_us"),
        "caches_dropped": bench.capability(DROP_CACHES).available,
    }


def _journal(mount: re.Match[str] | None) -> str | None:
    """ext4's way of journalling data; "ordered" is its own where no option says another (ext4(5))."""
    if mount is None or mount[3] != "ext4":
        return None
    said = re.search(r"\bdata=(\w+)", mount[5])
    return said[1] if said else "ordered"
