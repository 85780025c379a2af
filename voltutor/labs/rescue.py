"""Lab 09: a quest: a service lost its data in an upgrade, and nobody says how to get it back."""

from __future__ import annotations

import hashlib
import random
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from voltutor.engine import Mount
from voltutor.errors import VoltutorError
from voltutor.labs.common import RunOnOrphan, seen
from voltutor.labs.sweeping import dangling, docker, take
from voltutor.lessons import Choice, Failed, Lab, NotAttempted, Passed, Step, ThenNow, Verdict
from voltutor.session import READ_ONLY, Bench, Command, Progress, Remove, Run, has_anonymous_name
from voltutor.text import _, tr

PLACE = "/var/lib/ledger"
SERVE = ("httpd", "-f", "-p", "8080", "-h", PLACE)
LINES = 400


ASK = (
    "for i in $(seq 50); do wget -qO /tmp/asked http://127.0.0.1:8080/book && break; sleep 0.05; done; "
    "sha256sum /tmp/asked | cut -d ' ' -f 1"
)
"""The checksum of what the service answers with."""


def book(bench: Bench) -> str:
    """The book as it was last night; it differs from learner to learner."""
    chance = random.Random(bench.session.id)  # noqa: S311 - sums in a story
    return "".join(f"{number} {chance.randrange(10_000)}\n" for number in range(1, LINES + 1))


def checksum(bench: Bench) -> str:
    """SHA-256 of the book, in hex."""
    return hashlib.sha256(book(bench).encode()).hexdigest()


def fields(bench: Bench) -> Mapping[str, str]:
    """The names that the texts use."""
    return {
        "ledger": bench.names("ledger"),
        "auditor": bench.names("auditor"),
        "ledger_data": bench.names("ledger-data", "volume"),
        "sum": checksum(bench),
        "place": PLACE,
        "image": bench.image("lab"),
    }


@dataclass(frozen=True)
class _Night:
    """A container of the last nights: what it wrote, and into which volume; anonymous without a name."""

    name: str
    volume: str = ""

    def written(self, whole: str) -> str | None:
        """What its volume holds, from the whole book; None for nothing."""
        middle = len(whole) // 2
        lines = whole.splitlines(keepends=True)
        return {
            "right-name": "".join(reversed(lines)),
            "older": "".join(lines[: LINES - 60]),
            "flipped": whole[:middle] + chr(ord(whole[middle]) ^ 1) + whole[middle + 1 :],
            "good": whole,
            "notes": "ask the auditor before you remove anything\n",
        }.get(self.name)

    @property
    def run(self) -> Run:
        return Run(f"night-{self.name}", "lab", (), (Mount(PLACE, self.volume),))


NIGHTS = (
    _Night("older"),
    _Night("good"),
    _Night("flipped"),
    _Night("empty"),
    _Night("right-name", "ledger-data"),
    _Night("notes", "ledger-notes"),
)
LEDGER = Run("ledger", "lab", SERVE, (Mount(PLACE),))
AUDITOR = Run("auditor", "lab", (), (Mount("/evidence"),), start=False)


@dataclass(frozen=True)
class Upgrade:
    """The scene: what several nights of upgrades have left behind, in an order that tells nothing."""

    @property
    def parts(self) -> tuple[Command, ...]:
        """The containers and volumes that it makes."""
        return (*(night.run for night in NIGHTS), LEDGER, AUDITOR)

    def argv(self, bench: Bench) -> list[str]:
        """No line: it would tell where everything lies."""
        return []

    def perform(self, bench: Bench) -> Iterator[Progress]:
        """Set the scene, once; what a learner has done to it stands until a reset."""
        yield from bench.prepare("lab")
        if bench.was_there("ledger") or bench.container("ledger"):
            return
        yield Progress(tr(_("Six nights pass, and an upgrade…")))
        whole, nights = book(bench), list(NIGHTS)
        random.Random(bench.session.id).shuffle(nights)  # noqa: S311 - as above
        for night in nights:
            bench.do(night.run)
            if text := night.written(whole):
                write = ("sh", "-c", f"cat > {PLACE}/book <<'END'\n{text}END\n")
                bench.succeeded(write, bench.exec(night.run.name, *write))
            bench.do(Remove(night.run.name))
            yield Progress()
        bench.do(AUDITOR, LEDGER)


def scene_volumes(bench: Bench) -> list[str]:
    """The volumes that the nights and the upgrade have made, and that are there yet."""
    nights = {bench.names(night.run.name) for night in NIGHTS} | {
        bench.names("ledger"),
        bench.names("auditor"),
    }
    anonymous = {name for name, of in bench.session.journal.state().anonymous.items() if of in nights}
    named = {bench.names(night.volume, "volume") for night in NIGHTS if night.volume}
    return sorted(
        volume.name
        for volume in bench.engine.volumes()
        if volume.name in anonymous or (volume.name in named and bench.ours(volume))
    )


def orphans(bench: Bench) -> list[str]:
    """Those of them that no container has."""
    dangling = {volume.name for volume in bench.engine.dangling_volumes()}
    return [name for name in scene_volumes(bench) if name in dangling]


def left_over(bench: Bench) -> list[str]:
    """Those that neither the service nor the auditor has: orphans, and what somebody else holds by now."""
    held = {
        mount.name
        for logical in ("ledger", "auditor")
        if (view := bench.container(logical))
        for mount in view.mounts
    }
    return [name for name in scene_volumes(bench) if name not in held]


def _sum_of(bench: Bench, volume: str) -> str:
    """SHA-256 of a volume's book, in hex; of nothing where there is none."""
    mode = "ro" if bench.capability(READ_ONLY).available else ""
    with bench.scratch("lab", (), [Mount("/look", volume, mode)]) as container:
        return bench.engine.run(
            container, ["sh", "-c", "cat /look/book 2>/dev/null | sha256sum"]
        ).text.split()[0]


@dataclass(frozen=True)
class Restore:
    """One way to do it: find the volume by the checksum of its book, start the service on it, remove the rest.

    Attributes:
        wanted: the night whose book is looked for.
        tidy: whether the orphans are removed.
        mounted: whether the service gets the volume, or only a copy of the book in its own layer.
        serving: whether its web server is started.
    """

    wanted: str = "good"
    tidy: bool = True
    mounted: bool = True
    serving: bool = True

    def _sum(self, bench: Bench) -> str:
        whole = next(night.written(book(bench)) for night in NIGHTS if night.name == self.wanted)
        return hashlib.sha256((whole or "").encode()).hexdigest()

    def argv(self, bench: Bench) -> list[str]:
        """A few lines of shell."""
        names = " ".join(orphans(bench))
        candidates = dangling(bench) if bench.engine.info.private else names
        image, ledger = bench.image("lab"), bench.names("ledger")
        mode = ":ro" if bench.capability(READ_ONLY).available else ""
        here = shlex.join(docker(bench))
        look = f"{here} run --rm --network none --volume $v:/look{mode} {image} sha256sum /look/book"
        run = shlex.join([*docker(bench), "run", "--detach", "--network", "none", "--name", ledger])
        lines = [
            f"for v in {candidates}; do {look} | grep {self._sum(bench)} && good=$v; done",
            f"{here} rm --force --volumes {ledger}",
            f"{run} --volume $good:{PLACE} {image} {shlex.join(SERVE)}",
            *([f"{here} volume rm {dangling(bench)}"] if self.tidy else []),
        ]
        if self.tidy and not bench.engine.info.private:
            lines[-1] = f"for v in {names}; do [ $v = $good ] || docker volume rm $v; done"
        return ["sh", "-c", "\n".join(lines)]

    def perform(self, bench: Bench) -> Iterator[Progress]:
        """Do it.

        Raises:
            VoltutorError: no volume that nobody uses has that book.
        """
        found = next((name for name in orphans(bench) if _sum_of(bench, name) == self._sum(bench)), None)
        if found is None:
            raise VoltutorError(
                _("Among the volumes that no container has, none has the book that is looked for."),
                _("Check tells where it stands; Reset begins the night anew."),
            )
        if bench.container("ledger"):
            bench.do(Remove("ledger", volumes=True))
        if self.mounted:
            command = SERVE if self.serving else ()
            bench.do(Run("ledger", "lab", command, (Mount(PLACE, found, raw=True),)))
        else:
            copy = f"mkdir -p {PLACE}; cp /look/book {PLACE}; exec {shlex.join(SERVE)}"
            bench.do(Run("ledger", "lab", ("sh", "-c", copy), (Mount("/look", found, raw=True),)))
        yield Progress(tr(_("{ledger} runs on {volume}"), ledger=bench.names("ledger"), volume=found))
        for name in orphans(bench) if self.tidy else []:
            yield take(bench, name)


AUDITOR_GONE = Failed(_("`{auditor}` or its evidence is gone. Nobody asked for that."), stuck=True)
DOWN = Failed(_("`{ledger}` doesn't run."))
NO_BOOK = Failed(_("`{ledger}` runs, and has no book at {place}."))
IN_ITS_LAYER = Failed(_("The book lies in `{ledger}`'s own layer. The next upgrade would lose it again."))
NOT_THE_BOOK = Failed(_("`{ledger}` has a book, but not last night's: its checksum is {seen}…"))
SERVES_NOTHING = Failed(
    _("The book is back, and `{ledger}` doesn't serve it: nothing comes from its port 8080.")
)
LOST = Failed(_("No volume holds last night's book any longer: it was removed."), stuck=True)
ORPHANS_LEFT = Failed(_("The book is back. Volumes that nobody uses are still lying around: {n}."))
HELD = Failed(
    _(
        "The book is back. Of the nights' volumes {n} are left over, held by containers that nobody needs: {holders}."
    )
)
RESCUED = Passed(
    _(
        "The book is back to the byte, `{ledger}` runs on a volume, and no orphan is left. That volume has no name "
        "of yours, though: the next upgrade will lose it in the same way."
    )
)
RESCUED_BY_NAME = Passed(
    _("The book is back to the byte, in a volume with a name, `{ledger}` runs on it, and no orphan is left.")
)


def rescued(bench: Bench) -> Verdict:
    """By checksum, place, service and order, whichever way it was done."""
    ledger, auditor = seen(bench, "ledger"), seen(bench, "auditor")
    if not bench.was_there("auditor"):
        return NotAttempted()
    if auditor is None or not auditor.mounts:
        return AUDITOR_GONE.seen(**fields(bench))
    if ledger is None or not ledger.running:
        return DOWN.seen(**fields(bench))
    told = bench.exec("ledger", "sha256sum", f"{PLACE}/book")
    if told.code != 0:
        left = orphans(bench)
        if len(left) >= len(NIGHTS):
            return NotAttempted()
        there = any(_sum_of(bench, name) == checksum(bench) for name in _places(bench))
        return (NO_BOOK if there else LOST).seen(**fields(bench))
    found = told.text.split()[0]
    if found != checksum(bench):
        return NOT_THE_BOOK.seen(**fields(bench), seen=found[:12])
    if not any(mount.type in ("volume", "bind") and mount.target == PLACE for mount in ledger.mounts):
        return IN_ITS_LAYER.seen(**fields(bench))
    if bench.exec("ledger", "sh", "-c", ASK).text != found:
        return SERVES_NOTHING.seen(**fields(bench))
    if left := orphans(bench):
        return ORPHANS_LEFT.seen(**fields(bench), n=len(left))
    if left := left_over(bench):
        holders = ", ".join(sorted({name for volume in left for name in _holders(bench, volume)}))
        return HELD.seen(**fields(bench), n=len(left), holders=holders)
    mount = ledger.mount(PLACE)
    anonymous = mount is not None and has_anonymous_name(mount.name)
    return (RESCUED if anonymous else RESCUED_BY_NAME).seen(**fields(bench))


def _holders(bench: Bench, volume: str) -> list[str]:
    """The containers that have a volume."""
    return [view.name for view in bench.engine.summaries() if volume in {mount.name for mount in view.mounts}]


def _places(bench: Bench) -> list[str]:
    """The volumes in which the book may be by now: the scene's, and on an engine that is the learner's alone any."""
    if not bench.engine.info.private:
        return scene_volumes(bench)
    return sorted(volume.name for volume in bench.engine.volumes())


QUEST = Step(
    id="quest",
    title=_("The ledger is empty this morning"),
    goal=_(
        "`{ledger}` was upgraded last night and has lost its book at {place}/book, whose SHA-256 was `{sum}`. Get it "
        "back: the service on the right book, in a volume at {place}, and no volume left over that nobody uses. "
        "`{auditor}` is not yours to touch."
    ),
    minutes=15,
    prediction=Choice(
        _("The old container is gone for good. Where would you look?"),
        (_("in its image"), _("in the volumes that no container has"), _("in the new container's layer")),
        answer=1,
    ),
    given=[Upgrade()],
    solution=[Restore()],
    check=rescued,
    hints=[
        _(
            "Each dangling volume can be mounted somewhere and looked into, read-only. sha256sum is in the image."
        ),
        _("One of them bears the right name. A name proves nothing; a checksum does."),
    ],
    wrong={
        NOT_THE_BOOK: [Restore("flipped")],
        ORPHANS_LEFT: [Restore(tidy=False)],
        DOWN: [Remove("ledger")],
        NO_BOOK: [Restore("empty", tidy=False)],
        LOST: [Restore("empty")],
        HELD: [
            RunOnOrphan("witness", "lab", of="night-older"),
            Restore(),
        ],
        SERVES_NOTHING: [Restore(serving=False)],
        IN_ITS_LAYER: [Restore(mounted=False)],
        AUDITOR_GONE: [Remove("auditor", volumes=True)],
    },
    image="lab",
    shows=("ledger", "auditor"),
    volumes=("ledger-data",),
    quest=True,
    sweeps=True,
    explanation=_(
        "Nothing was lost: the upgrade had given the new container a new anonymous volume, and the old one was lying "
        "among five others of those nights. One had the right name and another content, one was some days old, "
        "one had a single byte flipped, one was empty, and one held only notes. A checksum told them apart. Had the "
        "service had a named volume from the start, the new container would have found its book by itself. Had "
        "somebody pruned first, it would be gone."
    ),
    then_now=ThenNow(
        _("A removed container's volume remains, but a new container can't use it by itself."),
        _("The same. Name what is to last, and look before you prune."),
    ),
)

RESCUE_LAB = Lab(
    id="09-rescue",
    title=_("A quest: the lost ledger"),
    steps=(QUEST,),
    fields=fields,
    private=True,
)
