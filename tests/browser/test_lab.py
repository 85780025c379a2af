"""JupyterLab in Chromium: what `voltutor lab` opens is live, every card can be clicked to "passed", a typed
command counts, and a kernel that was restarted is told and recovers.

`VOLTUTOR_SCREENSHOTS` names a folder for the pictures that the README shows.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.browser.conftest import Opened, browser, served
from tests.conftest import sweep
from voltutor.cli import warm
from voltutor.engine import Engine

pytestmark = [pytest.mark.engine, pytest.mark.browser]

RUN = 'button.vt-run[aria-disabled="false"]'
STEPS = ["layers", "container-layer", "read", "copy-up", "whiteout", "price", "remove"]


@pytest.fixture
def opened(engine_url: str, engine: Engine, home: Path) -> Iterator[Opened]:
    """`voltutor lab` in a process of its own."""
    with served("01", 8930, engine_url, home) as made:
        yield made
    sweep(engine, home)


@pytest.fixture
def page(opened: Opened) -> Iterator[Any]:
    """The page that it opens."""
    with browser() as launched:
        made = launched.new_page(viewport={"width": 1300, "height": 900})
        errors: list[str] = []
        made.on("pageerror", lambda error: errors.append(str(error)))
        made.goto(opened.url)
        made.wait_for_selector(".vt-card", timeout=60_000)
        yield made
    assert errors == []


def card(page: Any, step: str) -> Any:
    return page.locator(f'.vt-card[data-step="{step}"]')


def picture(page: Any, name: str, of: Any = None) -> None:
    """A screenshot for the README, where a folder for them is named."""
    if folder := os.environ.get("VOLTUTOR_SCREENSHOTS"):
        if of:
            page.set_viewport_size({"width": 1300, "height": 2600})
        page.wait_for_timeout(600)
        (of or page).screenshot(path=str(Path(folder) / f"{name}.png"))
        page.set_viewport_size({"width": 1300, "height": 900})


def passes(page: Any, step: str, limit: float = 60) -> None:
    page.wait_for_selector(f'.vt-card[data-step="{step}"][data-verdict="passed"]', timeout=limit * 1000)


def test_every_card_is_clicked_to_passed(page: Any) -> None:
    from playwright.sync_api import expect

    page.wait_for_timeout(1500)  # a toast with news comes late
    assert page.locator(".jp-Dialog").count() == 0
    assert page.locator(".Toastify__toast").count() == 0
    picture(page, "lab")
    for step in STEPS:
        one = card(page, step)
        one.scroll_into_view_if_needed()
        expect(one.locator("button.vt-run")).to_have_attribute("aria-disabled", "true")
        if step == "copy-up":
            picture(page, "card-before", one)
        if step == "price":
            slider = one.locator("input[type=range]")
            slider.focus()
            for _ in range(15):
                page.keyboard.press("ArrowRight")
            one.get_by_role("button", name="That's my guess").click()
            expect(one.locator(".vt-guess")).to_have_text("Your guess: 20 ms.")
        else:
            one.locator("button.vt-option").first.click()
        one.locator(RUN).click()
        if step == "price":
            page.wait_for_selector('.vt-card[data-step="price"] .vt-plot svg', timeout=500_000)
            page.wait_for_selector('.vt-card[data-step="price"] progress[value="3"]', timeout=500_000)
            picture(page, "card-measuring", one)
        passes(page, step, 300)
        expect(one.locator(".vt-verdict strong")).to_have_text("passed")
        expect(one.locator(".vt-explanation, .vt-after h4").first).to_be_visible()
        if step == "copy-up":
            picture(page, "card-copy-up", one)
            assert "/seed/16MiB-2" in one.locator(".vt-svg").last.inner_html()
        if step == "price":
            assert re.search(r"You guessed .* measured .*\[", one.locator(".vt-guess").inner_text())
            picture(page, "card-price", one)
    assert page.locator('.vt-card[data-verdict="passed"]').count() == len(STEPS)


def test_it_works_by_keyboard_and_a_typed_command_turns_a_card_green(
    page: Any, docker: Callable[..., str]
) -> None:
    one = card(page, "layers")
    one.locator("button.vt-option").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector('.vt-card[data-step="layers"] button.vt-run[aria-disabled="false"]')
    one.locator("button.vt-run").focus()
    page.keyboard.press("Space")
    passes(page, "layers")
    two = card(page, "container-layer")
    two.locator("button.vt-option").first.focus()
    page.keyboard.press("Enter")
    docker(two.locator(".vt-lines code").inner_text())
    passes(page, "container-layer", 20)


def test_a_cell_answers_while_a_card_measures(page: Any, opened: Opened) -> None:
    one = card(page, "price")
    one.get_by_role("button", name="I don't know").click()
    one.locator(RUN).click()
    page.wait_for_selector('.vt-card[data-step="price"] button.vt-cancel:not([hidden])', timeout=30_000)
    runtime = [opened.home / "jupyter" / "runtime", *(opened.home / "sockets").glob("*")]
    (connection,) = (path for folder in runtime for path in folder.glob("kernel-*.json"))
    client = warm._client(connection)
    try:
        answers: list[Any] = []
        client.execute_interactive("1+1", timeout=60, output_hook=answers.append)
        results = [
            m["content"]["data"]["text/plain"] for m in answers if m["header"]["msg_type"] == "execute_result"
        ]
        assert results == ["2"]
    finally:
        client.stop_channels()
    cancel = one.locator("button.vt-cancel")
    assert cancel.is_visible(), "the card measured all the while"
    cancel.click()
    page.wait_for_selector('.vt-card[data-step="price"] button.vt-run[aria-disabled="false"]', timeout=10_000)
    assert "Cancelled" in one.locator(".vt-log").inner_text()


def test_without_its_kernel_a_card_is_asleep_and_run_all_wakes_it(page: Any) -> None:
    one = card(page, "layers")
    one.locator("button.vt-option").first.click()
    one.locator(RUN).click()
    passes(page, "layers")
    page.evaluate("() => document.activeElement.blur()")
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_role("menuitem", name=re.compile("^Restart Kernel…")).click()
    page.locator(".jp-Dialog button.jp-mod-warn").click()
    page.wait_for_selector('.vt-card.vt-asleep[data-step="layers"]', timeout=30_000)
    assert "Run All Cells" in page.locator(".vt-card.vt-asleep .vt-banner").first.inner_text()
    assert one.locator("button.vt-check").get_attribute("aria-disabled") == "true"
    picture(page, "asleep", one)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.wait_for_selector(
        '.vt-card[data-step="layers"][data-verdict="passed"]:not(.vt-asleep)', timeout=60_000
    )
    page.wait_for_selector('.vt-card[data-step="remove"]:not(.vt-asleep)', timeout=60_000)


def test_a_page_that_is_loaded_again_still_hears_every_click(page: Any) -> None:
    for step in STEPS[:4]:
        page.reload()
        page.wait_for_selector(f'.vt-card[data-step="{step}"]', timeout=60_000)
        card(page, step).get_by_role("button", name="Hint 1 of 3").click()
        page.wait_for_selector(f'.vt-card[data-step="{step}"] .vt-hints li', timeout=15_000)


def test_a_second_lab_command_finds_the_server_that_runs(
    opened: Opened, voltutor: Callable[..., Any], engine_url: str
) -> None:
    done = voltutor("lab", "01", "--no-browser", "--engine", engine_url)
    assert done.returncode == 0
    assert opened.url in done.stdout


def lab(port: int, engine_url: str) -> list[str]:
    """`voltutor lab`, as a command."""
    words = [sys.executable, "-m", "voltutor", "lab", "--no-browser"]
    return [*words, "--port", str(port), "--engine", engine_url]


def port_of(url: str) -> int:
    found = urlsplit(url).port
    assert found
    return found


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(sys.platform != "linux", reason="needs prctl(2)")
def test_a_command_that_is_killed_takes_its_server_along(
    tmp_path: Path, engine: Engine, engine_url: str
) -> None:
    home = tmp_path / "killed"
    env = {**os.environ, "VOLTUTOR_HOME": str(home)}
    with subprocess.Popen(lab(8990, engine_url), stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout
        url = next(line for line in process.stdout if line.startswith("http"))
        process.kill()
    until = time.monotonic() + 60
    while listens(port_of(url)):
        assert time.monotonic() < until, "the server still listens"
        time.sleep(0.1)
    sweep(engine, home)


def test_a_busy_port_takes_the_next_and_the_home_holds_everything(
    opened: Opened, tmp_path: Path, engine: Engine, engine_url: str
) -> None:
    other = tmp_path / "other"
    env = {**os.environ, "VOLTUTOR_HOME": str(other), "HOME": str(tmp_path / "empty")}
    (tmp_path / "empty").mkdir()
    with subprocess.Popen(lab(8930, engine_url), stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout
        url = next(line for line in process.stdout if line.startswith("http"))
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
    assert 8930 < port_of(url) < 9030
    assert json.loads((other / "labs" / ".copied.json").read_text())
    assert not (other / "server.json").exists()
    assert list((tmp_path / "empty").iterdir()) == []
