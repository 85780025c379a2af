"""Lab 04: volumes that the engine keeps: anonymous and named, filled, sized, and what becomes of them."""

from __future__ import annotations

import time
from collections.abc import Mapping

from voltutor.labs.common import RunOnOrphan, came_with, has, seen, shell, unasked
from voltutor.lessons import Choice, Failed, Lab, NotAttempted, Passed, Step, ThenNow, Verdict
from voltutor.session import (
    SIZED,
    SUBPATH,
    TMPFS,
    Bench,
    CreateVolume,
    InspectVolume,
    Mount,
    Remove,
    Run,
    Start,
    Stop,
    has_anonymous_name,
)
from voltutor.text import _

AUTO_REMOVE_LIMIT = 3.0
"""Seconds that an engine may take to remove a container that was started with --rm."""


def fields(bench: Bench) -> Mapping[str, str]:
    """The names that the texts use."""
    containers = (
        "web01",
        "lost",
        "web05",
        "gone",
        "rescue",
        "brief",
        "web04",
        "full",
        "bare",
        "filler",
        "board",
        "porter",
        "corner",
    )
    volumes = ("vol1", "copied", "uncopied", "small", "attic")
    return {
        **{logical: bench.names(logical) for logical in containers},
        **{logical: bench.names(logical, "volume") for logical in volumes},
        "image": bench.image("lab"),
    }


# 1: an anonymous volume

NO_VOLUME = Failed(_("`{web01}` runs, but nothing is mounted at /webapp."))
NAMED = Failed(_("`{web01}` has the volume {name} at /webapp, which you named. Let Docker choose a name."))
ANONYMOUS = Passed(_("Docker made a volume for it, named {name}…, and keeps it in {source}."))

WEB01 = Run("web01", "lab", (), (Mount("/webapp"),))


def anonymous(bench: Bench) -> Verdict:
    """A volume with a name that nobody chose."""
    web01 = seen(bench, "web01")
    if web01 is None:
        return NotAttempted()
    mount = web01.mount("/webapp")
    if mount is None:
        return NO_VOLUME.seen(**fields(bench))
    if not has_anonymous_name(mount.name):
        return NAMED.seen(**fields(bench), name=mount.name or mount.source)
    return ANONYMOUS.seen(**fields(bench), name=(mount.name or "")[:12], source=mount.source)


ANONYMOUS_VOLUME = Step(
    id="anonymous",
    title=_("A volume without a name"),
    goal=_("Start `{web01}` from `{image}` with a volume at /webapp, and name nothing but that place."),
    minutes=2,
    prediction=Choice(
        _("Where will the data at /webapp lie?"),
        (
            _("in the container's layer"),
            _("in a directory that Docker makes and names"),
            _("in your own folder"),
        ),
        answer=1,
    ),
    solution=[WEB01],
    check=anonymous,
    hints=[
        _("What would --volume be given, if nothing is named but the place?"),
        _(
            "One path only, that in the container. `docker container inspect {web01}` shows what Docker made of it."
        ),
    ],
    wrong={
        NO_VOLUME: [Run("web01", "lab")],
        NAMED: [Run("web01", "lab", (), (Mount("/webapp", "pages"),))],
    },
    image="lab",
    shows=("web01",),
    explanation=_(
        "Without a source Docker makes a volume by itself, and gives it 64 random hexadecimal digits for a name. It "
        "is called anonymous. It is a volume like any other, only that nobody will ever type its name. An image can "
        "ask for one too, by a VOLUME line in its Dockerfile: many databases do, and so every container of theirs "
        "leaves one."
    ),
    then_now=ThenNow(
        _("`-v container_dir`, a Docker-managed volume, in /var/lib/docker/volumes/<64 digits>/_data."),
        _("The same. On Docker Desktop that path is inside a virtual machine, and not on your own disk."),
    ),
)

# 2: it outlives its container

STILL_THERE = Failed(_("`{lost}` is still there, and has its volume."))
NO_SECOND = Failed(_("`{lost}` is gone. Start `{web05}` with a volume at /webapp, and look for the page."))
NOTHING_THERE = Failed(_("`{web05}` has no volume at /webapp."))
TAKEN_ALONG = Failed(
    _("`{lost}`'s volume went with it: --volumes takes anonymous volumes along."), stuck=True
)
BY_NAME = Failed(
    _(
        "`{web05}` has the page: you gave it the old volume by its name, which is the next step. Name no volume here."
    )
)
OUTLIVED = Passed(
    _("The volume {name}… is still there. `{web05}` has another one, {other}…, which began empty.")
)

LOST = Run("lost", "lab", (), (Mount("/webapp"),))
PAGE = shell("lost", "hostname > /webapp/page")
WEB05 = Run("web05", "lab", (), (Mount("/webapp"),))


def outlived(bench: Bench) -> Verdict:
    """The volume is there without its container, and the new container has another one."""
    lost, web05 = seen(bench, "lost"), seen(bench, "web05")
    if lost and web05:
        return STILL_THERE.seen(**fields(bench))
    if lost or not bench.was_there("lost"):
        return NotAttempted()
    if web05 is None or not web05.running:
        return NO_SECOND.seen(**fields(bench))
    mount = web05.mount("/webapp")
    if mount is None or not mount.name:
        return NOTHING_THERE.seen(**fields(bench))
    if mount.name in came_with(bench, "lost"):
        return BY_NAME.seen(**fields(bench))
    left = bench.left_behind("lost")
    if not left:
        return TAKEN_ALONG.seen(**fields(bench))
    return OUTLIVED.seen(**fields(bench), name=left[-1][:12], other=mount.name[:12])


OUTLIVES = Step(
    id="outlives",
    title=_("It outlives its container"),
    goal=_(
        "`{lost}` has written a page to its anonymous volume. Remove `{lost}` without taking the volume along, start "
        "`{web05}` from `{image}` with a volume at /webapp as well, and look for the page."
    ),
    minutes=3,
    prediction=Choice(
        _("What will `{web05}` have at /webapp?"),
        (_("the page"), _("an empty volume of its own"), _("an error: the place is taken")),
        answer=1,
    ),
    given=[LOST, PAGE],
    solution=[Remove("lost"), WEB05],
    check=outlived,
    hints=[
        _("`docker container rm --force`, without --volumes."),
        _("Then the same run as before, with another name."),
    ],
    wrong={
        STILL_THERE: [WEB05],
        NO_SECOND: [Remove("lost")],
        NOTHING_THERE: [Remove("lost"), Run("web05", "lab")],
        TAKEN_ALONG: [Remove("lost", volumes=True), WEB05],
        BY_NAME: [Remove("lost"), RunOnOrphan("web05", "lab", of="lost", at="/webapp")],
    },
    image="lab",
    shows=("lost", "web05"),
    explanation=_(
        "The volume stays, with all its data, and nothing in the world points to it but its name. A new "
        "container gets a new volume: how should Docker know that you meant the old one? So the data are there "
        "and still out of reach, unless you write the long name down. Volumes like this, which no container has, "
        "are called dangling."
    ),
    then_now=ThenNow(
        _(
            "The directory and its content remain, but a newly started container can't use it: it isn't reused."
        ),
        _("The same; it can be used by its name, as the next step does."),
    ),
)

# 3: the rescue

NOT_MOUNTED = Failed(_("`{rescue}` is there, but nothing is mounted at /old."))
RESCUE_ENDED = Failed(_("`{rescue}` has a volume at /old, and has ended. Start it so that it stays."))
ANOTHER = Failed(_("`{rescue}` has a volume at /old, but not the one with the page in it."))
RESCUED = Passed(_("`{rescue}` reads the page in /old: {text}. The volume had only lost its container."))

GONE = Run("gone", "lab", (), (Mount("/webapp"),))
GONE_PAGE = shell("gone", "hostname > /webapp/rescue-me")


def rescued(bench: Bench) -> Verdict:
    """A container that has the orphan, and reads the page."""
    seen(bench, "gone")
    rescue = seen(bench, "rescue")
    if rescue is None:
        return NotAttempted()
    if rescue.mount("/old") is None:
        return NOT_MOUNTED.seen(**fields(bench))
    if not rescue.running:
        return RESCUE_ENDED.seen(**fields(bench))
    if not has(bench, "rescue", "/old/rescue-me"):
        return ANOTHER.seen(**fields(bench))
    return RESCUED.seen(**fields(bench), text=bench.exec("rescue", "cat", "/old/rescue-me").text)


RESCUE = Step(
    id="rescue",
    title=_("Getting the data back"),
    goal=_(
        "`{gone}` was removed; its volume holds a file, rescue-me. Find that volume among the dangling ones, and "
        "start `{rescue}` from `{image}` with it at /old."
    ),
    minutes=3,
    prediction=Choice(
        _("What does it take to use an anonymous volume again?"),
        (_("its name"), _("root on the host, to copy the files"), _("it can't be used again")),
        answer=0,
    ),
    given=[GONE, GONE_PAGE, Remove("gone")],
    solution=[RunOnOrphan("rescue", "lab", of="gone")],
    check=rescued,
    hints=[
        _("`docker volume ls --filter dangling=true` lists the volumes that no container has."),
        _("--volume takes a long name as it takes any other: --volume LONG-NAME:/old."),
    ],
    wrong={
        NOT_MOUNTED: [Run("rescue", "lab")],
        RESCUE_ENDED: [RunOnOrphan("rescue", "lab", of="gone"), Stop("rescue")],
        ANOTHER: [Run("rescue", "lab", (), (Mount("/old"),))],
    },
    image="lab",
    shows=("rescue",),
    explanation=_(
        "A volume's name is all that it takes. Among a dozen of them the right one is found by what it holds: "
        "mount each one read-only in a container and look. That is also what to do before removing dangling "
        "volumes: to look into them, since a removal can't be undone."
    ),
    then_now=ThenNow(
        _("The data can't be used again automatically."),
        _("Automatically not. By hand they can, as long as nobody has pruned: anonymous volumes go first."),
    ),
)

# 4: run --rm

RUNS = Failed(_("`{brief}` runs. Stop it, and see what is left."))
NOT_RM = Failed(
    _("`{brief}` was started without --rm: it will stay when it stops. Remove it, and start it anew.")
)
NO_SCRATCH = Failed(
    _(
        "`{brief}` is gone, and no anonymous volume was seen with it. Start it with one at /scratch, and without a "
        "command, so that it stays until you stop it."
    )
)
VOLUME_LEFT = Failed(
    _("`{brief}` is gone, and its volume is still there: it was removed by hand. Start it anew, with --rm.")
)
VANISHED = Passed(_("`{brief}` is gone, and the anonymous volume that it had at /scratch with it."))

BRIEF = Run("brief", "lab", (), (Mount("/scratch"),), remove=True)


def vanished(bench: Bench) -> Verdict:
    """It was there, and went by itself."""
    until = time.monotonic() + AUTO_REMOVE_LIMIT
    brief = seen(bench, "brief")
    while brief and not brief.running and brief.auto_remove and time.monotonic() < until:
        time.sleep(0.05)
        brief = bench.container("brief")
    if brief is None:
        if not bench.was_there("brief"):
            return NotAttempted()
        volumes = came_with(bench, "brief")
        if not volumes:
            return NO_SCRATCH.seen(**fields(bench))
        return (VOLUME_LEFT if bench.engine.volume(volumes[-1]) else VANISHED).seen(**fields(bench))
    return (RUNS if brief.auto_remove and brief.running else NOT_RM).seen(**fields(bench))


RUN_RM = Step(
    id="run-rm",
    title=_("A container that cleans up after itself"),
    goal=_("Start `{brief}` from `{image}` with --rm and an anonymous volume at /scratch, and stop it."),
    minutes=2,
    prediction=Choice(
        _("What will be left when it has stopped?"),
        (_("a stopped container"), _("its volume, without a container"), _("nothing")),
        answer=2,
    ),
    solution=[BRIEF, Stop("brief")],
    check=vanished,
    hints=[
        _("It takes two commands: the first says how the container is to end, the second ends it."),
        _("--rm is an option of `docker container run`; then `docker container stop`."),
    ],
    wrong={
        RUNS: [BRIEF],
        NOT_RM: [Run("brief", "lab", (), (Mount("/scratch"),)), Stop("brief")],
        NO_SCRATCH: [Run("brief", "lab", remove=True), Stop("brief")],
        VOLUME_LEFT: [Run("brief", "lab", (), (Mount("/scratch"),)), Remove("brief")],
    },
    image="lab",
    shows=("brief",),
    explanation=_(
        "With --rm the engine removes the container when it ends, and with it its anonymous volumes, as `docker "
        "container rm --volumes` does. Named volumes stay. For a test run that is what one wants; for a database "
        "that was started in a hurry it is how its data vanish."
    ),
    then_now=ThenNow(
        _("A volume is never removed automatically when its container is."),
        _("Never a named one. An anonymous one is by --rm, as it was in 2018."),
    ),
)

# 5: a volume with a name

NOT_CREATED = Failed(_("There is no volume `{vol1}` yet."))
UNUSED = Failed(_("`{vol1}` is there. Now start `{web04}` with it at /volume."))
ELSEWHERE = Failed(_("`{web04}` doesn't have `{vol1}` at /volume."))
NAMED_VOLUME = Passed(
    _("`{web04}` has `{vol1}` at /volume; it lies in {source}, and anybody may use it by that name.")
)

VOL1 = CreateVolume("vol1")
WEB04 = Run("web04", "lab", (), (Mount("/volume", "vol1"),))


def named(bench: Bench) -> Verdict:
    """A named volume in use."""
    vol1, web04 = bench.volume("vol1"), seen(bench, "web04")
    if vol1 is None:
        return NOT_CREATED.seen(**fields(bench)) if web04 else NotAttempted()
    if web04 is None:
        return UNUSED.seen(**fields(bench))
    mount = web04.mount("/volume")
    if mount is None or mount.name != vol1.name:
        return ELSEWHERE.seen(**fields(bench))
    return NAMED_VOLUME.seen(**fields(bench), source=mount.source)


NAMED_STEP = Step(
    id="named",
    title=_("A volume with a name"),
    goal=_(
        "Create the volume `{vol1}`, look at it with `docker volume inspect`, and start `{web04}` from `{image}` "
        "with it at /volume."
    ),
    minutes=2,
    prediction=Choice(
        _("What is different about a volume that you name?"),
        (_("it is faster"), _("it lies elsewhere on the disk"), _("you can say its name again")),
        answer=2,
    ),
    solution=[VOL1, InspectVolume("vol1"), WEB04],
    check=named,
    hints=[
        _("`docker volume` has a create of its own, which takes the name as it is."),
        _(
            "--volume {vol1}:/volume: a word before the colon is a volume's name, a path is a place on the host."
        ),
    ],
    wrong={
        NOT_CREATED: [Run("web04", "lab")],
        UNUSED: [VOL1],
        ELSEWHERE: [VOL1, Run("web04", "lab", (), (Mount("/volume"),))],
    },
    image="lab",
    shows=("web04",),
    volumes=("vol1",),
    explanation=_(
        "It is the same kind of directory as an anonymous one; inspect shows where it lies (Mountpoint), who made it "
        "for what (Labels), how (Options), and when. The name makes all the difference: the next container can ask "
        "for it, and `docker container rm --volumes` leaves it alone. `volume prune` does so since Docker 23, "
        "unless it is told --all; before, it took every volume that nobody used. For data that are to last, name the "
        "volume."
    ),
    then_now=ThenNow(
        _("`docker volume create --name vol1`."),
        _(
            "`docker volume create vol1`. --name was the old form already, still works, and is no longer shown in "
            "the help."
        ),
    ),
)

# 6: filled from the image

ONE_ONLY = Failed(_("It takes both, `{full}` and `{bare}`."))
ONE_ENDED = Failed(_("`{full}` and `{bare}` must both run: one of them has ended."))
NOT_THESE = Failed(_("It takes `{copied}` at /etc of `{full}`, and `{uncopied}` at /etc of `{bare}`."))
NOT_FILLED = Failed(
    _("`{full}` has no /etc/passwd: its volume was not filled, or was not empty."), stuck=True
)
FILLED_TOO = Failed(_("`{bare}` has /etc/passwd: its volume was filled as well."), stuck=True)
FILLED = Passed(
    _("`{full}` has the image's /etc in its volume; `{bare}`, with nocopy, has none of its files.")
)

FULL = Run("full", "lab", (), (Mount("/etc", "copied"),))
BARE = Run("bare", "lab", (), (Mount("/etc", "uncopied", "nocopy"),))


def filled(bench: Bench) -> Verdict:
    """One volume with the image's files, one without."""
    full, bare = seen(bench, "full"), seen(bench, "bare")
    if full is None and bare is None:
        return NotAttempted()
    if not (full and bare):
        return ONE_ONLY.seen(**fields(bench))
    wanted = (full, "copied"), (bare, "uncopied")
    if not all(
        (mount := view.mount("/etc")) and mount.name == bench.names(volume, "volume")
        for view, volume in wanted
    ):
        return NOT_THESE.seen(**fields(bench))
    if not (full.running and bare.running):
        return ONE_ENDED.seen(**fields(bench))
    if not has(bench, "full", "/etc/passwd"):
        return NOT_FILLED.seen(**fields(bench))
    return (FILLED_TOO if has(bench, "bare", "/etc/passwd") else FILLED).seen(**fields(bench))


FILLING = Step(
    id="filled",
    title=_("Filled from the image"),
    goal=_(
        "From `{image}`, start `{full}` with a new volume, `{copied}`, at /etc, and `{bare}` with another, "
        "`{uncopied}`, at /etc with the option nocopy. Look for /etc/passwd in both."
    ),
    minutes=3,
    prediction=Choice(
        _("The volumes are new and empty, and the image has files at /etc. What will `{full}` see there?"),
        (_("nothing: the volume covers them"), _("the image's files"), _("an error")),
        answer=1,
    ),
    solution=[FULL, BARE],
    check=filled,
    hints=[
        _("An option of a mount stands where its mode does, behind a second colon."),
        _(
            "Docker makes both volumes when they are first named; `docker container exec {full} ls /etc` looks."
        ),
    ],
    wrong={
        ONE_ONLY: [FULL],
        ONE_ENDED: [FULL, BARE, Stop("bare")],
        NOT_THESE: [Run("full", "lab"), BARE],
        NOT_FILLED: [Run("full", "lab", (), (Mount("/etc", "copied", "nocopy"),)), BARE],
        FILLED_TOO: [FULL, Run("bare", "lab", (), (Mount("/etc", "uncopied"),))],
    },
    image="lab",
    shows=("full", "bare"),
    explanation=_(
        "When a volume is empty and the image has something at its place, Docker copies that into the volume "
        "first, with owners and modes. It happens once, when a container is created: after that the volume isn't "
        "empty any more. A later version of the image won't bring its newer files into the old volume, which "
        "surprises many at an update. Bind mounts are never filled; they cover what the image has there."
    ),
    then_now=ThenNow(
        "",
        _("Docker fills at create, Podman at the first mount. nocopy, or a bind mount, turns it off."),
    ),
)

# 7: a size

NO_LIMIT = Failed(
    _("`{small}` has no size among its options: `o=size=…`. A volume's options can't be changed."), stuck=True
)
NOT_AT = Failed(_("`{filler}` doesn't have `{small}` at /small."))
FILLER_ENDED = Failed(
    _(
        "`{filler}` has `{small}`, and has ended: a tmpfs is empty then. Start it so that it stays; write by exec."
    )
)
ROOM_LEFT = Failed(_("`{small}` still has room: fill it."))
TOO_LARGE = Failed(_("`{small}` holds {size} KiB: its size is to be 1 MiB."), stuck=True)
LIMITED = Passed(
    _("`{small}` holds 1 MiB and no more: {used} KiB are used, and the write that hit the limit failed.")
)

SIZE = (("type", "tmpfs"), ("device", "tmpfs"), ("o", "size=1m"))
LARGER = (*SIZE[:2], ("o", "size=8m"))
SMALL = CreateVolume("small", SIZE)
FILLER = Run("filler", "lab", (), (Mount("/small", "small"),))


def limited(bench: Bench) -> Verdict:
    """A volume with a size that was hit."""
    small, filler = bench.volume("small"), seen(bench, "filler")
    if small is None or filler is None:
        return NotAttempted()
    if "size=" not in small.options.get("o", ""):
        return NO_LIMIT.seen(**fields(bench))
    mount = filler.mount("/small")
    if mount is None or mount.name != small.name:
        return NOT_AT.seen(**fields(bench))
    if not filler.running:
        return FILLER_ENDED.seen(**fields(bench))
    told = bench.exec("filler", "df", "-Pk", "/small")
    if told.code != 0:
        return unasked(told)
    size, used, free = told.text.splitlines()[-1].split()[1:4]
    if int(size) > 1024:
        return TOO_LARGE.seen(**fields(bench), size=size)
    if int(free) > 64:
        return ROOM_LEFT.seen(**fields(bench))
    return LIMITED.seen(**fields(bench), used=used)


SIZE_LIMIT = Step(
    id="size",
    title=_("A volume with a size"),
    goal=_(
        "Create the volume `{small}` as a tmpfs of 1 MiB, start `{filler}` from `{image}` with it at /small, and "
        "write 4 MiB to a file there."
    ),
    minutes=3,
    prediction=Choice(
        _("What will happen to the write of 4 MiB?"),
        (_("it succeeds"), _("it fails after 1 MiB"), _("the container is killed")),
        answer=1,
    ),
    solution=[
        SMALL,
        FILLER,
        shell("filler", "dd if=/dev/zero of=/small/file bs=64k count=64 2>/dev/null || true"),
    ],
    needs=frozenset({SIZED}),
    check=limited,
    hints=[
        _(
            "`docker volume create` hands --opt to the local driver: type, device and o are those of mount(8)."
        ),
        _("--opt type=tmpfs --opt device=tmpfs --opt o=size=1m"),
    ],
    wrong={
        NO_LIMIT: [CreateVolume("small"), FILLER],
        NOT_AT: [SMALL, Run("filler", "lab")],
        FILLER_ENDED: [SMALL, FILLER, Stop("filler")],
        ROOM_LEFT: [SMALL, FILLER],
        TOO_LARGE: [CreateVolume("small", LARGER), FILLER],
    },
    image="lab",
    shows=("filler",),
    volumes=("small",),
    explanation=_(
        "The local driver mounts whatever mount(8) can mount: a tmpfs with a size, a formatted block device, an "
        "NFS share. An ordinary volume has no size: it can fill the disk of the whole engine. A tmpfs volume "
        "lies in memory, and is empty again when its last container has stopped; a block device of its own is "
        "the way to a size that lasts."
    ),
    then_now=ThenNow(
        _("A stateful service must say how much disk space its volume is to have."),
        _(
            "That was the platform's rule. Docker's local driver enforces a size through what it mounts, or, since "
            "20.10, by --opt size= where its disk is xfs with project quotas."
        ),
    ),
)

# 8: no volume at all, and no layer

NO_TMPFS = Failed(_("`{board}` has no tmpfs at /scratch."))
NO_COPY = Failed(_("`{board}` has a tmpfs; now write a note to /scratch/note, and the same to /note."))
NOT_RESTARTED = Failed(_("Both notes are there. Stop `{board}`, and start it again."))
STILL_STOPPED = Failed(_("`{board}` was stopped. Start it again, to see what it still has."))
EMPTY_AGAIN = Passed(
    _("/note is still there, in the layer. /scratch is empty: what lay there lay in memory.")
)

BOARD = Run("board", "lab", tmpfs=("/scratch",))
BOTH_NOTES = shell("board", "hostname | tee /scratch/note > /note")


def emptied(bench: Bench) -> Verdict:
    """A note in the layer is there after a stop and a start, and one in memory is not."""
    board = bench.container("board")
    if board is None or not board.started:
        return NotAttempted()
    if not board.running:
        return STILL_STOPPED.seen(**fields(bench))
    if bench.exec("board", "grep", " /scratch tmpfs ", "/proc/mounts").code != 0:
        return NO_TMPFS.seen(**fields(bench))
    if not has(bench, "board", "/note"):
        return NO_COPY.seen(**fields(bench))
    if has(bench, "board", "/scratch/note"):
        return NOT_RESTARTED.seen(**fields(bench))
    return (EMPTY_AGAIN if board.finished else NO_COPY).seen(**fields(bench))


MEMORY_STEP = Step(
    id="tmpfs",
    title=_("Neither a volume nor the layer"),
    goal=_(
        "Start `{board}` from `{image}` with a tmpfs at /scratch, and write a note to /scratch/note and to /note. "
        "Then stop it and start it again."
    ),
    minutes=2,
    prediction=Choice(
        _("Which note will be there after a stop and a start?"),
        (_("both"), _("only /scratch/note"), _("only /note"), _("none")),
        answer=2,
    ),
    solution=[BOARD, BOTH_NOTES, Stop("board"), Start("board")],
    needs=frozenset({TMPFS}),
    check=emptied,
    hints=[
        _("An option of run takes a place in the container and no name: `docker volume ls` won't list it."),
        _(
            "It is --tmpfs. `echo x | tee /scratch/note > /note` in a shell of the container writes both notes."
        ),
    ],
    wrong={
        NO_TMPFS: [Run("board", "lab")],
        NO_COPY: [BOARD],
        NOT_RESTARTED: [BOARD, BOTH_NOTES],
        STILL_STOPPED: [BOARD, BOTH_NOTES, Stop("board")],
    },
    image="lab",
    shows=("board",),
    explanation=_(
        "A tmpfs is a file system in memory, which the engine mounts for this one container when it starts and gives "
        "back when it stops. Nothing of it reaches a disk (but perhaps the swap), so it is for secrets and for what "
        "is written often and may be lost. It bypasses the layer as a volume does, and can't be shared."
    ),
    then_now=ThenNow(
        "", _("--tmpfs came with Docker 1.10; --mount type=tmpfs can say its size and mode too.")
    ),
)

# 9: a folder of a volume

NO_CORNER = Failed(_("`{corner}` doesn't have the folder inner of `{attic}` at /corner."))
WHOLE_ATTIC = Failed(_("`{corner}` has all of `{attic}` at /corner. Mount only its folder inner."))
CORNER_ENDED = Failed(_("`{corner}` has ended. Start it so that it stays, to look from inside."))
ONLY_A_CORNER = Passed(_("`{corner}` sees what lies in inner, {seen}, and nothing of what lies beside it."))

ATTIC = Run("porter", "lab", (), (Mount("/attic", "attic"),))
SHELVES = shell("porter", "mkdir -p /attic/inner; hostname > /attic/inner/mine; hostname > /attic/theirs")
CORNER = Run("corner", "lab", (), (Mount("/corner", "attic", subpath="inner"),))


def only_a_corner(bench: Bench) -> Verdict:
    """One folder of a volume, and not the volume."""
    corner = seen(bench, "corner")
    if corner is None:
        return NotAttempted()
    mount = corner.mount("/corner")
    if mount is None or mount.name != bench.names("attic", "volume"):
        return NO_CORNER.seen(**fields(bench))
    if not corner.running:
        return CORNER_ENDED.seen(**fields(bench))
    if has(bench, "corner", "/corner/theirs"):
        return WHOLE_ATTIC.seen(**fields(bench))
    if not has(bench, "corner", "/corner/mine"):
        return NO_CORNER.seen(**fields(bench))
    listed = bench.exec("corner", "ls", "/corner").text.split()
    return ONLY_A_CORNER.seen(**fields(bench), seen=", ".join(listed))


SUBPATH_STEP = Step(
    id="subpath",
    title=_("A folder of a volume"),
    goal=_(
        "The volume `{attic}` has a folder inner and, beside it, a file theirs. Start `{corner}` from `{image}` with "
        "only that folder, at /corner."
    ),
    minutes=2,
    prediction=Choice(
        _("Can a container have a part of a volume without the rest?"),
        (
            _("no, a volume is mounted whole"),
            _("yes, if asked for in words"),
            _("yes, by a path in the volume's name"),
        ),
        answer=1,
    ),
    given=[ATTIC, SHELVES],
    solution=[CORNER],
    needs=frozenset({SUBPATH}),
    check=only_a_corner,
    hints=[
        _("--volume has no place for it. Which option says in words what is to be mounted?"),
        _("--mount type=volume with source and target, and volume-subpath for the folder."),
    ],
    wrong={
        WHOLE_ATTIC: [Run("corner", "lab", (), (Mount("/corner", "attic"),))],
        NO_CORNER: [Run("corner", "lab", (), (Mount("/corner"),))],
        CORNER_ENDED: [CORNER, Stop("corner")],
    },
    image="lab",
    shows=("porter", "corner"),
    volumes=("attic",),
    explanation=_(
        "One volume can serve several containers, each with a folder of its own, and none sees the others'. The "
        "folder has to be there before: unlike a volume, Docker doesn't make it, and the container fails without it."
    ),
    then_now=ThenNow("", _("volume-subpath came with Docker 26 (API 1.45); an older engine can't do it.")),
)

MANAGED_VOLUMES = Lab(
    id="04-managed-volumes",
    title=_("Volumes that Docker keeps"),
    steps=(
        ANONYMOUS_VOLUME,
        OUTLIVES,
        RESCUE,
        RUN_RM,
        NAMED_STEP,
        FILLING,
        SIZE_LIMIT,
        MEMORY_STEP,
        SUBPATH_STEP,
    ),
    fields=fields,
)

__all__ = ["MANAGED_VOLUMES", "RunOnOrphan"]
