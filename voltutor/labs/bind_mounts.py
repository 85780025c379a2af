"""Lab 03: files and folders of the host in a container."""

from __future__ import annotations

from collections.abc import Mapping

from voltutor.labs.common import has, shell
from voltutor.lessons import Choice, Failed, Lab, NotAttempted, Passed, Step, ThenNow, Verdict
from voltutor.session import HOST_PATHS, READ_ONLY, Bench, Bind, OnHost, Remove, Run
from voltutor.text import _


def fields(bench: Bench) -> Mapping[str, str]:
    """The names that the texts use."""
    containers = ("kvstor", "greeter", "maker", "strict", "web02", "keeper", "heir", "guarded", "owner")
    return {**{logical: bench.names(logical) for logical in containers}, "files": str(bench.files)}


# 1: a file

CONF = "/usr/local/etc/redis/redis.conf"
REDIS_CONF = Bind("redis.conf", CONF)

NOT_MOUNTED = Failed(_("`{kvstor}` runs, but your file is not mounted at {conf}."))
NOT_READ = Failed(
    _(
        "Your file is at {conf}, as in the source's line, and Redis never reads it: it runs with maxmemory {seen}."
    )
)
CONFIGURED = Passed(
    _("Redis says that its maxmemory is {seen} bytes, which is what your file on the host says.")
)


def configured(bench: Bench) -> Verdict:
    """A Redis that has read the host's file."""
    kvstor = bench.container("kvstor")
    if kvstor is None or not kvstor.running:
        return NotAttempted()
    if kvstor.mount(CONF) is None:
        return NOT_MOUNTED.seen(**fields(bench), conf=CONF)
    ready = "for i in $(seq 100); do redis-cli ping 2>/dev/null | grep -q PONG && break; sleep 0.05; done"
    told = bench.exec("kvstor", "sh", "-c", f"{ready}; redis-cli config get maxmemory | tail -n 1").text
    right = told == str(bench.number << 20)
    return (CONFIGURED if right else NOT_READ).seen(**fields(bench), conf=CONF, seen=told)


FILE_STEP = Step(
    id="redis-conf",
    title=_("A file of the host in a container"),
    goal=_(
        "`{files}/redis.conf` sets a maxmemory for Redis. Start `{kvstor}` from the Redis image so that it runs "
        "with this file."
    ),
    minutes=3,
    prediction=Choice(
        _(
            "The source mounts the file at /usr/local/etc/redis/redis.conf and names no command. What will Redis do?"
        ),
        (_("read the file from there"), _("run with its defaults"), _("refuse to start")),
        answer=1,
    ),
    solution=[Run("kvstor", "redis", ("redis-server", CONF), (REDIS_CONF,))],
    needs=frozenset({HOST_PATHS}),
    check=configured,
    hints=[
        _("A mount puts a file somewhere. Who tells the program to look there?"),
        _("redis-server takes the path of its configuration as its first argument."),
    ],
    wrong={
        NOT_MOUNTED: [Run("kvstor", "redis", ("redis-server",))],
        NOT_READ: [Run("kvstor", "redis", ("redis-server",), (REDIS_CONF,))],
    },
    files={"redis.conf": "# written for this session\nmaxmemory {n}mb\n"},
    image="redis",
    shows=("kvstor",),
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
REPLACED = Passed(
    _("The host reads “{outside}”, and `{greeter}` still reads “{inside}”: it holds on to the file that was.")
)

GREETER = Run("greeter", "lab", (), (Bind("greeting", "/greeting"),))


def replaced(bench: Bench) -> Verdict:
    """The name leads to a new file, the mount to the old one."""
    greeter, path = bench.container("greeter"), bench.files / "greeting"
    if greeter is None or not greeter.running or greeter.mount("/greeting") is None or not path.exists():
        return NotAttempted()
    inside = bench.exec("greeter", "cat", "/greeting").text
    outside = path.read_text(encoding="utf-8").strip()
    if inside != outside:
        return REPLACED.seen(**fields(bench), inside=inside, outside=outside)
    return NotAttempted() if outside == f"hello {bench.number}" else IN_PLACE.seen(**fields(bench))


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
    wrong={IN_PLACE: [OnHost("echo goodbye > {files}/greeting")]},
    files={"greeting": "hello {n}\n"},
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

NOTHING_THERE = Failed(_("`{maker}` has nothing at /conf."))
MADE = Passed(
    _("`{files}/nowhere/conf` is there now: Docker made an empty directory, where a file was meant.")
)

MAKER = Run("maker", "lab", (), (Bind("nowhere/conf", "/conf"),))


def made(bench: Bench) -> Verdict:
    """A directory that nobody had made."""
    maker = bench.container("maker")
    if maker is None:
        return NotAttempted()
    if maker.mount("/conf") is None or not (bench.files / "nowhere" / "conf").is_dir():
        return NOTHING_THERE.seen(**fields(bench))
    return MADE.seen(**fields(bench))


MISSING_STEP = Step(
    id="missing",
    title=_("A source that isn't there"),
    goal=_("There is no `{files}/nowhere/conf`. Start `{maker}` with it at /conf, by --volume."),
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
    wrong={NOTHING_THERE: [Run("maker", "lab")]},
    files={"nowhere": None},
    image="lab",
    shows=("maker",),
    explanation=_(
        "--volume can't know whether a file was meant or a directory, so it makes a directory, which belongs to "
        "root. A slip in a path thus gives a container that starts, and a program that complains about a "
        "directory where it wants a file. --mount was made stricter: it refuses a source that isn't there, and "
        "names it."
    ),
    then_now=ThenNow(
        "",
        _(
            "-v still makes a directory. --mount (Docker 17.06) is an error, which is what one wants for files."
        ),
    ),
)

# 4: the stricter option

NOT_BY_MOUNT = Failed(_("`{strict}` has the folder at /conf, but by --volume. Take --mount this time."))
BY_MOUNT = Passed(
    _("`{strict}` has `{files}/later/strict` at /conf, by --mount: you made the folder, and Docker didn't.")
)


def strictly(bench: Bench) -> Verdict:
    """Mounted by --mount, from a folder that somebody made."""
    strict = bench.container("strict")
    if strict is None or strict.mount("/conf") is None:
        return NotAttempted()
    return (BY_MOUNT if "/conf" in strict.by_mount else NOT_BY_MOUNT).seen(**fields(bench))


STRICT_STEP = Step(
    id="strict",
    title=_("The stricter option"),
    goal=_(
        "There is no `{files}/later/strict`. Start `{strict}` with it at /conf, by --mount, and do what it asks for."
    ),
    minutes=2,
    prediction=Choice(
        _("What will --mount do about a path that isn't there?"),
        (_("make a directory"), _("refuse, and name the path"), _("wait until it is there")),
        answer=1,
    ),
    solution=[
        OnHost("mkdir -p {files}/later/strict"),
        Run("strict", "lab", (), (Bind("later/strict", "/conf", strict=True),)),
    ],
    needs=frozenset({HOST_PATHS}),
    check=strictly,
    hints=[
        _("--mount type=bind,source=…,target=/conf is the whole option. Read what Docker says to it."),
        _("Make the folder first, by mkdir, and then repeat the line."),
    ],
    wrong={NOT_BY_MOUNT: [Run("strict", "lab", (), (Bind("later/strict", "/conf"),))]},
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
        _("--mount came with Docker 17.06; the documents recommend it. The source uses --volume throughout."),
    ),
)

# 5: a folder under a web server

NO_FOLDER = Failed(_("`{web02}` does not serve your folder: it must run, with the folder at /www."))
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
    if web02.mount("/www") is None or not web02.running:
        return NO_FOLDER.seen(**fields(bench))
    line = "for i in $(seq 50); do wget -qO- http://127.0.0.1:8080/ && break; sleep 0.05; done"
    text = bench.exec("web02", "sh", "-c", line).text.strip()
    page = bench.files / "www" / "index.html"
    outside = page.read_text(encoding="utf-8").strip() if page.exists() else ""
    if text != outside or text == f"page {bench.number}":
        return UNEDITED.seen(**fields(bench))
    return SERVED.seen(**fields(bench), text=text)


FOLDER_STEP = Step(
    id="web-folder",
    title=_("A folder under a web server"),
    goal=_(
        "Start `{web02}` as a web server, with `{files}/www` at /www. Then edit index.html on the host, and "
        "fetch the page again from inside: wget -qO- http://127.0.0.1:8080/"
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
        _("A folder is mounted as a file is. The server is busybox's: httpd -f -p 8080 -h /www."),
        _("Edit with whatever you like: here even a replaced file is seen."),
    ],
    wrong={NO_FOLDER: [Run("web02", "lab", HTTPD)], UNEDITED: [WEB02]},
    files={"www/index.html": "page {n}\n"},
    image="lab",
    shows=("web02",),
    explanation=_(
        "The container and the host look at one folder. A file that is replaced is found too, since the name is "
        "looked up in the folder each time. This is how one develops: edit on the host, and the server in the "
        "container has it. From outside such a server is reached through a published port; `docker port` tells "
        "which one was taken."
    ),
    then_now=ThenNow(
        _("What the container does at /usr/share/nginx/html shows in the host's folder."),
        _(
            "The same, in both directions. On Docker Desktop each access passes a virtual machine, and is slower."
        ),
    ),
)

# 5: remove and recreate

STILL_THERE = Failed(_("`{keeper}` is still there."))
NO_HEIR = Failed(_("`{keeper}` is gone. Start `{heir}` with the same folder at /kept."))
OTHER_FOLDER = Failed(_("`{heir}` has no /kept/page: it has another folder there, or none."))
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
    return (INHERITED if has(bench, "heir", "/kept/page") else OTHER_FOLDER).seen(**fields(bench))


AGAIN_STEP = Step(
    id="again",
    title=_("Removed, made anew, still there"),
    goal=_(
        "`{keeper}` wrote a page to `{files}/kept`, at /kept. Remove it, and start `{heir}` with the same folder."
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
        _("The second container names the same path before the colon."),
        _("--volume {files}/kept:/kept"),
    ],
    wrong={
        STILL_THERE: [HEIR],
        NO_HEIR: [Remove("keeper")],
        OTHER_FOLDER: [Remove("keeper"), Run("heir", "lab", (), (Bind("elsewhere", "/kept"),))],
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

# 7: read-only

WRITABLE = Failed(_("`{guarded}` may write to /ro: the mount is not read-only."))
NOT_THERE = Failed(_("`{guarded}` has nothing at /ro."))
GUARDED = Passed(_("`{guarded}` reads your folder, and can't write there: {said}"))


def guarded(bench: Bench) -> Verdict:
    """A mount that may be read only."""
    view = bench.container("guarded")
    if view is None or not view.running:
        return NotAttempted()
    mount = view.mount("/ro")
    if mount is None:
        return NOT_THERE.seen(**fields(bench))
    if mount.read_write:
        return WRITABLE.seen(**fields(bench))
    said = bench.exec("guarded", "touch", "/ro/new").message
    return GUARDED.seen(**fields(bench), said=said)


READ_ONLY_STEP = Step(
    id="read-only",
    title=_("Look, don't touch"),
    goal=_("Start `{guarded}` with `{files}/shown` at /ro, read-only, and try to write there."),
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
        _("A second colon takes the mode."),
        _("--volume {files}/shown:/ro:ro"),
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
            "ro is the better habit for what a service only reads. Mounts below it are covered since Docker 25."
        ),
    ),
)

# 8: owners

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
    if view is None or view.mount("/owned") is None or not view.running:
        return NotAttempted()
    if not path.exists():
        return NO_FILE.seen(**fields(bench))
    inside, outside = bench.exec("owner", "stat", "-c", "%u", "/owned/file").text, str(path.stat().st_uid)
    return (BY_ROOT if inside == outside else MAPPED).seen(**fields(bench), inside=inside, outside=outside)


OWNERS_STEP = Step(
    id="owners",
    title=_("Whose file is it?"),
    goal=_(
        "Start `{owner}` with `{files}/owned` at /owned, write /owned/file from inside, and look whose it is outside."
    ),
    minutes=2,
    prediction=Choice(
        _("Under Docker as root: to whom will the file belong on the host?"),
        (_("to you"), _("to root"), _("to nobody")),
        answer=1,
    ),
    solution=[OWNER, shell("owner", "echo x > /owned/file")],
    needs=frozenset({HOST_PATHS}),
    check=owned,
    hints=[
        _("`stat -c %u` shows the number of a file's owner, on both sides."),
        _("Write by `docker container exec {owner} sh -c 'echo x > /owned/file'`."),
    ],
    wrong={NO_FILE: [OWNER]},
    files={"owned": None},
    image="lab",
    shows=("owner",),
    explanation=_(
        "The kernel knows users by number, and a container has the same numbers as the host unless they are "
        "mapped. Root in the container is root of the host's files, so you may need root to remove what a "
        "container left in your folder. --user runs the program under your own number; rootless engines, and the "
        "one of this kit, map root to you."
    ),
    then_now=ThenNow(
        "",
        _("Rootless Docker, Podman and user namespaces map the numbers; id-mapped mounts are on their way."),
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
        AGAIN_STEP,
        READ_ONLY_STEP,
        OWNERS_STEP,
    ),
    fields=fields,
)
