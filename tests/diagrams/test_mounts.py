"""The mount picture and its words say the same, whatever names there are."""

from __future__ import annotations

import xml.etree.ElementTree as ET

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


def test_one_volume_is_one_box_with_a_line_to_each_container() -> None:
    root = ET.fromstring(mounts_svg(SCENE))
    name = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f"{name}path")) == 3
    boxes = [box.get("class", "") for box in root.findall(f"{name}rect")]
    assert sum("vt-container" in box for box in boxes) == 3
    assert sum("vt-volume" in box for box in boxes) == 3
    assert sum("vt-unused" in box for box in boxes) == 1
    assert [storage.name for storage in SCENE.storage] == ["common", LONG, "f" * 64]


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


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])), st.text(max_size=80))
def test_any_name_gives_well_formed_svg(name: str, path: str) -> None:
    clean = "".join(c for c in path if c.isprintable())
    mount = MountedAt(clean, Storage("bind", clean))
    ET.fromstring(mounts_svg(MountScene((ContainerMounts(name, "running", (mount,)),))))
