"""The panel of services: a dot for each request, kills under load, backups; what can't be done now is dropped."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from voltutor.images import MIB
from voltutor.services import Backup, Deploy, Scale, backup_path, verify
from voltutor.session import Bench, Exec
from voltutor.widgets.services import SHOWN, ServicesController
from voltutor.widgets.static import services_html
from voltutor.widgets.workplace import Workplace

pytestmark = pytest.mark.engine

LIMIT = 60.0


@pytest.fixture
def handed_out() -> list[tuple[str, bytes]]:
    """What went to the browser."""
    return []


@pytest.fixture
def panel(bench: Bench, engine_url: str, handed_out: list[tuple[str, bytes]]) -> Iterator[ServicesController]:
    workplace = Workplace(bench.home, engine_url, watch=False)
    made = ServicesController(
        workplace, lambda _view: None, lambda name, content: handed_out.append((name, content))
    )
    assert made.act("look").wait(LIMIT)
    yield made
    workplace.close()


def act(panel: ServicesController, action: str, value: Any = None) -> dict[str, Any]:
    assert panel.act(action, value).wait(LIMIT)
    return panel.view()


def test_a_service_is_begun_asked_scaled_and_every_request_has_a_dot(panel: ServicesController) -> None:
    assert panel.view()["services"] == []
    view = act(panel, "send", "quick")
    assert "no balancer" in view["trouble"]
    view = act(panel, "scale", 2)
    assert view["trouble"] == ""
    assert view["services"] == ["shop"]
    assert [row["name"] for row in view["replicas"]] == ["shop-1", "shop-2"]
    assert any(line.startswith("$ docker container run") for line in view["said"])
    view = act(panel, "send", "quick")
    assert view["requests"] == 48
    assert all(abs(row["answered"] - 24) <= 2 for row in view["replicas"]), (
        "in turn, but for a reload's moment"
    )
    columns = zip(*(row["dots"] for row in view["replicas"]), strict=True)
    assert all(sorted(column) == ["", "answered"] for column in columns), "each request in one row"
    view = act(panel, "scale", 1)
    assert view["replicas"][1]["state"] == "gone"
    assert view["replicas"][1]["dots"].count("answered") >= SHOWN / 2 - 2, "its answers stay to be seen"
    view = act(panel, "send", "quick")
    assert [row["name"] for row in view["replicas"]] == ["shop-1"]
    assert len(view["replicas"][0]["dots"]) == SHOWN


def test_a_kill_under_slow_requests_is_done_at_once_and_marked(
    bench: Bench, panel: ServicesController
) -> None:
    bench.do(Scale("shop", 2))
    act(panel, "look")
    sent = panel.act("send", "slow")
    until = time.monotonic() + LIMIT
    while not panel.view()["sending"]:
        assert time.monotonic() < until
    assert panel.act("kill", 2).wait(LIMIT)
    assert panel.act("heal").wait(LIMIT)
    assert not sent.is_set(), "requests are still under way"
    assert sent.wait(LIMIT)
    view = panel.view()
    rows = {row["name"]: row for row in view["replicas"]}
    assert rows["shop-2"]["state"] == "gone"
    assert rows["shop-3"]["state"] == "takes requests"
    assert view["requests"] == 12
    assert rows["shop-1"]["failed"] == rows["shop-3"]["failed"] == 0
    assert view["failed"] == rows["shop-2"]["failed"]


def test_what_is_not_offered_is_dropped(
    panel: ServicesController, handed_out: list[tuple[str, bytes]]
) -> None:
    for action, value in (("do", "x"), ("scale", 0), ("scale", 99), ("scale", "2"), ("kill", -1), ("save", "nobody"),
                          ("restore", "nobody"), ("download", "nobody"), ("nonsense", None)):  # fmt: skip
        assert panel.act(action, value).wait(60), action
    assert panel.view()["services"] == []
    assert handed_out == []


def test_stateful_services_are_saved_and_restored_to_new_ones(
    bench: Bench, panel: ServicesController, handed_out: list[tuple[str, bytes]]
) -> None:
    bench.do(Deploy("guestbook", 32 * MIB), Exec("guestbook", ("ask", "SET", "ann", "was here")))
    view = act(panel, "look")
    (store,) = view["stores"]
    assert store["name"] == "guestbook"
    assert store["text"].endswith("/ 32.0 MiB")
    assert store["limit"] == "watched"
    assert "watched and not enforced" in view["rooms"][0]
    assert 0 < store["share"] < 0.1
    view = act(panel, "save", "guestbook")
    assert [saved["name"] for saved in view["backups"]] == ["guestbook-1"]
    verify(backup_path(bench, "guestbook-1"))
    act(panel, "download", "guestbook-1")
    ((name, content),) = handed_out
    assert name == "guestbook-1.tar"
    assert content == backup_path(bench, "guestbook-1").read_bytes()
    view = act(panel, "save", "guestbook")
    assert [saved["name"] for saved in view["backups"]] == ["guestbook-1", "guestbook-2"]
    view = act(panel, "restore", "guestbook-1")
    assert view["trouble"] == ""
    assert [store["name"] for store in view["stores"]] == ["guestbook", "guestbook-again"]
    assert bench.exec("guestbook-again", "ask", "GET", "ann").text == "was here"
    view = act(panel, "restore", "guestbook-1")
    assert "one instance" in view["trouble"]


def test_a_damaged_backup_is_listed_with_its_trouble_and_not_restored(
    bench: Bench, panel: ServicesController
) -> None:
    bench.do(Deploy("guestbook", 32 * MIB), Backup("guestbook", "monday"))
    path = backup_path(bench, "monday")
    content = path.read_bytes()
    path.write_bytes(
        content[: content.index(b"manifest.sha256")]
    )  # how long it is depends on what Redis had written
    (saved,) = act(panel, "look")["backups"]
    assert "monday.tar" in saved["trouble"]
    before = len(bench.engine.volumes())
    act(panel, "restore", "monday")
    assert len(bench.engine.volumes()) == before


def test_without_a_browser_it_is_tables(bench: Bench, panel: ServicesController) -> None:
    assert "No stateless service yet" in services_html(panel)
    bench.do(Scale("shop", 1), Deploy("guestbook", 32 * MIB), Backup("guestbook", "monday"))
    act(panel, "look")
    act(panel, "send", "quick")
    html = services_html(panel)
    assert html.count("●") == SHOWN
    assert "guestbook-data" in html
    assert "monday" in html
