"""Whose a thing is: pure functions over what the engine shows and the journal knows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from voltutor.engine import ContainerView, ImageView, VolumeView

SESSION_LABEL = "io.voltutor.session"
HOME_LABEL = "io.voltutor.home"

# Engines name an anonymous volume by 32 random bytes in hex (moby, pkg/stringid).
_ANONYMOUS_NAME = re.compile(r"[0-9a-f]{64}")

# A volume's creation time is cut to the second, its container's is not.
_SLACK = timedelta(seconds=2)


def moment(stamp: str) -> datetime | None:
    """An engine's RFC 3339 time, or None where it is none."""
    try:
        # Go prints nanoseconds; Python reads up to six digits of a fraction.
        return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", stamp))
    except ValueError:
        return None


def has_anonymous_name(name: str | None) -> bool:
    """Whether an engine gave this name to an anonymous volume."""
    return bool(name and _ANONYMOUS_NAME.fullmatch(name))


def labelled(labels: Mapping[str, str], session: str, home: str) -> bool:
    """Whether these are the labels of this session of this home: both, or it is somebody else's."""
    return labels.get(SESSION_LABEL) == session and labels.get(HOME_LABEL) == home


def of_a_session(labels: Mapping[str, str]) -> bool:
    """Whether these are the labels of any session of any home."""
    return HOME_LABEL in labels and SESSION_LABEL in labels


def handed_down(labels: Mapping[str, str], image: ImageView | None) -> bool:
    """Whether a container may have a session's labels from its image: `docker commit` gives an image those of its
    container, `docker run` gives them on, and what somebody so made is theirs. Where the image has gone, nobody can
    tell, and the labels prove nothing either."""
    return image is None or all(
        image.labels.get(key) == labels.get(key) for key in (SESSION_LABEL, HOME_LABEL)
    )


def anonymous_volumes(
    container: ContainerView, volumes: Iterable[VolumeView], containers: Mapping[str, ContainerView]
) -> tuple[VolumeView, ...]:
    """The anonymous volumes that came into being with this container; `containers` are all that there are,
    by id and by name.

    Not among them: what its create call named, what it shares with those of its `--volumes-from`, and what
    is older than the container. Where one of `--volumes-from` has gone, nobody can tell any longer what was
    shared, and none is claimed. Age alone never proves anything: before Docker 23 a volume's creation time
    is renewed whenever something is written in its top folder (moby#38274).
    """
    if any(ref not in containers for ref in container.volumes_from):
        return ()
    shared = {mount.name for ref in container.volumes_from for mount in containers[ref].mounts}
    names = {
        mount.name
        for mount in container.mounts
        if mount.type == "volume"
        and mount.name
        and has_anonymous_name(mount.name)
        and mount.name not in container.named_sources
        and mount.name not in shared
    }
    born = moment(container.created)
    return tuple(
        volume
        for volume in volumes
        if volume.name in names
        and born is not None
        and (made := moment(volume.created)) is not None
        and made >= born - _SLACK
    )
