"""An engine is found where it is, and each candidate that is not taken says why and what to do."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import ThreadingUnixStreamServer

import pytest

from voltutor.engine import (
    Engine,
    Found,
    NoEngine,
    Refusal,
    Why,
    candidates,
    embedded,
    find,
    for_deletion,
    survey,
)
from voltutor.engine.client import _is_here
from voltutor.engine.find import ANSWER_LIMIT, NAMED_LIMIT, Candidate, ask
from voltutor.notices import heard


@pytest.fixture
def sock(tmp_path: Path) -> Path:
    return Path(os.path.relpath(tmp_path / "s")).absolute() if len(str(tmp_path)) > 90 else tmp_path / "s"


@contextmanager
def speaks(
    path: Path | None, body: bytes, status: int = 200, after: threading.Event | None = None
) -> Iterator[str]:
    """The URL of a socket, or of a port of the loopback, that answers every request alike, once `after` came."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert after is None or after.wait(60)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...
        def address_string(self) -> str:
            return "unix"

    server: ThreadingUnixStreamServer | ThreadingHTTPServer
    if path is None:
        server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        url = f"tcp://127.0.0.1:{server.server_port}"
    else:
        server, url = ThreadingUnixStreamServer(str(path), Answer), f"unix://{path}"
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield url
    finally:
        server.shutdown()
        server.server_close()


def refusal(candidate: Candidate, limit: float = 2.0) -> Refusal:
    answer = ask(candidate, limit)
    assert isinstance(answer, Refusal)
    assert answer.reason
    assert answer.mend
    assert "{" not in answer.reason + answer.mend
    return answer


def test_a_missing_socket_is_told_from_one_where_nothing_listens(sock: Path) -> None:
    assert refusal(Candidate(f"unix://{sock}", "")).why is Why.NO_SOCKET
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(sock))
    assert refusal(Candidate(f"unix://{sock}", "")).why is Why.REFUSED


def test_a_silent_socket_is_given_up_within_its_limit(sock: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(sock))
        silent.listen()
        assert refusal(Candidate(f"unix://{sock}", ""), limit=0.2).why is Why.SILENT


@pytest.mark.skipif(
    os.geteuid() == 0 and not Path("/usr/bin/setpriv").exists(), reason="needs setpriv as root"
)
def test_a_socket_of_somebody_else_is_permission_denied(sock: Path) -> None:
    with socket.socket(socket.AF_UNIX) as closed:
        closed.bind(str(sock))
        closed.listen()
        sock.chmod(0)
        if os.geteuid() == 0:
            child = os.fork()
            if child == 0:
                # Root may open everything, so another user asks.
                sock.parent.chmod(0o755)
                for parent in sock.parents:
                    if parent.stat().st_uid == 0 and parent != Path("/"):
                        parent.chmod(parent.stat().st_mode | 0o011)
                os.setgid(65534)
                os.setuid(65534)
                answer = ask(Candidate(f"unix://{sock}", ""))
                os._exit(0 if isinstance(answer, Refusal) and answer.why is Why.PERMISSION else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        else:
            assert refusal(Candidate(f"unix://{sock}", "")).why is Why.PERMISSION


def test_what_is_no_engine_or_too_old_says_so(sock: Path) -> None:
    with speaks(sock, b"<html>"):
        assert refusal(Candidate(f"unix://{sock}", "")).why is Why.NOT_AN_ENGINE
    sock.unlink()
    with speaks(sock, b'{"message": "no such page"}', status=404):
        assert refusal(Candidate(f"unix://{sock}", "")).why is Why.NOT_AN_ENGINE
    sock.unlink()
    with speaks(sock, b'{"ApiVersion": "1.30", "Version": "17.06", "ID": "x"}'):
        old = refusal(Candidate(f"unix://{sock}", ""))
    assert old.why is Why.TOO_OLD
    assert "1.30" in old.reason


def test_another_machine_is_used_only_where_it_was_named() -> None:
    assert refusal(Candidate("tcp://10.1.2.3:2375", "Docker context work")).why is Why.NOT_NAMED
    assert refusal(Candidate("gopher://x", "")).why is Why.BAD_URL


@pytest.mark.parametrize("scheme", ["socks5", "http"])
def test_an_engine_of_this_machine_is_reached_without_a_proxy(
    scheme: str, sock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("all_proxy", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, f"{scheme}://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for path in (None, sock):
        with speaks(path, b'{"ApiVersion": "1.44", "Version": "4.3", "ID": "x"}') as url:
            found = ask(Candidate(url, "", named=True))
        assert isinstance(found, Found), found
        found.engine.close()


@pytest.mark.parametrize(
    ("host", "here"),
    [
        *(("localhost", True), ("127.0.0.1", True), ("127.1.2.3", True), ("[::1]", True)),
        *(("10.1.2.3", False), ("[fe80::1]", False), ("docker.example", False)),
    ],
)
def test_another_machine_may_need_a_proxy(host: str, here: bool) -> None:
    assert _is_here(f"http://{host}:2375/version") is here


def test_who_names_an_engine_gets_no_other_one(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    assert [c.url for c in candidates("unix:///x", env)] == ["unix:///x"]
    assert [c.url for c in candidates(None, {**env, "VOLTUTOR_ENGINE": "unix:///y"})] == ["unix:///y"]
    assert [c.url for c in candidates(None, {**env, "DOCKER_HOST": "unix:///z"})] == ["unix:///z"]
    assert len(candidates("auto", env)) > 5


def test_a_named_engine_gets_the_certificates_too(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(tmp_path)}
    for (found,) in (
        candidates("tcp://h:2376", env),
        candidates(None, {**env, "DOCKER_HOST": "tcp://h:2376"}),
    ):
        assert found.tls == tmp_path
    (local,) = candidates("unix:///x", env)
    assert local.tls is None
    (elsewhere,) = candidates("tcp://h:2376", {"DOCKER_TLS_VERIFY": "1", "DOCKER_CONFIG": "/elsewhere"})
    assert elsewhere.tls == Path("/elsewhere"), "where the docker command looks without DOCKER_CERT_PATH"
    assert refusal(Candidate("tcp://127.0.0.1:2376", "", named=True, tls=tmp_path)).why is Why.TLS


@pytest.fixture
def docker_config(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """Variables of somebody whose docker command has a current context, and contexts with their URLs."""

    def write(current: str = "", **contexts: str) -> dict[str, str]:
        folder = tmp_path / ".docker"
        folder.mkdir(exist_ok=True)
        if current:
            (folder / "config.json").write_text(json.dumps({"currentContext": current}))
        for name, url in contexts.items():
            meta = folder / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest() / "meta.json"
            meta.parent.mkdir(parents=True, exist_ok=True)
            meta.write_text(
                json.dumps({"Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": url}}})
            )
        return {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path), "DOCKER_CONFIG": str(folder)}

    return write


def test_the_current_context_is_the_only_one(docker_config: Callable[..., dict[str, str]]) -> None:
    (first,) = candidates(None, docker_config("work", work="tcp://10.1.2.3:2375"))
    assert first.url == "tcp://10.1.2.3:2375"
    assert "work" in first.origin
    assert not first.named
    assert refusal(first).why is Why.NOT_NAMED, "another machine is named to this kit before it is used"


def test_a_context_is_chosen_as_by_the_docker_command(
    docker_config: Callable[..., dict[str, str]],
) -> None:
    env = docker_config("one", one="unix:///one", two="unix:///two")

    def urls(url: str | None = None, **more: str) -> list[str]:
        return [candidate.url for candidate in candidates(url, {**env, **more})]

    assert urls() == ["unix:///one"]
    assert urls(DOCKER_CONTEXT="two") == ["unix:///two"]
    assert urls(DOCKER_CONTEXT="two", DOCKER_HOST="unix:///three") == ["unix:///three"]
    assert urls("unix:///four", DOCKER_CONTEXT="typo") == ["unix:///four"]
    assert urls(DOCKER_CONTEXT="typo", VOLTUTOR_ENGINE="unix:///five") == ["unix:///five"]
    assert len(urls(DOCKER_CONTEXT="default")) > 5


def test_a_context_needs_no_configuration_beside_it(docker_config: Callable[..., dict[str, str]]) -> None:
    env = docker_config(two="unix:///two")
    assert [c.url for c in candidates(None, {**env, "DOCKER_CONTEXT": "two"})] == ["unix:///two"]


def test_a_context_s_bad_certificate_is_a_refusal(docker_config: Callable[..., dict[str, str]]) -> None:
    env = docker_config("work", work="tcp://127.0.0.1:1")
    key = hashlib.sha256(b"work").hexdigest()
    (Path(env["DOCKER_CONFIG"]) / "contexts" / "tls" / key / "docker" / "ca.pem").mkdir(parents=True)
    (answer,) = survey(None, env)
    assert isinstance(answer, Refusal)
    assert answer.why is Why.TLS
    assert "ca_cert" in answer.reason


@pytest.mark.parametrize("how", ["DOCKER_CONTEXT", "current"])
@pytest.mark.parametrize("url", [None, "docker", "auto"])
def test_a_context_that_is_not_there_is_said_and_no_other_engine_answers(
    how: str, url: str | None, docker_config: Callable[..., dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "start", lambda: pytest.fail("another engine was started"))
    env = docker_config("typo" if how == "current" else "", work="unix:///work")
    if how == "DOCKER_CONTEXT":
        env["DOCKER_CONTEXT"] = "typo"
    with pytest.raises(NoEngine) as caught:
        find(url, env)
    assert [one.why for one in caught.value.refusals] == [Why.NO_CONTEXT]
    assert "typo" in caught.value.what
    assert "docker context" in caught.value.mend


def test_a_context_whose_engine_is_off_is_not_replaced(
    docker_config: Callable[..., dict[str, str]], sock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "start", lambda: pytest.fail("another engine was started"))
    (answer,) = survey(None, docker_config("work", work=f"unix://{sock}"))
    assert isinstance(answer, Refusal)
    assert answer.why is Why.NO_SOCKET


@pytest.mark.parametrize(
    ("path", "origin"),
    [
        (".orbstack/run/docker.sock", "OrbStack"),
        (".rd/docker.sock", "Rancher Desktop"),
        (".colima/default/docker.sock", "Colima"),
        (".docker/desktop/docker.sock", "Docker Desktop"),
        (".local/share/containers/podman/machine/podman.sock", "Podman machine"),
        ("tmp/podman/podman-machine-default-api.sock", "Podman machine"),
        (".lima/docker/sock/docker.sock", "Lima"),
    ],
)
def test_what_runs_on_desktops_is_found(tmp_path: Path, path: str, origin: str) -> None:
    env = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "r"), "TMPDIR": str(tmp_path / "tmp")}
    assert (f"unix://{tmp_path / path}", origin) in [(c.url, c.origin) for c in candidates(None, env)]


def test_one_that_was_chosen_is_waited_for_with_a_word(
    sock: Path, docker_config: Callable[..., dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, said = f"unix://{sock}", []
    chosen = [
        *candidates(url, {}),
        *candidates(None, {"VOLTUTOR_ENGINE": url}),
        *candidates(None, {"DOCKER_HOST": url}),
        *candidates(None, docker_config("work", work=url)),
    ]
    assert {candidate.limit for candidate in chosen} == {NAMED_LIMIT}
    assert Candidate(url, "Docker").limit == ANSWER_LIMIT
    monkeypatch.setattr(sys.modules[ask.__module__], "ANSWER_LIMIT", 0.01)
    answer = b'{"ApiVersion": "1.44", "Version": "4.3", "ID": "x"}'
    word_came = threading.Event()

    def hear(text: str) -> None:
        said.append(text)
        word_came.set()

    # It answers once the word was told, which is after the time that a guessed one has.
    with speaks(sock, answer, after=word_came), heard(hear):
        found = ask(chosen[0], 60)
    assert isinstance(found, Found)
    assert said == [f"Waiting for the engine at {url} …"]
    found.engine.close()


def test_a_path_with_what_ends_a_url_s_path_is_looked_at_whole(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "a" / "s"))
    assert refusal(Candidate(f"unix://{tmp_path}/a/s?b", "")).why is Why.NO_SOCKET


def test_docker_host_names_no_engine_for_labs_that_remove_things() -> None:
    assert for_deletion(None, {"DOCKER_HOST": "unix:///z"}) == embedded.NAME
    assert for_deletion("auto", {"DOCKER_CONTEXT": "work"}) == embedded.NAME
    assert for_deletion(None, {"DOCKER_HOST": "unix:///z", "VOLTUTOR_ENGINE": "unix:///y"}) == "unix:///y"
    assert for_deletion("unix:///x", {"DOCKER_HOST": "unix:///z"}) == "unix:///x"


def test_this_home_s_own_that_can_t_run_is_a_refusal_where_one_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    def start() -> None:
        raise embedded.CannotStart(["it needs Linux"])

    monkeypatch.setattr(embedded, "start", start)
    (answer,) = survey(embedded.NAME, {})
    assert isinstance(answer, Refusal)
    assert answer.why is Why.CANNOT_START
    with pytest.raises(embedded.CannotStart):
        find(embedded.NAME, {})


def test_without_an_engine_the_error_names_the_nearest_one_and_keeps_all(sock: Path, tmp_path: Path) -> None:
    with pytest.raises(NoEngine) as caught:
        find(None, {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path), "DOCKER_HOST": f"unix://{sock}"})
    assert str(sock) in caught.value.what
    assert caught.value.mend
    assert caught.value.exit_code == 3
    assert [r.why for r in caught.value.refusals] == [Why.NO_SOCKET]


@pytest.mark.engine
def test_a_real_engine_is_found_and_described(engine_url: str, engine: Engine) -> None:
    (answer,) = survey(engine_url, {})
    assert not isinstance(answer, Refusal)
    info = engine.info
    assert info.title.startswith(("Docker ", "Podman "))
    assert info.id
    assert info.driver
    assert info.kernel
    assert info.cpus > 0
    assert info.memory > 0
    assert engine.serves("1.40")
    assert not engine.serves("9.0")
