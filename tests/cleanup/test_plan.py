"""What goes, in which order, and what stays and why: decided from data alone."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any

from voltutor.cleanup import Owner, Scene, Thing, plan
from voltutor.engine import ImageView
from voltutor.images import RECIPE_LABEL
from voltutor.session import JournalState, Reservation

find = import_module("voltutor.cleanup.find")  # the package has a function of this name

ONE = Thing("container", "c1", "one", Owner.OURS, "ab12")
HAND = Thing("container", "c2", "two", Owner.BY_HAND, "ab12", step="copy-up")


def volume(name: str, owner: Owner = Owner.OURS, *users: Thing) -> Thing:
    return Thing("volume", name, name, owner, "ab12", "t", "", {user.id: user.name for user in users})


def names(decisions: Any) -> list[str]:
    return [decision.thing.name for decision in decisions]


def test_containers_go_before_volumes_and_volumes_before_images() -> None:
    image = Thing("image", "i:1", "i:1", Owner.OURS, "ab12", "sha", "", {"c1": "one"})
    made = plan(Scene((image, volume("v", Owner.OURS, ONE), ONE), {}))
    assert names(made.remove) == ["one", "v", "i:1"]
    assert not made.keep


def test_what_was_made_by_hand_stays_unless_it_was_chosen() -> None:
    scene = Scene((HAND, ONE), {})
    assert names(plan(scene).remove) == ["one"]
    kept = plan(scene).keep
    assert names(kept) == ["two"]
    assert "by hand" in kept[0].reason
    assert names(plan(scene, by_hand=True).remove) == ["one", "two"]
    assert names(plan(scene, ticked={"c2"}).remove) == ["one", "two"]
    assert "copy-up" in next(d for d in plan(scene, by_hand=True).remove if d.thing is HAND).reason


def test_of_an_image_in_use_the_last_name_stays() -> None:
    users, names = {"f": "theirs"}, ("a:1", "b:1")
    both = [Thing("image", name, name, Owner.OURS, "ab12", "sha", "", users, names=names) for name in names]
    made = plan(Scene(tuple(both), {}))
    assert [d.thing.name for d in made.remove] == ["a:1"]
    assert [d.thing.name for d in made.keep] == ["b:1"]
    assert [d.thing.name for d in plan(Scene((both[1],), {})).remove] == ["b:1"], "another's name stays on it"


def test_a_volume_that_a_staying_container_uses_stays() -> None:
    foreign = Thing("container", "f", "theirs", Owner.OTHERS)
    scene = Scene((volume("v", Owner.OURS, foreign), volume("w", Owner.OURS, HAND), HAND), {})
    made = plan(scene)
    assert not made.remove
    assert {d.thing.name: "theirs" in d.reason for d in made.keep if d.thing.kind == "volume"} == {
        "v": True,
        "w": False,
    }
    assert names(plan(scene, by_hand=True).remove) == ["two", "w"]


def test_a_nameless_image_is_ours_by_its_id_and_by_hand_where_only_a_label_says_so() -> None:
    name = "voltutor/lab:0123456789ab"
    image = ImageView("sha256:1", (), {RECIPE_LABEL: "0123456789ab" + "c" * 52}, ("l",), 1)
    reserved = {("image", name): Reservation("image", name, name)}
    asked_for = JournalState(reserved=reserved)  # type: ignore[arg-type]  # a literal's key is any text
    assert find._had_name(asked_for, image) == (name, Owner.BY_HAND)
    made = replace(asked_for, made={("image", name): "sha256:1"})
    assert find._had_name(made, image) == (name, Owner.OURS)
    committed = replace(asked_for, made={("image", name): "sha256:of the image that it came from"})
    assert find._had_name(committed, image) is None
