"""What a container mounts, from what its creator wrote: a pure plan. Nothing here touches a disk or a volume;
whoever carries the plan out makes the volumes that it names (moby, volume/mounts/linux_parser.go and
daemon/volumes.go, in whose order and words this is)."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from voltutor.embedded import words
from voltutor.embedded.errors import ApiError, BadRequest, NotServed

BIND, VOLUME, TMPFS = "bind", "volume", "tmpfs"
_ACCESS = {"ro", "rw"}
_LABEL = {"z", "Z"}
_PROPAGATION = {"private", "rprivate", "shared", "rshared", "slave", "rslave"}
_CONSISTENCY = {"consistent", "cached", "delegated"}
_SERVED_PROPAGATION = {"", "private", "rprivate"}


@dataclass(frozen=True)
class Point:
    """One mount of a container. `source` is a path of the host for a bind, empty else; `name` a volume's name,
    empty until an anonymous one is made; `named` whether its creator gave the name, which is what keeps it
    from `rm -v`."""

    kind: str
    target: str
    source: str = ""
    name: str = ""
    mode: str = ""
    rw: bool = True
    propagation: str = ""
    named: bool = False
    fill: bool = False
    make_source: bool = False
    subpath: str = ""
    options: str = ""
    driver: str = ""
    driver_options: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    listed: bool = True

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @staticmethod
    def read(value: Mapping[str, Any]) -> Point:
        """From JSON."""
        pairs = {key: tuple((k, v) for k, v in value[key]) for key in ("driver_options", "labels")}
        return Point(**{**value, **pairs})


def plan(
    host: Mapping[str, Any],
    declared: Iterable[str],
    others: Callable[[str], Iterable[Point]],
) -> list[Point]:
    """Every mount: volumes of other containers, binds, mounts, tmpfs, then what the image or `-v PATH` declares
    and nothing else covers. Outer targets come before those that lie in them.

    `host` is a HostConfig, `declared` the keys of Config.Volumes, `others` the mounts of a container.

    Raises:
        BadRequest: a specification that can't be meant, or two of the same target.
        NotServed: one that needs another engine.
    """
    points: dict[str, Point] = {}
    for spec in host.get("VolumesFrom") or ():
        for point in _from(str(spec), others):
            points[point.target] = point
    own: set[str] = set()

    def add(point: Point) -> None:
        if point.target in own:
            raise BadRequest(f"Duplicate mount point: {point.target}")
        own.add(point.target)
        points[point.target] = point

    for spec in host.get("Binds") or ():
        add(bind(str(spec)))
    for spec in host.get("Mounts") or ():
        add(mount(spec))
    for target, options in (host.get("Tmpfs") or {}).items():
        add(Point(TMPFS, _target(str(target), target), options=str(options or ""), listed=False))
    for target in sorted(declared):
        cleaned = posixpath.normpath(target)
        if not cleaned.startswith("/"):
            raise BadRequest(f"invalid volume specification: '{target}': mount path must be absolute")
        if cleaned not in points:
            points[cleaned] = Point(VOLUME, _target(cleaned, target), fill=True)
    return sorted(points.values(), key=lambda point: (point.target.count("/"), point.target))


def _target(path: str, spec: object) -> str:
    if not path.startswith("/"):
        raise BadRequest(
            f"invalid volume specification: '{spec}': invalid mount path: '{path}' mount path must be absolute"
        )
    cleaned = posixpath.normpath(path)
    cleaned = "/" + cleaned.lstrip("/")
    if cleaned == "/":
        raise BadRequest(
            f"invalid volume specification: '{spec}': invalid specification: destination can't be '/'"
        )
    return cleaned


def _from(spec: str, others: Callable[[str], Iterable[Point]]) -> Iterable[Point]:
    ref, _, mode = spec.partition(":")
    if not ref:
        raise BadRequest(f"invalid volumes-from specification: '{spec}'")
    if mode:
        _modes(mode, {*_ACCESS, *_LABEL}, spec)
    for point in others(ref):
        if point.kind == TMPFS:
            continue
        rw = point.rw and "ro" not in mode.split(",")
        yield replace(point, rw=rw, mode=mode or point.mode, fill=False)


def _modes(text: str, allowed: set[str], spec: str) -> set[str]:
    modes = set(text.split(","))
    groups = (_ACCESS, _LABEL, _PROPAGATION, {"nocopy"}, _CONSISTENCY)
    if (
        not modes <= allowed
        or any(len(modes & group) > 1 for group in groups)
        or len(modes) < text.count(",") + 1
    ):
        raise BadRequest(f"invalid volume specification: '{spec}': invalid mode: {text}")
    return modes


def bind(spec: str) -> Point:
    """From `-v SOURCE:TARGET[:MODE]`: a path of the host, or a volume's name.

    Raises:
        BadRequest: it can't be meant.
    """
    parts = spec.split(":")
    if len(parts) not in (2, 3) or not all(parts):
        raise BadRequest(f"invalid volume specification: '{spec}'")
    source, target, text = parts[0], _target(parts[1], spec), parts[2] if len(parts) == 3 else ""
    is_path = source.startswith("/")
    allowed = _ACCESS | _LABEL | _CONSISTENCY | (_PROPAGATION if is_path else {"nocopy"})
    modes = _modes(text, allowed, spec) if text else set()
    if not is_path:
        _volume(source)
        return Point(
            VOLUME, target, "", source, text or "z", "ro" not in modes, named=True, fill="nocopy" not in modes
        )
    propagation = next(iter(modes & _PROPAGATION), "")
    _propagates(propagation)
    return Point(
        BIND, target, posixpath.normpath(source), mode=text, rw="ro" not in modes,
        propagation=propagation or "rprivate", make_source=True,
    )  # fmt: skip


def _volume(name: str) -> None:
    try:
        words.volume_name(name)
    except BadRequest as error:
        raise BadRequest(error.message) from None


def _propagates(propagation: str) -> None:
    if propagation not in _SERVED_PROPAGATION:
        raise NotServed(
            f"mount propagation {propagation}: this engine's mounts are its own; Docker as root shares mounts"
        )


def mount(spec: Mapping[str, Any]) -> Point:
    """From `--mount`: an object of HostConfig.Mounts.

    Raises:
        BadRequest: it can't be meant.
    """

    def invalid(why: str) -> ApiError:
        return BadRequest(f'invalid mount config for type "{kind}": {why}')

    kind, source = str(spec.get("Type") or ""), str(spec.get("Source") or "")
    if kind not in (BIND, VOLUME, TMPFS):
        if kind in ("npipe", "cluster", "image"):
            raise NotServed(f'mount type "{kind}": Docker has it')
        raise BadRequest(f"mount type unknown: {kind!r}")
    text = str(spec.get("Target") or "")
    if not text:
        raise invalid("field Target must not be empty")
    if not text.startswith("/"):
        raise invalid(f"invalid mount path: '{text}' mount path must be absolute")
    target = "/" + posixpath.normpath(text).lstrip("/")
    if target == "/":
        raise invalid("invalid specification: destination can't be '/'")
    for key, owner in (("BindOptions", BIND), ("VolumeOptions", VOLUME), ("TmpfsOptions", TMPFS)):
        if spec.get(key) and kind != owner:
            raise invalid(f"field {key} must not be specified")
    rw = not spec.get("ReadOnly")
    if kind == TMPFS:
        if source:
            raise invalid("field Source must not be specified")
        chosen = spec.get("TmpfsOptions") or {}
        options = [f"size={chosen['SizeBytes']}"] if chosen.get("SizeBytes") else []
        options += [f"mode={chosen['Mode']:o}"] if chosen.get("Mode") else []
        options += [] if rw else ["ro"]
        return Point(TMPFS, target, rw=rw, options=",".join(options))
    if kind == BIND:
        if not source:
            raise invalid("field Source must not be empty")
        if not source.startswith("/"):
            raise invalid(f"invalid mount path: '{source}' mount path must be absolute")
        chosen = spec.get("BindOptions") or {}
        _propagates(chosen.get("Propagation") or "")
        return Point(
            BIND, target, posixpath.normpath(source), rw=rw,
            propagation=chosen.get("Propagation") or "rprivate", make_source=bool(chosen.get("CreateMountpoint")),
        )  # fmt: skip
    chosen = spec.get("VolumeOptions") or {}
    if source:
        _volume(source)
    elif chosen.get("Subpath"):
        raise invalid("must not set Subpath when using anonymous volumes")
    subpath = str(chosen.get("Subpath") or "")
    if subpath.startswith("/") or ".." in subpath.split("/"):
        raise invalid("subpath must be a relative path within the volume")
    driver = chosen.get("DriverConfig") or {}
    return Point(
        VOLUME, target, "", source, "z", rw, named=bool(source), fill=not chosen.get("NoCopy"), subpath=subpath,
        driver=str(driver.get("Name") or ""), driver_options=tuple(sorted((driver.get("Options") or {}).items())),
        labels=tuple(sorted((chosen.get("Labels") or {}).items())),
    )  # fmt: skip
