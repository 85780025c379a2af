"""Lab 03: files and folders of the host in a container."""

from __future__ import annotations

import time
from collections.abc import Mapping

from voltutor.engine import LOOPBACK, Conflict, EngineGone, Mount
from voltutor.images import MIB
from voltutor.labs.common import Refusal, bound, fetched, has, is_source, shell, unasked
from voltutor.lessons import Choice, Failed, Lab, NotAttempted, Passed, Step, ThenNow, Verdict
from voltutor.session import (
    DEVICES,
    HOST_PATHS,
    PUBLISHED_PORTS,
    READ_ONLY,
    Bench,
    Bind,
    DeviceVolume,
    OnHost,
    Remove,
    Run,
    Stop,
    attached,
)
from voltutor.text import _


def fields(bench: Bench) -> Mapping[str, str]:
    """The names that the texts use."""
    containers = (
        "kvstor",
        "greeter",
        "maker",
        "strict",
        "web02",
        "keeper",
        "portal",
        "heir",
        "cabinet",
        "guarded",
        "owner",
    )
    names = {logical: bench.names(logical) for logical in containers}
    return {
        **names,
        "disk": bench.names("disk", "volume"),
        "files": str(bench.files),
        "image": bench.image("lab"),
        "redis": bench.image("redis-server"),
    }


# 1: a file

CONF = "/usr/local/etc/redis/redis.conf"
REDIS_CONF = Bind("redis.conf", CONF)

END_LIMIT = 10.0
"""Seconds that an engine may take to tell that a container which answers nothing has ended."""

NOT_MOUNTED = Failed(_("`{kvstor}` runs, but neither your file nor its folder is mounted in it."))
ENDED = Failed(_("`{kvstor}` has ended: `docker container logs {kvstor}` tells why."))
NOT_READ = Failed(
    _("What you mounted is there, at {place}, and Redis never reads it: it runs with maxmemory {seen}.")
)
NO_REDIS = Failed(_("`{kvstor}` runs and has your file, but no Redis answers in it."))
CONFIGURED = Passed(
    _("Redis says that its maxmemory is {seen} bytes, which is what your file on the host says.")
)


def configured(bench: Bench) -> Verdict:
    """A Redis that has read the host's file."""
    kvstor = bench.container("kvstor")
    if kvstor is None or not kvstor.started:
        return NotAttempted()
    conf = bench.files / "redis.conf"
    places = [
        mount.target for mount in kvstor.mounts if is_source(mount, conf) or is_source(mount, conf.parent)
    ]
    if not places:
        return NOT_MOUNTED.seen(**fields(bench))
    if not kvstor.running:
        return ENDED.seen(**fields(bench))
    ready = "for i in $(seq 100); do redis-cli ping 2>/dev/null | grep -q PONG && break; sleep 0.05; done"
    try:
        told = bench.exec("kvstor", "sh", "-c", f"{ready}; redis-cli config get maxmemory | tail -n 1").text
    except (Conflict, EngineGone):  # it ended meanwhile
        told = ""
    until, after = time.monotonic() + END_LIMIT, bench.container("kvstor")
    while not told and after and after.running and time.monotonic() < until:
        time.sleep(0.05)
        after = bench.container("kvstor")
    if after is None or not after.running:
        return ENDED.seen(**fields(bench))
    if not told:
        return NO_REDIS.seen(**fields(bench))
    right = told == str(bench.number << 20)
    return (CONFIGURED if right else NOT_READ).seen(**fields(bench), place=places[0], seen=told)


FILE_STEP = Step(
    id="redis-conf",
    title=_("Find the mistake: a file of the host in a container"),
    goal=_(
        "`{files}/redis.conf` sets a maxmemory for Redis. The 2018 text mounts it at "
        "`/usr/local/etc/redis/redis.conf`, and does no more. Start `{kvstor}` from `{redis}` so that its Redis runs "
        "with this file."
    ),
    minutes=3,
    prediction=Choice(
        _("The 2018 text mounts the file and names no command. What does Redis do then?"),
        (_("read the file from there"), _("run with its defaults"), _("refuse to start")),
        answer=1,
    ),
    solution=[Run("kvstor", "redis-server", ("redis-server", CONF), (REDIS_CONF,))],
    needs=frozenset({HOST_PATHS}),
    check=configured,
    hints=[
        _("A mount puts a file somewhere. Who tells the program to look there?"),
        _("redis-server takes the path of its configuration as its first argument."),
    ],
    wrong={
        NOT_MOUNTED: [Run("kvstor", "redis-server")],
        ENDED: [Run("kvstor", "redis-server", ("redis-server", "/no/such.conf"), (REDIS_CONF,))],
        NO_REDIS: [Run("kvstor", "redis-server", ("stay",), (REDIS_CONF,))],
        NOT_READ: [Run("kvstor", "redis-server", (), (REDIS_CONF,))],
    },
    files={"redis.conf": "# written for this session\nmaxmemory {n}mb\n"},
    image="redis-server",
    shows=("kvstor",),
    quest=True,
    explanation=_(
        "The mount did what it should: the file was there. But an image's program reads what its command tells "
        "it to, and Redis without an argument reads no file at all. A mount that works and has no effect is one "
        "of the commonest mistakes; ask the program itself what it runs with, here by `redis-cli config get "
        "maxmemory`."
    ),
    then_now=ThenNow(
        _(
            "`--volume ~/Documents/redis/redis.conf:/usr/local/etc/redis/redis.conf redis:4.0-alpine`, and no "
            "command."
        ),
        _("The line starts a Redis that ignores the file; it takes `redis-server` and the path at its end."),
    ),
)

# 2: a file that is replaced

IN_PLACE = Failed(
    _("You changed the file itself, and `{greeter}` sees it. Now replace it by another file of its name.")
)
UNREADABLE = Failed(_("`{greeter}` can't read /greeting: {said}"), stuck=True)
REPLACED = Passed(
    _("The host reads “{outside}”, and `{greeter}` still reads “{inside}”: it holds on to the file that was.")
)

GREETER = Run("greeter", "lab", (), (Bind("greeting", "/greeting"),))


def replaced(bench: Bench) -> Verdict:
    """The name leads to a new file, the mount to the old one."""
    greeter, path = bench.container("greeter"), bench.files / "greeting"
    if greeter is None or not greeter.running or greeter.mount("/greeting") is None or not path.exists():
        return NotAttempted()
    read, outside = bench.exec("greeter", "cat", "/greeting"), path.read_bytes()
    if read.code != 0:
        return UNREADABLE.seen(**fields(bench), said=read.message)
    inside = read.out
    if inside != outside:
        texts = (text.decode(errors="replace").strip() for text in (inside, outside))
        return REPLACED.seen(**fields(bench), **dict(zip(("inside", "outside"), texts, strict=True)))
    unchanged = outside == f"hello {bench.number}\n".encode()
    return NotAttempted() if unchanged else IN_PLACE.seen(**fields(bench))


REPLACED_STEP = Step(
    id="replaced",
    title=_("A file that is replaced"),
    goal=_(
        "`{greeter}` has `{files}/greeting` at /greeting. On the host, replace it as editors do: write a new "
        "file beside it, and rename that to greeting. Then read /greeting in the container."
    ),
    minutes=3,
    prediction=Choice(
        _("What will the container read?"),
        (_("the new text"), _("the old text"), _("an error: the file is gone")),
        answer=1,
    ),
    given=[GREETER],
    solution=[OnHost("echo goodbye > {files}/greeting.new && mv {files}/greeting.new {files}/greeting")],
    needs=frozenset({HOST_PATHS}),
    check=replaced,
    hints=[
        _("`mv` within a folder renames: the name then leads to another inode."),
        _("Two commands in a terminal: write greeting.new, then mv it over greeting."),
    ],
    wrong={
        IN_PLACE: [OnHost("echo goodbye > {files}/greeting")],
        UNREADABLE: [Remove("greeter"), Run("greeter", "lab", (), (Bind("lair", "/greeting"),))],
    },
    files={"greeting": "hello {n}\n", "lair": None},
    image="lab",
    shows=("greeter",),
    explanation=_(
        "What was mounted is the file, not its name. vim, sed -i and many other programs write a new file and "
        "rename it, so that nobody sees half of it. On the host the name leads to the new file from then on; the "
        "mount still leads to the old one, which lives on without a name. Mount the folder instead, or restart "
        "the container."
    ),
    then_now=ThenNow(
        _("A file is mounted like a directory: -v local_file:container_file."),
        _("It works, with this surprise. Configuration is better mounted as a folder."),
    ),
)

# 3: a source that isn't there

NOTHING_THERE = Failed(_("`{maker}` doesn't have `{files}/nowhere/conf` at /conf."))
MADE_BY_HAND = Failed(
    _(
        "`{maker}` has it at /conf, but by --mount, which makes nothing: somebody made the folder. Take --volume."
    ),
    stuck=True,
)
MADE = Passed(
    _("`{files}/nowhere/conf` is there now: Docker made an empty directory, where a file was meant.")
)

MAKER = Run("maker", "lab", (), (Bind("nowhere/conf", "/conf"),))


def made(bench: Bench) -> Verdict:
    """A directory that nobody had made."""
    maker = bench.container("maker")
    if maker is None:
        return NotAttempted()
    folder = bench.files / "nowhere" / "conf"
    if not bound(maker, "/conf", folder) or not folder.is_dir():
        return NOTHING_THERE.seen(**fields(bench))
    if "/conf" in maker.by_mount:
        return MADE_BY_HAND.seen(**fields(bench))
    return MADE.seen(**fields(bench))


MISSING_STEP = Step(
    id="missing",
    title=_("A path that isn't there"),
    goal=_(
        "There is no `{files}/nowhere/conf`. Start `{maker}` from `{image}` with it at /conf, by --volume."
    ),
    minutes=2,
    prediction=Choice(
        _("What will Docker do about a path that isn't there?"),
        (_("refuse, and name the path"), _("make a file"), _("make a directory")),
        answer=2,
    ),
    solution=[MAKER],
    needs=frozenset({HOST_PATHS}),
    check=made,
    hints=[
        _("Just do it, and look at the folder afterwards."),
        _("`docker container run --volume {files}/nowhere/conf:/conf`, and a look at `{files}/nowhere`."),
    ],
    wrong={
        NOTHING_THERE: [Run("maker", "lab")],
        MADE_BY_HAND: [
            OnHost("mkdir -p {files}/nowhere/conf"),
            Run("maker", "lab", (), (Bind("nowhere/conf", "/conf", strict=True),)),
        ],
    },
    files={"nowhere": None},
    image="lab",
    shows=("maker",),
    explanation=_(
        "--volume can't know whether a file was meant or a directory, so it makes a directory, which belongs to "
        "whoever the engine runs as: root, for an ordinary Docker. A slip in a path thus gives a container that "
        "starts, and a program that complains about a directory where it wants a file. --mount was made stricter: it "
        "refuses a source that isn't there, and names it."
    ),
    then_now=ThenNow(
        "",
        _(
            "-v still makes a directory. --mount (Docker 17.06) is an error, which is what one wants for files; the "
            "newest clients make one too if told bind-create-src."
        ),
    ),
)

# 4: the stricter option

OTHER_SOURCE = Failed(_("`{strict}` doesn't have `{files}/later/strict` at /conf."))
NOT_BY_MOUNT = Failed(_("`{strict}` has the folder at /conf, but by --volume. Take --mount this time."))
BY_MOUNT = Passed(
    _("`{strict}` has `{files}/later/strict` at /conf, by --mount: you made the folder, and Docker didn't.")
)


def strictly(bench: Bench) -> Verdict:
    """Mounted by --mount, from a folder that somebody made."""
    strict = bench.container("strict")
    if strict is None:
        return NotAttempted()
    if not bound(strict, "/conf", bench.files / "later" / "strict"):
        return OTHER_SOURCE.seen(**fields(bench))
    return (BY_MOUNT if "/conf" in strict.by_mount else NOT_BY_MOUNT).seen(**fields(bench))


STRICT = Run("strict", "lab", (), (Bind("later/strict", "/conf", strict=True),))

STRICT_STEP = Step(
    id="strict",
    title=_("The stricter option"),
    goal=_(
        "There is no `{files}/later/strict`. Start `{strict}` from `{image}` with it at /conf, by --mount, and do "
        "what Docker asks for."
    ),
    minutes=2,
    prediction=Choice(
        _("What will --mount do about a path that isn't there?"),
        (_("make a directory"), _("refuse, and name the path"), _("wait until it is there")),
        answer=1,
    ),
    solution=[Refusal(STRICT), OnHost("mkdir -p {files}/later/strict"), STRICT],
    needs=frozenset({HOST_PATHS}),
    check=strictly,
    hints=[
        _("--mount takes words instead of colons: type, source and target. Read what Docker says to it."),
        _(
            "--mount type=bind,source=…,target=/conf. It says what is missing; make that, and repeat the line."
        ),
    ],
    wrong={
        OTHER_SOURCE: [Run("strict", "lab", (), (Bind("elsewhere", "/conf"),))],
        NOT_BY_MOUNT: [Run("strict", "lab", (), (Bind("later/strict", "/conf"),))],
    },
    files={"later": None},
    image="lab",
    shows=("strict",),
    explanation=_(
        "--mount says what is meant, in words: a bind mount, from here, to there. With that known, a source that "
        "isn't there can only be a mistake, and Docker refuses to create the container. For a script that is right: "
        "it stops at the slip, and not three steps later at a program that finds an empty folder."
    ),
    then_now=ThenNow(
        "",
        _(
            "--mount came with Docker 17.06; the documents recommend it. The 2018 text uses --volume throughout."
        ),
    ),
)

# 5: a folder under a web server

NO_FOLDER = Failed(_("`{web02}` does not serve your folder: it must run, with the folder at /www."))
NOT_SERVING = Failed(
    _(
        "`{web02}` has your folder, but no page comes from its port 8080: start httpd there, and keep index.html."
    )
)
UNEDITED = Failed(
    _("`{web02}` serves your page. Now edit `{files}/www/index.html` on the host, and ask again.")
)
SERVED = Passed(_("The server answers with what the host's file says now: “{text}”. Nothing was restarted."))

HTTPD = ("httpd", "-f", "-p", "8080", "-h", "/www")
WEB02 = Run("web02", "lab", HTTPD, (Bind("www", "/www"),))


def served(bench: Bench) -> Verdict:
    """The page as it is on the host now."""
    web02 = bench.container("web02")
    if web02 is None:
        return NotAttempted()
    if not bound(web02, "/www", bench.files / "www") or not web02.running:
        return NO_FOLDER.seen(**fields(bench))
    line = "for i in $(seq 50); do wget -qO- http://127.0.0.1:8080/ && exit; sleep 0.05; done; exit 1"
    answer = bench.exec("web02", "sh", "-c", line)
    if answer.code != 0:
        return NOT_SERVING.seen(**fields(bench))
    text, page = answer.text.strip(), bench.files / "www" / "index.html"
    outside = page.read_text(encoding="utf-8").strip() if page.exists() else None
    if text != outside or text == f"page {bench.number}":
        return UNEDITED.seen(**fields(bench))
    return SERVED.seen(**fields(bench), text=text)


FOLDER_STEP = Step(
    id="web-folder",
    title=_("A folder under a web server"),
    goal=_(
        "Start `{web02}` from `{image}` with `{files}/www` at /www, to serve that folder: its command is `httpd -f "
        "-p 8080 -h /www`. Then edit index.html on the host, and fetch the page again from inside, by `wget -qO- "
        "http://127.0.0.1:8080/`."
    ),
    minutes=3,
    prediction=Choice(
        _("When will the server answer with the new page?"),
        (_("at once"), _("after a restart of the container"), _("when the container is made anew")),
        answer=0,
    ),
    solution=[WEB02, OnHost("echo edited on the host > {files}/www/index.html")],
    needs=frozenset({HOST_PATHS}),
    check=served,
    hints=[
        _("A folder is mounted as a file is, and the command stands behind the image's name."),
        _("Edit with whatever you like: here even a replaced file is seen."),
    ],
    wrong={
        NO_FOLDER: [Run("web02", "lab", HTTPD)],
        NOT_SERVING: [Run("web02", "lab", (), (Bind("www", "/www"),))],
        UNEDITED: [WEB02],
    },
    files={"www/index.html": "page {n}\n"},
    image="lab",
    shows=("web02",),
    explanation=_(
        "The container and the host look at one folder. A file that is replaced is found too, since the name is "
        "looked up in the folder each time. This is how one develops: edit on the host, and the server in the "
        "container has it."
    ),
    then_now=ThenNow(
        _("What the container does at /usr/share/nginx/html shows in the host's folder."),
        _(
            "The same, in both directions. On Docker Desktop each access passes a virtual machine, and is slower."
        ),
    ),
)

# 6: a port to it

NO_PAGES = Failed(_("`{portal}` must run, with `{files}/portal` at /www."))
NOT_PUBLISHED = Failed(_("`{portal}` runs, but its port 8080 is not published: `docker port` shows nothing."))
ELSEWHERE = Failed(
    _(
        "Port 8080 of `{portal}` is published at {address}. Publish it at 127.0.0.1 alone, which only this host "
        "reaches."
    )
)
NO_ANSWER = Failed(_("Port {port} of the host leads to `{portal}`, and no page comes from there."))
PUBLISHED = Passed(_("127.0.0.1:{port} on the host leads to port 8080 of `{portal}`, and answers “{text}”."))

PORTAL = Run("portal", "lab", HTTPD, (Bind("portal", "/www"),), publish=(8080,))
PORT_LIMIT = 3.0
"""Seconds that a page from a published port may take."""


def published(bench: Bench) -> Verdict:
    """The host's page, by way of the container, on a port of the host."""
    portal = bench.container("portal")
    if portal is None:
        return NotAttempted()
    if not bound(portal, "/www", bench.files / "portal") or not portal.running:
        return NO_PAGES.seen(**fields(bench))
    places = bench.engine.ports(portal.id, 8080)
    if not places:
        return NOT_PUBLISHED.seen(**fields(bench))
    for address, port in places:
        if address != LOOPBACK:
            return ELSEWHERE.seen(**fields(bench), address=f"{address}:{port}")
    port = places[0][1]
    text = fetched(port, PORT_LIMIT)
    if text is None:
        return NO_ANSWER.seen(**fields(bench), port=port)
    return PUBLISHED.seen(**fields(bench), port=port, text=text.strip())


PORT_STEP = Step(
    id="port",
    title=_("From outside"),
    goal=_(
        "Start `{portal}` from `{image}` as the last one, with `{files}/portal` at /www, and publish its port 8080 "
        "on the host's 127.0.0.1. Let Docker choose the port there, and ask `docker port` which it was."
    ),
    minutes=2,
    prediction=Choice(
        _("Which port of the host will lead to it?"),
        (_("8080, as inside"), _("one that Docker picks"), _("80, as for every web server")),
        answer=1,
    ),
    solution=[PORTAL],
    needs=frozenset({HOST_PATHS, PUBLISHED_PORTS}),
    check=published,
    hints=[
        _("Which option of run makes a port of the container one of the host's? It takes up to three parts."),
        _("--publish ADDRESS:HOST-PORT:CONTAINER-PORT; what is left out between the colons Docker chooses."),
    ],
    wrong={
        NO_PAGES: [Run("portal", "lab", HTTPD, publish=(8080,))],
        NOT_PUBLISHED: [Run("portal", "lab", HTTPD, (Bind("portal", "/www"),))],
        ELSEWHERE: [
            Run("portal", "lab", HTTPD, (Bind("portal", "/www"),), publish=(8080,), address="127.0.0.2")
        ],
        NO_ANSWER: [Run("portal", "lab", (), (Bind("portal", "/www"),), publish=(8080,))],
    },
    files={"portal/index.html": "portal {n}\n"},
    image="lab",
    shows=("portal",),
    explanation=_(
        "A container has a network of its own, so its port 8080 is no port of the host's. Publishing makes a way "
        "from one to the other. `docker port {portal}` names it, and so does the column PORTS of `docker ps`. "
        "Without the address Docker listens on all of the host's addresses, and past many a firewall."
    ),
    then_now=ThenNow(
        _("`docker container run --publish-all`."),
        _(
            "It still takes every port that the image declares by EXPOSE, on all addresses. Naming one, with an "
            "address, opens no more than one wants."
        ),
    ),
)

# 7: remove and recreate

STILL_THERE = Failed(_("`{keeper}` is still there."))
NO_HEIR = Failed(_("`{keeper}` is gone. Start `{heir}` with the same folder at /kept."))
OTHER_FOLDER = Failed(
    _("`{heir}` doesn't have `{files}/kept` at /kept: it has another folder there, or none.")
)
PAGE_GONE = Failed(
    _("`{heir}` has the folder at /kept, but somebody has removed the page from it."), stuck=True
)
INHERITED = Passed(
    _("`{heir}` reads the page that `{keeper}` wrote: the folder was never part of a container.")
)

KEEPER = Run("keeper", "lab", (), (Bind("kept", "/kept"),))
KEPT_PAGE = shell("keeper", "hostname > /kept/page")
HEIR = Run("heir", "lab", (), (Bind("kept", "/kept"),))


def inherited(bench: Bench) -> Verdict:
    """The first is gone, and the second has its page."""
    keeper, heir = bench.container("keeper"), bench.container("heir")
    if keeper:
        return STILL_THERE.seen(**fields(bench)) if heir else NotAttempted()
    if not bench.was_there("keeper"):
        return NotAttempted()
    if heir is None or not heir.running:
        return NO_HEIR.seen(**fields(bench))
    if not bound(heir, "/kept", bench.files / "kept"):
        return OTHER_FOLDER.seen(**fields(bench))
    return (INHERITED if has(bench, "heir", "/kept/page") else PAGE_GONE).seen(**fields(bench))


AGAIN_STEP = Step(
    id="again",
    title=_("Removed, made anew, still there"),
    goal=_(
        "`{keeper}` wrote a page to `{files}/kept`, at /kept. Remove `{keeper}`, and start `{heir}` from `{image}` "
        "with the same folder at /kept."
    ),
    minutes=2,
    prediction=Choice(
        _("What will `{heir}` have at /kept?"),
        (_("an empty folder"), _("the page"), _("a new volume")),
        answer=1,
    ),
    given=[KEEPER, KEPT_PAGE],
    solution=[Remove("keeper"), HEIR],
    needs=frozenset({HOST_PATHS}),
    check=inherited,
    hints=[
        _("What did Docker have to do with the folder, but mount it?"),
        _("The second container names the same path before the colon."),
    ],
    wrong={
        STILL_THERE: [HEIR],
        NO_HEIR: [Remove("keeper")],
        OTHER_FOLDER: [Remove("keeper"), Run("heir", "lab", (), (Bind("elsewhere", "/kept"),))],
        PAGE_GONE: [Remove("keeper"), OnHost("rm {files}/kept/page"), HEIR],
    },
    files={"kept": None, "elsewhere": None},
    image="lab",
    shows=("keeper", "heir"),
    explanation=_(
        "A path can be said again, as the name of a volume can. The folder may be on a local disk, on a "
        "formatted device that is mounted there, or on an NFS share: to the container it is a directory. The "
        "local volume driver can mount such things too, by the options type, device and o of `docker volume "
        "create`."
    ),
    then_now=ThenNow(
        _("The directory may be local, in an NFS share, or on a formatted block device."),
        _("The same. Docker never removes a bind-mounted folder, whatever becomes of the container."),
    ),
)

# 8: a block device

NO_DISK = Failed(_("`{cabinet}` has no volume at /vault."))
NO_DEVICE = Failed(
    _(
        "`{cabinet}` has a volume at /vault, but a folder of the engine's is behind it, and no device of yours."
    )
)
NOT_FILLED = Failed(
    _("`{cabinet}` has the device at /vault, and there is room on it: write more than it holds.")
)
ON_DEVICE = Passed(
    _(
        "/vault is {device} with {kind}, of {size} KiB. It is full; the write stopped, and disk.img is still "
        "{file} MiB."
    )
)

DISK = DeviceVolume("disk", "disk.img", 16 * MIB)
VAULT = Run("cabinet", "lab", (), (Mount("/vault", "disk"),))
FULL_KIB = 64
"""Free space, in KiB, that still counts as full."""


def on_device(bench: Bench) -> Verdict:
    """A container on a file system of its own, filled to its end."""
    vault = bench.container("cabinet")
    if vault is None or not vault.running:
        return NotAttempted()
    mount = vault.mount("/vault")
    if mount is None or mount.type != "volume":
        return NO_DISK.seen(**fields(bench))
    # Device, kind, and KiB in all and left: the last mount there is the one that a program sees.
    line = "grep ' /vault ' /proc/mounts | tail -n 1 && df -Pk /vault | tail -n 1"
    told = bench.exec("cabinet", "sh", "-c", line)
    if told.code != 0 or len(told.text.splitlines()) != 2:
        return unasked(told)
    mounted, counted = told.text.splitlines()
    device, _target, kind = mounted.split()[:3]
    size, _used, free = counted.split()[1:4]
    image = bench.files / "disk.img"
    if attached(bench.files).get(device) != image.resolve():
        return NO_DEVICE.seen(**fields(bench))
    if int(free) > FULL_KIB:
        return NOT_FILLED.seen(**fields(bench))
    there = image.stat().st_size // MIB
    return ON_DEVICE.seen(**fields(bench), device=device, kind=kind, size=size, file=there)


DEVICE_STEP = Step(
    id="device",
    title=_("A formatted block device"),
    goal=_(
        "Make `{files}/disk.img`, 16 MiB with an ext4 file system, and attach it as a loop device. Create the volume "
        "`{disk}` on that device, start `{cabinet}` from `{image}` with it at /vault, and write 20 MiB there."
    ),
    minutes=3,
    prediction=Choice(
        _("The device has 16 MiB. Where do the other 4 MiB go?"),
        (_("to the engine's disk"), _("nowhere: the write fails"), _("disk.img grows")),
        answer=1,
    ),
    solution=[
        DISK,
        VAULT,
        shell("cabinet", "dd if=/dev/zero of=/vault/fill bs=1M count=20 2>/dev/null || true"),
    ],
    needs=frozenset({DEVICES}),
    check=on_device,
    hints=[
        _(
            "losetup makes a file a block device, and the local driver's options are those of mount(8): type, device."
        ),
        _(
            "`docker volume create --opt type=ext4 --opt device=/dev/loop…`, and `losetup --find --show` names which."
        ),
    ],
    wrong={
        NO_DISK: [Run("cabinet", "lab")],
        NO_DEVICE: [VAULT],
        NOT_FILLED: [DISK, VAULT],
    },
    image="lab",
    shows=("cabinet",),
    volumes=("disk",),
    explanation=_(
        "A loop device is a file that the kernel treats as a disk, which is how one tries things that need a disk of "
        "their own. The local driver gives its options to mount(2) when the first container starts: type=ext4 and "
        "a device here; type=nfs, device=:/share and o=addr=HOST,rw for an NFS share; type=none, o=bind and a path "
        "for a folder. To the container all are directories. A file system of its own is finite, so it also sets a "
        "limit that lasts, which a plain volume doesn't have."
    ),
    then_now=ThenNow(
        _("The host's directory may be a local one, on an NFS share, or on a formatted block device."),
        _(
            "The same; and a volume's --opt lets Docker do the mounting, so that no host needs an fstab for it."
        ),
    ),
)

# 9: read-only

WRITABLE = Failed(_("`{guarded}` may write to /ro: the mount is not read-only."))
NOT_THERE = Failed(_("`{guarded}` doesn't have `{files}/shown` at /ro."))
GUARDED = Passed(_("`{guarded}` reads your folder, and can't write there: {said}"))


def guarded(bench: Bench) -> Verdict:
    """A mount that may be read only."""
    view = bench.container("guarded")
    if view is None or not view.running:
        return NotAttempted()
    mount = view.mount("/ro")
    if mount is None or not bound(view, "/ro", bench.files / "shown"):
        return NOT_THERE.seen(**fields(bench))
    if mount.read_write:
        return WRITABLE.seen(**fields(bench))
    said = bench.exec("guarded", "touch", "/ro/new").message
    return GUARDED.seen(**fields(bench), said=said)


READ_ONLY_STEP = Step(
    id="read-only",
    title=_("Look, don't touch"),
    goal=_(
        "Start `{guarded}` from `{image}` with `{files}/shown` at /ro, read-only, and try to write there."
    ),
    minutes=2,
    prediction=Choice(
        _("The program runs as root in the container. Can it write to a read-only mount?"),
        (_("yes, root may do anything"), _("no"), _("only after a chmod")),
        answer=1,
    ),
    solution=[Run("guarded", "lab", (), (Bind("shown", "/ro", "ro"),))],
    needs=frozenset({HOST_PATHS, READ_ONLY}),
    check=guarded,
    hints=[
        _("--volume takes a mode too. Where would it stand?"),
        _("A second colon takes the mode: ro, or rw, which is what you get without a word."),
    ],
    wrong={
        WRITABLE: [Run("guarded", "lab", (), (Bind("shown", "/ro"),))],
        NOT_THERE: [Run("guarded", "lab")],
    },
    files={"shown": None},
    image="lab",
    shows=("guarded",),
    explanation=_(
        "The kernel refuses the write, whoever asks. A remount would need a power that a container doesn't have. "
        "Configuration, certificates and web pages should be mounted like this: a container that is broken into "
        "can then read them at most. In inspect the field RW is false, and Mode says ro."
    ),
    then_now=ThenNow(
        "",
        _(
            "ro is the better habit for what a service only reads. Since Docker 25 mounts below it are read-only too."
        ),
    ),
)

# 10: owners

NOT_OWNED = Failed(_("`{owner}` doesn't have `{files}/owned` at /owned."))
OWNER_ENDED = Failed(
    _(
        "The file is there, and `{owner}` has ended. Start it so that it stays, without a command, to look from "
        "inside."
    )
)
NO_FILE = Failed(_("`{owner}` has your folder at /owned; now write a file there from inside."))
BY_ROOT = Passed(
    _("Inside it belongs to user {inside}, outside to user {outside}: the numbers are the same.")
)
MAPPED = Passed(
    _(
        "Inside it belongs to user {inside}, outside to user {outside}: this engine maps its users to others of "
        "the host."
    )
)

OWNER = Run("owner", "lab", (), (Bind("owned", "/owned"),))


def owned(bench: Bench) -> Verdict:
    """Whose a file is, on either side."""
    view, path = bench.container("owner"), bench.files / "owned" / "file"
    if view is None or not view.started:
        return NotAttempted()
    if not bound(view, "/owned", path.parent):
        return NOT_OWNED.seen(**fields(bench))
    if not path.exists():
        return NO_FILE.seen(**fields(bench))
    if not view.running:
        return OWNER_ENDED.seen(**fields(bench))
    inside = bench.exec("owner", "stat", "-c", "%u", "/owned/file").text
    if not inside:
        return NO_FILE.seen(**fields(bench))
    outside = str(path.stat().st_uid)
    return (BY_ROOT if inside == outside else MAPPED).seen(**fields(bench), inside=inside, outside=outside)


OWNERS_STEP = Step(
    id="owners",
    title=_("Whose file is it?"),
    goal=_(
        "Start `{owner}` from `{image}` with `{files}/owned` at /owned, write /owned/file from inside, and look "
        "whose it is outside."
    ),
    minutes=2,
    prediction=Choice(
        _("Inside you are root, which is user 0. What decides to whom the file belongs on the host?"),
        (
            _("the folder's owner"),
            _("the user's number, as the engine maps it"),
            _("who started the container"),
        ),
        answer=1,
    ),
    solution=[OWNER, shell("owner", "echo x > /owned/file")],
    needs=frozenset({HOST_PATHS}),
    check=owned,
    hints=[
        _("The kernel knows users by number. Which program shows the number of a file's owner?"),
        _("`stat -c %u` does, on both sides; write the file by `docker container exec`."),
    ],
    wrong={
        NO_FILE: [OWNER],
        NOT_OWNED: [Run("owner", "lab", (), (Bind("strangers", "/owned"),))],
        OWNER_ENDED: [
            Run("owner", "lab", ("sh", "-c", "echo x > /owned/file"), (Bind("owned", "/owned"),)),
            Stop("owner"),
        ],
    },
    files={"owned": None, "strangers": None},
    image="lab",
    shows=("owner",),
    explanation=_(
        "The kernel knows users by number, and a container has the same numbers as the host unless they are "
        "mapped. Root in the container is root of the host's files, so you may need root to change what a "
        "container left in your folder, or to remove a folder that it made there. --user runs the program under "
        "your own number; rootless engines, and the one of this kit, map root to you."
    ),
    then_now=ThenNow(
        "",
        _(
            "Rootless Docker, Podman and user namespaces map the numbers. The kernel can map them for a single mount "
            "too: Podman offers that, Docker not yet."
        ),
    ),
)

BIND_MOUNTS = Lab(
    id="03-bind-mounts",
    title=_("Files and folders of the host"),
    steps=(
        FILE_STEP,
        REPLACED_STEP,
        MISSING_STEP,
        STRICT_STEP,
        FOLDER_STEP,
        PORT_STEP,
        AGAIN_STEP,
        DEVICE_STEP,
        READ_ONLY_STEP,
        OWNERS_STEP,
    ),
    fields=fields,
)
