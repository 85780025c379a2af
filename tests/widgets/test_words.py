"""How texts, command lines and pictures become HTML."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voltutor.diagrams import ContainerMounts, MountScene
from voltutor.widgets import words
from voltutor.widgets.start import StartController
from voltutor.widgets.workplace import Workplace

MARKS = re.compile(r"<[^>]+>")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Write to `/note`, then look.", ["/note"]),
        ("--mount is stricter than -v or --volume.", ["--mount", "-v", "--volume"]),
        ("It says /seed/16MiB-2 “not here”, and /var/lib/ledger.", ["/seed/16MiB-2", "/var/lib/ledger"]),
        ("`docker container rm --volumes web` does it.", ["docker container rm --volumes web"]),
        ("copy-on-write, and/or https://docs.docker.com/engine/storage, number 0/0", []),
        ("Under / there is more - or -1.", []),
        ("<b>/etc</b> & more", ["/etc"]),
    ],
)
def test_what_is_typed_is_set_as_code(text: str, code: list[str]) -> None:
    made = words.html(text)
    assert re.findall(r"<code[^>]*>(.*?)</code>", made) == code
    assert unescape(MARKS.sub("", made)) == text.replace("`", "")


def test_an_option_is_not_broken_and_a_long_line_may_be() -> None:
    assert words.html("--mount") == '<code class="vt-whole">--mount</code>'
    assert words.html("`sh -c ls`") == "<code>sh -c ls</code>"
    assert "vt-whole" not in words.html(f"`{'x' * 80}`")


@given(st.lists(st.text(st.characters(codec="ascii", exclude_categories=["Cc"])), max_size=4))
def test_a_command_reads_as_it_is_typed(lines: list[str]) -> None:
    root = ET.fromstring(f"<pre>{words.shell(lines)}</pre>")
    said = ["".join(line.itertext()) for line in root]
    assert said == [part for line in lines for part in line.splitlines()]


def test_an_option_stays_with_its_value() -> None:
    line = "docker run --detach --name web-1 --volume data:/data lab sh -c 'ls /data'"
    kept = [word.text for word in ET.fromstring(words.shell([line]))]
    assert kept == [
        "docker", "run", "--detach", "--name web-1", "--volume data:/data", "lab", "sh", "-c 'ls", "/data'",
    ]  # fmt: skip


def test_a_picture_of_nothing_needs_no_words() -> None:
    nothing, one = MountScene(()), MountScene((ContainerMounts("one", "running"),))
    assert words.picture(nothing)["text"] == ""
    assert "No container and no volume yet." in words.picture(nothing)["html"]
    assert "Gone: one" in words.picture(nothing, one)["text"]
    assert "one, running" in words.picture(one, nothing)["text"]


def test_an_engines_words_are_no_markup_in_the_first_panel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        StartController, "begin", lambda *_words: None
    )  # it would look for the engine by itself
    workplace = Workplace(tmp_path, f"unix://{tmp_path}/none.sock", watch=False)
    try:
        panel = StartController(workplace, lambda _view: None)
        panel.told("no such image: <img src=x onerror=alert(1)>\x1b[31m")
        assert panel.view()["trouble"] == (r"no such image: &lt;img src=x onerror=alert(1)&gt;\x1b[31m")
    finally:
        workplace.close()
