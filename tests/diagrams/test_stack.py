"""The picture and its text say the same, and both come from the data."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from voltutor.diagrams import ContainerLayer, Entry, ImageLayer, StackScene, size_text, stack_svg, stack_text

SCENE = StackScene(
    ("voltutor/files:1", "stack"),
    (
        ImageLayer("sha256:" + "a" * 64, "busybox <shell>", 2 << 20),
        ImageLayer("sha256:" + "b" * 64, "seeds", 48 << 20),
    ),
    (
        ContainerLayer("one", (Entry("C", "/seed/16MiB-2"), Entry("D", "/seed/16MiB-3")), 16 << 20),
        ContainerLayer("two", (), 0, running=False),
    ),
)


@pytest.mark.parametrize("tight", [False, True])
def test_everything_is_in_the_picture_and_in_its_words(tight: bool) -> None:
    svg, words = stack_svg(SCENE, tight=tight), stack_text(SCENE)
    drawn = "".join(ElementTree.fromstring(svg).itertext())
    for part in ("one", "two", "/seed/16MiB-2", "/seed/16MiB-3", "a" * 12, "16.0 MiB", "48.0 MiB", "stack"):
        assert part in drawn
        assert part in words
    assert "changed /seed/16MiB-2" in words
    assert "deleted /seed/16MiB-3" in words
    assert "empty" in words


def test_the_picture_is_well_formed_and_named_for_a_screen_reader() -> None:
    root = ElementTree.fromstring(stack_svg(SCENE))
    assert root.get("role") == "img"
    title = root.find("{http://www.w3.org/2000/svg}title")
    assert title is not None
    assert title.text == stack_text(SCENE)


def test_a_long_list_is_cut_and_counted() -> None:
    many = ContainerLayer("one", tuple(Entry("A", f"/file-{n}") for n in range(9)))
    drawn = "".join(ElementTree.fromstring(stack_svg(StackScene(("i",), (), (many,)))).itertext())
    assert "and 3 more" in drawn


def test_sizes_have_the_unit_that_suits_them() -> None:
    assert [size_text(n) for n in (0, 1023, 1024, 16 << 20, 3 << 30)] == [
        "0 B", "1023 B", "1.0 KiB", "16.0 MiB", "3.0 GiB",
    ]  # fmt: skip


@pytest.mark.parametrize("tight", [False, True])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_every_container_stands_on_the_image_and_within_the_picture(count: int, tight: bool) -> None:
    many = tuple(ContainerLayer(f"box-{n}", SCENE.containers[0].entries[: n % 3]) for n in range(count))
    root = ElementTree.fromstring(stack_svg(StackScene(("i",), SCENE.layers, many), tight=tight))
    width, height = (float(value) for value in root.get("viewBox", "").split()[2:])
    boxes: dict[str, list[tuple[float, float, float, float]]] = {"vt-own": [], "vt-image": []}
    for box in root.findall("{http://www.w3.org/2000/svg}rect"):
        if (name := box.get("class", "").split(" ")[0]) in boxes:
            x, y, wide, tall = (float(box.get(key, "0")) for key in ("x", "y", "width", "height"))
            boxes[name].append((x, y, wide, tall))
    assert len(boxes["vt-own"]) == count
    for x, y, wide, tall in boxes["vt-own"] + boxes["vt-image"]:
        assert 0 <= x <= x + wide <= width
        assert 0 <= y <= y + tall <= height
    lowest = max(y + tall for _x, y, _wide, tall in boxes["vt-own"])
    assert all(y >= lowest for _x, y, _wide, _tall in boxes["vt-image"])
    for index, one in enumerate(boxes["vt-own"]):
        for other in boxes["vt-own"][:index]:
            aside = one[0] >= other[0] + other[2] or other[0] >= one[0] + one[2]
            assert aside or one[1] >= other[1] + other[3] or other[1] >= one[1] + one[3]


def test_a_note_is_left_out_before_a_path_is_cut() -> None:
    entry = Entry("C", "/seed/16MiB-2", "copied up")
    pair = tuple(ContainerLayer(name, (entry,)) for name in ("one", "two"))
    scene = StackScene(("i",), (), pair)
    assert "/seed/16MiB-2 copied up<" in stack_svg(scene)
    assert "/seed/16MiB-2<" in stack_svg(scene, tight=True)


def test_what_is_new_is_outlined_and_what_has_gone_is_named() -> None:
    image = ("voltutor/files:1",)
    before = StackScene(image, SCENE.layers, (ContainerLayer("one", (), 0), ContainerLayer("old")))
    root = ElementTree.fromstring(svg := stack_svg(SCENE, before))
    fresh = [box for box in root.iter() if "vt-fresh" in box.get("class", "")]
    assert len(fresh) == 2, "one has changed, two is new"
    assert "stack (new)" in svg
    said = stack_text(SCENE, before)
    assert "New or changed: one, stack, two" in said
    assert "Gone: old" in said
    assert "Gone: old" in svg
    assert 'vt-fresh"' not in stack_svg(SCENE)
    assert 'vt-fresh"' not in stack_svg(SCENE, SCENE)
