"""Lab 07, its first half: services whose instances come and go."""

from __future__ import annotations

from collections.abc import Mapping

from voltutor.images import NOTES
from voltutor.labs.common import has, removed, shell
from voltutor.lessons import Choice, Failed, NotAttempted, Passed, Step, ThenNow, Verdict
from voltutor.services import (
    Heal,
    Load,
    Scale,
    ScaleByLoad,
    Service,
    address,
    answers,
    log_path,
    look,
    replica,
    spread,
)
from voltutor.session import Bench, Kill, OnHost
from voltutor.text import _

SHELF = "library-notes"


def fields(bench: Bench) -> Mapping[str, str]:
    """The names that the texts use."""
    return {
        "front": bench.names("shop-front"),
        "listen": address(bench, "shop"),
        "log": str(log_path(bench, "kiosk", "kiosk-2")),
        "kiosk2": bench.names("kiosk-2"),
        "library1": bench.names("library-1"),
        "shelf": bench.names(SHELF, "volume"),
        "notes": NOTES,
    }


def names_of(bench: Bench, service: Service) -> list[str]:
    """The names of the replicas that take requests."""
    return [bench.names(replica(service.name, number)) for number in service.listed]


# 1: several of a kind

TOO_FEW = Failed(_("Requests are given to {n} of three replicas."))
NOT_ASKED = Failed(_("The replicas are there. These have not answered anything yet: {names}."))
UNLIKE = Failed(_("The replicas don't all have the same page any more: whom one asks makes a difference."))
IN_TURN = Passed(_("Answered so far: {counts}. All have the same page, with the SHA-256 {sum}…"))


def replicated(bench: Bench) -> Verdict:
    """Three replicas that have all answered."""
    service = look(bench, "shop")
    if not service.front:
        return NotAttempted()
    if len(set(service.listed) & service.alive) < 3:
        return TOO_FEW.seen(n=len(set(service.listed) & service.alive))
    counts = spread(answers(bench, "shop"))
    silent = [name for name in names_of(bench, service) if name not in {bench.names(one) for one in counts}]
    if silent:
        return NOT_ASKED.seen(names=", ".join(silent))
    names = (replica("shop", number) for number in service.listed if number in service.alive)
    pages = {bench.exec(name, "sha256sum", "/srv/www/index.html").text[:12] for name in names}
    if len(pages) > 1:
        return UNLIKE.seen()
    told = ", ".join(f"{bench.names(name)} {n}" for name, n in sorted(counts.items()))
    return IN_TURN.seen(counts=told, sum=pages.pop())


REPLICAS = Step(
    id="replicas",
    title=_("Three of a kind"),
    goal=_("Start three replicas of a web server behind a balancer, `{front}`, and send it thirty requests."),
    minutes=2,
    prediction=Choice(
        _("Thirty requests come in, one after the other. Who will answer them?"),
        (
            _("the first replica, as long as it can"),
            _("all three, in turn"),
            _("whichever happens to be free"),
        ),
        answer=1,
    ),
    solution=[Scale("shop", 3), Load("shop", 30)],
    check=replicated,
    hints=[
        _(
            "A replica listens on a socket in a volume that all share; the balancer needs to be told its "
            "name."
        ),
        _("In `{front}`, `relist {listen} shop-1 shop-2 shop-3` says who gets requests from now on."),
    ],
    wrong={
        TOO_FEW: [Scale("shop", 2)],
        NOT_ASKED: [Scale("shop", 3)],
        UNLIKE: [
            Scale("shop", 3),
            Load("shop", 9),
            shell("shop-2", "echo Only here > /srv/www/index.html"),
        ],
    },
    image="web",
    shows=("shop-front", "shop-1", "shop-2", "shop-3"),
    explanation=_(
        "The balancer is a real nginx that gives each request to the next replica in its list. It can do so "
        "because the replicas are made from one image and keep nothing of their own: whoever is asked, the "
        "answer is the same. That is all that stateless means. The one volume in the picture holds their "
        "sockets, and no data."
    ),
    then_now=ThenNow(
        _(
            "A stateless service may have many instances; the platform's balancer picks one for each "
            "request, in turn."
        ),
        _("In Kubernetes a Deployment has the replicas, and a Service is the balancer."),
    ),
)

# 2: as many as the load wants

ALONE = Failed(_("One replica has answered everything: the service never grew."))
STILL_MANY = Failed(_("The load is over, and {n} replicas are still there."))
GREW = Passed(_("It grew to {n} replicas under the load and is one again. {requests} requests, {lost} lost."))


def grew(bench: Bench) -> Verdict:
    """Several have answered, and one is left."""
    service = look(bench, "fair")
    if not service.front:
        return NotAttempted()
    given = answers(bench, "fair")
    if not given:
        return NotAttempted()
    if len(service.listed) > 1:
        return STILL_MANY.seen(n=len(service.listed))
    counts = spread(given)
    if len(counts) < 2:
        return ALONE.seen()
    return GREW.seen(n=len(counts), requests=len(given), lost=sum(one.failed for one in given))


BY_LOAD = Step(
    id="by-load",
    title=_("As many as the load wants"),
    goal=_(
        "Put one replica under load, let the service grow to three, and be one again when the load is over."
    ),
    minutes=2,
    prediction=Choice(
        _("When replicas are taken away again, what becomes of the requests that they are answering?"),
        (_("they fail"), _("they are answered first"), _("they begin anew on another replica")),
        answer=1,
    ),
    solution=[ScaleByLoad("fair")],
    check=grew,
    hints=[
        _(
            "What tells how busy a service is? Here it is the number of requests that have no whole answer "
            "yet."
        ),
        _("A replica goes in two moves: off the balancer's list first, then `docker container stop`."),
    ],
    wrong={
        ALONE: [Scale("fair", 1), Load("fair", 10)],
        STILL_MANY: [Scale("fair", 3), Load("fair", 30)],
    },
    image="web",
    shows=("fair-front", "fair-1"),
    explanation=_(
        "Once a second the kit counts the requests under way and divides them by what one replica should "
        "have. Upwards it follows at once, downwards only after some looks in a row, so that a pause "
        "doesn't take away what is needed a moment later. A replica that is to go gets no new requests, "
        "answers what it has, and is stopped. Nobody has to copy anything anywhere, since there is nothing "
        "to copy."
    ),
    then_now=ThenNow(
        _("Two modes of capacity: set by hand, or adjusted by the platform."),
        _("`kubectl scale`, and a HorizontalPodAutoscaler; the rule here is its rule."),
    ),
)

# 3: a replica is lost

WRITTEN = Failed(_("The note lies in `{kiosk2}`. Now kill that container, and have it replaced."))
DEAD = Failed(_("`{kiosk2}` is dead, and nobody has taken its place."))
UNHEARD = Failed(_("`{kiosk2}` was replaced, and its log is not at {log}: what it had said went with it."))
SEEN_AGAIN = Failed(_("`{kiosk2}` was replaced, and the note is in {names}: it was written there as well."))
REPLACED = Passed(
    _("{names} take the requests now. The note is nowhere; what `{kiosk2}` had said is in {log}.")
)

NOTE = f"{NOTES}/visitor"


def replaced(bench: Bench) -> Verdict:
    """The killed one has gone, another one is there, its log is kept, its note is lost."""
    service, second = look(bench, "kiosk"), bench.container("kiosk-2")
    if not service.front:
        return NotAttempted()
    if second and second.running:
        return WRITTEN.seen(**fields(bench)) if has(bench, "kiosk-2", NOTE) else NotAttempted()
    if second or len(set(service.listed) & service.alive) < 3:
        return DEAD.seen(**fields(bench)) if bench.was_there("kiosk-2") else NotAttempted()
    log = log_path(bench, "kiosk", "kiosk-2")
    if not removed(bench, "kiosk-2"):
        return NotAttempted()
    if not log.exists():
        return UNHEARD.seen(**fields(bench))
    having = [number for number in service.listed if has(bench, replica("kiosk", number), NOTE)]
    if having:
        names = (bench.names(replica("kiosk", number)) for number in having)
        return SEEN_AGAIN.seen(**fields(bench), names=", ".join(names))
    return REPLACED.seen(**fields(bench), names=", ".join(names_of(bench, service)))


LOST_REPLICA = Step(
    id="lost-replica",
    title=_("What a replica takes with it"),
    goal=_(
        "Write a note to {notes}/visitor in `{kiosk2}`, one of three replicas. Then kill it, have it "
        "replaced, and look for the note."
    ),
    minutes=3,
    prediction=Choice(
        _("The killed replica is replaced by a new one. What of the old one can still be had?"),
        (_("its log, if somebody saved it, and not the note"), _("the note and the log"), _("neither")),
        answer=0,
    ),
    given=[Scale("kiosk", 3), Load("kiosk", 9)],
    solution=[shell("kiosk-2", f"echo I was here > {NOTE}"), Kill("kiosk-2"), Heal("kiosk")],
    check=replaced,
    hints=[
        _("`docker container kill` ends it as a crash would."),
        _(
            "Its log goes with `docker container rm`: save it before, `docker container logs {kiosk2} > {log}`."
        ),
    ],
    wrong={
        WRITTEN: [shell("kiosk-2", f"echo I was here > {NOTE}")],
        DEAD: [Kill("kiosk-2")],
        SEEN_AGAIN: [shell("kiosk-1", f"echo I was here > {NOTE}"), Kill("kiosk-2"), Heal("kiosk")],
        UNHEARD: [Kill("kiosk-2"), Heal("kiosk"), OnHost("rm -r {files}/logs/kiosk")],
    },
    files={"logs/kiosk": None},
    image="web",
    shows=("kiosk-front", "kiosk-1", "kiosk-2", "kiosk-3", "kiosk-4"),
    explanation=_(
        "While it was dead the balancer gave its requests to the others, and no visitor noticed. The note "
        "lay in its own layer and went with it. A container's log is kept by the engine and goes with "
        "`docker container rm`, so whoever wants it collects it first, here into a file. What a replica "
        "writes for itself is lost some day; what matters must go elsewhere at once."
    ),
    then_now=ThenNow(
        _(
            "When an instance stops or is recreated, all that is in it is lost, but for logs and monitoring "
            "data."
        ),
        _(
            "The same. By `docker restart` alone nothing is lost: it is the same container. A platform "
            "doesn't restart, it replaces."
        ),
    ),
)

# 4: a volume for all of them

NO_SHELF = Failed(_("{names} have no volume at {notes}: each has notes of its own."))
NO_NOTE = Failed(_("All replicas have `{shelf}` at {notes}; there is no note called visitor in it yet."))
SAME_TWO = Failed(
    _("The note is in `{shelf}`. Now kill `{library1}`, if it still runs, and have it replaced.")
)
SHARED = Passed(
    _("{names} see the note, though `{library1}`, which wrote it, is gone: it lies in `{shelf}`.")
)


def shared(bench: Bench) -> Verdict:
    """All replicas have one volume, and the note of one that has gone."""
    service = look(bench, "library")
    if not service.front or not service.alive:
        return NotAttempted()
    volume = bench.names(SHELF, "volume")
    without = []
    for number in sorted(service.alive):
        view = bench.container(replica("library", number))
        mount = view.mount(NOTES) if view else None
        if view and (mount is None or mount.name != volume):
            without.append(view.name)
    if without:
        return NO_SHELF.seen(**fields(bench), names=", ".join(without))
    if not all(has(bench, replica("library", number), NOTE) for number in service.alive):
        return NO_NOTE.seen(**fields(bench))
    if 1 in service.alive or len(set(service.listed) & service.alive) < 2:
        return SAME_TWO.seen(**fields(bench))
    return SHARED.seen(**fields(bench), names=", ".join(names_of(bench, service)))


SHARED_NOTES = Step(
    id="shared-notes",
    title=_("A stateless service with a volume"),
    goal=_(
        "Start two replicas that both have the volume `{shelf}` at {notes}. Write a note in `{library1}`, "
        "kill it, and have it replaced."
    ),
    minutes=3,
    prediction=Choice(
        _("A new replica takes the place of the one that wrote the note. Does it have it?"),
        (_("no, as before"), _("yes, from the start"), _("only after the other one was restarted")),
        answer=1,
    ),
    solution=[
        Scale("library", 2, SHELF),
        shell("library-1", f"echo I was here > {NOTE}"),
        Kill("library-1"),
        Heal("library", SHELF),
    ],
    check=shared,
    hints=[
        _("Several containers may have one named volume."),
        _("Each replica is started with --volume {shelf}:{notes}."),
    ],
    wrong={
        NO_SHELF: [Scale("library", 2)],
        NO_NOTE: [Scale("library", 2, SHELF)],
        SAME_TWO: [Scale("library", 2, SHELF), shell("library-1", f"echo I was here > {NOTE}")],
    },
    image="web",
    shows=("library-2", "library-3"),
    volumes=(SHELF,),
    explanation=_(
        "The platform of the text lets a stateless service have volumes and never saves them: with many "
        "instances it couldn't tell whose state is the right one. Docker knows no such rule. A volume with "
        "a name can be mounted by many containers and saved at any time. Files that are written once and "
        "read by all go well with that. Two programs that both change one file don't, as you'll see in a "
        "moment."
    ),
    then_now=ThenNow(
        _("A stateless service may have a volume or not; even if it has, it can't be saved."),
        _("In Kubernetes: a PersistentVolumeClaim with ReadWriteMany, if the storage can do that."),
    ),
)

STEPS = (REPLICAS, BY_LOAD, LOST_REPLICA, SHARED_NOTES)
