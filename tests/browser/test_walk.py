"""Every notebook is walked by clicking, in both themes, wide and narrow; axe-core finds nothing serious.

Each notebook is walked in both themes and at both widths, by two walks; `VOLTUTOR_WALK=all` walks each in all four
combinations, and `VOLTUTOR_SCREENSHOTS` names a folder for a picture of every card.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Opened, browser, served
from tests.own_engine import embedded
from voltutor.cli.notebooks import copied
from voltutor.labs import LABS

pytestmark = pytest.mark.browser

ALL = os.environ.get("VOLTUTOR_WALK") == "all"
STEP_LIMIT = 180_000
RUN_ALL = 4
"""Times that Run All Cells is chosen at most."""

NOTEBOOKS = list(LABS)
LOOKS = [("light", 1300), ("dark", 900), ("dark", 1300), ("light", 900)]
"""Two after each other have both themes and both widths."""
WALKS = [
    pytest.param(lab, theme, width, id=f"{lab}-{theme}-{width}")
    for number, lab in enumerate(NOTEBOOKS)
    for theme, width in (LOOKS if ALL else LOOKS[number % 2 * 2 :][:2])
]


def playwright_timeout() -> type[Exception]:
    """What Playwright raises where it waited in vain."""
    kind: type[Exception] = pytest.importorskip("playwright.sync_api").TimeoutError
    return kind


@dataclass
class Site:
    """The server and a page of it."""

    opened: Opened
    page: Any
    errors: list[str]

    def open(self, lab: str, theme: str, width: int) -> None:
        """A notebook in a theme, all its cells run."""
        settings = self.opened.home / "jupyter" / "settings" / "@jupyterlab" / "apputils-extension"
        settings.mkdir(parents=True, exist_ok=True)
        name = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}[theme]
        (settings / "themes.jupyterlab-settings").write_text(json.dumps({"theme": name}))
        base, token = re.split(r"/lab/tree/[^?]*\?", self.opened.url)
        self.page.set_viewport_size({"width": width, "height": 2400})
        self.page.goto(f"{base}/lab/tree/{lab}.ipynb?reset&{token}")
        self.page.wait_for_selector(f'body[data-jp-theme-name="{name}"]', state="attached", timeout=60_000)
        self.page.wait_for_selector(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell", timeout=60_000)
        kernel = '.jp-NotebookPanel:not(.lm-mod-hidden) .jp-KernelName:has-text("Python 3")'
        self.page.wait_for_selector(kernel, timeout=60_000)
        for _turn in range(RUN_ALL):
            self.page.get_by_role("menuitem", name="Run", exact=True).click()
            self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
            # While JupyterLab still puts its page together the command may go nowhere; a learner tries again too.
            with contextlib.suppress(playwright_timeout()):
                first = ".jp-NotebookPanel:not(.lm-mod-hidden) .jp-OutputArea-output"
                self.page.wait_for_selector(first, state="attached", timeout=20_000)
                return

    def picture(self, name: str, of: Any) -> None:
        """A screenshot, where a folder for them is named."""
        if folder := os.environ.get("VOLTUTOR_SCREENSHOTS"):
            of.screenshot(path=str(Path(folder) / f"{name}.png"))


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """One server on an engine of its own, for all walks."""
    folder = Path(tempfile.mkdtemp(prefix="vt-", dir="/var/tmp"))
    try:
        with (
            embedded(folder / "e") as engine,
            served("00", 8950, engine.url, folder / "home") as opened,
            browser() as launched,
        ):
            page = launched.new_page(viewport={"width": 1300, "height": 900})
            errors: list[str] = []
            page.on("pageerror", lambda error: errors.append(str(error)))
            yield Site(opened, page, errors)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def scrolled_to(page: Any, selector: str) -> Any:
    """The first that there is of a selector within the notebook, scrolled to: JupyterLab draws a cell when it comes
    into view."""
    one = page.locator(f".jp-NotebookPanel:not(.lm-mod-hidden) {selector}")
    for turn in range(800):
        if one.count():
            break
        page.mouse.move(500, 600)
        # Down to the end, and from the beginning again: its cell may not have run yet when it came by.
        page.mouse.wheel(0, -100_000 if turn % 20 == 19 else 700)
        page.wait_for_timeout(150)
    assert one.count(), f"no {selector} among: {shown(page)}"
    one.first.scroll_into_view_if_needed()
    return one.first


def card_of(page: Any, step: str) -> Any:
    """A step's card."""
    return scrolled_to(page, f'.vt-card[data-step="{step}"]')


def shown(page: Any) -> str:
    """What is to be seen of a notebook in which a card is missing."""
    panel = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)").first
    status = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook-ExecutionIndicator").first
    outputs = panel.locator(".jp-OutputArea-output").all_inner_texts()
    dialogs = page.locator(".jp-Dialog").all_inner_texts()
    return repr({"kernel": status.get_attribute("data-status"), "outputs": outputs, "dialogs": dialogs})


def accessible(page: Any) -> list[str]:
    """What axe-core calls serious or critical within the widgets."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    found = axe.Axe().run(page, context={"include": [[".vt-card, .vt-badge-line"]]}).response["violations"]
    return [
        f"{each['id']}: {each['help']}: {[node['html'][:160] for node in each['nodes'][:3]]}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]


def fits(page: Any, one: Any) -> bool:
    """Whether all of it lies in what is seen of the notebook."""
    box, window = one.bounding_box(), page.locator(".jp-NotebookPanel-notebook").first.bounding_box()
    assert box
    assert window
    inside: bool = box["y"] >= window["y"] and box["y"] + box["height"] <= window["y"] + window["height"]
    return inside


@pytest.mark.timeout(300)
def test_the_first_minute_fits_a_screen_and_asks_where_the_line_went(site: Site) -> None:
    site.open("00-start-here", "light", 1300)
    page = site.page
    page.set_viewport_size({"width": 1300, "height": 900})
    panel = page.locator(".vt-start")
    write = panel.locator('button.vt-run[aria-disabled="false"]')
    write.wait_for(timeout=60_000)
    panel.locator(".vt-map li").last.wait_for()
    assert fits(page, panel), "all of it is seen without scrolling"
    complaints = accessible(page)
    write.click()
    panel.locator('.vt-acts .vt-option[aria-disabled="false"]').first.click(timeout=60_000)
    page.locator(".vt-start .vt-done", has_text="You guessed").wait_for(timeout=60_000)
    site.picture("00-start", page)
    assert fits(page, panel), "and all of what came of it"
    assert complaints + accessible(page) == []
    for step in ("a-line", "where-it-went"):
        passed = f'.vt-card[data-step="{step}"][data-verdict="passed"]'
        page.wait_for_selector(passed, state="attached", timeout=60_000)
    panel.locator("a.vt-next", has_text="01-copy-on-write").click()
    page.wait_for_selector('.jp-NotebookPanel:not(.lm-mod-hidden) h1:has-text("copy")', timeout=60_000)


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("lab", "theme", "width"), WALKS)
def test_a_notebook_is_walked_by_clicking(site: Site, lab: str, theme: str, width: int) -> None:
    site.open(lab, theme, width)
    page = site.page
    complaints: list[str] = []
    for step in LABS[lab].steps:
        one = card_of(page, step.id)
        if step.measures:
            complaints += accessible(page)
            break  # measuring has tests of its own, and takes its time; it comes last, or all steps do it
        if one.get_attribute("data-verdict") == "passed":  # walked before, in the other theme
            one.locator("button.vt-quiet", has_text="Reset").click()
            page.wait_for_selector(f'.vt-card[data-step="{step.id}"]:not([data-verdict="passed"])')
        dialog = page.locator(".jp-Dialog")
        assert dialog.count() == 0, dialog.first.inner_text()
        if (
            step.prediction and one.get_attribute("data-verdict") != "impossible"
        ):  # walked before, and guessed
            one.locator(".vt-prediction .vt-option").first.click()
        card = f'.vt-card[data-step="{step.id}"]'
        page.wait_for_selector(
            f'{card}:is([data-verdict="impossible"], :has(button.vt-run[aria-disabled="false"]))',
            timeout=60_000,
        )
        if one.get_attribute("data-verdict") == "impossible":  # and says why
            assert one.locator(".vt-verdict").inner_text()
            continue
        one.locator('button.vt-run[aria-disabled="false"]').click(timeout=60_000)
        passed = f'.vt-card[data-step="{step.id}"][data-verdict="passed"]'
        try:
            page.wait_for_selector(passed, timeout=STEP_LIMIT)
        except playwright_timeout() as error:
            raise AssertionError(f"{step.id} did not pass: {one.inner_text()}") from error
        one.locator(".vt-after h4").first.wait_for()
        site.picture(f"{lab[:2]}-{step.id}-{theme}-{width}", one)
        wide = one.evaluate("node => node.scrollWidth - node.clientWidth")
        assert wide <= 1, f"{step.id} is wider than its card by {wide} pixels"
        complaints += accessible(page)
    assert complaints == []
    assert site.errors == []


def panel_of(page: Any, name: str) -> Any:
    """A lab's panel."""
    return scrolled_to(page, f".vt-{name}")


def done(page: Any, step: str) -> None:
    """Have a step passed, by a click where it isn't yet."""
    one = card_of(page, step)
    if one.get_attribute("data-verdict") == "passed":
        return
    if one.locator(".vt-prediction .vt-option").count():
        one.locator(".vt-prediction .vt-option").first.click()
    one.locator('button.vt-run[aria-disabled="false"]').click(timeout=60_000)
    page.wait_for_selector(f'.vt-card[data-step="{step}"][data-verdict="passed"]', timeout=STEP_LIMIT)


def test_a_hint_and_a_reset_by_clicking(site: Site) -> None:
    site.open("02-what-a-volume-is-for", "light", 1300)
    done(site.page, "remove-loses")
    one = card_of(site.page, "remove-loses")
    one.locator("button.vt-quiet", has_text="Hint 1").click()
    one.locator(".vt-hints li").first.wait_for()
    one.locator("button.vt-quiet", has_text="Reset").click()
    fresh = '.vt-card[data-step="remove-loses"][data-verdict="todo"]'
    site.page.wait_for_selector(fresh, timeout=60_000)
    one.locator(".vt-prediction .vt-option").first.wait_for()
    assert one.locator(".vt-code").count() == 0, "the command would answer the question"
    assert one.locator(".vt-hints li").count() == 0


def test_the_panel_of_volumes_by_clicking(site: Site) -> None:
    site.open("08-removing-and-cleaning", "dark", 900)
    page = site.page
    done(page, "rm")
    panel = panel_of(page, "volumes")
    box = panel.locator("tbody tr", has_text="nobody").locator("input:not(:disabled)").first
    box.wait_for(timeout=60_000)
    name = box.get_attribute("value")
    box.check()
    panel.locator('button.vt-run[aria-disabled="false"]').click()
    assert name in panel.locator(".vt-prediction .vt-shell").inner_text()
    complaints = accessible(page)
    site.picture("08-volumes-panel", panel)
    panel.locator(".vt-prediction button:not(.vt-confirm)").click()
    panel.locator(".vt-prediction").wait_for(state="hidden")
    assert panel.locator(f'tbody input[value="{name}"]').count(), "Back removes nothing"
    panel.locator('button.vt-run[aria-disabled="false"]').click()
    panel.locator(".vt-prediction .vt-confirm").click()
    panel.locator(f'tbody input[value="{name}"]').wait_for(state="detached", timeout=60_000)
    assert complaints == []
    assert site.errors == []


def test_the_panel_of_services_by_clicking(site: Site) -> None:
    site.open("07-stateless-and-stateful", "light", 1300)
    page = site.page
    done(page, "replicas")
    panel = panel_of(page, "services")
    panel.locator('[data-key="send"][aria-disabled="false"]').click(timeout=60_000)
    panel.locator(".vt-answered").first.wait_for(state="attached", timeout=60_000)
    rows = panel.locator('button[data-key^="kill-"]').count()
    panel.locator('[data-key="more"][aria-disabled="false"]').click(timeout=60_000)
    panel.locator('button[data-key^="kill-"]').nth(rows).wait_for(timeout=60_000)
    site.picture("07-services-panel", panel)
    assert accessible(page) == []
    assert site.errors == []


def test_the_panel_of_measuring_is_there_and_accessible(site: Site) -> None:
    site.open("06-what-it-costs", "dark", 1300)
    panel = panel_of(site.page, "panel")
    panel.locator(".vt-choices input").first.wait_for(timeout=60_000)
    site.picture("06-panel", panel)
    assert accessible(site.page) == []
    assert site.errors == []


def test_the_notebooks_in_chinese_have_cards_in_chinese(site: Site) -> None:
    copied(site.opened.home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VOLTUTOR_LANGUAGE", "zh")
        copied(site.opened.home)
    site.open("zh/02-what-a-volume-is-for", "light", 1300)
    page = site.page
    one = card_of(page, "reach-in")
    assert "运行" in one.locator("button.vt-run").inner_text()
    if one.get_attribute("data-verdict") == "passed":  # walked before, in English
        one.locator("button.vt-quiet", has_text="重置").click()
        page.wait_for_selector('.vt-card[data-step="reach-in"][data-verdict="todo"]')
    one.locator(".vt-prediction .vt-option").nth(1).click()
    one.locator('button.vt-run[aria-disabled="false"]').click(timeout=60_000)
    page.wait_for_selector('.vt-card[data-step="reach-in"][data-verdict="passed"]', timeout=STEP_LIMIT)
    assert "通过" in one.locator(".vt-verdict").inner_text()
    one.locator(".vt-after h4").first.wait_for()
    site.picture("zh-reach-in", one)
    assert accessible(page) == []
    assert site.errors == []
