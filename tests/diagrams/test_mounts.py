"""The mount picture and its words say the same, whatever names there are."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voltutor.diagrams import ContainerMounts, MountedAt, MountScene, Storage, mounts_svg, mounts_text

LONG = "0123456789abcdef" * 4
SCENE = MountScene(
    (
        ContainerMounts(
            "writer",
            "running",
            (
                MountedAt("/shared", Storage("volume", "common")),
                MountedAt("/webapp", Storage("anonymous", LONG)),
            ),
        ),
        ContainerMounts("reader", "stopped", (MountedAt("/shared", Storage("volume", "common"), False),)),
        ContainerMounts("store", "created"),
    ),
    (Storage("anonymous", "f" * 64),),
)


@pytest.mark.parametrize("tight", [False, True])
def test_one_volume_is_one_box_with_a_line_to_each_container(tight: bool) -> None:
    root = ET.fromstring(mounts_svg(SCENE, tight=tight))
    name = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f"{name}path")) == 3
    boxes = [box.get("class", "").split() for box in root.findall(f"{name}rect")]
    assert sum("vt-container" in box for box in boxes) == 3
    assert sum("vt-layer" in box for box in boxes) == 3
    assert sum("vt-cover" in box for box in boxes) == 3
    assert sum("vt-store" in box for box in boxes) == 3
    assert sum("vt-unused" in box for box in boxes) == 1
    assert [storage.name for storage in SCENE.storage] == ["common", LONG, "f" * 64]


def test_a_bar_covers_its_path_and_one_within_it_lies_on_it() -> None:
    volume, host = Storage("volume", "v"), Storage("bind", "/srv/conf")
    targets = ["/data/conf", "/data", "/database", "/data/conf/keys"]
    box = ContainerMounts("one", "running", tuple(MountedAt(target, volume) for target in targets))
    assert [(mount.target, depth) for mount, depth in box.bars] == [
        ("/data", 0),
        ("/data/conf", 1),
        ("/data/conf/keys", 2),
        ("/database", 0),
    ]
    root = ET.fromstring(
        mounts_svg(MountScene((ContainerMounts("one", "running", (MountedAt("/", host), *box.mounts)),)))
    )
    layer, *bars = (
        {key: float(rect.get(key, "0")) for key in ("x", "y", "width", "height")}
        for rect in root.findall("{http://www.w3.org/2000/svg}rect")
        if {"vt-layer", "vt-cover"} & set(rect.get("class", "").split())
    )
    assert [bar["x"] for bar in bars] == sorted({bar["x"] for bar in bars})[:1] + [
        bars[0]["x"] + 16 * depth for depth in (1, 2, 3, 1)
    ]
    for bar in bars:
        assert layer["x"] < bar["x"], "the layer shows beside it"
        assert layer["y"] < bar["y"]
        assert bar["y"] + bar["height"] < layer["y"] + layer["height"], "and below"
    assert all(earlier["y"] + earlier["height"] <= later["y"] for earlier, later in pairwise(bars))


def test_the_words_say_what_the_picture_shows() -> None:
    said = mounts_text(SCENE)
    for words in (
        "writer, running",
        "/shared is volume common, read and written",
        "/webapp is anonymous volume 0123456789ab…",
        "/shared is volume common, read only",
        "store, created, never started",
        "nothing mounted",
        "anonymous volume ffffffffffff…: mounted by none of these",
    ):
        assert words in said
    assert mounts_text(MountScene(())) == "No container and no volume yet."
    ET.fromstring(mounts_svg(MountScene(())))


def test_what_is_new_is_outlined_and_what_has_gone_is_named() -> None:
    after = MountScene(
        (ContainerMounts("reader", "running"),), (Storage("volume", "common"), Storage("volume", "x"))
    )
    svg, said = mounts_svg(after, SCENE), mounts_text(after, SCENE)
    root = ET.fromstring(svg)
    classes = [box.get("class", "") for box in root.findall("{http://www.w3.org/2000/svg}rect")]
    assert sum("vt-new" in one for one in classes) == 2, "the reader that runs now, and x; not what was there"
    assert "New or changed: reader, x" in said
    assert "Gone: writer, store, 0123456789ab…, ffffffffffff…" in said
    assert "Gone: writer" in svg
    assert "vt-new" not in mounts_svg(SCENE)
    assert "vt-new" not in mounts_svg(SCENE, SCENE)


@pytest.mark.parametrize("scene", [SCENE, MountScene((), SCENE.unused), MountScene(SCENE.containers[2:])])
@pytest.mark.parametrize("tight", [False, True])
def test_every_box_lies_within_the_picture_and_none_on_another_kind(scene: MountScene, tight: bool) -> None:
    root = ET.fromstring(mounts_svg(scene, SCENE, tight))
    width, height = (float(value) for value in root.get("viewBox", "").split()[2:])
    spans: dict[str, list[tuple[float, float, float, float]]] = {"vt-container": [], "vt-store": []}
    for box in root.findall("{http://www.w3.org/2000/svg}rect"):
        x, y, wide, tall = (float(box.get(key, "0")) for key in ("x", "y", "width", "height"))
        assert x >= 0
        assert y >= 0
        assert x + wide <= width
        assert y + tall <= height
        for name in spans.keys() & set(box.get("class", "").split()):
            spans[name].append((x, y, x + wide, y + tall))
    for left, top, right, bottom in spans["vt-container"]:
        for x, y, end, low in spans["vt-store"]:
            assert x >= right or end <= left or y >= bottom or low <= top
    for wire in root.findall("{http://www.w3.org/2000/svg}path"):
        start, _y, bend, _y2, back, _y3, end, _y4 = (
            float(n) for n in re.findall(r"[\d.]+", wire.get("d", ""))
        )
        assert all(x <= width for x in (start, (start + 3 * bend + 3 * back + end) / 8, end))


def test_without_room_beside_them_the_storage_stands_below_the_containers() -> None:
    roomy, tight = (
        [
            {key: float(box.get(key, "0")) for key in ("x", "y")}
            for box in ET.fromstring(mounts_svg(SCENE, tight=tight)).iter()
            if {"vt-container", "vt-store"} & set(box.get("class", "").split())
        ]
        for tight in (False, True)
    )
    assert len({box["x"] for box in roomy}) == 2
    assert len({box["x"] for box in tight}) == 1


@given(st.text(), st.text(max_size=80))
def test_any_name_gives_well_formed_svg(name: str, path: str) -> None:
    mount = MountedAt(path, Storage("bind", path))
    ET.fromstring(mounts_svg(MountScene((ContainerMounts(name, "running", (mount,)),))))
