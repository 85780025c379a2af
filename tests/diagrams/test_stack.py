"""The picture and its text say the same, and both come from the data."""

from __future__ import annotations

from xml.etree import ElementTree

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


def test_everything_is_in_the_picture_and_in_its_words() -> None:
    svg, words = stack_svg(SCENE), stack_text(SCENE)
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
