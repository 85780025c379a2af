"""An anonymous volume is ours only where it came into being with a container of ours."""

from __future__ import annotations

import pytest

from voltutor.engine import ContainerView, MountView, VolumeView
from voltutor.session import anonymous_volumes

NAME = "ab" * 32
OTHER = "cd" * 32
BORN = "2026-03-01T10:00:00.123456789Z"


def container(*mounts: MountView, **changes: object) -> ContainerView:
    values: dict[str, object] = {
        "id": "1", "name": "c", "image_id": "i", "running": True, "labels": {}, "mounts": mounts, "created": BORN,
    }  # fmt: skip
    return ContainerView(**{**values, **changes})  # type: ignore[arg-type]


def mounted(name: str) -> MountView:
    return MountView("volume", f"/var/lib/docker/volumes/{name}/_data", f"/{name[:4]}", True, name)


def volume(name: str, created: str = "2026-03-01T10:00:00Z", **labels: str) -> VolumeView:
    return VolumeView(name, "local", labels, f"/var/lib/docker/volumes/{name}/_data", created)


def test_what_docker_named_with_the_container_is_its_own() -> None:
    assert anonymous_volumes(container(mounted(NAME)), [volume(NAME), volume(OTHER)], {}) == (volume(NAME),)


@pytest.mark.parametrize("created", ["2026-03-01T18:00:01+08:00", "2026-03-01T10:00:00Z"])
def test_the_engine_may_count_in_any_time_zone(created: str) -> None:
    assert anonymous_volumes(container(mounted(NAME)), [volume(NAME, created)], {})


def test_what_the_create_call_named_is_not() -> None:
    named = container(mounted(NAME), named_sources=frozenset({NAME}))
    assert anonymous_volumes(named, [volume(NAME)], {}) == ()


def test_what_is_older_is_not_however_it_is_labelled() -> None:
    spoofed = VolumeView(NAME, "local", {"com.docker.volume.anonymous": ""}, "", "2026-03-01T09:59:00Z")
    assert anonymous_volumes(container(mounted(NAME)), [spoofed], {}) == ()


def test_what_it_shares_by_volumes_from_is_not() -> None:
    sharer = container(mounted(NAME), id="2")
    assert (
        anonymous_volumes(container(mounted(NAME), volumes_from=("2",)), [volume(NAME)], {"2": sharer}) == ()
    )


def test_where_a_sharer_has_gone_nothing_is_claimed() -> None:
    assert anonymous_volumes(container(mounted(NAME), volumes_from=("2",)), [volume(NAME)], {}) == ()


def test_what_bears_a_plain_name_is_not() -> None:
    assert anonymous_volumes(container(mounted("mine")), [volume("mine")], {}) == ()


def test_a_time_that_cannot_be_read_makes_nothing_ours() -> None:
    assert anonymous_volumes(container(mounted(NAME), created="?"), [volume(NAME)], {}) == ()
