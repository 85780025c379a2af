"""Find an engine: what was named, else what runs on this machine. A refusal keeps its reason and its mend."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from docker.errors import TLSParameterError
from docker.tls import TLSConfig

from voltutor.engine import contexts, embedded
from voltutor.engine.client import CALL_LIMIT, Engine
from voltutor.engine.errors import EngineError, EngineTimeout, NoEngine, Refusal, Refused, Why
from voltutor.engine.led import docker_host
from voltutor.errors import VoltutorError
from voltutor.notices import tell
from voltutor.text import _, tr

ANSWER_LIMIT = 2.0
"""Seconds that a candidate has to answer."""

NAMED_LIMIT = 30.0
"""Seconds that one which somebody chose has: Podman 4.3 took 3 s for `/version` on a busy machine."""

LEAST_API = "1.40"
"""Docker 19.03; the oldest whose volume and event routes the labs use as they are."""

SCHEMES = ("unix", "tcp", "http", "https", "npipe")


@dataclass(frozen=True)
class Candidate:
    """Somewhere an engine may be: `origin` says who named it, `named` whether the user did so for this kit. One that
    is `chosen`, by a name or as Docker's context, is waited for, and no other answers in its place."""

    url: str
    origin: str
    named: bool = False
    tls: Path | contexts.Context | None = None
    context: str = ""

    @property
    def chosen(self) -> bool:
        """Whether somebody chose it."""
        return self.named or bool(self.context)

    @property
    def limit(self) -> float:
        """Seconds that it has to answer."""
        return NAMED_LIMIT if self.chosen else ANSWER_LIMIT

    @property
    def remote(self) -> bool:
        """Whether it is another machine, as far as its URL tells.

        Raises:
            ValueError: the URL is not one.
        """
        parts = urlsplit(self.url)
        local = (None, "", "localhost", "127.0.0.1", "::1")
        return parts.scheme not in ("unix", "npipe") and parts.hostname not in local


@dataclass(frozen=True)
class Found:
    """An engine that answered, and where it was found."""

    engine: Engine
    candidate: Candidate


def candidates(url: str | None = None, env: Mapping[str, str] = os.environ) -> list[Candidate]:
    """Where to look, in order. A URL, or `VOLTUTOR_ENGINE`, leaves nothing else to look at, and so do `DOCKER_HOST`,
    `DOCKER_CONTEXT` and the current context, in this order as for the docker command (docker/cli, cli/command/cli.go,
    resolveContextName): who names an engine never gets another one silently. "embedded" starts this home's own.

    Raises:
        CannotStart: that can't run here.
    """
    url = url or env.get("VOLTUTOR_ENGINE") or ""
    if url == embedded.NAME:
        return [_embedded()]
    if url not in ("", "auto", "docker"):
        return [Candidate(url, tr(_("named by you")), named=True, tls=_tls_files(url, env))]
    if host := docker_host(env):
        return [Candidate(host, "DOCKER_HOST", named=True, tls=_tls_files(host, env))]
    if context := _context(env):
        return [context]
    listed = [Candidate(f"unix://{path}", origin) for path, origin in _sockets(env)]
    seen: dict[str, Candidate] = {}
    for candidate in listed:
        seen.setdefault(candidate.url.replace("///var/run/", "///run/"), candidate)
    return list(seen.values())


def _embedded() -> Candidate:
    """This home's own engine, running from now on.

    Raises:
        CannotStart: this machine can't run it.
    """
    return Candidate(embedded.start().url, tr(_("the embedded engine")), named=True)


def _tls_files(url: str, env: Mapping[str, str]) -> Path | None:
    """The folder of certificates, where TLS is asked for; a socket of this machine has none."""
    if not env.get("DOCKER_TLS_VERIFY") or url.startswith(("unix:", "npipe:")):
        return None
    return Path(env.get("DOCKER_CERT_PATH") or contexts.folder(env))


def _tls_config(tls: Path | contexts.Context | None) -> Any:
    """What docker-py takes, from a folder of certificates or from a context.

    Raises:
        TLSParameterError: a file is missing.
        OSError: a context's folder is closed.
    """
    if tls is None:
        return False
    if isinstance(tls, contexts.Context):
        return tls.tls() or False
    return TLSConfig(
        client_cert=(str(tls / "cert.pem"), str(tls / "key.pem")), ca_cert=str(tls / "ca.pem"), verify=True
    )


def _context(env: Mapping[str, str]) -> Candidate | None:
    """The Docker context that was chosen, where it is not the default one; without a URL where there is none."""
    if not (name := contexts.chosen(env)):
        return None
    found = contexts.load(name, env)
    origin = tr(_("Docker context {name}"), name=name)
    return Candidate(found.url if found else "", origin, tls=found, context=name)


def _sockets(env: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    home = env.get("HOME") or str(Path.home())
    runtime = env.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid() if hasattr(os, 'getuid') else 0}"
    yield "/var/run/docker.sock", "Docker"
    yield f"{runtime}/docker.sock", "rootless Docker"
    yield f"{home}/.docker/run/docker.sock", "Docker Desktop"
    yield f"{home}/.docker/desktop/docker.sock", "Docker Desktop"
    yield f"{home}/.orbstack/run/docker.sock", "OrbStack"
    yield f"{home}/.rd/docker.sock", "Rancher Desktop"
    if colima := env.get("COLIMA_HOME"):
        yield f"{colima}/default/docker.sock", "Colima"
    yield f"{home}/.colima/default/docker.sock", "Colima"
    yield f"{home}/.config/colima/default/docker.sock", "Colima"
    yield f"{runtime}/podman/podman.sock", "rootless Podman"
    yield "/run/podman/podman.sock", "Podman"
    yield f"{home}/.lima/docker/sock/docker.sock", "Lima"
    # Where Podman 4, and 5, put it; on a Mac the folder for temporary files is the user's own.
    yield f"{home}/.local/share/containers/podman/machine/podman.sock", "Podman machine"
    for folder in (env.get("TMPDIR", ""), runtime):
        if folder:
            yield f"{Path(folder)}/podman/podman-machine-default-api.sock", "Podman machine"


def ask(candidate: Candidate, limit: float | None = None) -> Found | Refusal:
    """Connect to a candidate, or say why not; it has `limit` seconds to answer, or as many as it deserves. After the
    first `ANSWER_LIMIT` a word is told to who waits."""
    limit = candidate.limit if limit is None else limit

    def refuse(why: Why, **fields: object) -> Refusal:
        return Refusal(candidate.url, candidate.origin, why, tuple(fields.items()))

    if candidate.context and not candidate.url:
        return refuse(Why.NO_CONTEXT, name=candidate.context)
    try:
        parts, remote = urlsplit(candidate.url), candidate.remote
    except ValueError as error:
        return refuse(Why.BAD_URL, detail=error)
    if parts.scheme == "ssh":
        return refuse(Why.SSH)
    if parts.scheme not in SCHEMES:
        return refuse(Why.BAD_URL, detail=candidate.url)
    if remote and not candidate.named:
        return refuse(Why.NOT_NAMED)
    if parts.scheme == "unix":
        path = Path("/" + candidate.url.removeprefix("unix://").lstrip("/"))
        try:
            present = path.is_socket()
        except PermissionError:
            return refuse(Why.PERMISSION)
        if not present:
            return refuse(Why.NO_SOCKET)
    try:
        engine = _within(
            limit,
            lambda: Engine(candidate.url, limit=limit, tls=_tls_config(candidate.tls)),
            tr(_("Waiting for the engine at {url} …"), url=candidate.url),
        )
    except (EngineTimeout, TimeoutError):
        return refuse(Why.SILENT, seconds=limit)
    except Refused as error:
        return refuse(Why.NOT_AN_ENGINE, detail=error.explanation)
    except (TLSParameterError, OSError) as error:
        # Of the certificates' files: what is wrong with the connection is an EngineGone.
        return refuse(Why.TLS, detail=str(error).split(". ")[0].rstrip("."))
    except (EngineError, ValueError, KeyError, TypeError) as error:
        return _reason(error, refuse, limit)
    if not engine.serves(LEAST_API):
        return refuse(Why.TOO_OLD, api=engine.info.api, least=LEAST_API)
    engine.set_limit(CALL_LIMIT)
    return Found(engine, candidate)


def _within(seconds: float, connect: Callable[[], Engine], word: str) -> Engine:
    """Connect within a time as a whole: a socket's own limit begins anew with every byte. What takes longer than
    usual is told by a word.

    Raises:
        TimeoutError: it took longer; what comes later is closed.
    """
    answers: queue.Queue[Engine | BaseException] = queue.Queue()
    late = threading.Event()

    def run() -> None:
        try:
            engine = connect()
        except BaseException as error:
            answers.put(error)
            return
        answers.put(engine)
        if late.is_set():
            engine.close()

    threading.Thread(target=run, name="ask-engine", daemon=True).start()
    patience = min(seconds, ANSWER_LIMIT)
    try:
        try:
            answer = answers.get(timeout=patience)
        except queue.Empty:
            if seconds > patience:
                tell(word)
            answer = answers.get(timeout=seconds - patience)
    except queue.Empty:
        late.set()
        raise TimeoutError from None
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _reason(error: BaseException, refuse: Any, limit: float) -> Refusal:
    """Why a connection failed: requests wraps the operating system's own error many times over."""
    chain: list[BaseException] = []
    todo: list[object] = [error]
    while todo:
        link = todo.pop()
        if not isinstance(link, BaseException) or link in chain:
            continue
        chain.append(link)
        todo += [link.__cause__, link.__context__, getattr(link, "reason", None), *link.args]
    names = {type(link).__name__ for link in chain}
    refusal: Refusal
    if any(isinstance(link, PermissionError) for link in chain):
        refusal = refuse(Why.PERMISSION)
    elif any(isinstance(link, ConnectionRefusedError) for link in chain):
        refusal = refuse(Why.REFUSED)
    elif names & {"ReadTimeout", "ConnectTimeout", "TimeoutError", "ReadTimeoutError", "timeout"}:
        refusal = refuse(Why.SILENT, seconds=limit)
    else:
        refusal = refuse(Why.NOT_AN_ENGINE, detail=type(chain[-1]).__name__)
    return refusal


def survey(url: str | None = None, env: Mapping[str, str] = os.environ) -> list[Found | Refusal]:
    """Ask every candidate, all at once; in the order of `candidates`. Where nobody chose an engine and none
    answers, this home's own is started and comes last."""
    try:
        return _survey(url, env)
    except embedded.CannotStart as error:
        return [_not_started(error)]


def _survey(url: str | None, env: Mapping[str, str]) -> list[Found | Refusal]:
    """The same, but for this home's own where it was named.

    Raises:
        CannotStart: it was, and can't run here.
    """
    listed = candidates(url, env)
    with ThreadPoolExecutor(max_workers=max(len(listed), 1)) as pool:
        answers = list(pool.map(ask, listed))
    auto = (url or env.get("VOLTUTOR_ENGINE") or "auto") == "auto"
    if auto and not any(one.chosen for one in listed) and not any(isinstance(one, Found) for one in answers):
        try:
            answers.append(ask(_embedded()))
        except VoltutorError as error:
            answers.append(_not_started(error))
    return answers


def _not_started(error: VoltutorError) -> Refusal:
    origin = tr(_("the embedded engine"))
    return Refusal(embedded.NAME, origin, Why.CANNOT_START, (("detail", error.what),))


def for_deletion(url: str | None = None, env: Mapping[str, str] = os.environ) -> str:
    """What to ask `find` for where a lab removes what it finds: an engine that the learner named to this kit, or this
    home's own, on which nothing of anybody else can be. `DOCKER_HOST` was set for other work, and names none here."""
    named = (url, env.get("VOLTUTOR_DELETION_ENGINE"), env.get("VOLTUTOR_ENGINE"))
    return next((one for one in named if one not in (None, "", "auto")), None) or embedded.NAME


def find_for_deletion(url: str | None = None, env: Mapping[str, str] = os.environ) -> Engine:
    """The engine of the labs that remove things; where nobody named one and this home's own can't run here, the first
    that answers: the labs then keep to their own things.

    Raises:
        NoEngine, CannotStart: none can be used.
    """
    wanted = for_deletion(url, env)
    try:
        return find(wanted, env)
    except embedded.CannotStart:
        if url == embedded.NAME:
            raise
        return find(None, env)


def find(url: str | None = None, env: Mapping[str, str] = os.environ) -> Engine:
    """The first engine that answers.

    Raises:
        NoEngine: none can be used; it carries every refusal with the line that mends it.
        CannotStart: this home's own was named, and can't run here.
    """
    answers = _survey(url, env)
    for answer in answers:
        if isinstance(answer, Found):
            return answer.engine
    raise NoEngine(tuple(answer for answer in answers if isinstance(answer, Refusal)))
