"""The plan of a container's mounts, a pure function."""

from __future__ import annotations

import pytest

from voltutor.embedded.errors import ApiError, BadRequest, NotServed
from voltutor.embedded.mounts import BIND, VOLUME, Point, bind, mount, plan


def nobody(ref: str) -> list[Point]:
    raise AssertionError(ref)


def test_a_bind_covers_what_the_image_declares_and_volumes_from_gives() -> None:
    shared = [Point(VOLUME, "/a", name="old"), Point(VOLUME, "/b", name="kept", named=True)]
    host = {"Binds": ["/host:/a"], "VolumesFrom": ["other:ro"]}
    points = plan(host, ["/a", "/b", "/c"], lambda ref: shared if ref == "other" else [])
    assert [(point.kind, point.target, point.source or point.name, point.rw) for point in points] == [
        (BIND, "/a", "/host", True),
        (VOLUME, "/b", "kept", False),
        (VOLUME, "/c", "", True),
    ]
    assert [point.fill for point in points] == [False, False, True]


def test_outer_targets_come_first() -> None:
    points = plan({"Binds": ["a1:/x/y/z", "b1:/x", "c1:/x/y"]}, [], nobody)
    assert [point.target for point in points] == ["/x", "/x/y", "/x/y/z"]


def test_only_a_name_that_was_given_keeps_a_volume_from_rm_v() -> None:
    named, anonymous = bind("vol1:/x"), mount({"Type": "volume", "Target": "/y"})
    assert (named.named, anonymous.named) == (True, False)


@pytest.mark.parametrize(
    "spec",
    ["", "a", "a:", ":/x", "a:/x:", "a:/x:ro:rw", "vol1:/x:ro,ro", "vol1:/x:shared", "/h:/x:nocopy", "..:/x"],
)
def test_a_bind_that_can_t_be_meant(spec: str) -> None:
    with pytest.raises(BadRequest):
        bind(spec)


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"Type": "nonsense", "Target": "/x"},
        {"Type": "bind", "Target": "/x"},
        {"Type": "volume", "Target": "x"},
        {"Type": "tmpfs", "Target": "/x", "Source": "y"},
        {"Type": "bind", "Source": "/h", "Target": "/x", "VolumeOptions": {"NoCopy": True}},
        {"Type": "volume", "Source": "vol1", "Target": "/x", "VolumeOptions": {"Subpath": "../up"}},
        {"Type": "volume", "Target": "/x", "VolumeOptions": {"Subpath": "a"}},
    ],
)
def test_a_mount_that_can_t_be_meant(spec: dict[str, object]) -> None:
    with pytest.raises(BadRequest):
        mount(spec)


def test_what_needs_another_engine_says_which() -> None:
    with pytest.raises(NotServed, match="Docker as root"):
        bind("/h:/x:rshared")


def test_a_target_with_dots_stays_below_the_root() -> None:
    assert bind("vol1:/x/../../../y").target == "/y"
    with pytest.raises(ApiError):
        bind("vol1:/x/..")


def test_a_point_survives_the_database() -> None:
    point = mount(
        {"Type": "volume", "Source": "vol1", "Target": "/x", "VolumeOptions": {"Labels": {"a": "1"}}}
    )
    assert Point.read(point.document()) == point
