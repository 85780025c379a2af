"""What did not come from this kit is shown, and obeyed by neither terminal nor page."""

from __future__ import annotations

import ast
import io
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console
from rich.table import Table

from voltutor.cli.say import cell, marked, say
from voltutor.diagrams import ContainerMounts, MountedAt, MountScene, Storage, svg
from voltutor.errors import VoltutorError
from voltutor.text import escape, legible
from voltutor.widgets import static, words

SHOWN = {
    "[/bold] x": "[/bold] x",
    "<script>alert(1)</script>": "<script>alert(1)</script>",
    "\x1b[31m": r"\x1b[31m",
    "]]>": "]]>",
    "&": "&",
    "\x9b2J": r"\x9b2J",
    "\u202egpj": r"\u202egpj",
    "\u2028": r"\u2028",
    "\udcff": r"\udcff",
    "\r\x08\x00": r"\r\x08\x00",
}
EACH = pytest.mark.parametrize(("text", "shown"), list(SHOWN.items()), ids=map(ascii, SHOWN))


@EACH
def test_a_terminal_shows_it(text: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert legible(text) == shown
    say(text)
    say(text, error=True)
    assert capsys.readouterr() == (f"{shown}\n", f"{shown}\n")


@EACH
def test_a_table_shows_it(text: str, shown: str) -> None:
    out = io.StringIO()
    console = Console(file=out, width=80)
    table = Table(box=None)
    table.add_column("name")
    table.add_row(cell(f"a\n{text}"))
    table.add_row(f"[bold]{marked(text)}[/]")
    console.print(table)
    assert out.getvalue().count(shown) == 2
    assert rf"a\n{shown}" in out.getvalue()


@EACH
def test_a_page_shows_it(text: str, shown: str) -> None:
    for page in (
        f"<p>{escape(text)}</p>",
        f"<p>{words.html(text)}</p>",
        f"<p>{words.html(f'`{text}`')}</p>",
        static.table(["name"], [[escape(text)]]),
        static.section(text, f'<p title="{escape(text)}"></p>'),
    ):
        read = ElementTree.fromstring(page)
        assert shown in "".join(read.itertext())
        assert not list(read.iter("script"))


@EACH
def test_a_picture_shows_it(text: str, shown: str) -> None:
    mount = MountedAt(f"/{text}", Storage("volume", text))
    for tight in (False, True):
        drawn = svg(MountScene((ContainerMounts(text, "running", (mount,)),)), None, tight)
        read = ElementTree.fromstring(drawn)
        assert shown[:8] in "".join(read.itertext())
        assert not list(read.iter("script"))
        assert shown in read.attrib["aria-label"]


def test_newlines_stay_where_lines_are_printed() -> None:
    assert legible("one\ntwo") == "one\ntwo"


def test_an_error_keeps_its_words_until_it_is_printed() -> None:
    assert VoltutorError("{text}", text="\x1b[31m").what == "\x1b[31m"


def test_no_text_with_fields_is_shown_without_them() -> None:
    """A text that `tr` is given alone has no fields, or its caller fills them in later."""
    found = []
    for path in sorted((Path(__file__).parents[1] / "voltutor").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and ast.unparse(node.func) == "tr"
                and not node.keywords
                and node.args
            ):
                texts = [one.value for one in ast.walk(node.args[0]) if isinstance(one, ast.Constant)]
                found += [f"{path.name}: {text}" for text in texts if isinstance(text, str) and "{" in text]
    assert found == []
