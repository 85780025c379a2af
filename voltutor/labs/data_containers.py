"""Lab 05: data containers: volumes that are passed on from container to container."""

from __future__ import annotations

from collections.abc import Mapping

from voltutor.labs.common import has, looked, seen, shell
from voltutor.lessons import Choice, Failed, Lab, NotAttempted, Passed, Step, ThenNow, Verdict
from voltutor.session import READ_ONLY, Bench, CreateVolume, Mount, Remove, Run, Stop
from voltutor.text import _


def fields(bench: Bench) -> Mapping[str, str]:
    """The names that the texts use."""
    containers = ("dbstore", "web03", "watcher", "copier", "cellar", "waiter")
    return {
        **{logical: bench.names(logical) for logical in containers},
        "backups": bench.names("backups", "volume"),
        "image": bench.image("lab"),
    }


STORE = Run("dbstore", "lab", (), (Mount("/dbdata"),), start=False)
WEB03 = Run("web03", "lab", volumes_from=("dbstore",))
ROW = shell("web03", "hostname > /dbdata/row")

# 1: a container that only holds a volume

STARTED = Failed(_("`{dbstore}` was started. A data container is only created: it runs nothing."))
NO_VOLUME = Failed(_("`{dbstore}` is there, but has no volume at /dbdata."))
CREATED = Passed(_("`{dbstore}` was created and never started; its volume at /dbdata is there all the same."))


def created(bench: Bench) -> Verdict:
    """Created, with a volume, and not started."""
    store = seen(bench, "dbstore")
    if store is None:
        return NotAttempted()
    if store.started:
        return STARTED.seen(**fields(bench))
    mount = store.mount("/dbdata")
    return (CREATED if mount and mount.name else NO_VOLUME).seen(**fields(bench))


STORE_STEP = Step(
    id="store",
    title=_("A container that runs nothing"),
    goal=_("Create the container `{dbstore}` from `{image}` with a volume at /dbdata, and don't start it."),
    minutes=2,
    prediction=Choice(
        _("When does Docker make the volume?"),
        (_("when the container is created"), _("when it is started"), _("when something is written")),
        answer=0,
    ),
    solution=[STORE],
    check=created,
    hints=[
        _("`docker container run` is create and start in one. Here you need only the first."),
        _("`docker container create` takes the same options as run."),
    ],
    wrong={
        STARTED: [Run("dbstore", "lab", (), (Mount("/dbdata"),))],
        NO_VOLUME: [Run("dbstore", "lab", start=False)],
    },
    image="lab",
    shows=("dbstore",),
    explanation=_(
        "The container is a record with a name, and it keeps hold of its volume: an anonymous one, that gets a "
        "handle in this way. Before volumes had names, this was how one gave them a name. A container that was "
        "never started still counts as a user of its volume, so the volume isn't listed as dangling."
    ),
    then_now=ThenNow(
        _("A data container runs no application; it only mounts a volume."),
        _("It still works. Named volumes (Docker 1.9 and later) made it unnecessary."),
    ),
)

# 2: --volumes-from

OWN_VOLUME = Failed(_("`{web03}` has a volume of its own at /dbdata, and not `{dbstore}`'s."))
NOTHING_AT = Failed(_("`{web03}` has nothing at /dbdata."))
ENDED = Failed(
    _("`{web03}` has the right volume, and doesn't run. Start it so that it stays, to write to it.")
)
NO_ROW = Failed(_("`{web03}` has `{dbstore}`'s volume; now write /dbdata/row there."))
TAKEN_OVER = Passed(_("Both have one Source: {source}. `{web03}` has written to `{dbstore}`'s volume."))


def taken_over(bench: Bench) -> Verdict:
    """The same source in both."""
    store, web03 = seen(bench, "dbstore"), seen(bench, "web03")
    if store is None or web03 is None:
        return NotAttempted()
    one, two = store.mount("/dbdata"), web03.mount("/dbdata")
    if two is None or one is None:
        return NOTHING_AT.seen(**fields(bench))
    if one.name != two.name:
        return OWN_VOLUME.seen(**fields(bench))
    if not web03.running:
        return ENDED.seen(**fields(bench))
    if not has(bench, "web03", "/dbdata/row"):
        return NO_ROW.seen(**fields(bench))
    return TAKEN_OVER.seen(**fields(bench), source=two.source)


SHARE_STEP = Step(
    id="volumes-from",
    title=_("All mounts of another container"),
    goal=_("Start `{web03}` from `{image}` with the volumes of `{dbstore}`, and write /dbdata/row in it."),
    minutes=2,
    prediction=Choice(
        _("How many volumes will there be for both containers together?"),
        (_("one"), _("two, with the same content"), _("none: `{dbstore}` doesn't run")),
        answer=0,
    ),
    given=[STORE],
    solution=[WEB03, ROW],
    check=taken_over,
    hints=[
        _("--volumes-from names a container, and takes all its mounts to the same places."),
        _("`docker container inspect` both, and compare Source."),
    ],
    wrong={
        OWN_VOLUME: [Run("web03", "lab", (), (Mount("/dbdata"),))],
        NOTHING_AT: [Run("web03", "lab")],
        ENDED: [Run("web03", "lab", volumes_from=("dbstore",), start=False)],
        NO_ROW: [WEB03],
    },
    image="lab",
    shows=("dbstore", "web03"),
    explanation=_(
        "--volumes-from copies the list of mounts, not the data: the directory on the host that `{dbstore}` has "
        "at /dbdata is mounted at /dbdata in `{web03}` as well. Whether `{dbstore}` runs doesn't matter. The "
        "places are taken over as they are; they can't be changed on the way."
    ),
    then_now=ThenNow(
        _("For web03 nothing is special about it: it maps dbstore's directory to /dbdata of its own."),
        _("The same."),
    ),
)

# 3: read-only

WRITABLE = Failed(_("`{watcher}` may write to /dbdata: its mount is not read-only."))
NOT_THE_STORE = Failed(_("`{watcher}` doesn't have `{dbstore}`'s volume at /dbdata."))
WATCHER_ENDED = Failed(_("`{watcher}` has the volume, and has ended. Start it so that it stays."))
READS_ONLY = Passed(_("`{watcher}` reads the row and can't write: {said}."))


WATCHER = Run("watcher", "lab", volumes_from=("dbstore:ro",))


def reads_only(bench: Bench) -> Verdict:
    """The same volume, without the right to write."""
    store, reader = seen(bench, "dbstore"), seen(bench, "watcher")
    if store is None or reader is None:
        return NotAttempted()
    one, two = store.mount("/dbdata"), reader.mount("/dbdata")
    if one is None or two is None or one.name != two.name:
        return NOT_THE_STORE.seen(**fields(bench))
    if two.read_write:
        return WRITABLE.seen(**fields(bench))
    if not reader.running:
        return WATCHER_ENDED.seen(**fields(bench))
    said = bench.exec("watcher", "touch", "/dbdata/new").message
    return READS_ONLY.seen(**fields(bench), said=said.splitlines()[-1] if said else "?")


READ_ONLY_STEP = Step(
    id="read-only",
    title=_("The same volume, read-only"),
    goal=_(
        "Start `{watcher}` from `{image}` with the volumes of `{dbstore}`, read-only, and try to write there."
    ),
    minutes=2,
    prediction=Choice(
        _("Can one container read what another one is writing, without being able to write itself?"),
        (_("no, a volume has one mode for all"), _("yes, each mount has its own mode")),
        answer=1,
    ),
    given=[STORE, WEB03, ROW],
    solution=[WATCHER],
    needs=frozenset({READ_ONLY}),
    check=reads_only,
    hints=[
        _("--volumes-from takes a mode as --volume does. Where does it stand there?"),
        _("Behind a colon, after the container's name."),
    ],
    wrong={
        WRITABLE: [Run("watcher", "lab", volumes_from=("dbstore",))],
        NOT_THE_STORE: [Run("watcher", "lab")],
        WATCHER_ENDED: [WATCHER, Stop("watcher")],
    },
    image="lab",
    shows=("dbstore", "web03", "watcher"),
    explanation=_(
        "The mode belongs to the mount, not to the volume. One container writes, others read the same files at "
        "the same time. For backups that is the safe way: what reads only can't damage what it saves."
    ),
    then_now=ThenNow(
        "",
        _("--volumes-from takes ro or rw; what is read-only in the other container stays so."),
    ),
)

# 4: a backup

NO_TAR = Failed(_("`{backups}` is there, but holds no db.tar yet."))
WRONG_TAR = Failed(_("`{backups}` holds a db.tar, but there is no file named row in it."))
BACKED_UP = Passed(
    _("`{backups}` holds db.tar with the row in it: a copy of `{dbstore}`'s data that needs no container.")
)

COPIER = Run("copier", "lab", (), (Mount("/backups", "backups"),), ("dbstore",))


def backed_up(bench: Bench) -> Verdict:
    """A tar with the row, in a volume of its own."""
    seen(bench, "dbstore")
    backups = bench.volume("backups")
    if backups is None:
        return NotAttempted()
    look = "test -e /look/db.tar || exit 3; tar -tf /look/db.tar | grep -Eq '(^|/)row$' || exit 4"
    code = looked(bench, backups.name, "sh", "-c", look)
    if code != 0:
        return (NO_TAR if code == 3 else WRONG_TAR).seen(**fields(bench))
    return BACKED_UP.seen(**fields(bench))


BACKUP_STEP = Step(
    id="backup",
    title=_("A backup through a third container"),
    goal=_(
        "Create the volume `{backups}`. Start `{copier}` from `{image}` with `{dbstore}`'s volumes and with "
        "`{backups}` at /backups, and pack /dbdata there as db.tar."
    ),
    minutes=3,
    prediction=Choice(
        _("Does `{web03}` have to stop for the backup?"),
        (_("yes, the volume is locked"), _("no, but what it writes meanwhile may be half in it")),
        answer=1,
    ),
    given=[STORE, WEB03, ROW],
    solution=[CreateVolume("backups"), COPIER, shell("copier", "tar -cf /backups/db.tar -C /dbdata .")],
    check=backed_up,
    hints=[
        _("One container can have both: --volumes-from {dbstore} and --volume {backups}:/backups."),
        _("Inside: tar -cf /backups/db.tar -C /dbdata ."),
    ],
    wrong={
        NO_TAR: [CreateVolume("backups"), COPIER],
        WRONG_TAR: [CreateVolume("backups"), COPIER, shell("copier", "tar -cf /backups/db.tar -C /etc .")],
    },
    image="lab",
    shows=("dbstore", "web03", "copier"),
    volumes=("backups",),
    explanation=_(
        "This is what --volumes-from is still good for: a helper container that has the data of another one and "
        "a place to put the copy. tar reads file after file, so a program that writes meanwhile may be caught in "
        "the middle. A database has a command that makes a consistent copy first, or it is paused while tar runs."
    ),
    then_now=ThenNow(
        _("A stateful service's data in its volume can be backed up at any time."),
        _("Docker's own documents show it in this way; Docker Desktop and Kubernetes have their own ways."),
    ),
)

# 5: the store goes

NOBODY = Failed(_("`{web03}` is gone too, so nobody shows what became of the volume."), stuck=True)
WEB03_ENDED = Failed(
    _("`{dbstore}` is gone, and `{web03}` has ended. Start it again, to look at its volume.")
)
ROW_GONE = Failed(_("`{web03}` runs, but somebody has removed the row from its volume."), stuck=True)
STAYS = Passed(
    _("`{dbstore}` is gone. `{web03}` still has the volume, and the row is there: who uses it last keeps it.")
)


def stays(bench: Bench) -> Verdict:
    """The data container is gone, and its volume still in use."""
    store, web03 = seen(bench, "dbstore"), seen(bench, "web03")
    if store or not bench.was_there("dbstore"):
        return NotAttempted()
    if web03 is None:
        return NOBODY.seen(**fields(bench))
    if not web03.running:
        return WEB03_ENDED.seen(**fields(bench))
    if not has(bench, "web03", "/dbdata/row"):
        return ROW_GONE.seen(**fields(bench))
    return STAYS.seen(**fields(bench))


GOES_STEP = Step(
    id="store-goes",
    title=_("When the data container goes"),
    goal=_("`{web03}` runs on `{dbstore}`'s volume. Remove `{dbstore}`, and its volumes with it."),
    minutes=2,
    prediction=Choice(
        _("What will become of the volume that `{web03}` is using?"),
        (
            _("it is removed, and `{web03}` fails"),
            _("it stays, since it is in use"),
            _("the removal is refused"),
        ),
        answer=1,
    ),
    given=[STORE, WEB03, ROW],
    solution=[Remove("dbstore", volumes=True)],
    check=stays,
    hints=[
        _("A removal can take anonymous volumes along. What asks for that?"),
        _("`docker container rm` has the option --volumes, or -v; with or without, the volume stays here."),
    ],
    wrong={
        NOBODY: [Remove("web03"), Remove("dbstore")],
        WEB03_ENDED: [Remove("dbstore", volumes=True), Stop("web03")],
        ROW_GONE: [shell("web03", "rm /dbdata/row"), Remove("dbstore")],
    },
    image="lab",
    shows=("dbstore", "web03"),
    explanation=_(
        "A volume that a container uses isn't removed, whoever asked for it: the option has no effect here, and "
        "Docker doesn't say so. Without the option it would have stayed as well. Had `{web03}` not been there, the "
        "data would be gone. That is the weakness of data containers: what keeps the data is a container that looks "
        "useless, and somebody will tidy it away. A named volume needs no such guard: no removal of a container "
        "takes it along, only `docker volume rm`, or a prune that asks for named ones too."
    ),
    then_now=ThenNow(
        _("To share data between containers it is best to use a data container."),
        _("Best is a named volume. Data containers are found in old compose files."),
    ),
)

# 6: the last user goes

ONE_LEFT = Failed(_("`{cellar}` and `{waiter}` must both go; one of them is still there."))
TAKEN = Failed(
    _("The volume is gone: it went with the last container that had it, by --volumes."), stuck=True
)
ORPHANED = Passed(
    _("Both are gone, and the volume {name}… is still there, with its row, and used by nobody.")
)

CELLAR = Run("cellar", "lab", (), (Mount("/dbdata"),), start=False)
WAITER = Run("waiter", "lab", volumes_from=("cellar",))
WAITERS_ROW = shell("waiter", "hostname > /dbdata/row")


def orphaned(bench: Bench) -> Verdict:
    """Nobody has the volume any longer, and it is there."""
    cellar, waiter = seen(bench, "cellar"), seen(bench, "waiter")
    if (cellar and waiter) or not bench.was_there("waiter"):
        return NotAttempted()
    if cellar or waiter:
        return ONE_LEFT.seen(**fields(bench))
    left = bench.left_behind("cellar")
    return ORPHANED.seen(**fields(bench), name=left[-1][:12]) if left else TAKEN.seen(**fields(bench))


LAST_STEP = Step(
    id="last-user",
    title=_("When its last user goes"),
    goal=_(
        "`{waiter}` runs on `{cellar}`'s volume. Remove `{cellar}` with its volumes, then `{waiter}` without them, "
        "and look for the volume."
    ),
    minutes=2,
    prediction=Choice(
        _("`{cellar}` was asked to take its volumes along. Where is the volume in the end?"),
        (_("gone with `{cellar}`"), _("gone with `{waiter}`"), _("still there, without a container")),
        answer=2,
    ),
    given=[CELLAR, WAITER, WAITERS_ROW],
    solution=[Remove("cellar", volumes=True), Remove("waiter")],
    check=orphaned,
    hints=[
        _("The option belongs to each removal, and counts only where nobody else has the volume."),
        _("rm --force --volumes for the first, rm --force for the second, and then `docker volume ls`."),
    ],
    wrong={
        ONE_LEFT: [Remove("cellar", volumes=True)],
        TAKEN: [Remove("cellar"), Remove("waiter", volumes=True)],
    },
    image="lab",
    shows=("cellar", "waiter"),
    explanation=_(
        "--volumes is not remembered. While `{waiter}` had the volume, the option did nothing; when `{waiter}` went "
        "without it, nobody asked. So the volume is an orphan now. The other way round it would be gone: an "
        "anonymous volume that came by --volumes-from goes with its last container, if that one is removed with "
        "--volumes."
    ),
    then_now=ThenNow(
        _("Removed containers leave lonely volumes on the host."),
        _("The same, unless the last one goes with --volumes. Lab 08 finds them and cleans them up."),
    ),
)

DATA_CONTAINERS = Lab(
    id="05-data-containers",
    title=_("Data containers, and why volumes got names"),
    steps=(STORE_STEP, SHARE_STEP, READ_ONLY_STEP, BACKUP_STEP, GOES_STEP, LAST_STEP),
    fields=fields,
)
