"""Lab 01: the layers of an image, the layer of a container, what copy-on-write does, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping

from voltutor.diagrams import size_text
from voltutor.engine import ContainerView
from voltutor.images import MIB
from voltutor.labs.common import shell
from voltutor.lessons import Choice, Duration, Failed, Lab, NotAttempted, Passed, Step, ThenNow, Verdict
from voltutor.measure import FIRST_WRITE, Measure
from voltutor.results import Result, duration, duration_interval, median_interval
from voltutor.results.statistics import PILOT
from voltutor.session import COPIES_UP, Bench, Remove, Run, Stop, Tag
from voltutor.text import _

READ_FILE = "/seed/16MiB-1"
WRITTEN_FILE = "/seed/16MiB-2"
DELETED_FILE = "/seed/16MiB-3"
NOTE = "/dev/shm/read"  # noqa: S108 - a tmpfs of the container's, which is the point: it is not its layer

ONE, TWO = Run("one", "files"), Run("two", "files")


def fields(bench: Bench) -> Mapping[str, str]:
    """The names that the texts use, each reserved for the step that first makes it."""
    return {
        "one": bench.names("one", step="container-layer"),
        "two": bench.names("two", step="copy-up"),
        "stack": bench.names("stack", "image", step="layers"),
        "image": bench.image("files"),
        "lab_image": bench.image("lab"),
    }


def _kinds(bench: Bench, logical: str) -> dict[str, str]:
    """The container's own layer as `docker diff` shows it: path to A, C or D; empty without the container."""
    view = bench.container(logical)
    return {change.path: change.kind for change in bench.engine.diff(view.id)} if view else {}


def _ends_alike(bench: Bench, path: str) -> bool:
    """Whether both containers see the same last bytes, and the same size, of a file."""
    line = ("sh", "-c", f"stat -c %s {path} && tail -c 64 {path} | sha256sum")
    one, two = (bench.succeeded(line, bench.exec(name, *line)) for name in ("one", "two"))
    return one.out == two.out


def _size(bench: Bench, logical: str, path: str) -> int:
    """Bytes of a file, as a container sees it."""
    line = ("stat", "-c", "%s", path)
    return int(bench.succeeded(line, bench.exec(logical, *line)).text)


STRANGER = Failed(_("`{name}` was not made from `{image}`, so it shows nothing of that image."))


def _stranger(bench: Bench, *views: ContainerView | None) -> Failed | None:
    """The reason, where one of these containers was not made from the lab's image."""
    image = bench.engine.image(bench.image("files"))
    for view in views:
        if view is not None and (image is None or view.image_id != image.id):
            return STRANGER.seen(**fields(bench), name=view.name)
    return None


# 1: layers

OTHER_IMAGE_TAGGED = Failed(_("`{stack}` is there, but it names another image than `{image}`."))
TAGGED = Passed(
    _("`{stack}` and `{image}` are two names of one image: the same {n} layers, by their digests.")
)


def same_layers(bench: Bench) -> Verdict:
    """A second name for the image."""
    stack = bench.engine.image(bench.names("stack", "image"))
    image = bench.engine.image(bench.image("files"))
    if stack is None or image is None:
        return NotAttempted()
    if stack.id != image.id:
        return OTHER_IMAGE_TAGGED.seen(**fields(bench))
    return TAGGED.seen(**fields(bench), n=len(image.layers))


LAYERS = Step(
    id="layers",
    title=_("An image is a stack of read-only layers"),
    goal=_("Give the image `{image}` a second name, `{stack}`, and see what that adds to the disk."),
    minutes=2,
    prediction=Choice(
        _("What will a second name for an image add to the engine's disk?"),
        (_("as much as the whole image"), _("a copy of its topmost layer"), _("next to nothing")),
        answer=2,
    ),
    solution=[Tag("files", "stack")],
    check=same_layers,
    hints=[
        _("A name that points to an image is called a tag. Which command of `docker image` makes one?"),
        _("`docker image tag`, then the name that exists, then the new one."),
    ],
    wrong={OTHER_IMAGE_TAGGED: [Tag("lab", "stack")]},
    explanation=_(
        "An image is a list of layers and a little configuration; a name is a pointer to that list. Each layer "
        "is named by the digest of its content, so two images that begin with the same layers share them: "
        "`{image}` stands on the three layers of `{lab_image}`, and they are on the disk once. Nothing that runs "
        "ever changes a layer of an image."
    ),
    then_now=ThenNow(
        _("Layers are stacked by a union file system, which the text takes to be AUFS."),
        _(
            "overlay2, or the containerd store's overlayfs, which is the default of a new Docker 29. AUFS left "
            "Docker with version 24. The stack, and the words for it, are the same."
        ),
    ),
)

# 2: the container's own layer

NOT_RUNNING = Failed(_("`{one}` is there, but it does not run."))
OWN_LAYER = Passed(
    _("`{one}` runs on all layers of `{image}`. Changes in its own layer: {changes}; size: {size}.")
)


def runs_on_the_image(bench: Bench) -> Verdict:
    """A running container made from the image."""
    one = bench.container("one")
    if one is None:
        return NotAttempted()
    if stranger := _stranger(bench, one):
        return stranger
    if not one.running:
        return NOT_RUNNING.seen(**fields(bench))
    size = size_text(bench.engine.layer_size(one.id))
    return OWN_LAYER.seen(**fields(bench), changes=len(bench.engine.diff(one.id)), size=size)


CONTAINER_LAYER = Step(
    id="container-layer",
    title=_("A container adds one layer of its own"),
    goal=_("Start a container named `{one}` from `{image}`."),
    minutes=2,
    prediction=Choice(
        _("What will the container's own layer hold right after the start?"),
        (_("a copy of the image's files"), _("the image's topmost layer"), _("nothing")),
        answer=2,
    ),
    solution=[ONE],
    needs=frozenset({COPIES_UP}),
    check=runs_on_the_image,
    hints=[
        _("`docker container run` makes a container and starts it; by default it would hold your terminal."),
        _("--detach lets it run in the background, --name names it. This image needs no command."),
    ],
    wrong={STRANGER: [Run("one", "lab")], NOT_RUNNING: [ONE, Stop("one")]},
    shows=("one",),
    explanation=_(
        "The container sees every file of the image, and has copied none of them. On top of the image's layers "
        "lies one layer that is its own and that it may write. A hundred containers of this image would share "
        "the layers below, and each would begin with an empty one of its own. That is why a container starts "
        "in a moment. `docker container diff {one}` lists what its layer holds."
    ),
    then_now=ThenNow(
        _("Docker loads the read-only layers and puts one read-write layer on top of the stack."),
        _("The same. Docker's documents call it the writable layer, or the container layer."),
    ),
)

# 3: reading

WRONG_FILE = Failed(_("There is a checksum in `{note}`, but it is not that of `{path}`."))
TOUCHED = Failed(
    _("You have the checksum of `{path}`, but the file was also opened for writing: it was copied up."),
    stuck=True,
)
READ = Passed(
    _("16 MiB were read and their checksum kept, and `{one}`'s own layer holds no copy of `{path}`.")
)


def read_and_left_alone(bench: Bench) -> Verdict:
    """The checksum of the file lies in memory, and the file was not copied up."""
    one = bench.container("one")
    if one is None or not one.running:
        return NotAttempted()
    if stranger := _stranger(bench, one):
        return stranger
    note = bench.exec("one", "cat", NOTE)
    if note.code != 0:
        return NotAttempted()
    seen = {**fields(bench), "note": NOTE, "path": READ_FILE}
    # `docker diff` leaves out a file that was opened for writing and not written to; the layer's size does not.
    changed = [
        path for path, kind in _kinds(bench, "one").items() if kind == "C" and path.startswith("/seed/")
    ]
    if READ_FILE in changed or bench.engine.layer_size(one.id) // (16 * MIB) > len(changed):
        return TOUCHED.seen(**seen)
    if note.text.split()[:1] != bench.exec("one", "sha256sum", READ_FILE).text.split()[:1]:
        return WRONG_FILE.seen(**seen)
    return READ.seen(**seen)


READING = Step(
    id="read",
    title=_("Reading costs nothing"),
    goal=_(
        "In `{one}`, read all 16 MiB of `/seed/16MiB-1`: write its SHA-256 to `/dev/shm/read`, which lies in memory "
        "and not in the container's layer."
    ),
    minutes=2,
    prediction=Choice(
        _("By how much will `{one}`'s own layer grow when it reads a file of 16 MiB?"),
        (_("16 MiB"), _("one block of 4 KiB"), _("not at all")),
        answer=2,
    ),
    given=[ONE],
    solution=[shell("one", f"sha256sum {READ_FILE} > {NOTE}")],
    needs=frozenset({COPIES_UP}),
    check=read_and_left_alone,
    hints=[
        _("`docker container exec` runs a program in a container that is running."),
        _("The > must be read by a shell inside the container: exec NAME sh -c '… > …'"),
    ],
    wrong={
        WRONG_FILE: [shell("one", f"sha256sum {WRITTEN_FILE} > {NOTE}")],
        TOUCHED: [shell("one", f": >> {READ_FILE}; sha256sum {READ_FILE} > {NOTE}")],
        STRANGER: [Remove("one"), Run("one", "lab")],
    },
    shows=("one",),
    explanation=_(
        "A file is looked for from the top of the stack down, and the first layer that has it answers. For "
        "/seed/16MiB-1 that is a layer of the image, and reading goes straight to it. Containers of one image even "
        "share its pages in memory. Copy-on-write has no price for those who only read."
    ),
    then_now=ThenNow(
        _("COW lowers the efficiency of every kind of access, reading among them."),
        _("Not of reading: an opened file is read from its own file system at its full speed."),
    ),
)

# 4: copy-up

NO_WITNESS = Failed(
    _("`{one}` has its own copy of `{path}` now. Start `{two}` from the same image, to see the file below.")
)
UNWRITTEN = Failed(_("`{path}` was copied up in `{one}`, but it still ends as it did: append a line to it."))
BOTH_CHANGED = Failed(
    _("`{path}` was changed in `{two}` as well, so neither shows any longer what the image holds."),
    stuck=True,
)
EMPTIED = Failed(
    _(
        "`{path}` is shorter in `{one}` than it was: > empties a file before it writes, so nothing had to be copied. "
        "Append with >>."
    ),
    stuck=True,
)
COPIED_UP = Passed(
    _(
        "`{one}`'s layer has grown to {size}: the whole file for one line. In `{two}` the file ends as it always did."
    )
)


def copied_up(bench: Bench) -> Verdict:
    """The file is changed in one container, and not in the other."""
    seen = {**fields(bench), "path": WRITTEN_FILE}
    one, two = bench.container("one"), bench.container("two")
    if one is None or _kinds(bench, "one").get(WRITTEN_FILE) != "C":
        return NotAttempted()
    if two is None or not (one.running and two.running):
        return NO_WITNESS.seen(**seen)
    if stranger := _stranger(bench, one, two):
        return stranger
    if WRITTEN_FILE in _kinds(bench, "two"):
        return BOTH_CHANGED.seen(**seen)
    if _ends_alike(bench, WRITTEN_FILE):
        return UNWRITTEN.seen(**seen)
    if _size(bench, "one", WRITTEN_FILE) < _size(bench, "two", WRITTEN_FILE):
        return EMPTIED.seen(**seen)
    return COPIED_UP.seen(**seen, size=size_text(bench.engine.layer_size(one.id)))


TOUCH = shell("one", f"touch {WRITTEN_FILE}")
APPEND = shell("one", f"echo hello >> {WRITTEN_FILE}")

COPY_UP = Step(
    id="copy-up",
    title=_("The first write copies the whole file"),
    goal=_(
        "In `{one}`, append a line to `/seed/16MiB-2`. Then start `{two}` and look at the same file there."
    ),
    minutes=3,
    prediction=Choice(
        _("You append six bytes to a file of 16 MiB. By how much will `{one}`'s own layer grow?"),
        (_("6 bytes"), _("one block of 4 KiB"), _("16 MiB")),
        answer=2,
    ),
    given=[ONE],
    solution=[APPEND, TWO],
    needs=frozenset({COPIES_UP}),
    check=copied_up,
    hints=[
        _("exec again; inside a shell, >> appends to a file."),
        _("Then a second container from `{image}`, named `{two}`."),
    ],
    wrong={
        NO_WITNESS: [APPEND],
        STRANGER: [APPEND, Run("two", "lab")],
        UNWRITTEN: [TOUCH, TWO],
        EMPTIED: [shell("one", f"echo hello > {WRITTEN_FILE}"), TWO],
        BOTH_CHANGED: [APPEND, TWO, shell("two", f"echo hello >> {WRITTEN_FILE}")],
    },
    shows=("one", "two"),
    explanation=_(
        "A layer holds whole files, not pieces of them. When `{one}` opened /seed/16MiB-2 for writing, the kernel "
        "copied all 16 MiB of it up into the container's own layer, and only then was the line appended. From now on "
        "that copy answers, and hides the file below, which is unchanged: `{two}` reads it, and so will every "
        "other container of this image. A second write to the same file finds the copy there and pays nothing."
    ),
    then_now=ThenNow(
        _(
            "A file that is modified is copied from the read-only layer up to the read-write layer: copy-on-write."
        ),
        _(
            "The same. The kernel calls it copy-up. It happens when the file is opened for writing; chown, chmod "
            "and a hard link copy the file too."
        ),
    ),
)

# 5: whiteout

GONE_IN_BOTH = Failed(
    _("`{path}` was deleted in `{two}` as well, so nothing shows any longer that the image still has it."),
    stuck=True,
)
NO_SECOND = Failed(
    _(
        "`{path}` is hidden in `{one}` now. Start `{two}` from the same image, to see that the file is still there."
    )
)
HIDDEN = Passed(
    _(
        "`{one}` no longer sees `{path}`; `{two}` still reads its {size}. "
        "The image is as large as before: {image_size}."
    )
)


def hidden(bench: Bench) -> Verdict:
    """The file is deleted in one container, and there in the other."""
    seen = {**fields(bench), "path": DELETED_FILE}
    one, two = bench.container("one"), bench.container("two")
    if one is None or _kinds(bench, "one").get(DELETED_FILE) != "D":
        return NotAttempted()
    if two is None or not two.running:
        return NO_SECOND.seen(**seen)
    if stranger := _stranger(bench, one, two):
        return stranger
    size = bench.exec("two", "stat", "-c", "%s", DELETED_FILE)
    if size.code != 0:
        return GONE_IN_BOTH.seen(**seen)
    image = bench.engine.image(bench.image("files"))
    image_size = size_text(image.size) if image else "?"
    return HIDDEN.seen(**seen, size=size_text(int(size.text)), image_size=image_size)


DELETE = shell("one", f"rm {DELETED_FILE}")

WHITEOUT = Step(
    id="whiteout",
    title=_("Deleting hides, and frees nothing"),
    goal=_("In `{one}`, delete `/seed/16MiB-3`. `{two}` shows what became of the file itself."),
    minutes=2,
    prediction=Choice(
        _("What will happen to the size of the image when a container deletes one of its files?"),
        (_("it shrinks by 16 MiB"), _("it stays as it is"), _("it grows a little")),
        answer=1,
    ),
    given=[ONE, TWO],
    solution=[DELETE],
    needs=frozenset({COPIES_UP}),
    check=hidden,
    hints=[
        _("Inside the container it is a plain rm."),
        _("`docker container exec {one} rm …`; then compare `ls /seed` in both containers."),
    ],
    wrong={
        GONE_IN_BOTH: [DELETE, shell("two", f"rm {DELETED_FILE}")],
        NO_SECOND: [DELETE, Remove("two")],
        STRANGER: [DELETE, Remove("two"), Run("two", "lab")],
    },
    shows=("one", "two"),
    explanation=_(
        "The layer that has the file is read-only, so the deletion is written down in the container's own layer: "
        "an entry, called a whiteout, that says of /seed/16MiB-3 “not here”. The file below stays, and so does its "
        "space. For the same reason a RUN line in a Dockerfile that deletes what an earlier line made leaves "
        "the image as large as it was."
    ),
    then_now=ThenNow(
        _("The read-only version still exists; it is only hidden."),
        _(
            "The same. On overlayfs the whiteout is a character device with number 0/0 in the upper directory."
        ),
    ),
)

# 6: the price

UNFINISHED = Failed(_("Whole rounds so far: {n} of {planned}. Press Run to go on where it stopped."))
GREW = Passed(
    _(
        "{large} MiB: {layer} in the layer, {volume} in a volume. {large} MiB took {layer_growth:.0f} times as long "
        "as 16 MiB in the layer, and {volume_growth:.1f} times as long in the volume."
    )
)
CLONED = Passed(
    _(
        "{large} MiB: {layer} in the layer, {volume} in a volume. This file system clones: in the layer {large} MiB "
        "took only {layer_growth:.1f} times as long as 16 MiB, so the copy-up copied no data."
    )
)
UNCLEAR = Passed(
    _(
        "{large} MiB: {layer} in the layer, {volume} in a volume. In the layer {large} MiB took {layer_growth:.1f} "
        "times as long as 16 MiB: neither a plain copy nor a plain clone. Is the machine busy?"
    )
)

SMALL = 16 * MIB
"""What the largest file is compared with: of so many times the data a copy takes about as many times as long, a
clone about as long as before."""


def price_fields(result: Result) -> dict[str, object]:
    """The figures of the verdict's sentence."""
    large = largest(result)
    return {
        "large": large // MIB,
        "layer": duration_interval(median_interval(result.values("layer", large))),
        "volume": duration(median_interval(result.values("volume", large)).median),
        "layer_growth": result.growth("layer", SMALL, large).median,
        "volume_growth": result.growth("volume", SMALL, large).median,
    }


def largest(result: Result) -> int:
    """Bytes of the largest file that was measured: 256 MiB, or less where there was no room."""
    return max(size or 0 for size in result.sizes)


def measured(bench: Bench) -> Verdict:
    """A complete result of first-write in this session."""
    result = bench.result(FIRST_WRITE.name)
    if result is None or not result.pairs:
        return NotAttempted()
    if not result.answers:
        return UNFINISHED.seen(n=result.rounds, planned=result.planned or PILOT)
    found = price_fields(result)
    grew, data = result.growth("layer", SMALL, largest(result)).median, largest(result) / SMALL
    if grew >= data / 2:
        return GREW.seen(**found)
    cloned = grew <= data / 4 and result.circumstances.get("reflink") is not False
    return (CLONED if cloned else UNCLEAR).seen(**found)


PRICE = Step(
    id="price",
    title=_("What the first write costs"),
    goal=_(
        "Guess, then measure with fio: open a file of the image for writing and write 4 KiB that are on disk when "
        "the write returns; for files of 1 to 256 MiB, in a container's layer and in a volume. "
        "This makes an image of 468 MiB on the engine; the clean-up removes it."
    ),
    minutes=5,
    prediction=Duration(
        _(
            "How long will the first 4 KiB write to a 256 MiB file of the image take in the container's layer?"
        ),
        least=1e-4,
        most=100.0,
        start=0.01,
    ),
    solution=[Measure(FIRST_WRITE, budget=90)],
    needs=frozenset({COPIES_UP}),
    check=measured,
    hints=[
        _(
            "The whole file is copied before the first byte is written. How fast does this machine's disk write?"
        ),
        _("Four times the data, four times the time? Compare the dots for 16, 64 and 256 MiB."),
    ],
    wrong={UNFINISHED: [Measure(FIRST_WRITE, budget=0.1)]},
    image="seed",
    measures=FIRST_WRITE.name,
    explanation=_(
        "Each dot is one trial: a fresh container, or a volume that holds the same files. Trials ran in pairs and in "
        "random order, and eight pilot pairs fixed how many pairs there would be. In a volume the write goes to the "
        "file itself, whatever its size. In the layer the file is copied first: where the file system can't "
        "clone (ext4), the time grows with the file; where it can (xfs, btrfs), it does not. Either way it is "
        "paid once per file. A database that keeps one large file in its image pays it at its first write."
    ),
    then_now=ThenNow(
        _(
            "COW must lower the file system's efficiency, and for applications with high demands on I/O, such as "
            "Redis or MySQL, performance will drop greatly."
        ),
        _(
            "Of the first write to a large file of the image that is true where the file system can't clone; your "
            "figures above tell which kind yours is. In steady state, when the "
            "file has been copied up, overlay2 costs little: `voltutor measure random-write` shows how little here."
        ),
    ),
)

# 7: removing

STILL_THERE = Failed(_("{names} is still there, and its layer with it."))
REMOVED = Passed(
    _("`{one}` and `{two}` are gone, and their layers with them. `{image}` is as it was: {n} layers, {size}.")
)


def both_removed(bench: Bench) -> Verdict:
    """Both containers were there, and are not any more."""
    there = [view.name for logical in ("one", "two") if (view := bench.container(logical))]
    if len(there) == 2 or not (bench.was_there("one") and bench.was_there("two")):
        return NotAttempted()
    if there:
        return STILL_THERE.seen(names=", ".join(there))
    image = bench.engine.image(bench.image("files"))
    if image is None:
        return NotAttempted()
    return REMOVED.seen(**fields(bench), n=len(image.layers), size=size_text(image.size))


REMOVE = Step(
    id="remove",
    title=_("Removing a container removes its layer"),
    goal=_("Remove `{one}` and `{two}`. What you wrote in them lay in their own layers."),
    minutes=2,
    prediction=Choice(
        _("Where will the line be that you appended to /seed/16MiB-2?"),
        (_("in the image, from now on"), _("in a volume that Docker made for it"), _("nowhere")),
        answer=2,
    ),
    given=[ONE, TWO],
    solution=[Remove("one"), Remove("two")],
    check=both_removed,
    hints=[
        _(
            "`docker container rm` removes a container; one that runs must be stopped first, or removed by force."
        ),
        _("--force does both. Once for `{one}`, once for `{two}`."),
    ],
    wrong={STILL_THERE: [Remove("one")]},
    shows=("one", "two"),
    explanation=_(
        "A container's layer lives exactly as long as the container: stopping and starting keep it, removing "
        "deletes it. So what must outlive a container has to lie somewhere else, and that is what the next lab "
        "is about: volumes. They also spare their files the copy-up that you have measured."
    ),
    then_now=ThenNow(
        _("Stopping and restarting a container leaves its data alone; removing it loses every change."),
        _("The same."),
    ),
)

COPY_ON_WRITE = Lab(
    id="01-copy-on-write",
    title=_("Copy-on-write: see it, guess its price, measure it"),
    steps=(LAYERS, CONTAINER_LAYER, READING, COPY_UP, WHITEOUT, PRICE, REMOVE),
    fields=fields,
)
