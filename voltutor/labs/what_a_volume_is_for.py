"""Lab 02: what becomes of what a container writes, and what a volume does about it."""

from __future__ import annotations

from collections.abc import Mapping

from voltutor.labs.common import bound, has, seen, shell
from voltutor.lessons import Choice, Failed, Lab, NotAttempted, Passed, Step, ThenNow, Verdict
from voltutor.session import (
    HOST_PATHS,
    Bench,
    Bind,
    Commit,
    CopyOut,
    Mount,
    OnHost,
    Remove,
    Restart,
    Run,
    Start,
    Stop,
    moment,
)
from voltutor.text import _


def fields(bench: Bench) -> Mapping[str, str]:
    """The names that the texts use."""
    containers = ("box", "first", "second", "mixed", "after", "writer", "reader", "inside", "locker")
    return {
        **{logical: bench.names(logical) for logical in containers},
        "snapshot": bench.names("snapshot", "image"),
        "common": bench.names("common", "volume"),
        "image": bench.image("lab"),
        "folder": str(bench.files / "meeting"),
        "desk": str(bench.files / "desk"),
        "taken": str(bench.files / "taken"),
    }


# 1: stop and start

NOT_STOPPED = Failed(
    _("`{box}` has a /note, and has not been stopped since it was made. Stop it and start it.")
)
STOPPED = Failed(_("`{box}` was stopped. Start it again, to see what it still has."))
NO_NOTE = Failed(_("`{box}` was stopped and started, but it has no /note: write one before you stop it."))
WRITTEN_AFTER = Failed(
    _("`{box}` has a /note, but it was written after the start. Stop and start it once more.")
)
KEPT = Passed(
    _("`{box}` was stopped and started, and its /note still says {text}: its layer was there all the time.")
)

BOX = Run("box", "lab")
NOTE = shell("box", "hostname > /note")


def kept(bench: Bench) -> Verdict:
    """A note that outlived a stop."""
    box = bench.container("box")
    if box is None:
        return NotAttempted()
    if box.finished and not box.running:
        return STOPPED.seen(**fields(bench))
    there = box.running and has(bench, "box", "/note")
    if not box.finished:
        return NOT_STOPPED.seen(**fields(bench)) if there else NotAttempted()
    if not there:
        return NO_NOTE.seen(**fields(bench))
    # A file's time is looked at in whole seconds: older than the start is what was there before it.
    written, started = bench.exec("box", "stat", "-c", "%Y", "/note").text, moment(box.started)
    if started and written.isdigit() and int(written) > started.timestamp():
        return WRITTEN_AFTER.seen(**fields(bench))
    return KEPT.seen(**fields(bench), text=bench.exec("box", "cat", "/note").text)


STOP_AND_START = Step(
    id="stop-and-start",
    title=_("Stopping keeps"),
    goal=_("In `{box}`, write something to /note. Then stop the container, start it again, and restart it."),
    minutes=2,
    prediction=Choice(
        _("What will /note hold after a stop, a start and a restart?"),
        (_("nothing: the file is gone"), _("an empty file"), _("what was written")),
        answer=2,
    ),
    given=[BOX],
    solution=[NOTE, Stop("box"), Start("box"), Restart("box")],
    check=kept,
    hints=[
        _(
            "Four commands: one that runs a shell in the container, and one each that stops, starts and restarts it."
        ),
        _("`docker container exec`, then `stop`, `start` and `restart`."),
    ],
    wrong={
        NOT_STOPPED: [NOTE],
        STOPPED: [NOTE, Stop("box")],
        NO_NOTE: [Stop("box"), Start("box")],
        WRITTEN_AFTER: [Stop("box"), Start("box"), shell("box", "sleep 1.5; hostname > /note")],
    },
    image="lab",
    shows=("box",),
    explanation=_(
        "A stopped container isn't gone. Its processes have ended; its layer lies on the disk as before, and `docker "
        "container start` runs its command on the same layer again. `docker container restart` is both in one, and "
        "keeps it too. When people say that restarting a container loses its data, they mean that it was removed and "
        "made anew, as an orchestrator does it: that is the next step."
    ),
    then_now=ThenNow(
        _("Stopping and restarting leaves data alone; elsewhere the same text says that a restart loses it."),
        _("Both are right about different things: `docker restart` keeps, a platform that replaces loses."),
    ),
)

# 2: remove

STILL_THERE = Failed(_("`{first}` is still there, and its layer with it."))
NO_SECOND = Failed(_("`{first}` is gone. Start `{second}` from the same image, and look for /note."))
WRITTEN_ANEW = Failed(
    _(
        "`{second}` has a /note, but it was written there: `{first}`'s is nowhere. Remove `{second}`, and start it "
        "anew."
    )
)
OTHER_ORIGIN = Failed(_("`{second}` was not made from `{image}`, as `{first}` was."))
LOST = Passed(
    _("`{first}` is gone, and `{second}`, from the same image, has no /note: it lay in the layer that went.")
)

FIRST, SECOND = Run("first", "lab"), Run("second", "lab")
FIRST_NOTE = shell("first", "hostname > /note")


def lost(bench: Bench) -> Verdict:
    """The first was there, and is gone; the second has none of it."""
    first, second = bench.container("first"), bench.container("second")
    if first and second:
        return STILL_THERE.seen(**fields(bench))
    if first or not bench.was_there("first"):
        return NotAttempted()
    if second is None or not second.running:
        return NO_SECOND.seen(**fields(bench))
    image = bench.engine.image(bench.image("lab"))
    if image is None or second.image_id != image.id:
        return OTHER_ORIGIN.seen(**fields(bench))
    return (WRITTEN_ANEW if has(bench, "second", "/note") else LOST).seen(**fields(bench))


REMOVING = Step(
    id="remove-loses",
    title=_("Removing loses"),
    goal=_(
        "`{first}` has a /note. Remove it, start `{second}` from the same image, `{image}`, and look for the note."
    ),
    minutes=2,
    prediction=Choice(
        _("Where will the note be?"),
        (_("in the image, for every new container"), _("in a volume that Docker keeps"), _("nowhere")),
        answer=2,
    ),
    given=[FIRST, FIRST_NOTE],
    solution=[Remove("first"), SECOND],
    check=lost,
    hints=[
        _("`docker container rm` wants a stopped container, or --force."),
        _("Then `docker container run --detach` with the same image and the other name."),
    ],
    wrong={
        STILL_THERE: [SECOND],
        NO_SECOND: [Remove("first")],
        WRITTEN_ANEW: [Remove("first"), SECOND, shell("second", "hostname > /note")],
        OTHER_ORIGIN: [Remove("first"), Run("second", "redis-server")],
    },
    image="lab",
    shows=("first", "second"),
    explanation=_(
        "The layer belongs to the container and goes with it. Nothing of it was ever in the image, so a new "
        "container begins as the first one did. This is what an update does: the old container is removed, and a "
        "new one made from the newer image. What must outlive that has to lie elsewhere."
    ),
    then_now=ThenNow(
        _("Removing a Docker container loses all its changes."),
        _("The same. Kubernetes replaces containers rather than restarting them, so there it happens daily."),
    ),
)

# 3: reaching in

NOT_THAT_NOTE = Failed(_("There is a `{taken}/note`, but it isn't the one that `{locker}` has."))
NOTE_GONE = Failed(_("`{locker}` has no /note any longer, so nothing can be compared with it."), stuck=True)
TAKEN_OUT = Passed(
    _(
        "`{taken}/note` is a copy of {size} bytes. To change /note in `{locker}` you would have to copy it back."
    )
)

LOCKER = Run("locker", "lab")
LOCKER_NOTE = shell("locker", "cat /proc/sys/kernel/random/uuid > /note")


def taken_out(bench: Bench) -> Verdict:
    """A copy of the container's file on the host."""
    locker, copy = bench.container("locker"), bench.files / "taken" / "note"
    if locker is None or not locker.running or not copy.is_file():
        return NotAttempted()
    there = bench.exec("locker", "cat", "/note")
    if there.code != 0:
        return NOTE_GONE.seen(**fields(bench))
    if there.out != copy.read_bytes():
        return NOT_THAT_NOTE.seen(**fields(bench))
    return TAKEN_OUT.seen(**fields(bench), size=len(there.out))


REACHING_IN = Step(
    id="reach-in",
    title=_("The host and the layer"),
    goal=_("`{locker}` has a /note in its layer. Bring it to the host, into `{taken}`."),
    minutes=2,
    prediction=Choice(
        _("Where on the host's disk does /note of `{locker}` lie?"),
        (
            _("at /note"),
            _("in a folder of the engine's, which is not for others"),
            _("nowhere, it is in memory"),
        ),
        answer=1,
    ),
    given=[LOCKER, LOCKER_NOTE],
    solution=[CopyOut("locker", "/note", "taken")],
    check=taken_out,
    hints=[
        _(
            "Nothing on the host leads there by name, so Docker has to fetch it. It has a command that copies."
        ),
        _(
            "`docker container cp` takes a container and a path, with a colon between, and a folder of the host."
        ),
    ],
    wrong={
        NOT_THAT_NOTE: [OnHost("echo mine > {files}/taken/note")],
        NOTE_GONE: [CopyOut("locker", "/note", "taken"), shell("locker", "rm /note")],
    },
    files={"taken": None},
    image="lab",
    shows=("locker",),
    explanation=_(
        "A layer is the engine's own affair. Its files lie somewhere under the engine's data root, on Docker Desktop "
        "in another machine, and writing there under a running container is asking for trouble. `docker container "
        "cp` brings a copy out, or in, and each further change takes another copy. A program on the host that is to "
        "work on a container's files needs a directory that both can see."
    ),
    then_now=ThenNow(
        _("The host can't easily get at what lies in a container."),
        _("The same: by `docker container cp` or exec, file by file."),
    ),
)

# 4: commit

NO_AFTER = Failed(_("`{snapshot}` is made. Start `{after}` from it, and look for both files."))
OTHER_IMAGE = Failed(_("`{after}` was not made from `{snapshot}`."))
NOT_IN_IT = Failed(_("`{snapshot}` has no /in-layer: it was made from a container without that file."))
IN_VOLUME_TOO = Failed(
    _("`{after}` has /kept/in-volume too, but not from the image: it was given the volume.")
)
COMMITTED = Passed(
    _("`{after}` has /in-layer, and nothing in /kept: a commit takes the layer, and leaves volumes out.")
)

MIXED = Run("mixed", "lab", (), (Mount("/kept"),))
BOTH_FILES = shell("mixed", "hostname > /in-layer; hostname > /kept/in-volume")
AFTER = Run("after", "=snapshot")


def committed(bench: Bench) -> Verdict:
    """A container from the committed image, with the layer's file."""
    seen(bench, "mixed")
    image = bench.engine.image(bench.names("snapshot", "image"))
    if image is None:
        return NotAttempted()
    after = seen(bench, "after")
    if after is None or not after.running:
        return NO_AFTER.seen(**fields(bench))
    if after.image_id != image.id:
        return OTHER_IMAGE.seen(**fields(bench))
    if not has(bench, "after", "/in-layer"):
        return NOT_IN_IT.seen(**fields(bench))
    return (IN_VOLUME_TOO if has(bench, "after", "/kept/in-volume") else COMMITTED).seen(**fields(bench))


COMMITTING = Step(
    id="commit",
    title=_("A commit keeps the layer, and no volume"),
    goal=_(
        "`{mixed}` has a file in its layer, /in-layer, and one in a volume, /kept/in-volume. Commit it as "
        "`{snapshot}`, start `{after}` from that image, and look for both."
    ),
    minutes=3,
    prediction=Choice(
        _("Which of the two files will `{after}` have?"),
        (_("both"), _("only the one from the layer"), _("only the one from the volume")),
        answer=1,
    ),
    given=[MIXED, BOTH_FILES],
    solution=[Commit("mixed", "snapshot"), AFTER],
    check=committed,
    hints=[
        _("`docker container commit` takes a container and a name for the image."),
        _("Then `docker container run --detach --name {after} {snapshot}`."),
    ],
    wrong={
        NO_AFTER: [Commit("mixed", "snapshot")],
        OTHER_IMAGE: [Commit("mixed", "snapshot"), Run("after", "lab")],
        IN_VOLUME_TOO: [Commit("mixed", "snapshot"), Run("after", "=snapshot", volumes_from=("mixed",))],
        NOT_IN_IT: [shell("mixed", "rm /in-layer"), Commit("mixed", "snapshot"), AFTER],
    },
    image="lab",
    shows=("mixed", "after"),
    explanation=_(
        "A commit packs the container's own layer as a new layer of an image. A volume is mounted over the stack "
        "and is no part of it, so it isn't packed. The new image still declares /kept as a volume, and `{after}` "
        "has got a fresh, empty one there. Commits are for looking at something later; data that grow don't "
        "belong in images, and how an image came about is better written in a Dockerfile."
    ),
    then_now=ThenNow(
        _("Without a volume, docker commit can still make a container's data last, as a new image."),
        _("The same, and it has always left volumes out, which many find out too late."),
    ),
)

# 5: sharing

ONE_ONLY = Failed(_("It takes both, `{writer}` and `{reader}`, running."))
NOT_SHARED = Failed(
    _("`{writer}` and `{reader}` have no volume in common at /shared: what one writes the other doesn't see.")
)
NOT_COMMON = Failed(_("They share a volume at /shared, but it is {name} and not `{common}`."))
NOTHING_WRITTEN = Failed(_("They share the volume `{common}`; now let `{writer}` write to /shared/note."))
SHARED = Passed(
    _("`{reader}` reads in /shared/note what `{writer}` wrote: both see one directory, the volume {name}.")
)

WRITER = Run("writer", "lab", (), (Mount("/shared", "common"),))
READER = Run("reader", "lab", (), (Mount("/shared", "common"),))


def shared(bench: Bench) -> Verdict:
    """Both have the same volume, and one reads what the other wrote."""
    writer, reader = seen(bench, "writer"), seen(bench, "reader")
    if writer is None and reader is None:
        return NotAttempted()
    if not (writer and reader and writer.running and reader.running):
        return ONE_ONLY.seen(**fields(bench))
    one, two = writer.mount("/shared"), reader.mount("/shared")
    if one is None or two is None or not one.name or one.name != two.name:
        return NOT_SHARED.seen(**fields(bench))
    if one.name != bench.names("common", "volume"):
        return NOT_COMMON.seen(**fields(bench), name=one.name)
    if not has(bench, "reader", "/shared/note"):
        return NOTHING_WRITTEN.seen(**fields(bench))
    return SHARED.seen(**fields(bench), name=one.name)


SHARING = Step(
    id="share",
    title=_("Two containers, one directory"),
    goal=_(
        "Start `{writer}` and `{reader}` from `{image}` so that both have the volume `{common}` at /shared. Let "
        "`{writer}` write to /shared/note, and `{reader}` read it."
    ),
    minutes=3,
    prediction=Choice(
        _("When will `{reader}` see what `{writer}` writes?"),
        (_("after a restart"), _("when the volume is synced"), _("at once")),
        answer=2,
    ),
    solution=[WRITER, READER, shell("writer", "hostname > /shared/note")],
    check=shared,
    hints=[
        _("Each container's layer is its own. What both can have is a volume of one name."),
        _("--volume {common}:/shared for both; Docker makes the volume when it is first named."),
    ],
    wrong={
        ONE_ONLY: [WRITER],
        NOT_SHARED: [WRITER, Run("reader", "lab", (), (Mount("/shared"),))],
        NOT_COMMON: [
            Run("writer", "lab", (), (Mount("/shared", "other"),)),
            Run("reader", "lab", (), (Mount("/shared", "other"),)),
        ],
        NOTHING_WRITTEN: [WRITER, READER],
    },
    image="lab",
    shows=("writer", "reader"),
    volumes=("common",),
    explanation=_(
        "There is one directory on the engine's disk, mounted into both containers. Nothing is copied or synced "
        "between them: they are two programs that work on the same files, with all that this means. If both "
        "write, they have to agree on how; a database is not made for two servers on one directory."
    ),
    then_now=ThenNow(
        _("Sharing data between containers is inconvenient; a volume is the solution."),
        _("The same. Across machines it takes a volume driver, or a network file system."),
    ),
)

# 6: past the stack

NOT_BOUND = Failed(_("`{inside}` doesn't run with `{folder}` at /meeting."))
NO_FILE = Failed(_("`{inside}` has the host's folder at /meeting; now write a note to it, from inside."))
ONE_FILE = Passed(
    _(
        "One file, seen twice: inode {inode} in the container and on the host. The kernel's line for it: `{line}`"
    )
)
TWO_KERNELS = Passed(
    _(
        "The host sees what the container wrote. The inode numbers differ, {inside_inode} and {inode}: something "
        "between the two, such as a virtual machine's kernel, shares the folder with the host under numbers of its "
        "own."
    )
)
NO_LINE = Passed(
    _(
        "One file, seen twice: inode {inode} in the container and on the host. This engine redirects paths instead "
        "of mounting, so the kernel has no line for it."
    )
)
NO_SECOND_FOLDER = Failed(_("`{inside}` has one folder of the host's. Give it `{desk}` at /desk as well."))

MEETING, DESK = Bind("meeting", "/meeting"), Bind("desk", "/desk")
INSIDE = Run("inside", "lab", (), (MEETING, DESK))


def met(bench: Bench) -> Verdict:
    """The same file by its inode, from both sides."""
    inside = bench.container("inside")
    if inside is None:
        return NotAttempted()
    if not bound(inside, "/meeting", bench.files / "meeting") or not inside.running:
        return NOT_BOUND.seen(**fields(bench))
    if not bound(inside, "/desk", bench.files / "desk"):
        return NO_SECOND_FOLDER.seen(**fields(bench))
    note = bench.files / "meeting" / "note"
    number = bench.exec("inside", "stat", "-c", "%i", "/meeting/note").text
    if not note.exists() or not number:
        return NO_FILE.seen(**fields(bench))
    line = bench.exec("inside", "grep", " /meeting ", "/proc/self/mountinfo").text
    outside = str(note.stat().st_ino)
    words = TWO_KERNELS if number != outside else ONE_FILE if line else NO_LINE
    return words.seen(**fields(bench), inode=outside, inside_inode=number, line=line)


PAST_THE_STACK = Step(
    id="past-the-stack",
    title=_("Past the stack of layers"),
    goal=_(
        "Start `{inside}` from `{image}` with two folders of the host, `{folder}` at /meeting and `{desk}` at /desk. "
        "Then write /meeting/note from inside."
    ),
    minutes=3,
    prediction=Choice(
        _("What will the host have in its folder then?"),
        (_("a copy of the note"), _("the very same file"), _("nothing, until the container stops")),
        answer=1,
    ),
    solution=[INSIDE, shell("inside", "hostname > /meeting/note")],
    needs=frozenset({HOST_PATHS}),
    check=met,
    hints=[
        _("--volume takes a path of the host before the colon as well, and may be given more than once."),
        _("Compare `stat` on the host and in the container, and look for /meeting in /proc/self/mountinfo."),
    ],
    wrong={
        NOT_BOUND: [Run("inside", "lab")],
        NO_SECOND_FOLDER: [Run("inside", "lab", (), (MEETING,))],
        NO_FILE: [INSIDE],
    },
    files={"meeting": None, "desk": None},
    image="lab",
    shows=("inside",),
    explanation=_(
        "A volume, of whatever kind, is a directory that is bound to a place in the container, past the stack of "
        "layers. The path through overlayfs is not taken at all: the kernel goes straight to the file system below, "
        "which is why copy-up has no say here. One container may have several of them, as this one has two. "
        "Everything that follows in these labs is a way to say which directory that is."
    ),
    then_now=ThenNow(
        _(
            "A volume is one or more directories that bypass the union file system and are bound to a host directory."
        ),
        _("The same."),
    ),
)

WHAT_A_VOLUME_IS_FOR = Lab(
    id="02-what-a-volume-is-for",
    title=_("What a volume is for"),
    steps=(STOP_AND_START, REMOVING, REACHING_IN, COMMITTING, SHARING, PAST_THE_STACK),
    fields=fields,
)
