"""A stateless service: replicas of a web server behind a balancer, scaled, healed and put under load.

What the service is lies on the engine alone: the balancer's own list says which replicas there should be. So a kernel
that was restarted, another one, and whoever types docker lines all see the same service.
"""

from __future__ import annotations

import re
import shlex
import time
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from voltutor.engine import Mount
from voltutor.errors import VoltutorError
from voltutor.home import append, make_folder
from voltutor.images import ANSWERS, LISTED, NOTES, SOCKETS
from voltutor.services.answers import Answer, parse
from voltutor.services.scaling import Scaler
from voltutor.session import Bench, Command, Exec, NameTaken, Progress, Remove, Run, Stop
from voltutor.text import _, tr

MOST = 6
"""Replicas that a service has at most."""

NUMBERS = range(1, 2 * MOST + 1)
"""What replicas are called by: so many that each lost one can be replaced before it is removed."""

LOAD_LIMIT = 600.0
"""Seconds that a load may take."""


def front(service: str) -> str:
    """The logical name of a service's balancer."""
    return f"{service}-front"


def replica(service: str, number: int) -> str:
    """The logical name of a replica."""
    return f"{service}-{number}"


def address(bench: Bench, service: str) -> str:
    """Where a balancer listens. Its network is its own, but under PRoot it is the machine's: so the port differs from
    session to session and from service to service."""
    return f"127.0.0.1:{20000 + zlib.crc32(f'{bench.session.id} {service}'.encode()) % 20000}"


@dataclass(frozen=True)
class Service:
    """What a stateless service looks like at one moment.

    Attributes:
        front: whether the balancer runs.
        listed: the numbers of the replicas that the balancer gives requests to.
        alive: those of its containers that run.
        there: those of its containers that exist.
        ours: those of them that this kit made.
        notes: the name of the volume that its replicas share at NOTES, or empty.
    """

    name: str
    front: bool = False
    stopped_front: bool = False
    listed: tuple[int, ...] = ()
    alive: frozenset[int] = frozenset()
    there: frozenset[int] = frozenset()
    ours: frozenset[int] = frozenset()
    notes: str = ""

    @property
    def serving(self) -> tuple[int, ...]:
        """The replicas that stay where there is no reason to change anything: those that are listed and alive, or
        without a balancer those of this kit's that are alive."""
        listed = self.listed if self.front else tuple(sorted(self.ours))
        return tuple(number for number in listed if number in self.alive)

    @property
    def lost(self) -> tuple[int, ...]:
        """Replicas that should run, and don't."""
        return tuple(number for number in self.listed if number not in self.alive)

    def scaled(self, wanted: int) -> tuple[tuple[int, ...], tuple[int, ...], Service]:
        """Which replicas come and which go, so that there are as many as wanted, all alive; and how it looks then.
        What this kit didn't make is taken off the list at most."""
        kept = self.serving[:wanted]
        free = (number for number in NUMBERS if number not in self.there)
        come = tuple(number for number, _more in zip(free, range(wanted - len(kept)), strict=False))
        # With those that a crash left between their start and the balancer's list.
        unlisted = sorted(self.ours - set(self.listed))
        go = tuple(
            number for number in (*self.listed, *unlisted) if number in self.ours and number not in kept
        )
        now = (*kept, *come)
        there = (self.there | set(come)) - set(go)
        ours = (self.ours | set(come)) - set(go)
        after = replace(
            self, front=True, stopped_front=False, listed=now, alive=frozenset(now), there=there, ours=ours
        )
        return come, go, after


def look(bench: Bench, service: str) -> Service:
    """How a service is doing.

    Raises:
        EngineError: the engine does not answer.
    """
    names = set(bench.engine.container_names())
    balancer = bench.container(front(service))
    found = {number: bench.names(replica(service, number)) for number in NUMBERS}
    views = {
        number: view
        for number, name in found.items()
        if name in names and (view := bench.container(replica(service, number)))
    }
    listed: tuple[int, ...] = ()
    if balancer and balancer.running:
        told = bench.exec(front(service), "cat", LISTED).text
        numbers = {replica(service, number): number for number in NUMBERS}
        said = re.findall(rf"server unix:{SOCKETS}/(\S+)\.sock;", told)
        listed = tuple(numbers[name] for name in said if name in numbers)
    notes = (mount.name for view in views.values() if (mount := view.mount(NOTES)) and mount.name)
    return Service(
        service,
        front=bool(balancer and balancer.running),
        stopped_front=bool(balancer and not balancer.running),
        listed=listed,
        alive=frozenset(number for number, view in views.items() if view.running),
        there=frozenset(views),
        ours=frozenset(number for number, view in views.items() if bench.ours(view)),
        notes=next(notes, ""),
    )


def answers(bench: Bench, service: str) -> tuple[Answer, ...]:
    """Every request that the balancer has answered, oldest first; none where it doesn't run.

    Raises:
        EngineError: the engine does not answer.
    """
    balancer = bench.container(front(service))
    if balancer is None or not balancer.running:
        return ()
    return parse(bench.exec(front(service), "cat", ANSWERS).text)


def under_way(bench: Bench, service: str) -> int:
    """How many requests have no whole answer yet: the connections that the balancer has just now (proc_net_tcp(5);
    01 is ESTABLISHED)."""
    port = int(address(bench, service).rpartition(":")[2])
    told = bench.exec(front(service), "cat", "/proc/net/tcp").text
    return len(re.findall(rf"^ *\d+: \w+:{port:04X} \w+:\w+ 01 ", told, re.MULTILINE))


@dataclass(frozen=True)
class SaveLog:
    """`docker container logs` into a file: what a removed container has said goes with it."""

    service: str
    name: str

    def argv(self, bench: Bench) -> list[str]:
        """`mkdir … && docker container logs NAME >> FILE`."""
        path, name = log_path(bench, self.service, self.name), bench.names(self.name)
        folder, to = shlex.quote(str(path.parent)), shlex.quote(str(path))
        return ["sh", "-c", f"mkdir -p {folder} && docker container logs {name} >> {to} 2>&1"]

    def perform(self, bench: Bench) -> Iterator[Progress]:
        """Append it to what an earlier one of that name has said.

        Raises:
            DiskTrouble: there is no room for it.
        """
        path, name = log_path(bench, self.service, self.name), bench.names(self.name)
        make_folder(path.parent)
        said = bench.engine.logs(name)
        append(path, said)
        yield Progress(tr(_("kept: {n} lines of {name}"), n=said.count(b"\n"), name=name))


def log_path(bench: Bench, service: str, name: str) -> Path:
    """Where the log of a replica is kept, by its logical name."""
    return bench.files / "logs" / service / f"{bench.names(name)}.log"


def _scaling(bench: Bench, now: Service, wanted: int, notes: str = "") -> tuple[list[Command], Service]:
    """The commands that make it as many as wanted: first who comes, then the balancer's list, then who goes, so that
    no request is given to one that isn't there."""
    come, go, after = now.scaled(wanted)
    name, listen = now.name, address(bench, now.name)
    shared = Mount(NOTES, notes) if notes else Mount(NOTES, now.notes, raw=True) if now.notes else None
    commands: list[Command] = [_replica(name, number, shared) for number in come]
    names = tuple(replica(name, number) for number in after.listed)
    if now.stopped_front:
        balancer = bench.container(front(name))
        if balancer and not bench.ours(balancer):
            raise NameTaken("container", balancer.name)
        commands.append(Remove(front(name)))
    if not now.front:
        commands.append(_balancer(name, ("balancer", listen, *names)))
    if not now.front or after.listed != now.listed:
        commands.append(Exec(front(name), ("relist", listen, *names)))
    for number in go:
        one = replica(name, number)
        if number in now.alive:
            commands.append(Stop(one))
        if number in now.there:
            commands += [SaveLog(name, one), Remove(one)]
    return commands, after


def _refuse_stateful(bench: Bench, service: str) -> None:
    """Only a stateful service has a container of the service's own name."""
    if bench.container(service):
        raise VoltutorError(
            _("`{service}` is stateful: it has one instance, and is scaled neither by hand nor by load."),
            _("Two instances on one volume would each write over what the other one wrote."),
            service=bench.names(service),
        )


def _replica(service: str, number: int, notes: Mount | None = None) -> Run:
    name = replica(service, number)
    mounts = (Mount(SOCKETS, f"{service}-sockets"), *((notes,) if notes else ()))
    return Run(name, "web", ("replica", name), mounts)


def _balancer(service: str, command: tuple[str, ...]) -> Run:
    return Run(front(service), "web", command, (Mount(SOCKETS, f"{service}-sockets"),))


class _Plan:
    """A command that is several others, which depend on how the service looks just now."""

    service: str
    notes: str = ""

    @property
    def parts(self) -> tuple[Run, ...]:
        """All containers that it may make."""
        shared = Mount(NOTES, self.notes) if self.notes else None
        some = (_replica(self.service, number, shared) for number in NUMBERS)
        return (_balancer(self.service, ()), *some)

    def plan(self, bench: Bench) -> Sequence[Command]:
        """The commands."""
        raise NotImplementedError

    def argv(self, bench: Bench) -> list[str]:
        """The lines of its commands, as things are; where there is nothing to do, the line that shows it."""
        lines = [bench.line(command) for command in self.plan(bench)]
        shown = f"docker container ls --filter name={bench.names(front(self.service))}"
        return ["sh", "-c", "\n".join(lines or [shown])]

    def perform(self, bench: Bench) -> Iterator[Progress]:
        """Do them, one after the other."""
        yield from bench.prepare("web")
        for command in self.plan(bench):
            yield from command.perform(bench)


@dataclass(frozen=True)
class Scale(_Plan):
    """Make a stateless service have so many replicas, all alive; one that isn't there yet comes to be, one that was
    lost is replaced. Requests that are under way are answered first, and what a replica has said is kept.

    Attributes:
        notes: the logical name of a volume that new replicas share at NOTES; where empty, the one that the others
            have, if any.
    """

    service: str
    replicas: int
    notes: str = ""

    def plan(self, bench: Bench) -> Sequence[Command]:
        """Who comes, the balancer's list, who goes.

        Raises:
            VoltutorError: that is too few or too many.
        """
        if not 1 <= self.replicas <= MOST:
            raise VoltutorError(
                _("A service of {n} replicas can't be had here."),
                _("Take from 1 to {most}."),
                n=self.replicas,
                most=MOST,
            )
        _refuse_stateful(bench, self.service)
        return _scaling(bench, look(bench, self.service), self.replicas, self.notes)[0]


@dataclass(frozen=True)
class Heal(_Plan):
    """Replace the replicas that should run and don't; `notes` as for `Scale`."""

    service: str
    notes: str = ""

    def plan(self, bench: Bench) -> Sequence[Command]:
        """As for scaling to as many as there should be."""
        now = look(bench, self.service)
        wanted = len(now.listed) or len(now.serving)
        return _scaling(bench, now, wanted, self.notes)[0] if now.lost or now.stopped_front else []


def load_line(bench: Bench, service: str, requests: int, clients: int, path: str) -> str:
    """The shell's line in the balancer's container: so many requests, by several clients at a time. It prints how
    many got no whole answer."""
    each = f"wget -q -O /dev/null http://{address(bench, service)}{path} 2>/dev/null || echo"
    share = f"$((({requests} + {clients} - c) / {clients}))"
    one = f"n=0; while [ $n -lt {share} ]; do {each}; n=$((n+1)); done"
    return f"for c in $(seq {clients}); do ({one}) & done | wc -l; wait"


@dataclass(frozen=True)
class Load:
    """Requests to a service, through its balancer."""

    service: str
    requests: int = 60
    clients: int = 3
    path: str = "/"

    def argv(self, bench: Bench) -> list[str]:
        """`docker container exec FRONT sh -c 'for …'`."""
        line = load_line(bench, self.service, self.requests, self.clients, self.path)
        return ["docker", "container", "exec", bench.names(front(self.service)), "sh", "-c", line]

    def perform(self, bench: Bench) -> Iterator[Progress]:
        """Send them; tells who answered how many."""
        began = len(answers(bench, self.service))
        words = self.argv(bench)[4:]
        with closing(bench.engine.exec(bench.names(front(self.service)), words, limit=LOAD_LIMIT)) as signs:  # type: ignore[type-var]
            for result in signs:
                if result is None:
                    yield Progress()
                else:
                    failed = bench.succeeded(words, result).text.strip()
        told = answers(bench, self.service)[began:]
        counts = Counter(answer.replica for answer in told)
        for name, count in sorted(counts.items()):
            yield Progress(tr(_("{name} answered {n}"), name=name, n=count))
        yield Progress(tr(_("without a whole answer: {n}"), n=failed))


@dataclass(frozen=True)
class ScaleByLoad(_Plan):
    """A load, and as many replicas as it wants: once a second the requests under way are counted, and the service is
    scaled by the rule of `scaling`. Ends when the load is over and the service is small again.

    Attributes:
        each: requests under way that one replica should have.
    """

    service: str
    clients: int = 6
    requests: int = 60
    each: float = 2.0
    most: int = 3
    notes: str = field(default="", init=False, repr=False)

    def plan(self, bench: Bench) -> Sequence[Command]:
        """What one would do by hand, who knows what comes: scale up, load it, scale down."""
        _refuse_stateful(bench, self.service)
        now = look(bench, self.service)
        up, then = _scaling(bench, now, self.most)
        down, _then = _scaling(bench, then, 1)
        return [*up, Load(self.service, self.requests, self.clients, "/slow"), *down]

    def perform(self, bench: Bench) -> Iterator[Progress]:
        """Load it, look once a second, and scale.

        Raises:
            VoltutorError: the service is a stateful one.
            CommandFailed: the load could not be made.
        """
        yield from Scale(self.service, 1).perform(bench)
        scaler = Scaler(self.each, 1, self.most)
        line = load_line(bench, self.service, self.requests, self.clients, "/slow")
        looked = time.monotonic()
        running = bench.engine.exec(bench.names(front(self.service)), ["sh", "-c", line], limit=LOAD_LIMIT)
        with closing(running) as signs:  # type: ignore[type-var]
            for result in signs:
                yield Progress()
                if result is not None:
                    bench.succeeded(("sh",), result)
                elif time.monotonic() - looked >= 1:
                    yield from self._look(bench, scaler)
                    looked = time.monotonic()
        for _turn in range(scaler.window + 1):
            yield from self._look(bench, scaler)

    def _look(self, bench: Bench, scaler: Scaler) -> Iterator[Progress]:
        replicas, total = len(look(bench, self.service).listed), under_way(bench, self.service)
        wanted = scaler.look(replicas, total)
        text = _("{total} requests under way over {replicas} replicas: {wanted} wanted")
        yield Progress(tr(text, total=total, replicas=replicas, wanted=wanted))
        if wanted != replicas:
            yield from Scale(self.service, wanted).perform(bench)
