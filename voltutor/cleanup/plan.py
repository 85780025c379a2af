"""The plan: what goes, in which order and why; what stays, and why. A pure function."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from voltutor.cleanup.find import Foreign, Owner, Scene, Thing
from voltutor.text import _, tr

_ORDER = {"container": 0, "volume": 1, "device": 2, "image": 3}

KEPT_BY_HAND = _("made by hand in step {step}; `voltutor clean --all` removes it")
KEPT_SILENT = _(
    "the engine does not answer when it is asked about it; restart the engine, then clean up again"
)
KEPT_IN_USE = _("used by {users}, which stays")
GOES_OURS = _("made by this kit")
GOES_LABELLED = _("labelled by session {session}, which you named")
GOES_BY_HAND = _("made by hand in step {step}")


@dataclass(frozen=True)
class Decision:
    """What becomes of a thing, and why, translated."""

    thing: Thing
    reason: str


@dataclass(frozen=True)
class CleanupPlan:
    """Removals in their order, and what is kept."""

    remove: tuple[Decision, ...]
    keep: tuple[Decision, ...]
    others: Mapping[str, int]
    foreign: tuple[Foreign, ...] = ()


def plan(scene: Scene, *, by_hand: bool = False, ticked: Collection[str] = ()) -> CleanupPlan:
    """Decide. What was made by hand goes only with `by_hand`, or where its id is among `ticked`.

    Containers go before volumes, volumes before the devices that they are on, and before images. What a container
    that stays still uses is kept; of an image that it uses, the last name. A container that the engine hangs over
    stays: each try to remove it would wait for the engine in vain.
    """
    remove: list[Decision] = []
    keep: list[Decision] = []
    staying = {user for thing in scene.things for user in thing.users}
    gone: set[str] = set()
    for thing in sorted(scene.things, key=lambda t: (_ORDER[t.kind], t.name)):
        chosen = thing.owner in (Owner.OURS, Owner.LABELLED) or by_hand or thing.id in ticked
        holders = [name for ref, name in thing.users.items() if ref in staying]
        if chosen and thing.silent:
            keep.append(Decision(thing, tr(KEPT_SILENT)))
        elif not chosen:
            keep.append(Decision(thing, tr(KEPT_BY_HAND, step=thing.step or "?")))
        elif holders and not set(thing.names) - gone - {thing.id}:
            keep.append(Decision(thing, tr(KEPT_IN_USE, users=", ".join(holders))))
        else:
            texts = {Owner.OURS: GOES_OURS, Owner.LABELLED: GOES_LABELLED}
            reason = tr(texts.get(thing.owner, GOES_BY_HAND), step=thing.step or "?", session=thing.session)
            remove.append(Decision(thing, reason))
            staying.discard(thing.id)
            gone.add(thing.id)
    return CleanupPlan(tuple(remove), tuple(keep), scene.others, scene.foreign)
