"""Lab 06: what copy-on-write costs, and what it doesn't: guess, measure, and read what the figures allow."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from voltutor.lessons import Failed, Lab, NotAttempted, Passed, Step, ThenNow, Times, Verdict
from voltutor.measure import Measure, workload
from voltutor.results import Finding, Result, amount_interval, compare, slowdown, times, times_interval
from voltutor.results.statistics import PILOT
from voltutor.session import COPIES_UP, Bench
from voltutor.text import _

UNFINISHED = Failed(_("Whole rounds so far: {n} of {planned}. Press Run to go on where it stopped."))
SLOWER = Passed(_("{a} in the layer, {b} in the volume: {ratio} as long in the layer, by {n} pairs."))
QUICKER = Passed(
    _("{a} in the layer, {b} in the volume: {ratio} as long in the layer, so less, by {n} pairs.")
)
NOT_SHOWN = Passed(
    _(
        "{a} in the layer, {b} in the volume: no difference shown by {n} pairs. One of {detectable} would likely "
        "have been."
    )
)
NO_CLAIM = Passed(
    _(
        "{a} in the layer, {b} in the volume, but successive rounds resemble each other: something else on this "
        "machine changed meanwhile, so these figures carry no claim."
    )
)

_WORDS = {
    Finding.NO_DIFFERENCE: NOT_SHOWN,
    Finding.BY_CHANCE: NOT_SHOWN,
    Finding.NO_CLAIM: NO_CLAIM,
}


def found_in(result: Result) -> Verdict:
    """What a complete result says, for its largest size."""
    found = compare(result)[0][-1]
    ratio = slowdown(result, found)
    words = _WORDS.get(found.finding) or (SLOWER if ratio.median > 1 else QUICKER)
    return words.seen(
        a=amount_interval(result.metric, found.a),
        b=amount_interval(result.metric, found.b),
        ratio=times_interval(ratio),
        n=found.n,
        detectable=times(found.detectable),
    )


def answered(name: str) -> Callable[[Bench], Verdict]:
    """A check: this session has a complete result of the workload."""

    def check(bench: Bench) -> Verdict:
        result = bench.result(name)
        if result is None or not result.pairs:
            return NotAttempted()
        if not result.answers:
            return UNFINISHED.seen(n=result.rounds, planned=result.planned or PILOT)
        return found_in(result)

    return check


def _step(
    name: str,
    title: str,
    goal: str,
    question: str,
    hints: Sequence[str],
    explanation: str,
    then_now: ThenNow,
    budget: float = 40,
) -> Step:
    """One workload, guessed and measured; its card's id is the workload's name."""
    work = workload(name)
    return Step(
        id=name,
        title=title,
        goal=goal,
        minutes=2,
        prediction=Times(question),
        solution=[Measure(work, budget=budget)],
        needs=frozenset({COPIES_UP}),
        check=answered(name),
        hints=hints,
        wrong={UNFINISHED: [Measure(work, budget=0.1)]},
        image=work.image,
        measures=name,
        explanation=explanation,
        then_now=then_now,
    )


READS = _step(
    "read-warm",
    title=_("A control: reading"),
    goal=_("Measure reads of 1 MiB from a file in the layer, and from one in a volume."),
    question=_("How many times as long does a read take in the container's layer as in a volume?"),
    hints=[
        _("Where does the file lie when it is read? Does anything have to be copied?"),
        _("overlayfs opens the file below and hands each read to it."),
    ],
    explanation=_(
        "Nothing is copied for a read: overlayfs opens the file of whichever layer has it, and passes reads through. "
        "A measurement begins with such a control. Had it shown a large difference, then the method would be at "
        "fault, or the machine too busy, and nothing that follows could be trusted."
    ),
    then_now=ThenNow(
        _(
            "COW must lower the efficiency of every kind of access: adding, deleting, changing and looking up."
        ),
        _(
            "Not of reading: overlayfs hands reads to the file itself. What a name leads to is looked for in the "
            "layers once, and then remembered."
        ),
    ),
    budget=30,
)

FIRST_WRITES = _step(
    "first-write",
    title=_("The first write"),
    goal=_(
        "Measure the first 4 KiB write to files of the image, from 1 to 256 MiB. If you did so in lab 01, its result "
        "is shown here."
    ),
    question=_("How many times as long does it take in the layer, for the largest file?"),
    hints=[
        _("What is copied before the first byte is written, and how fast does this disk write?"),
        _("In the volume the write needs no copy: how long does one block take to reach the disk?"),
    ],
    explanation=_(
        "One of the largest ratios of this lab, and the one that the 2018 text speaks of. It is paid once per "
        "file, when it is opened for writing. It grows with the file where the file system can't clone, and hardly "
        "at all where it can: the same software, another answer."
    ),
    then_now=ThenNow(
        _("COW must lower the file system's efficiency; performance will drop greatly."),
        _("True of first writes to large files where the file system can't clone."),
    ),
    budget=60,
)

SECOND_WRITES = _step(
    "second-write",
    title=_("The second write"),
    goal=_("Measure the same write to a file of 64 MiB that has been written to before."),
    question=_("How many times as long does the second write take in the layer as in a volume?"),
    hints=[
        _("Where does the file lie after the first write?"),
        _("The layer has its own copy now. What is left to do for a write?"),
    ],
    explanation=_(
        "After the copy-up the file lies in the container's own layer, and that is a directory on an ordinary file "
        "system, mostly the one that holds the volumes too. A write goes straight to it. So the price of the last "
        "card is an entrance fee, not a rent: a service that writes for hours to files that are there already pays "
        "it in its first second."
    ),
    then_now=ThenNow(
        "",
        _("Only the first write to a file is dearer. The second one costs what it costs in a volume."),
    ),
    budget=30,
)

STEADY_STATE = _step(
    "random-write",
    title=_("Steady state: random writes"),
    goal=_("Measure 4 KiB writes past the page cache, sixteen at a time, into a file that is there already."),
    question=_("How many times as long does a random write take in the layer as in a volume?"),
    hints=[
        _("What lies between the program and the file system in the layer, and not in the volume?"),
        _("One more function call into overlayfs for each write: some microseconds of a hundred."),
    ],
    explanation=_(
        "Each write passes through overlayfs on its way to the file system below. That costs a few microseconds. On "
        "a disk that takes a hundred for a write it is a difference of a few percent, which takes dozens of pairs to "
        "show at all: look at how far the dots of single pairs lie apart. Claims of a few percent from one run of "
        "each are worth nothing."
    ),
    then_now=ThenNow(
        "",
        _("On overlay2 expect a few percent, often none that can be shown; your figures are above."),
    ),
)

SYNCS = _step(
    "fsync-log",
    title=_("A database's commit"),
    goal=_("Measure the fsync after each 4 KiB of a log, as a database does it at a commit."),
    question=_("How many times as long does an fsync take in the layer as in a volume?"),
    hints=[
        _("What does fsync wait for, and is it another disk?"),
        _(
            "Where does the engine keep its layers, and where its volumes? Mostly under one data root, on one disk."
        ),
    ],
    explanation=_(
        "An fsync waits for the device. Where layer and volume share it, which is the rule, both wait alike. What "
        "differs from machine to machine is the device: one with a write cache answers within microseconds, one "
        "without takes milliseconds. The circumstances of the result tell which yours says it is. A volume makes no "
        "disk faster; only a volume on another disk, or a tmpfs, does."
    ),
    then_now=ThenNow(
        _("Redis or MySQL in a container suffer in performance, and a volume is the way out."),
        _("Their commits cost the same in both. They belong in a volume for what becomes of the data."),
    ),
    budget=30,
)

SMALL_FILES = _step(
    "many-small-files",
    title=_("Many small files"),
    goal=_("Append a line to each of 2,000 files of the image, of 4 KiB each."),
    question=_("How many times as long does it take in the layer as in a volume?"),
    hints=[
        _("8 MiB in all is not much to copy. What else does each file need?"),
        _("A new inode, its attributes, a directory entry, and a sync: for each of 2,000 files."),
    ],
    explanation=_(
        "Not the bytes cost here but the files: each one is created anew in the layer, gets its owner, mode and "
        "attributes, is synced, and is renamed into place. This is what `sed -i` over a source tree costs in a "
        "container, or a framework that rewrites its cache at the first request."
    ),
    then_now=ThenNow(
        "",
        _("Each file is copied at its first change; for small ones the copying of data is the least of it."),
    ),
)

CHOWN = _step(
    "chown-tree",
    title=_("chown of a tree"),
    goal=_("Run `chown -R` over 2,000 files of the image. Not a byte of their content changes."),
    question=_("How many times as long does it take in the layer as in a volume?"),
    hints=[
        _("An owner is part of the inode. Whose inode is that of a file in the image?"),
        _("It can't be changed there, so the file is copied for the sake of its owner."),
    ],
    explanation=_(
        "A change of metadata copies up too, with Docker data and all. That is why a `RUN chown -R` in a Dockerfile "
        "doubles what it touches, and why an entry script that runs it at each start is slow in a fresh container. "
        "`COPY --chown` sets the owner when the layer is made. Kernels can copy metadata alone (metacopy); Docker "
        "leaves that off."
    ),
    then_now=ThenNow(
        "",
        _("Every change of an inode copies the file up: chown, chmod, touch, and a further hard link."),
    ),
    budget=35,
)

RENAMES = _step(
    "rename-directory",
    title=_("Renaming a directory"),
    goal=_("Rename a directory of the image with 2,000 files in it."),
    question=_("How many times as long does `mv` take in the layer as in a volume?"),
    hints=[
        _("A rename changes two directory entries. Can overlayfs change the one below?"),
        _("It answers rename(2) with EXDEV, as if to another file system. What does mv do then?"),
    ],
    explanation=_(
        "Within one file system a rename changes a name, however much lies below it. A directory of the image can't "
        "be renamed in place, so overlayfs refuses with EXDEV, and mv falls back on copying everything and deleting "
        "the original, which leaves a whiteout behind. Programs that rely on rename being atomic find it is not: "
        "package managers in containers have stumbled over this."
    ),
    then_now=ThenNow(
        "",
        _("A directory of the image is copied and deleted where it seems to be renamed."),
    ),
    budget=40,
)

NEW_FILES = _step(
    "create-delete",
    title=_("New files"),
    goal=_("Create 2,000 new files, and remove them again: nothing of the image is touched."),
    question=_("How many times as long does it take in the layer as in a volume?"),
    hints=[
        _("What does overlayfs have to copy for a file that is in no layer?"),
        _("Nothing. It creates the file in the upper directory."),
    ],
    explanation=_(
        "A new file has nothing below it, so nothing is copied; it is created in the upper directory, on an ordinary "
        "file system as in the volume. Rounds of such work drift, though: the file system gets slower or faster as "
        "its journal fills. That is why pairs run side by side and in random order, and why the card would rather "
        "make no claim than a wrong one."
    ),
    then_now=ThenNow(
        _("Writing in the read-write layer is slow."),
        _("Writing what is new there is not."),
    ),
    budget=50,
)

REDIS_SETS = _step(
    "redis-append",
    title=_("Redis at work"),
    goal=_(
        "Start a real redis-server that syncs its append-only file after each command, and let redis-benchmark set "
        "20,000 keys: with its data in the layer, and in a volume."
    ),
    question=_("How many times as long does a SET take with the data in the layer?"),
    hints=[
        _("Which of the cards above is this most like?"),
        _("An append to a log, then an fsync; the log was created when the server started."),
    ],
    explanation=_(
        "The claim of the 2018 text, put to the test with the very program that it names. In steady state Redis "
        "appends to a file of its own and syncs it, and that costs the same in both places."
    ),
    then_now=ThenNow(
        _(
            "For applications with high demands on I/O, such as Redis or MySQL, performance will drop greatly."
        ),
        _("Not in steady state on overlay2. The next card shows where it does."),
    ),
)

REDIS_START = _step(
    "redis-start",
    title=_("Redis at its start"),
    goal=_(
        "Measure how long redis-server takes until it answers, with 256 MiB of append-only file in the image."
    ),
    question=_("How many times as long does the start take in the layer as in a volume?"),
    hints=[
        _("Redis reads the file whole in both places. What else does it do with it?"),
        _("It opens the file for appending, and you know what that does to a file of the image."),
    ],
    explanation=_(
        "Before Redis answers it has read its file, and opened it for appending. The opening copies 256 MiB up "
        "where the file system can't clone. An image with a database in it, as people build them for tests, pays "
        "this at each start of a fresh container. A volume that is filled from the image pays once, when it is made."
    ),
    then_now=ThenNow(
        _("A volume avoids the overhead that copy-on-write brings."),
        _(
            "It does: here at the start. That it keeps the data when the container goes is the greater reason."
        ),
    ),
)

WHAT_IT_COSTS = Lab(
    id="06-what-it-costs",
    title=_("What it costs: guess, measure, and say no more than the figures allow"),
    steps=(
        READS,
        FIRST_WRITES,
        SECOND_WRITES,
        STEADY_STATE,
        SYNCS,
        SMALL_FILES,
        CHOWN,
        RENAMES,
        NEW_FILES,
        REDIS_SETS,
        REDIS_START,
    ),
    fields=lambda _bench: {},
)
