"""Lab 08: removing containers and volumes, how orphans come about, and how they are cleaned up."""

from __future__ import annotations

from collections.abc import Mapping

from voltutor.engine import Mount
from voltutor.labs.common import (
    RemoveAsContainer,
    RunOnOrphan,
    all_gone,
    came_with,
    looked,
    removed,
    seen,
    shell,
)
from voltutor.labs.sweeping import ListDangling, PruneVolumes, RemoveDangling, RemoveOrphan
from voltutor.lessons import Choice, Failed, Lab, NotAttempted, Passed, Step, ThenNow, Verdict
from voltutor.session import Bench, CreateVolume, Remove, RemoveVolume, Run
from voltutor.text import _


def fields(bench: Bench) -> Mapping[str, str]:
    """The names that the texts use."""
    containers = (
        "web06",
        "web07",
        "holder",
        "worker",
        "never",
        "batch",
        "busy",
        "crawler",
        "mislaid",
        "carrier",
    )
    volumes = ("vol2", "vol3", "shelf", "precious", "archive", "draft", "final", "salvage")
    return {
        **{logical: bench.names(logical) for logical in containers},
        **{logical: bench.names(logical, "volume") for logical in volumes},
        "image": bench.image("lab"),
    }


# 1: the container goes, the volumes stay

TOOK_ALONG = Failed(_("`{web06}` is gone, and its anonymous volume with it: that was --volumes."), stuck=True)
BOTH_STAY = Passed(
    _("`{web06}` is gone. `{vol2}` is there, and so is the volume {orphan}, which now nobody uses.")
)

WEB06 = Run("web06", "lab", (), (Mount("/volume", "vol2"), Mount("/cache")))


def both_stay(bench: Bench) -> Verdict:
    """The container is gone, its volumes are there."""
    if not removed(bench, "web06") or bench.volume("vol2") is None:
        return NotAttempted()
    left = bench.left_behind("web06")
    if not left:
        return TOOK_ALONG.seen(**fields(bench))
    return BOTH_STAY.seen(**fields(bench), orphan=f"{left[-1][:12]}…")


RM_STEP = Step(
    id="rm",
    title=_("A container is removed"),
    goal=_("`{web06}` has `{vol2}` at /volume and an anonymous volume at /cache. Remove the container."),
    minutes=2,
    prediction=Choice(
        _("What will be left of the two volumes?"),
        (_("both"), _("`{vol2}` only"), _("none")),
        answer=0,
    ),
    given=[CreateVolume("vol2"), WEB06],
    solution=[Remove("web06")],
    check=both_stay,
    hints=[
        _("`docker container rm` removes a container; one that runs needs --force."),
        _("Without any other option: look first at what this one alone does."),
    ],
    wrong={TOOK_ALONG: [Remove("web06", volumes=True)]},
    image="lab",
    shows=("web06",),
    volumes=("vol2",),
    explanation=_(
        "A volume lives longer than its containers: that is what it is for. `docker container rm` takes the "
        "container's own layer and nothing else. `{vol2}` can be used again by its name. The anonymous one is still "
        "there with all that is in it, but what knew its 64 digits was the container. This is how orphans come "
        "about, one with every container that is removed in this way."
    ),
    then_now=ThenNow(
        _("Containers that were started with --volume and are removed leave lonely volumes behind."),
        _("The same. Only `run --rm` cleans up after itself."),
    ),
)

# 2: rm -v

LEFT_IT = Failed(_("`{web07}` is gone, but its anonymous volume is still there."))
NAMED_TOO = Failed(
    _("`{vol3}` is gone too. That wasn't `docker container rm`: it never takes a named volume."), stuck=True
)
NAMED_STAYS = Passed(_("`{web07}` and its anonymous volume are gone, and `{vol3}` is still there."))

WEB07 = Run("web07", "lab", (), (Mount("/volume", "vol3"), Mount("/cache")))


def named_stays(bench: Bench) -> Verdict:
    """The container and its anonymous volume are gone; the named one is there."""
    if not removed(bench, "web07") or not came_with(bench, "web07"):
        return NotAttempted()
    if not all_gone(bench, "web07"):
        return LEFT_IT.seen(**fields(bench))
    return (NAMED_STAYS if bench.volume("vol3") else NAMED_TOO).seen(**fields(bench))


RM_VOLUMES_STEP = Step(
    id="rm-volumes",
    title=_("Find the mistake: a container with its volumes"),
    goal=_(
        "To remove a container together with its volumes, the 2018 text writes `docker container --volumes --force "
        "web04`. Docker doesn't understand that. Put it right, and remove `{web07}` in this way; it has `{vol3}` at "
        "/volume and an anonymous volume at /cache."
    ),
    minutes=3,
    prediction=Choice(
        _("Once the line is right: which volumes will it take along?"),
        (_("both"), _("the anonymous one only"), _("`{vol3}` only")),
        answer=1,
    ),
    given=[CreateVolume("vol3"), WEB07],
    solution=[Remove("web07", volumes=True)],
    check=named_stays,
    hints=[
        _("`docker container` is followed by what is to be done with the container."),
        _("The missing word is rm; --volumes and --force are its options."),
    ],
    wrong={
        LEFT_IT: [Remove("web07")],
        NAMED_TOO: [Remove("web07", volumes=True), RemoveVolume("vol3")],
    },
    image="lab",
    shows=("web07",),
    volumes=("vol3",),
    quest=True,
    explanation=_(
        "--volumes takes the anonymous volumes that came with the container, and only those. A named volume was made "
        "by somebody who gave it a name, and it isn't for a container to decide about it. Look closely at the 2018 "
        "text: after its line, the list of volumes still shows vol1, which web04 had. That is no accident, it is "
        "this rule. An anonymous volume that another container uses stays, too."
    ),
    then_now=ThenNow(
        _("The option's help said: remove the volumes associated with the container."),
        _("It says: remove anonymous volumes. What it does has always been the same."),
    ),
)

# 3: volume rm

HELD = Failed(_("`{holder}` is gone and `{shelf}` is still there. Now remove the volume itself."))
SHELF_GONE = Passed(_("`{shelf}` is gone. That took its own command, and nobody using it."))

HOLDER = Run("holder", "lab", (), (Mount("/shelf", "shelf"),), start=False)


def shelf_gone(bench: Bench) -> Verdict:
    """The volume was there, and is gone."""
    shelf, holder = bench.volume("shelf"), seen(bench, "holder")
    if not bench.was_there("shelf", "volume"):
        return NotAttempted()
    if shelf is None:
        return SHELF_GONE.seen(**fields(bench))
    return NotAttempted() if holder or not bench.was_there("holder") else HELD.seen(**fields(bench))


VOLUME_RM_STEP = Step(
    id="volume-rm",
    title=_("Find the mistake: a volume by its name"),
    goal=_(
        "The 2018 text says that `docker container rm -v volume_name` removes a container's volume. Try it with "
        "`{shelf}`, which `{holder}` has, though that was never started. Then remove `{shelf}` in the way that works."
    ),
    minutes=3,
    prediction=Choice(
        _("What will `docker container rm -v {shelf}` do?"),
        (
            _("remove the volume"),
            _("say that there is no such container"),
            _("remove `{holder}` and `{shelf}`"),
        ),
        answer=1,
    ),
    given=[CreateVolume("shelf"), HOLDER],
    solution=[RemoveAsContainer("shelf"), Remove("holder"), RemoveVolume("shelf")],
    check=shelf_gone,
    hints=[
        _("`docker volume` has a rm of its own. What does it say about `{shelf}`?"),
        _("A volume in use isn't removed. The container that uses it has to go first, started or not."),
    ],
    wrong={HELD: [Remove("holder")]},
    image="lab",
    shows=("holder",),
    volumes=("shelf",),
    quest=True,
    explanation=_(
        "`docker container rm` wants the name of a container, with -v as without. A volume is removed by `docker "
        "volume rm`, and only when no container has it: not a running one, not a stopped one, and not one that was "
        "only created. The error names the containers that hold it. With Docker --force is no way "
        "round that; Podman's removes those containers too, so beware of it there."
    ),
    then_now=ThenNow(
        _("`docker container rm -v volume_name`"),
        _("`docker volume rm NAME`; -v goes with a container's name."),
    ),
)

# 4: what dangles

WORKER_TOOK_IT = Failed(
    _("`{worker}` is gone with its volume: this time the volume should stay behind."), stuck=True
)
NEVER_RUNS = Failed(_("`{never}` was started. Only create it."))
NO_VOLUME = Failed(_("`{never}` has no anonymous volume at /data."))
ONE_DANGLES = Passed(
    _("The list has {worker_volume} of `{worker}`, which is gone; {never_volume} of `{never}` isn't on it.")
)

WORKER = Run("worker", "lab", (), (Mount("/data"),))
NEVER = Run("never", "lab", (), (Mount("/data"),), start=False)


def one_dangles(bench: Bench) -> Verdict:
    """An orphan, and beside it a volume that a never started container holds."""
    never = seen(bench, "never")
    if not removed(bench, "worker") or never is None or not came_with(bench, "worker"):
        return NotAttempted()
    if never.started:
        return NEVER_RUNS.seen(**fields(bench))
    mount = never.mount("/data")
    if mount is None or not mount.name:
        return NO_VOLUME.seen(**fields(bench))
    dangling = {volume.name for volume in bench.engine.dangling_volumes()}
    left = [name for name in bench.left_behind("worker") if name in dangling]
    if not left or mount.name in dangling:
        return WORKER_TOOK_IT.seen(**fields(bench))
    short = {"worker_volume": f"{left[-1][:12]}…", "never_volume": f"{mount.name[:12]}…"}
    return ONE_DANGLES.seen(**fields(bench), **short)


DANGLING_STEP = Step(
    id="dangling",
    title=_("What is on the list of orphans"),
    goal=_(
        "From `{image}`, start `{worker}` with an anonymous volume at /data, and create `{never}` with one at /data "
        "too, but don't start it. Then remove `{worker}`, and list the dangling volumes."
    ),
    minutes=3,
    prediction=Choice(
        _("Neither of the two runs then. Whose volume will be on the list?"),
        (_("`{worker}`'s"), _("`{never}`'s"), _("both")),
        answer=0,
    ),
    solution=[WORKER, NEVER, Remove("worker"), ListDangling()],
    check=one_dangles,
    hints=[
        _("`docker container create` and `run` take the same options."),
        _("`docker volume ls --quiet --filter dangling=true` is the list."),
    ],
    wrong={
        WORKER_TOOK_IT: [WORKER, NEVER, Remove("worker", volumes=True)],
        NEVER_RUNS: [WORKER, Run("never", "lab", (), (Mount("/data"),)), Remove("worker")],
        NO_VOLUME: [WORKER, Run("never", "lab", start=False), Remove("worker")],
    },
    image="lab",
    shows=("worker", "never"),
    explanation=_(
        "Dangling means that no container has the volume. It has nothing to do with running: `{never}` never ran, "
        "but it exists and it has its volume. So the list can be too short, with data held by "
        "containers that everybody has forgotten. It can also be too long: a named volume that nobody uses just now "
        "is on it, whatever it holds. It is a list of what nobody holds, not of what nobody needs."
    ),
    then_now=ThenNow(
        _("`docker volume ls --quiet --filter dangling=true`"),
        _("The same line. In the 2018 text's own listing vol1 is among them, a named volume."),
    ),
)

# 5: in one line

HALF = Failed(_("`{precious}` is gone, but the volume that `{batch}` left behind is still there."))
SPARED = Failed(
    _("The orphan is gone and `{precious}` is still there, so this wasn't the 2018 text's line."), stuck=True
)
BUSY_GONE = Failed(_("`{busy}` and its volume should have been left alone, and are gone."), stuck=True)
ALL_TAKEN = Passed(
    _("Every dangling volume is gone, `{precious}` and its file too. `{busy}` still has its own.")
)

BATCH = Run("batch", "lab", (), (Mount("/data"),))
WRITER = Run("scribe", "lab", (), (Mount("/data", "precious"),))
BUSY = Run("busy", "lab", (), (Mount("/data"),))


def all_taken(bench: Bench) -> Verdict:
    """The orphan and the named one are gone; the one in use is there."""
    busy = seen(bench, "busy")
    precious = bench.volume("precious")
    if not removed(bench, "batch") or not came_with(bench, "batch"):
        return NotAttempted()
    if not bench.was_there("precious", "volume"):
        return NotAttempted()
    orphan_gone = all_gone(bench, "batch")
    if not orphan_gone:
        return NotAttempted() if precious else HALF.seen(**fields(bench))
    if precious:
        return SPARED.seen(**fields(bench))
    kept = busy and any(bench.engine.volume(name) for name in came_with(bench, "busy"))
    return (ALL_TAKEN if kept else BUSY_GONE).seen(**fields(bench))


ONE_LINE_STEP = Step(
    id="one-line",
    title=_("All of them in one line"),
    goal=_(
        "`{batch}` is gone and has left a volume. `{precious}` holds a thesis, and no container uses it just now. "
        "`{busy}` runs with a volume. Remove all dangling volumes in one line, as the 2018 text does."
    ),
    minutes=3,
    prediction=Choice(
        _("Will the line take `{precious}` along?"),
        (_("yes"), _("no, it has a name"), _("it asks first")),
        answer=0,
    ),
    given=[
        BATCH,
        shell("batch", "hostname > /data/result"),
        Remove("batch"),
        WRITER,
        shell("scribe", "echo 300 pages > /data/thesis"),
        Remove("scribe"),
        BUSY,
    ],
    solution=[RemoveDangling()],
    check=all_taken,
    hints=[
        _("`docker volume rm` takes several names, and the shell can put them there."),
        _("$( … ) is replaced by what the command in it prints: the quiet list of dangling volumes."),
    ],
    wrong={
        HALF: [RemoveVolume("precious")],
        SPARED: [RemoveOrphan("batch")],
        BUSY_GONE: [Remove("busy", volumes=True), RemoveDangling()],
    },
    image="lab",
    shows=("batch", "busy"),
    volumes=("precious",),
    sweeps=True,
    explanation=_(
        "The line does what it says and asks nobody. Here that was one orphan and one thesis. On a machine that you "
        "work on, it is every volume that happens to have no container at this moment: the database of the project "
        "that you brought down yesterday, and the cache of the one before. What a container uses is safe. So read "
        "the list before you hand it on, and look into what you don't know."
    ),
    then_now=ThenNow(
        _("The list of what dangles, handed on to `docker volume rm` as a whole."),
        _("It still does the same, named volumes included. Prune has become more careful; this line hasn't."),
    ),
)

# 6: prune

ARCHIVE_TOO = Failed(
    _("`{archive}` is gone too: prune alone doesn't take a volume with a name any longer."), stuck=True
)
ONLY_ANONYMOUS = Passed(
    _("The orphan of `{crawler}` is gone, `{archive}` is there: prune took what has no name.")
)

CRAWLER = Run("crawler", "lab", (), (Mount("/data"),))


def only_anonymous(bench: Bench) -> Verdict:
    """The orphan is gone, the named volume there."""
    archive = bench.volume("archive")
    gone = removed(bench, "crawler") and all_gone(bench, "crawler")
    if not gone or not bench.was_there("archive", "volume"):
        return NotAttempted()
    return (ONLY_ANONYMOUS if archive else ARCHIVE_TOO).seen(**fields(bench))


PRUNE_STEP = Step(
    id="prune",
    title=_("Docker's own way"),
    goal=_("`{crawler}` has left a volume, and `{archive}` is used by nobody. Clean up by `volume prune`."),
    minutes=2,
    prediction=Choice(
        _("Which volumes will prune take today?"),
        (_("both"), _("the anonymous one"), _("the older one")),
        answer=1,
    ),
    given=[
        CRAWLER,
        shell("crawler", "dd if=/dev/urandom of=/data/page bs=1M count=4"),
        Remove("crawler"),
        CreateVolume("archive"),
    ],
    solution=[PruneVolumes()],
    check=only_anonymous,
    hints=[
        _("It is one command, without any name. It asks before it does anything."),
        _("--force spares you the question."),
    ],
    wrong={ARCHIVE_TOO: [PruneVolumes(), RemoveVolume("archive")]},
    image="lab",
    volumes=("archive",),
    shows=("crawler",),
    sweeps=True,
    explanation=_(
        "In 2018 prune warned that it would remove all local volumes not used by at least one container, and it did. "
        "Since Docker 23 it takes only anonymous ones, unless --all is given. The last line tells how much disk came "
        "free: here the 4 MiB of a page. In the 2018 text it says 0B, since vol1 was empty. Which rule holds is "
        "decided by the API's version, so an old client that a new engine still answers prunes in the old way."
    ),
    then_now=ThenNow(
        _("“This will remove all local volumes not used by at least one container.”"),
        _("“This will remove anonymous local volumes not used by at least one container.”"),
    ),
)

# 7: prune --all with a filter

FINAL_TOO = Failed(_("`{final}` is gone too, though it bears the label keep."), stuck=True)
KEPT = Passed(_("`{draft}` is gone, and `{final}`, which bears the label keep, is there."))


def kept(bench: Bench) -> Verdict:
    """One named volume is gone, the labelled one is there."""
    draft, final = bench.volume("draft"), bench.volume("final")
    if draft or not bench.was_there("draft", "volume") or not bench.was_there("final", "volume"):
        return NotAttempted()
    return (KEPT if final else FINAL_TOO).seen(**fields(bench))


PRUNE_ALL_STEP = Step(
    id="prune-all",
    title=_("Named ones too, but not all"),
    goal=_(
        "`{draft}` and `{final}` are named, and used by nobody. `{final}` bears the label keep. Prune named volumes "
        "too, but none with that label."
    ),
    minutes=2,
    prediction=Choice(
        _("What does prune do with `{draft}` if you don't say --all?"),
        (_("take it"), _("leave it")),
        answer=1,
    ),
    given=[CreateVolume("draft"), CreateVolume("final", labels=(("keep", "yes"),))],
    solution=[PruneVolumes(all=True, keep="keep")],
    check=kept,
    hints=[
        _("--all takes named volumes as well; a filter takes some out."),
        _("--filter label!=keep means: only those without the label keep."),
    ],
    wrong={FINAL_TOO: [RemoveVolume("draft"), RemoveVolume("final")]},
    image="lab",
    volumes=("draft", "final"),
    sweeps=True,
    explanation=_(
        "A label is how a volume tells that it is to last. It has to be there from the beginning, since a volume's "
        "labels can't be changed. `label=keep` would be the opposite: only those with the label. Filters are a net, "
        "not a lock: `docker volume rm {final}` still works, and so does the one line that takes all that dangles."
    ),
    then_now=ThenNow(
        "",
        _(
            "Filters by label are older; --all is of Docker 23 (API 1.42), and since then a named volume is taken "
            "only with it."
        ),
    ),
)

# 8: look first

STILL_THERE = Failed(_("`{salvage}` has the ledger. Now remove the orphan."))
LOST = Failed(_("The orphan is gone, and the ledger isn't in `{salvage}`."), stuck=True)
SAVED = Passed(_("The ledger is in `{salvage}`, and the orphan is gone: first the copy, then the removal."))

MISLAID = Run("mislaid", "lab", (), (Mount("/data"),))
COPY_OUT = (
    RunOnOrphan("carrier", "lab", volumes=(Mount("/new", "salvage"),), of="mislaid"),
    shell("carrier", "cp -a /old/. /new/"),
    Remove("carrier"),
)


def saved(bench: Bench) -> Verdict:
    """The content has a new place, and the orphan is gone."""
    if not removed(bench, "mislaid") or not came_with(bench, "mislaid"):
        return NotAttempted()
    salvage, gone = bench.volume("salvage"), all_gone(bench, "mislaid")
    copied = (
        salvage is not None
        and looked(bench, salvage.name, "grep", "-qE", "^[0-9a-f-]{36}$", "/look/ledger") == 0
    )
    if not gone:
        return STILL_THERE.seen(**fields(bench)) if copied else NotAttempted()
    return (SAVED if copied else LOST).seen(**fields(bench))


SAVE_STEP = Step(
    id="save-first",
    title=_("Look first, then remove"),
    goal=_(
        "`{mislaid}` was removed; the volume that it left holds a file, ledger. Copy that into a volume `{salvage}`, "
        "and then remove the orphan."
    ),
    minutes=4,
    prediction=Choice(
        _("Can a volume be given another name?"),
        (_("yes, by docker volume rename"), _("no, it has to be copied")),
        answer=1,
    ),
    given=[MISLAID, shell("mislaid", "cat /proc/sys/kernel/random/uuid > /data/ledger"), Remove("mislaid")],
    solution=[*COPY_OUT, RemoveOrphan("mislaid")],
    check=saved,
    hints=[
        _("One container can have both: the orphan at /old and `{salvage}` at /new."),
        _("The volume is in use until that container is gone."),
    ],
    wrong={
        STILL_THERE: COPY_OUT,
        LOST: [RemoveOrphan("mislaid")],
    },
    image="lab",
    shows=("carrier", "mislaid"),
    volumes=("salvage",),
    explanation=_(
        "A removed volume doesn't come back, so what you don't know is looked at first, and what is worth keeping "
        "gets a name. This kit's own clean-up does the same on request: `voltutor clean --keep-data DIR` packs each "
        "volume into a tar before it removes it."
    ),
    then_now=ThenNow(
        "",
        _("A volume still can't be renamed. Docker Desktop can export one to a file; elsewhere tar does it."),
    ),
)

REMOVING = Lab(
    id="08-removing-and-cleaning",
    title=_("Removing, orphans, and cleaning up"),
    steps=(
        RM_STEP,
        RM_VOLUMES_STEP,
        VOLUME_RM_STEP,
        DANGLING_STEP,
        ONE_LINE_STEP,
        PRUNE_STEP,
        PRUNE_ALL_STEP,
        SAVE_STEP,
    ),
    fields=fields,
    private=True,
)
