"""JupyterLab's own terminal, in Chromium: what is typed there goes to the lab that was looked at last."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Opened, browser, served
from tests.conftest import sweep
from voltutor.engine import Engine, embedded
from voltutor.session import terminal

pytestmark = [pytest.mark.engine, pytest.mark.browser]

LIMIT = 90.0
SHOWN = ".jp-NotebookPanel:not(.lm-mod-hidden)"


@pytest.fixture
def opened(engine_url: str, engine: Engine, home: Path) -> Iterator[Opened]:
    """Lab 01 on Docker, which holds a volume that is not ours."""
    engine.create_volume("theirs", {})
    with served("01", 8950, engine_url, home, named=False) as made:
        yield made
    embedded.stop()
    sweep(engine, home)
    engine.remove_volume("theirs")


def until(said: Callable[[], bool], what: str) -> None:
    """Wait for a condition."""
    end = time.monotonic() + LIMIT
    while not said():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def run_all(page: Any) -> None:
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def test_a_terminal_goes_to_the_lab_whose_tab_was_looked_at_last(opened: Opened, tmp_path: Path) -> None:
    home = opened.home

    def in_front(lab: str) -> None:
        def is_so() -> bool:
            front = terminal.front(home)
            return front is not None and front.said.startswith(f"lab {lab}")

        until(is_so, f"lab {lab} never came to the front")

    with browser() as launched:
        page = launched.new_page(viewport={"width": 1300, "height": 900})
        page.goto(opened.url)
        page.wait_for_selector(f"{SHOWN} .vt-card", timeout=LIMIT * 1000)
        in_front("01")
        page.locator(".jp-DirListing-item", has_text="08-removing").dblclick()
        page.wait_for_selector(
            f'{SHOWN} .jp-Notebook-ExecutionIndicator[data-status="idle"]', timeout=LIMIT * 1000
        )

        def shows_cards() -> bool:
            run_all(page)
            return bool(page.locator(f"{SHOWN} .vt-card").count())

        until(shows_cards, "no card in lab 08")
        in_front("08")

        page.get_by_role("menuitem", name="File", exact=True).click()
        page.locator(".lm-Menu-itemLabel", has_text=re.compile("^New$")).hover()
        page.locator(".lm-Menu-itemLabel", has_text=re.compile("^Terminal$")).click()
        page.wait_for_selector(".jp-Terminal .xterm-screen", timeout=LIMIT * 1000)

        def volumes(name: str) -> str:
            page.locator(".lm-TabBar-tab", has_text="Terminal").click()
            page.locator(".jp-Terminal .xterm-screen").click()
            out = tmp_path / name
            page.keyboard.type(f"docker volume ls --quiet >{out}; mv {out} {out}.whole\n")
            until(out.with_suffix(".whole").exists, f"nothing was typed for {name}")
            return out.with_suffix(".whole").read_text()

        assert "theirs" not in volumes("own").split()
        page.locator(".lm-TabBar-tab", has_text="01-copy").click()
        in_front("01")
        assert "theirs" in volumes("docker").split()
        page.locator(".lm-TabBar-tab", has_text="08-removing").click()
        in_front("08")
        assert "theirs" not in volumes("again").split()
