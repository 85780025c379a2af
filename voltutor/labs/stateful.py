"""Lab 07, its second half: a service whose data must not go."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Mapping
from pathlib import Path

from voltutor.diagrams import size_text
from voltutor.images import DATA, MIB
from voltutor.labs.common import has, shell, unasked
from voltutor.lessons import Choice, Failed, NotAttempted, Passed, Step, ThenNow, Verdict
from voltutor.services import Backup, Deploy, Store, backup_path, look_at
from voltutor.session import SIZED, Bench, Exec, Mount, OnHost, Remove, RemoveVolume, Run, Stop
from voltutor.text import _, tr

SIZE = 32 * MIB


def fields(bench: Bench) -> Mapping[str, str]:
    """The names that the texts use."""
    services = ("guestbook", "till", "twin", "diary", "album", "vault", "jar")
    return {
        **{logical: bench.names(logical) for logical in services},
        "tilldata": bench.names("till-data", "volume"),
        "diarydata": bench.names("diary-data", "volume"),
        "vaultdata": bench.names("vault-data", "volume"),
        "monday": str(backup_path(bench, "monday")),
        "friday": str(backup_path(bench, "friday")),
        "data": DATA,
        "web": bench.image("web"),
        "store": bench.image("store"),
    }


def ask(name: str, *words: str) -> Exec:
    """A question to Redis, once it has loaded its data."""
    return Exec(name, ("ask", *words))


def told(bench: Bench, name: str, key: str) -> str:
    """What a Redis has under a key; empty where it has nothing."""
    return bench.exec(name, "ask", "GET", key).text


def _born(name: str, key: str) -> Exec:
    """The same random text in Redis and in the container's own layer, by which another container is known."""
    line = f"cat /proc/sys/kernel/random/uuid > /root/born && ask SET {key} $(cat /root/born)"
    return shell(name, line)


def _as_born(bench: Bench, name: str, key: str) -> bool:
    return told(bench, name, key) == bench.exec(name, "cat", "/root/born").text != ""


# 5: a place for data, and how much

DOWN = Failed(_("`{name}` doesn't run."))
NAMELESS = Failed(_("`{guestbook}`'s data lie in a volume without a name: its successor won't find them."))
SIZELESS = Failed(_("`{guestbook}`'s volume has a name, and nobody said how much it may hold."))
UNSIGNED = Failed(_("`{guestbook}` runs on its volume. Now sign: set the key ann."))
SIGNED = Passed(_("`{guestbook}` has its data in `{volume}`, which was given {size}. {room}"))


def _asleep(bench: Bench, store: Store) -> Verdict | None:
    return None if store.running else DOWN.seen(name=bench.names(store.name))


def signed(bench: Bench) -> Verdict:
    """On a named volume with a size, with an entry."""
    store = look_at(bench, "guestbook")
    if store is None:
        return NotAttempted()
    if store.volume is None or store.volume.name not in store.container.named_sources:
        return NAMELESS.seen(**fields(bench))
    if not store.size:
        return SIZELESS.seen(**fields(bench))
    if asleep := _asleep(bench, store):
        return asleep
    if not told(bench, "guestbook", "ann"):
        return UNSIGNED.seen(**fields(bench))
    size = size_text(store.size)
    return SIGNED.seen(**fields(bench), volume=store.volume.name, size=size, room=tr(store.room.value))


A_PLACE = Step(
    id="a-place",
    title=_("A place for the data, and how much"),
    goal=_(
        "Start `{guestbook}`, a Redis, as a stateful service: its data in a named volume that is given 32 "
        "MiB. Then set the key ann in it."
    ),
    minutes=2,
    prediction=Choice(
        _("The platform refuses a stateful service whose image declares no VOLUME. Why?"),
        (
            _("nothing could be mounted there"),
            _("nobody could tell which folder is to be saved"),
            _("such an image can't write"),
        ),
        answer=1,
    ),
    solution=[Deploy("guestbook", SIZE), ask("guestbook", "SET", "ann", "was here")],
    check=signed,
    hints=[
        _("`docker image inspect {store}` shows, under Config, which folder the image declares as a volume."),
        _("The size stands in a label of the volume: docker volume create --label io.voltutor.size=BYTES."),
    ],
    wrong={
        NAMELESS: [Run("guestbook", "store")],
        SIZELESS: [Run("guestbook", "store", (), (Mount(DATA, "guestbook-data"),))],
        UNSIGNED: [Deploy("guestbook", SIZE)],
        DOWN: [Deploy("guestbook", SIZE), Stop("guestbook")],
    },
    image="store",
    shows=("guestbook",),
    explanation=_(
        "VOLUME in an image is a statement: here are the data, and all else may go. The kit reads it from "
        "the image's config and refuses an image without it, as `{web}` is. Docker itself would take any "
        "image and make an anonymous volume of each declared folder. As for the size, Docker's "
        "local driver knows one for xfs with project quotas, and none for other disks. The kit notes it on "
        "the volume and tells how much of it is used."
    ),
    then_now=ThenNow(
        _("The image must define a volume, and the size of its disk space must be given."),
        _(
            "In Kubernetes a StatefulSet has a PersistentVolumeClaim, which requests a size; the storage "
            "class decides what enforces it."
        ),
    ),
)

# 6: one instance

OWN_VOLUME = Failed(_("`{twin}` has a volume of its own. Two services that share nothing can't quarrel."))
AGREE = Failed(_("Both say the same about price: {price}. Set it to 3 in `{till}`, and to 5 in `{twin}`."))
QUARREL = Passed(_("`{till}` says {one}, `{twin}` says {two}, and both keep their data in `{tilldata}`."))

TWIN = Run("twin", "store", (), (Mount(DATA, "till-data"),))


def quarrel(bench: Bench) -> Verdict:
    """Two on one volume that disagree."""
    till, twin = look_at(bench, "till"), look_at(bench, "twin")
    if till is None or twin is None:
        return NotAttempted()
    if till.volume is None or twin.volume is None or till.volume.name != twin.volume.name:
        return OWN_VOLUME.seen(**fields(bench))
    if asleep := _asleep(bench, till) or _asleep(bench, twin):
        return asleep
    one, two = told(bench, "till", "price"), told(bench, "twin", "price")
    if one == two or not one or not two:
        return AGREE.seen(**fields(bench), price=one or two or "?")
    return QUARREL.seen(**fields(bench), one=one, two=two)


ONE_INSTANCE = Step(
    id="one-instance",
    title=_("Two on one volume"),
    goal=_(
        "`{till}` is a stateful service. Start a second instance by hand, `{twin}`, on the same volume. Set "
        "price to 3 in the one and to 5 in the other, and ask both."
    ),
    minutes=2,
    prediction=Choice(
        _("Both keep their data in one volume. What will they say?"),
        (
            _("both say 5: it was set last"),
            _("each says what it was told"),
            _("the second one doesn't start"),
        ),
        answer=1,
    ),
    given=[Deploy("till", SIZE)],
    solution=[TWIN, ask("till", "SET", "price", "3"), ask("twin", "SET", "price", "5")],
    check=quarrel,
    hints=[
        _("Docker has nothing against a volume that is mounted twice. By which name, and at which place?"),
        _("--volume {tilldata}:{data} for `{twin}`, from `{store}`; then `ask SET price …` in each by exec."),
    ],
    wrong={OWN_VOLUME: [Run("twin", "store")], AGREE: [TWIN], DOWN: [TWIN, Stop("twin")]},
    image="store",
    shows=("till", "twin"),
    explanation=_(
        "Each has the data in its memory and believes that it is alone; the volume only takes down what "
        "both write. A visitor would get the one price or the other, depending on whom the balancer picks. "
        "So a stateful service has one instance, and there is nothing to scale: the kit's own `Scale` "
        "refuses it by name. Databases that do run on several machines copy their "
        "data among themselves, each to a volume of its own."
    ),
    then_now=ThenNow(
        _("A stateful service can have one instance only, so it isn't scaled."),
        _(
            "A StatefulSet may have several, each with a volume of its own; making them agree is the "
            "application's task."
        ),
    ),
)

# 7: made anew

NO_DIARY = Failed(_("`{diary}` is gone, its volume `{diarydata}` is not. Start it again, with that volume."))
NEW_BOOK = Failed(
    _("This `{diary}` has an empty volume. The entry is in `{diarydata}`, which it doesn't have.")
)
DRAFT_TOO = Failed(_("The entry is there, and a draft at /root/draft: somebody wrote it again."))
READ_AGAIN = Passed(_("A new container, and the entry is there: {entry}. The draft at /root/draft is not."))

DIARY = Run("diary", "store", (), (Mount(DATA, "diary-data"),))


def read_again(bench: Bench) -> Verdict:
    """Another container with the entry, and without the draft."""
    diary = look_at(bench, "diary")
    if diary is None:
        return NO_DIARY.seen(**fields(bench)) if bench.was_there("diary") else NotAttempted()
    if asleep := _asleep(bench, diary):
        return asleep
    if _as_born(bench, "diary", "born"):
        return NotAttempted()  # the container that began it
    entry = told(bench, "diary", "monday")
    if not entry:
        return NEW_BOOK.seen(**fields(bench))
    return (DRAFT_TOO if has(bench, "diary", "/root/draft") else READ_AGAIN).seen(
        **fields(bench), entry=entry
    )


RECREATE = Step(
    id="recreate",
    title=_("Made anew, without its volume and with it"),
    goal=_(
        "`{diary}` has an entry in Redis and a draft at /root/draft. Remove the container and start it "
        "without a named volume; look. Then again, with `{diarydata}`."
    ),
    minutes=3,
    prediction=Choice(
        _("The second time it gets its volume back. What is there again?"),
        (_("the entry and the draft"), _("the entry only"), _("neither: an image has no entries")),
        answer=1,
    ),
    given=[
        Deploy("diary", SIZE),
        ask("diary", "SET", "monday", "rain all day"),
        _born("diary", "born"),
        shell("diary", "echo not finished > /root/draft"),
    ],
    solution=[
        Remove("diary"),
        Run("diary", "store"),
        ask("diary", "DBSIZE"),
        Remove("diary", volumes=True),
        DIARY,
        ask("diary", "GET", "monday"),
    ],
    check=read_again,
    hints=[
        _("Without --volume the image's VOLUME gives it an anonymous one, which is new and empty."),
        _("--volume {diarydata}:{data} gives it the old one."),
    ],
    wrong={
        NO_DIARY: [Remove("diary")],
        DOWN: [Stop("diary")],
        NEW_BOOK: [Remove("diary"), Run("diary", "store")],
        DRAFT_TOO: [Remove("diary"), DIARY, shell("diary", "echo again > /root/draft")],
    },
    image="store",
    shows=("diary",),
    volumes=("diary-data",),
    explanation=_(
        "Without its volume it was another service with the same name: it started without a complaint, and "
        "was empty. That is how data are lost in an upgrade, and nobody notices until somebody asks. With "
        "its volume it was the old one again, but for what lay elsewhere: the draft was in the container's "
        "own layer."
    ),
    then_now=ThenNow(
        _("What lies in folders without a volume is lost with a stateful service's instance just as well."),
        _("The same, in Docker and in Kubernetes."),
    ),
)

# 8: saved

NO_TAR = Failed(_("{monday} is there, and is no tar."))
NOT_THESE = Failed(_("{monday} holds other things than `{album}`'s data."))
OUTSIDE_TOO = Failed(_("{monday} holds more than `{album}`'s volume: /root/outside is in it."))
SAVED = Passed(_("{monday} holds {n} files of `{album}`, while it goes on. /root/outside is not among them."))


BASE = "appendonlydir/appendonly.aof.1.base.rdb"
"""Of Redis's data the file that is written once, when it begins (redis.io, "Redis persistence")."""


def contents(path: Path) -> dict[str, str] | None:
    """The files of a tar with their SHA-256; None where it is none."""
    try:
        with tarfile.open(path) as tar:
            found = {}
            for member in tar:
                if file := tar.extractfile(member) if member.isreg() else None:
                    found[member.name.removeprefix("./")] = hashlib.sha256(file.read()).hexdigest()
            return found
    except (tarfile.TarError, EOFError, OSError, ValueError):
        return None


def digests(bench: Bench, name: str) -> dict[str, str]:
    """The files of a service's data with their SHA-256, by their paths in its folder."""
    said = bench.exec(name, "sh", "-c", f"cd {DATA} && find . -type f -exec sha256sum {{}} +").text
    rows = (line.split(maxsplit=1) for line in said.splitlines())
    return {path.removeprefix("./"): digest for digest, path in rows}


def _in_data(found: Mapping[str, str]) -> dict[str, str]:
    """Of a tar's files those of the data, by their paths in the folder, whether or not the tar has it before them."""
    inner = ((name.removeprefix(f"{Path(DATA).name}/"), digest) for name, digest in found.items())
    return {name: digest for name, digest in inner if not name.startswith("manifest.")}


def saved(bench: Bench) -> Verdict:
    """A tar with the service's data."""
    path, album = backup_path(bench, "monday"), look_at(bench, "album")
    if not path.exists() or album is None:
        return NotAttempted()
    if asleep := _asleep(bench, album):
        return asleep
    found = contents(path)
    if found is None:
        return NO_TAR.seen(**fields(bench))
    data = _in_data(found)
    if BASE not in data or data[BASE] != digests(bench, "album").get(BASE):
        return NOT_THESE.seen(**fields(bench))
    if any(name.endswith("outside") for name in found):
        return OUTSIDE_TOO.seen(**fields(bench))
    return SAVED.seen(**fields(bench), n=len(data))


BACKUP_STEP = Step(
    id="backup",
    title=_("Saved while it runs"),
    goal=_("Save the data of `{album}` to {monday}, while the service goes on."),
    minutes=2,
    prediction=Choice(
        _("What lies at /root/outside in the same container: will it be in the backup?"),
        (
            _("yes, it is part of the service"),
            _("no, it doesn't lie in the volume"),
            _("yes, but not its content"),
        ),
        answer=1,
    ),
    given=[
        Deploy("album", SIZE),
        ask("album", "SET", "photo-1", "a lake"),
        shell("album", "echo forgotten > /root/outside"),
    ],
    solution=[Backup("album", "monday")],
    check=saved,
    hints=[
        _(
            "`docker container cp NAME:FOLDER -` packs a folder as a tar and writes it to the terminal, or "
            "to a file."
        ),
        _(
            "A program that writes meanwhile may be caught in the middle: docker container pause, and "
            "unpause."
        ),
    ],
    wrong={
        DOWN: [Backup("album", "monday"), Stop("album")],
        NO_TAR: [OnHost("mkdir -p {files}/backups && echo no tar > {files}/backups/monday.tar")],
        NOT_THESE: [OnHost("mkdir -p {files}/backups && tar -cf {files}/backups/monday.tar -C /etc passwd")],
        OUTSIDE_TOO: [
            Backup("album", "monday"),
            OnHost("cd {files}/backups && touch outside && tar -rf monday.tar outside && rm outside"),
        ],
    },
    image="store",
    shows=("album",),
    explanation=_(
        "For the moment of the copy the container is paused: its processes are frozen, so that all files "
        "are of the same moment and no write is cut in two. Clients wait, and nothing fails. The kit adds a "
        "manifest at the end of the tar, with a checksum of each file, with what it was saved from, and "
        "with a list of what the container has changed outside of its volume. Read that list: it is what "
        "the backup misses."
    ),
    then_now=ThenNow(
        _("What lies in a mounted volume can be saved at any time, downloaded, and used for a new service."),
        _(
            "In Kubernetes a VolumeSnapshot, which doesn't ask the application either; databases bring "
            "their own tools."
        ),
    ),
)

# 9: restored

ALL_GONE = Failed(_("`{vault}` and its volume are gone. Now restore them from {friday}."))
BEGUN_EMPTY = Failed(_("`{vault}` runs, and is empty: it was begun without the backup."))
ANOTHER = Failed(_("`{vault}` has other data than {friday}: their checksums differ."))
RESTORED = Passed(
    _(
        "`{vault}` has what it had when it was saved: of {n} files, {same} have the backup's SHA-256. The "
        "late one is lost."
    )
)


def restored(bench: Bench) -> Verdict:
    """What was saved is there, and what came later is not."""
    vault = look_at(bench, "vault")
    if vault is None:
        gone = bench.was_there("vault") and backup_path(bench, "friday").exists()
        return ALL_GONE.seen(**fields(bench)) if gone else NotAttempted()
    if asleep := _asleep(bench, vault):
        return asleep
    early = told(bench, "vault", "early")
    if told(bench, "vault", "late") or _as_born(bench, "vault", "early"):
        return NotAttempted()  # what was given, or a part of it
    kept = _in_data(contents(backup_path(bench, "friday")) or {})
    if not early or not kept:
        return BEGUN_EMPTY.seen(**fields(bench)) if bench.was_there("vault") else NotAttempted()
    now = digests(bench, "vault")
    if now.get(BASE) != kept.get(BASE):
        return ANOTHER.seen(**fields(bench))
    same = sum(now.get(name) == digest for name, digest in kept.items())
    return RESTORED.seen(**fields(bench), n=len(kept), same=same)


RESTORE_STEP = Step(
    id="restore",
    title=_("All destroyed, and restored"),
    goal=_(
        "`{vault}` was saved to {friday}; after that the key late was set. Remove the container and its "
        "volume `{vaultdata}`. Then begin the service again from the backup."
    ),
    minutes=4,
    prediction=Choice(
        _("The key early was set before the backup, late after it. What will be there?"),
        (_("both"), _("early"), _("late: it was the last one")),
        answer=1,
    ),
    given=[
        Deploy("vault", SIZE),
        _born("vault", "early"),
        Backup("vault", "friday"),
        ask("vault", "SET", "late", "lost"),
    ],
    solution=[
        Remove("vault", volumes=True),
        RemoveVolume("vault-data"),
        Deploy("vault", SIZE, backup="friday"),
    ],
    check=restored,
    hints=[
        _(
            "A container that never starts is enough to unpack a tar into a volume: docker container "
            "create, and cp."
        ),
        _(
            "`docker container cp - NAME:/` unpacks what comes from a file; the tar's names begin with the "
            "folder's."
        ),
    ],
    wrong={
        ALL_GONE: [Remove("vault", volumes=True), RemoveVolume("vault-data")],
        DOWN: [Stop("vault")],
        BEGUN_EMPTY: [Remove("vault", volumes=True), RemoveVolume("vault-data"), Deploy("vault", SIZE)],
        ANOTHER: [
            Remove("vault", volumes=True),
            RemoveVolume("vault-data"),
            Deploy("vault", SIZE),
            ask("vault", "SET", "early", "made up"),
            shell(
                "vault", "ask BGREWRITEAOF; until [ -e /data/appendonlydir/*.2.base.rdb ]; do sleep 0.1; done"
            ),
        ],
    },
    image="store",
    shows=("vault",),
    volumes=("vault-data",),
    explanation=_(
        "The kit compares every byte of the backup with its manifest before it writes anything, and then "
        "writes to a new volume, which counts only when it is whole. Damage the file and try: nothing "
        "changes, and you are told what is wrong. A restore brings back a moment. What came after it is "
        "lost, so how often you save is how much you can lose."
    ),
    then_now=ThenNow(
        _("When a service is created, a backup can be named from which its volume is restored."),
        _("In Kubernetes: a PersistentVolumeClaim whose dataSource is a VolumeSnapshot."),
    ),
)

# 10: full

UNLIMITED = Failed(_("`{jar}`'s volume lies on the engine's disk, and has no limit that anybody enforces."))
ROOM_LEFT = Failed(_("`{jar}`'s volume still has room: {free} KiB."))
FULL = Passed(_("`{jar}`'s volume is full at {size} KiB. Under / there are still {rest} free."))


def full(bench: Bench) -> Verdict:
    """A volume that is full, on an engine that isn't."""
    jar = look_at(bench, "jar")
    if jar is None or jar.volume is None:
        return NotAttempted()
    if jar.volume.options.get("type") != "tmpfs":
        return UNLIMITED.seen(**fields(bench))
    if asleep := _asleep(bench, jar):
        return asleep
    line = f"df -Pk {DATA} / | awk 'NR > 1 {{print $2, $4}}'"
    told_sizes = bench.exec("jar", "sh", "-c", line)
    rows = [row.split() for row in told_sizes.text.splitlines()]
    if [len(row) for row in rows] != [2, 2]:  # it ended meanwhile
        return unasked(told_sizes)
    (size, free), (_whole, rest) = rows
    if int(free) > 64:
        return ROOM_LEFT.seen(**fields(bench), free=free)
    return FULL.seen(**fields(bench), size=size, rest=size_text(int(rest) * 1024))


LIMIT = Step(
    id="limit",
    title=_("Full"),
    goal=_(
        "Start `{jar}` with a volume of 4 MiB that is enforced, a tmpfs, and write to {data}/fill until no "
        "more goes in."
    ),
    minutes=2,
    prediction=Choice(
        _("Who notices that the volume is full?"),
        (_("the service that writes to it"), _("every container on this engine"), _("nobody: it grows")),
        answer=0,
    ),
    solution=[
        Deploy("jar", 4 * MIB, memory=True),
        # A Redis that finds no room when it begins ends at once, and with it the tmpfs is empty.
        shell(
            "jar", f"ask PING >/dev/null; dd if=/dev/zero of={DATA}/fill bs=64k count=160 2>/dev/null || true"
        ),
    ],
    check=full,
    hints=[
        _("Which kind of volume has a size on every engine? You made one in lab 04."),
        _("--opt type=tmpfs --opt device=tmpfs --opt o=size=4m; then dd in `{jar}`, until it fails."),
    ],
    needs=frozenset({SIZED}),
    wrong={
        UNLIMITED: [Deploy("jar", 4 * MIB)],
        DOWN: [Deploy("jar", 4 * MIB, memory=True), Stop("jar")],
        ROOM_LEFT: [Deploy("jar", 4 * MIB, memory=True)],
    },
    image="store",
    shows=("jar",),
    volumes=("jar-data",),
    explanation=_(
        'dd got "No space left on device", and nobody else noticed anything. Had it written to a volume on '
        "the engine's disk, it would have gone on until that was full, and with it every container, and the "
        "engine. A tmpfs lies in memory and is empty once nobody runs on it. For a limit that lasts, a "
        "volume needs a disk of its own, a partition or a loop device, or a file system with quotas."
    ),
    then_now=ThenNow(
        _("The size of the volume must be given when the service is created."),
        _(
            "Docker's local driver takes a size for xfs with project quotas, and otherwise what is mounted "
            "decides."
        ),
    ),
)

STEPS = (A_PLACE, ONE_INSTANCE, RECREATE, BACKUP_STEP, RESTORE_STEP, LIMIT)
