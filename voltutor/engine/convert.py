"""From an engine's JSON to frozen views: inspect JSON ends here."""

from __future__ import annotations

import posixpath
import re
from datetime import UTC, datetime
from typing import Any

from voltutor.engine.views import (
    Change,
    ContainerView,
    EngineInfo,
    Event,
    ImageView,
    LayerView,
    MountView,
    VolumeView,
)

EMBEDDED = "voltutor embedded engine"
"""What that engine calls itself among the components of its version."""

# The kinds of the Changes route: 0 modified, 1 added, 2 deleted (moby, api/swagger.yaml, ChangeType).
_KINDS = {0: "C", 1: "A", 2: "D"}


def engine(info: dict[str, Any], version: dict[str, Any], api: str) -> EngineInfo:
    """From /info and /version."""
    status = {str(pair[0]): str(pair[1]) for pair in info.get("DriverStatus") or () if len(pair) == 2}
    parts = [str(part.get("Name", "")) for part in version.get("Components") or ()]
    podman = any("Podman" in name for name in parts)
    product = "Podman" if podman else EMBEDDED if EMBEDDED in parts else "Docker"
    return EngineInfo(
        # Podman makes up a new ID for every answer (pkg/api/handlers/compat/info.go): host and data root stay.
        id=f"{info.get('Name')}:{info.get('DockerRootDir')}" if podman else str(info.get("ID", "")),
        product=product,
        version=str(version.get("Version", "")),
        api=api,
        driver=str(info.get("Driver", "")),
        backing=status.get("Backing Filesystem", ""),
        data_root=str(info.get("DockerRootDir", "")),
        kernel=str(info.get("KernelVersion", "")),
        system=str(info.get("OperatingSystem", "")),
        architecture=str(info.get("Architecture", "")),
        cpus=int(info.get("NCPU") or 0),
        memory=int(info.get("MemTotal") or 0),
        warnings=tuple(str(line) for line in info.get("Warnings") or ()),
        rootless=any("rootless" in str(option) for option in info.get("SecurityOptions") or ()),
    )


def container(raw: dict[str, Any], podman: bool = False) -> ContainerView:
    """From /containers/{id}/json. Podman lists anonymous volumes among the binds, so there a name of 64 hex
    digits counts as named by nobody."""
    config, host = raw.get("Config") or {}, raw.get("HostConfig") or {}
    named = {bind.split(":")[0] for bind in host.get("Binds") or ()}
    if podman:
        named = {name for name in named if not re.fullmatch("[0-9a-f]{64}", name)}
    named |= {str(mount["Source"]) for mount in host.get("Mounts") or () if mount.get("Source")}
    return ContainerView(
        id=raw["Id"],
        name=raw["Name"].lstrip("/"),
        image_id=raw.get("Image", ""),
        image=config.get("Image", ""),
        running=bool((raw.get("State") or {}).get("Running")),
        paused=bool((raw.get("State") or {}).get("Paused")),
        labels=config.get("Labels") or {},
        mounts=tuple(sorted(map(_mount, raw.get("Mounts") or ()), key=lambda mount: mount.target)),
        named_sources=frozenset(named),
        volumes_from=tuple(ref.split(":")[0] for ref in host.get("VolumesFrom") or ()),
        created=raw.get("Created", ""),
        started=_time(raw, "StartedAt"),
        finished=_time(raw, "FinishedAt"),
        auto_remove=bool(host.get("AutoRemove")),
        by_mount=frozenset(
            posixpath.normpath(str(item.get("Target", ""))) for item in host.get("Mounts") or ()
        ),
        tmpfs=tuple(sorted(host.get("Tmpfs") or ())),
    )


def container_summary(raw: dict[str, Any]) -> ContainerView:
    """From a line of /containers/json, whose time of creation is cut to the second."""
    state = str(raw.get("State") or "")
    names = [str(name).lstrip("/") for name in raw.get("Names") or ()]
    return ContainerView(
        id=raw["Id"],
        # A legacy link is a further name, with the other container's before a slash.
        name=next((name for name in names if "/" not in name), ""),
        image_id=raw.get("ImageID", ""),
        image=raw.get("Image", ""),
        running=state in ("running", "paused"),
        paused=state == "paused",
        labels=raw.get("Labels") or {},
        mounts=tuple(sorted(map(_mount, raw.get("Mounts") or ()), key=lambda mount: mount.target)),
        created=datetime.fromtimestamp(raw.get("Created") or 0, UTC).isoformat(),
    )


def _time(raw: dict[str, Any], key: str) -> str:
    """A time of a container's state; Go's zero time stands for never."""
    stamp = str((raw.get("State") or {}).get(key) or "")
    return "" if stamp.startswith("0001-") else stamp


def _mount(raw: dict[str, Any]) -> MountView:
    return MountView(
        type=raw.get("Type", ""),
        source=raw.get("Source", ""),
        target=raw.get("Destination", ""),
        read_write=bool(raw.get("RW")),
        name=raw.get("Name") or None,
        driver=raw.get("Driver") or "",
        mode=raw.get("Mode") or "",
        propagation=raw.get("Propagation") or "",
    )


def volume(raw: dict[str, Any]) -> VolumeView:
    """From /volumes/{name}."""
    return VolumeView(
        name=raw["Name"],
        driver=raw.get("Driver", ""),
        labels=raw.get("Labels") or {},
        mountpoint=raw.get("Mountpoint", ""),
        created=raw.get("CreatedAt", ""),
        options=raw.get("Options") or {},
    )


def _familiar(tags: list[str] | None) -> tuple[str, ...]:
    """Names as they are typed: Podman spells out the registry that it took them to mean."""
    prefixes = ("docker.io/library/", "docker.io/", "localhost/")
    names = []
    for tag in tags or ():
        prefix = next((prefix for prefix in prefixes if tag.startswith(prefix)), "")
        names.append(tag.removeprefix(prefix))
    return tuple(name for name in names if name != "<none>:<none>")


def image(raw: dict[str, Any]) -> ImageView:
    """From /images/{name}/json."""
    return ImageView(
        id=raw["Id"],
        tags=_familiar(raw.get("RepoTags")),
        labels=(raw.get("Config") or {}).get("Labels") or {},
        layers=tuple((raw.get("RootFS") or {}).get("Layers") or ()),
        size=int(raw.get("Size") or 0),
        architecture=raw.get("Architecture", ""),
        volumes=tuple(sorted((raw.get("Config") or {}).get("Volumes") or ())),
    )


def image_summary(raw: dict[str, Any]) -> ImageView:
    """From a line of /images/json, which names no layers."""
    return ImageView(
        id=raw["Id"],
        tags=_familiar(raw.get("RepoTags")),
        labels=raw.get("Labels") or {},
        layers=(),
        size=int(raw.get("Size") or 0),
    )


def history(raw: list[dict[str, Any]], diff_ids: list[str]) -> tuple[LayerView, ...]:
    """From /images/{name}/history, newest first there; a line of size 0 may still have made a layer, so
    ids are given from the top as long as lines and layers agree in number, else only to lines with a size."""
    lines = list(reversed(raw))
    agree = len(lines) == len(diff_ids)
    ids = iter(diff_ids)
    return tuple(
        LayerView(
            id=next(ids, "") if agree or item.get("Size") else "",
            created_by=str(item.get("CreatedBy", "")),
            size=int(item.get("Size") or 0),
        )
        for item in lines
    )


def changes(raw: list[dict[str, Any]] | None) -> tuple[Change, ...]:
    """From /containers/{id}/changes; null where nothing changed."""
    return tuple(
        sorted((Change(_KINDS[item["Kind"]], item["Path"]) for item in raw or ()), key=lambda c: c.path)
    )


def event(raw: dict[str, Any]) -> Event | None:
    """From a line of /events; None for what is neither container, image nor volume."""
    actor = raw.get("Actor") or {}
    attributes = actor.get("Attributes") or {}
    if raw.get("Type") not in ("container", "image", "volume"):
        return None
    return Event(
        type=raw["Type"],
        action=str(raw.get("Action", "")),
        id=str(actor.get("ID", "")),
        name=str(attributes.get("name", "")),
        at=float(raw.get("timeNano") or 0) / 1e9,
        exec=str(attributes.get("execID", "")),
    )
