"""Apply a plan: look again, remove by id, and report each outcome."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from voltutor.cleanup.find import Thing, find, volume_stamp
from voltutor.cleanup.plan import CleanupPlan
from voltutor.disk import DiskTrouble
from voltutor.engine import Engine, EngineError, EngineGone, EngineTimeout, ImageView, NotFound
from voltutor.errors import VoltutorError
from voltutor.session import DeviceTrouble, Journal, Session, attached, detach
from voltutor.text import _

TRIES = 3


class Outcome(Enum):
    """What became of a removal; the value is what a learner reads."""

    REMOVED = _("removed")
    GONE = _("was gone already")
    CHANGED = _("is another one by now, and was left")
    FAILED = _("could not be removed")
    UNSAVED = _("could not be saved, and was left")


@dataclass(frozen=True)
class Report:
    """One removal: what became of it, and the engine's words where it failed."""

    thing: Thing
    outcome: Outcome
    detail: str = ""


def apply(
    engine: Engine,
    plan: CleanupPlan,
    sessions: Iterable[Session],
    first: Callable[[Thing], object] | None = None,
) -> Iterator[Report]:
    """Remove what the plan says, one by one; a failure is reported and the rest goes on.

    `first` is called before each volume goes, such as to save what is in it; where that fails, the volume stays.

    Raises:
        EngineGone: the engine went; what was not reported is still there.
    """
    journals = {session.id: session.journal for session in sessions}
    for decision in plan.remove:
        # Some are known from their container alone, which is about to go; we may be killed in between.
        if decision.thing.anonymous and decision.thing.session in journals:
            journals[decision.thing.session].anonymous(decision.thing.id)
    for decision in plan.remove:
        report = _saved(first, decision.thing) if first else None
        report = report or _remove(engine, decision.thing)
        journal = journals.get(decision.thing.session)
        if journal and report.outcome in (Outcome.REMOVED, Outcome.GONE):
            _note(journal, decision.thing)
        yield report


def _note(journal: Journal, thing: Thing) -> None:
    """Write down that it has gone. An image's name may be given again by anybody; a container's or volume's carries
    our session's id. Of devices no journal is kept: their backing files tell."""
    if thing.kind == "image" and thing.id != thing.stamp:
        journal.release(thing.kind, thing.name)
    elif thing.kind != "device":
        journal.gone(thing.kind, thing.name)


def _saved(first: Callable[[Thing], object], thing: Thing) -> Report | None:
    """What is to be done before a volume goes; a report where it failed.

    Raises:
        EngineGone.
    """
    if thing.kind != "volume":
        return None
    try:
        first(thing)
    except EngineGone:
        raise
    except NotFound:
        return None
    except (VoltutorError, OSError) as error:
        return Report(thing, Outcome.UNSAVED, str(error))
    return None


def end_empty(engine: Engine, sessions: Iterable[Session]) -> None:
    """End the sessions of which nothing is left on the engine; what is kept keeps its session's journal.

    Raises:
        EngineError: the engine does not answer.
    """
    sessions = list(sessions)
    left = {thing.session for thing in find(engine, sessions).things}
    for session in sessions:
        if session.id not in left:
            # On a disk that is read-only its journal stays, and says of nothing that it is there.
            with contextlib.suppress(DiskTrouble):
                session.end()


def _remove(engine: Engine, thing: Thing) -> Report:
    failure = ""
    for _try in range(TRIES):
        try:
            if not _same(engine, thing):
                return Report(thing, Outcome.CHANGED)
            match thing.kind:
                case "container":
                    # Its anonymous volumes are things of their own in the plan, if they are ours.
                    engine.remove_container(thing.id, force=True)
                case "volume":
                    engine.remove_volume(thing.id)
                case "image":
                    engine.remove_image(thing.id if engine.image(thing.id) else thing.stamp)
                case "device":
                    detach(thing.id)
            return Report(thing, Outcome.REMOVED)
        except NotFound:  # the try before may have done it, though it failed
            return Report(thing, Outcome.REMOVED if failure else Outcome.GONE)
        except EngineGone:
            raise
        except EngineTimeout as error:  # the engine hangs over it: a further try would wait as long
            return Report(thing, Outcome.FAILED, str(error))
        except (EngineError, DeviceTrouble) as error:
            failure = str(error)
    return Report(thing, Outcome.FAILED, failure)


def _nameless(engine: Engine, thing: Thing) -> ImageView | None:
    """The image that a name stood for, where it has no name any more: a removal that failed may have taken it."""
    image = engine.image(thing.stamp)
    return image if image and not image.tags else None


def _same(engine: Engine, thing: Thing) -> bool:
    """Whether it is still the thing that was found: a container's id is never given twice, a volume's name
    and an image's tag may be.

    Raises:
        NotFound: it has gone.
    """
    there: str | None
    match thing.kind:
        case "container":
            return True
        case "volume":
            volume = engine.volume(thing.id)
            there = volume_stamp(volume, engine.serves("1.42")) if volume else None
        case "image":
            image = engine.image(thing.id) or _nameless(engine, thing)
            there = image.id if image else None
            if image and image.tags and thing.id == thing.stamp:
                return False  # it had no name, and somebody has given it one
        case "device":
            there = next(
                (str(file) for device, file in attached(Path("/")).items() if device == thing.id), None
            )
    if there is None:
        raise NotFound("inspect", 404, thing.name)
    return there == thing.stamp
