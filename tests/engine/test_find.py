"""An engine is found where it is, and each candidate that is not taken says why and what to do."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer

import pytest

from voltutor.engine import Engine, NoEngine, Refusal, Why, candidates, find, survey
from voltutor.engine.find import Candidate, ask


@pytest.fixture
def sock(tmp_path: Path) -> Path:
    return Path(os.path.relpath(tmp_path / "s")).absolute() if len(str(tmp_path)) > 90 else tmp_path / "s"


@contextmanager
def speaks(path: Path, body: bytes, status: int = 200) -> Iterator[None]:
    """A socket that answers every request alike."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...
        def address_string(self) -> str:
            return "unix"

    server = ThreadingUnixStreamServer(str(path), Answer)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
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
    assert refusal(Candidate("tcp://127.0.0.1:2376", "", named=True, tls=tmp_path)).why is Why.TLS


def test_the_active_context_is_looked_at_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import hashlib
    import json

    folder = tmp_path / "contexts" / "meta" / hashlib.sha256(b"work").hexdigest()
    folder.mkdir(parents=True)
    (tmp_path / "config.json").write_text(json.dumps({"currentContext": "work"}))
    meta = {"Name": "work", "Metadata": {}, "Endpoints": {"docker": {"Host": "tcp://10.1.2.3:2375"}}}
    (folder / "meta.json").write_text(json.dumps(meta))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    first = candidates(None, {"HOME": str(tmp_path)})[0]
    assert first.url == "tcp://10.1.2.3:2375"
    assert "work" in first.origin
    assert not first.named


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
