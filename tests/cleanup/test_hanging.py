"""An engine that hangs over a container lists it still: a clean-up goes on with the others, and says which it was."""

from __future__ import annotations

import json
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from voltutor import cleanup
from voltutor.cleanup.find import look
from voltutor.engine import Engine
from voltutor.session import HOME_LABEL, LEARNER, Session

ENGINE = {"ID": "fake", "Name": "fake", "ApiVersion": "1.41", "Version": "20.10", "Components": []}


class Hanging(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """A Docker of few words, which never answers an inspect of a container whose name begins with "hung"."""

    daemon_threads = True

    def __init__(self, path: str) -> None:
        self.labels: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []
        self.over = threading.Event()
        super().__init__(path, Answers)

    def summary(self, name: str) -> dict[str, Any]:
        return {"Id": f"id-{name}", "Names": [f"/{name}"], "Image": "i", "ImageID": "sha256:1", "Created": 1,
                "Labels": self.labels[name], "State": "running",
                "Mounts": [{"Type": "volume", "Name": f"vol-{name}", "Destination": "/v"}]}  # fmt: skip

    def answer(self, path: str) -> Any:
        self.asked.append(path)
        match path.split("/")[1:]:
            case ["info"] | ["version"]:
                return ENGINE
            case ["containers", "json"]:
                return [self.summary(name) for name in self.labels]
            case ["containers", ref, "json"]:
                if ref.startswith("id-hung"):
                    self.over.wait()
                one = self.summary(ref.removeprefix("id-"))
                return {**one, "Name": one["Names"][0], "Image": "sha256:1", "Created": "2026-01-01T00:00:00Z",
                        "Config": {"Labels": one["Labels"]}, "State": {"Running": True}}  # fmt: skip
            case ["images", "json"]:
                return []
            case ["images", *_]:
                return {"Id": "sha256:1", "Config": {"Labels": {}}}
            case _:
                labels = {f"vol-{name}": labels for name, labels in self.labels.items()}
                return {"Volumes": [{"Name": name, "Labels": one} for name, one in labels.items()]}


class Answers(BaseHTTPRequestHandler):
    """Its answers as JSON."""

    server: Hanging

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].removeprefix("/v1.41")
        body = json.dumps(self.server.answer(path)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *_words: object) -> None:
        pass


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Hanging, Engine]]:
    """The server, and a connection to it."""
    monkeypatch.setitem(
        look.__globals__, "INSPECT_LIMIT", 2.0
    )  # the package has a function of the module's name
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder, Hanging(f"{folder}/s") as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        engine = Engine(f"unix://{folder}/s")
        yield server, engine
        server.over.set()
        engine.close()
        server.shutdown()


def test_ours_is_named_and_kept_with_its_volume_and_somebody_elses_is_not_even_asked_about(
    fake: tuple[Hanging, Engine], tmp_path: Path
) -> None:
    server, engine = fake
    session = Session.begin(tmp_path, engine, LEARNER)
    ours = session.labels()
    server.labels = {"hung-theirs": {}, "well-theirs": {}, "hung-ours": ours, "well-ours": ours}
    for name in ("hung-ours", "well-ours"):
        session.journal.made("container", name, f"id-{name}")
        session.journal.made("volume", f"vol-{name}", f"vol-{name}")
    plan = cleanup.plan(cleanup.find(engine, [session]), by_hand=True)
    assert [one.thing.name for one in plan.remove] == ["well-ours", "vol-well-ours"]
    kept = {one.thing.name: one.reason for one in plan.keep}
    assert "does not answer" in kept["hung-ours"]
    assert "hung-ours" in kept["vol-hung-ours"]
    inspected = {path.split("/")[2] for path in server.asked if path.startswith("/containers/id-")}
    assert inspected == {"id-hung-ours", "id-well-ours"}


def test_what_a_list_tells_of_a_container_is_what_its_inspect_tells(
    fake: tuple[Hanging, Engine], tmp_path: Path
) -> None:
    server, engine = fake
    server.labels = {"well-theirs": {"a": "b"}}
    (listed,) = look(engine, ()).containers
    inspected = engine.container("id-well-theirs")
    assert inspected
    for field in ("id", "name", "image_id", "labels", "running", "paused", "mounts"):
        assert getattr(listed, field) == getattr(inspected, field), field


def test_a_volume_of_this_homes_that_no_journal_knows_is_shown_as_its_own_and_stays(
    fake: tuple[Hanging, Engine], tmp_path: Path
) -> None:
    server, engine = fake
    session, ended = (Session.begin(tmp_path, engine, LEARNER) for _ in range(2))
    server.labels = {"well-late": ended.labels(), "well-theirs": {**ended.labels(), HOME_LABEL: "feedbeef"}}
    seen = {one.name: (one.owner, one.may_go) for one in cleanup.volumes(engine, [session], session, {})}
    assert seen == {
        "vol-well-late": ("another session of yours", False),
        "vol-well-theirs": ("another learner's", False),
    }
