"""Every line of the source has its place: each of its statements and commands belongs to a step that executes it, by
lines that are named here and looked for in what the step does.

The source itself is not part of this project; where it lies beside the clone, the lines are compared with it too.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from voltutor.labs import LABS
from voltutor.session import Bench

SOURCE = Path(__file__).parents[3] / "shared" / "seed" / "docker-storage-volumes.rst"
SHA256 = "8e6d4add8eff6fa32e861bff2d8d24e76c3a844198e3b28ca952da22cee69419"

CONTRACT = Path(__file__).parents[1] / "contract" / "test_seed.py"

SERVICES = "07-stateless-and-stateful"


@dataclass(frozen=True)
class Place:
    """Lines of the source, what they say, and the steps that execute it; none for a heading or a frame.

    `runs` are regular expressions for lines of shell that these steps run: as given, as the solution, or as a wrong
    answer. `word_for_word` is what the contract tests run on every engine as the source has it.
    """

    first: int
    last: int
    says: str
    steps: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    word_for_word: tuple[str, ...] = ()


PLACES = (
    Place(1, 2, "heading"),
    Place(
        4,
        4,
        "read-only layers, one writable on top",
        ("01-copy-on-write:layers", "01-copy-on-write:container-layer"),
        (r"docker image tag", r"docker container run"),
    ),
    Place(
        5,
        5,
        "a changed file is copied up and hides the one below",
        ("01-copy-on-write:copy-up", "01-copy-on-write:read"),
        (r">> /seed/16MiB-2", r"sha256sum /seed/16MiB-1"),
    ),
    Place(7, 7, "a picture of copy-on-write", ("01-copy-on-write:copy-up",), (r">> /seed/16MiB-2",)),
    Place(
        9,
        9,
        "this costs what writes a lot, such as Redis, dear",
        ("01-copy-on-write:price", "06-what-it-costs:redis-append", "06-what-it-costs:first-write"),
        (r"voltutor measure first-write", r"voltutor measure redis-append"),
    ),
    Place(
        11,
        11,
        "a volume goes past it: a directory of the host, bound",
        ("02-what-a-volume-is-for:past-the-stack",),
        (r"--volume \S+:/meeting",),
    ),
    Place(13, 14, "heading"),
    Place(
        16,
        16,
        "a restart keeps the data, a removal loses them",
        ("02-what-a-volume-is-for:stop-and-start", "02-what-a-volume-is-for:remove-loses"),
        (r"container stop", r"container start", r"container restart", r"container rm"),
    ),
    Place(17, 17, "problems", ()),
    Place(
        19,
        19,
        "the host can't easily reach in",
        ("02-what-a-volume-is-for:reach-in",),
        (r"container cp \S+:/note",),
    ),
    Place(
        20,
        20,
        "containers can't share",
        ("02-what-a-volume-is-for:share", "01-copy-on-write:copy-up"),
        (r"reader\S* --volume /shared ", r"reader\S* --volume \S+:/shared", r"run .*--name two"),
    ),
    Place(
        21,
        21,
        "data are lost with the container",
        ("02-what-a-volume-is-for:remove-loses",),
        (r"container rm", r"run .*--name second"),
    ),
    Place(
        23,
        25,
        "a volume: one or more directories past the union file system",
        ("02-what-a-volume-is-for:past-the-stack",),
        (r"--volume \S+:/meeting --volume \S+:/desk",),
    ),
    Place(27, 28, "heading"),
    Place(30, 30, "heading"),
    Place(
        32,
        32,
        "many instances, one answer; a balancer asks them in turn; what stops is lost but for its logs",
        (f"{SERVICES}:replicas", f"{SERVICES}:by-load", f"{SERVICES}:lost-replica"),
        (r"shop-1 shop-2 shop-3", r"container kill"),
    ),
    Place(34, 34, "heading"),
    Place(
        36,
        36,
        "data that are saved at any time and restored to a new service; one instance, no scaling",
        (f"{SERVICES}:backup", f"{SERVICES}:restore", f"{SERVICES}:one-instance"),
    ),
    Place(38, 39, "the image must declare a volume and a size be given", (f"{SERVICES}:a-place",)),
    Place(40, 40, "a backup can be named when a service is created", (f"{SERVICES}:restore",)),
    Place(42, 42, "heading"),
    Place(
        44,
        46,
        "how many instances: any number, by hand or by load; or one",
        (f"{SERVICES}:replicas", f"{SERVICES}:by-load", f"{SERVICES}:one-instance"),
    ),
    Place(
        48,
        50,
        "a volume that may be there and isn't saved; or one that must be, with a size",
        (f"{SERVICES}:shared-notes", f"{SERVICES}:a-place", f"{SERVICES}:limit"),
    ),
    Place(
        52,
        54,
        "what lies outside of a volume is lost; what lies in it is saved, downloaded, restored",
        (f"{SERVICES}:lost-replica", f"{SERVICES}:recreate", f"{SERVICES}:backup", f"{SERVICES}:restore"),
    ),
    Place(56, 57, "heading"),
    Place(
        59,
        59,
        "changes lie in the top layer and go with the container",
        ("02-what-a-volume-is-for:remove-loses",),
        (r"> /note", r"container rm"),
    ),
    Place(
        61,
        63,
        "no volume; commit makes an image of it",
        ("02-what-a-volume-is-for:commit", "01-copy-on-write:remove"),
        (r"container commit",),
    ),
    Place(
        65,
        67,
        "a data volume outlives its container",
        ("04-managed-volumes:outlives",),
        (r"> /webapp/page", r"container rm"),
    ),
    Place(
        69,
        73,
        "a file of the host, for Redis",
        ("03-bind-mounts:redis-conf",),
        (r"--volume \S+/redis.conf:/usr/local/etc/redis/redis.conf \S+$",),
        ("--publish-all --name kvstor --volume {conf} redis:4.0-alpine",),
    ),
    Place(75, 88, "its mount as inspected", ("03-bind-mounts:redis-conf",)),
    Place(
        90,
        94,
        "a place only: web01 with /webapp",
        ("04-managed-volumes:anonymous",),
        (r"run .*--name web01\S* --volume /webapp ",),
        ("docker container run --detach --name web01 --volume /webapp nginx",),
    ),
    Place(96, 109, "its mount as inspected", ("04-managed-volumes:anonymous",)),
    Place(
        111,
        111,
        "it is kept, and a new container can't use it by itself",
        ("04-managed-volumes:outlives", "04-managed-volumes:rescue"),
        (r"run .*--name web05\S* --volume /webapp", r"--volume \S+:/old"),
    ),
    Place(
        113,
        117,
        "a folder of the host under a web server, published",
        ("03-bind-mounts:web-folder", "03-bind-mounts:port"),
        (r"--volume \S+/www:/www", r"--publish"),
        ("docker container run --publish-all --detach --name web02 --volume {html} nginx",),
    ),
    Place(119, 133, "its mount as inspected", ("03-bind-mounts:web-folder",)),
    Place(
        135,
        135,
        "a local folder, an NFS share or a block device",
        ("03-bind-mounts:again", "03-bind-mounts:device"),
        (r"--volume \S+/kept:/kept", r"--opt type=ext4 --opt device="),
    ),
    Place(
        137,
        137,
        "what is done there shows on the host; mounted again it persists",
        ("03-bind-mounts:web-folder", "03-bind-mounts:again"),
        (r"> \S+/www/index.html", r"run .*--name heir\S* --volume \S+/kept:/kept"),
    ),
    Place(
        139,
        147,
        "a data container: dbstore, created only",
        ("05-data-containers:store",),
        (r"container create .*--name dbstore\S* --volume /dbdata ",),
        ("docker container create --volume /dbdata --name dbstore busybox",),
    ),
    Place(
        149,
        155,
        "web03 with its volumes: the same directory",
        ("05-data-containers:volumes-from",),
        (r"run .*--name web03\S* --volumes-from dbstore",),
        ("--name web03 --volumes-from dbstore nginx",),
    ),
    Place(157, 170, "its mount as inspected", ("05-data-containers:volumes-from",)),
    Place(
        172,
        172,
        "it is used again and again, whatever becomes of containers",
        ("05-data-containers:store-goes",),
        (r"rm --force --volumes dbstore", r"rm --force dbstore"),
    ),
    Place(
        174,
        194,
        "docker volume create and inspect",
        ("04-managed-volumes:named",),
        (r"docker volume create vol1", r"docker volume inspect vol1"),
        ("docker volume create --name vol1",),
    ),
    Place(
        196,
        200,
        "web04 uses vol1",
        ("04-managed-volumes:named",),
        (r"run .*--name web04\S* --volume vol1\S*:/volume",),
        ("--name web04 --volume vol1:/volume nginx",),
    ),
    Place(202, 217, "its mount as inspected", ("04-managed-volumes:named",)),
    Place(219, 220, "heading"),
    Place(
        222,
        224,
        "rm -v with a volume's name, which doesn't work",
        ("08-removing-and-cleaning:volume-rm",),
        (r"docker container rm -v shelf", r"docker volume rm shelf"),
    ),
    Place(
        226,
        228,
        "the line that lacks rm",
        ("08-removing-and-cleaning:rm-volumes",),
        (r"docker container rm --force --volumes web07",),
        ("docker container --volumes --force web04", "docker container rm --volumes --force web04"),
    ),
    Place(
        230,
        235,
        "vol1 is still listed",
        ("08-removing-and-cleaning:rm-volumes",),
        (r"--volume vol3\S*:/volume",),
        ("docker volume ls",),
    ),
    Place(
        237,
        239,
        "removed containers leave lonely volumes",
        ("05-data-containers:last-user", "08-removing-and-cleaning:rm", "08-removing-and-cleaning:dangling"),
        (r"container rm --force web06", r"container rm --force waiter", r"container rm --force worker"),
    ),
    Place(
        241,
        247,
        "the list of what dangles, vol1 among it",
        ("08-removing-and-cleaning:dangling", "08-removing-and-cleaning:one-line"),
        (r"docker volume ls --quiet --filter dangling=true$", r"--volume precious\S*:/data"),
        ("docker volume ls --quiet --filter dangling=true",),
    ),
    Place(
        248,
        252,
        "all of them removed in one line",
        ("08-removing-and-cleaning:one-line",),
        (r"docker volume rm ",),
        ("docker volume rm $(docker volume ls --quiet --filter dangling=true)",),
    ),
    Place(
        253,
        255,
        "what a container has stays",
        ("08-removing-and-cleaning:one-line",),
        (r"run .*--name busy\S* --volume /data",),
    ),
    Place(
        257,
        263,
        "prune, its warning and its question",
        ("08-removing-and-cleaning:prune",),
        (r"docker (--host \S+ )?volume (prune|rm)",),
        ("docker volume prune",),
    ),
    Place(
        264,
        267,
        "what it deleted and reclaimed",
        ("08-removing-and-cleaning:prune",),
        (r"dd if=/dev/urandom of=/data/page",),
        ("Total reclaimed space: 0B",),
    ),
)


def test_every_place_names_a_step_that_there_is() -> None:
    known = {f"{lab.id}:{step.id}" for lab in LABS.values() for step in lab.steps}
    for place in PLACES:
        assert set(place.steps) <= known, place
        assert place.steps or place.says in ("heading", "problems"), place


def test_no_two_places_overlap_and_they_are_in_order() -> None:
    for before, after in itertools.pairwise(PLACES):
        assert before.first <= before.last < after.first


def test_every_line_of_the_source_is_in_a_place() -> None:
    if not SOURCE.exists():
        pytest.xfail("the source does not lie beside this clone")
    text = SOURCE.read_bytes()
    assert hashlib.sha256(text).hexdigest() == SHA256, "the source has changed: look at every place again"
    covered = {number for place in PLACES for number in range(place.first, place.last + 1)}
    lines = text.decode().splitlines()
    missing = [number for number, line in enumerate(lines, 1) if line.strip() and number not in covered]
    assert missing == []


@pytest.mark.engine
def test_each_place_is_executed_by_the_steps_that_it_names(bench: Bench) -> None:
    contract = CONTRACT.read_text(encoding="utf-8")
    for place in PLACES:
        lines = [line for step in place.steps for line in _lines(bench, step)]
        for pattern in place.runs:
            assert any(re.search(pattern, line) for line in lines), (place.says, pattern, lines)
        for words in place.word_for_word:
            assert words in contract, (place.says, words)


def _lines(bench: Bench, where: str) -> list[str]:
    """Each line of shell that a step runs."""
    lab, _colon, name = where.partition(":")
    step = LABS[lab].step(name)
    commands = [*step.given, *step.solution, *(command for wrong in step.wrong.values() for command in wrong)]
    return [line for command in commands for line in bench.line(command).splitlines()]
