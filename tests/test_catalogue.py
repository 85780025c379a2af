"""A translation keeps what must stay, and a text without one is shown in English; the notebooks of each language are
made from its catalogue."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path

import pytest

from tools import catalogue, release
from voltutor import text
from voltutor.cli.notebooks import copied, source
from voltutor.widgets import words

BOTH = [(language, name) for language in catalogue.others() for name in catalogue.CATALOGUES]


@pytest.mark.parametrize("language", catalogue.others())
def test_the_catalogues_have_every_text_and_no_other(language: str) -> None:
    assert catalogue.outdated(language) == [], "run `python -m tools.catalogue`"


def test_a_text_without_a_translation_is_shown_in_english_and_stops_a_release(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = "A step that nobody has translated yet."
    monkeypatch.setattr(catalogue, "LOCALE", tmp_path)
    for language in catalogue.others():
        for name, every in catalogue.CATALOGUES.items():
            texts = [*every(), ("voltutor/labs/new.py", new)] if name == "voltutor" else [*every()]
            monkeypatch.setitem(catalogue.CATALOGUES, name, partial(iter, texts))
            path = catalogue.path_of(language, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            known = {text: f"translated {text}" for _place, text in texts if text != new}
            path.write_text(catalogue.written(language, name, known), encoding="utf-8")
    monkeypatch.setattr(text, "LOCALE", tmp_path)
    text._catalogue.cache_clear()
    monkeypatch.setenv("VOLTUTOR_LANGUAGE", "zh")
    try:
        assert text.tr(new) == new
        assert text.tr("passed") == "translated passed"
        assert catalogue.lacking("zh") == [("voltutor/labs/new.py", new)]
        assert release.main() == 1
        assert new in capsys.readouterr().out
    finally:
        monkeypatch.undo()
        text._catalogue.cache_clear()


@pytest.mark.parametrize(("language", "name"), BOTH)
def test_a_translation_keeps_fields_code_options_and_lines(language: str, name: str) -> None:
    known = catalogue.read(language, name)
    wrong = {each: found for each, made in known.items() if (found := catalogue.differences(each, made))}
    assert wrong == {}


@pytest.mark.parametrize("language", catalogue.others())
def test_the_notebooks_of_a_language_have_the_same_code_and_other_prose(language: str) -> None:
    originals = sorted(catalogue.LABS.glob("*.ipynb"))
    made = sorted((catalogue.LABS / language).glob("*.ipynb"))
    assert [path.name for path in made] == [path.name for path in originals]
    known = catalogue.read(language, "labs")
    for original, translated in zip(originals, made, strict=True):
        cells, others = (
            json.loads(path.read_text(encoding="utf-8"))["cells"] for path in (original, translated)
        )
        for cell, other in zip(cells, others, strict=True):
            assert cell["cell_type"] == other["cell_type"]
            translates = cell["cell_type"] == "markdown" and "".join(cell["source"]) in known
            assert (cell["source"] != other["source"]) == translates


def test_a_lost_field_an_added_option_or_a_changed_command_is_found() -> None:
    assert catalogue.differences("{n} of `docker ps`", "`docker ps` 的 {n}") == []
    assert catalogue.differences("{n} of {all}", "{n}") == ["fields"]
    assert catalogue.differences("`docker ps`", "`docker ls`") == ["code"]
    assert catalogue.differences("a --rm", "a") == ["options"]
    assert catalogue.differences("a\n", "a") == ["line breaks", "outer space"]


@pytest.mark.parametrize(
    ("asked", "language"),
    [("zh", "zh"), ("zh_CN.UTF-8", "zh"), ("zh-Hans", "zh"), ("en_GB", "en"), ("tlh", None), ("", None)],
)
def test_a_locale_names_its_language(asked: str, language: str | None) -> None:
    assert text.known(asked) == language


def test_texts_are_in_the_language_asked_for_and_else_in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VOLTUTOR_LANGUAGE", raising=False)
    assert text.tr("passed") == "passed"
    monkeypatch.setenv("VOLTUTOR_LANGUAGE", "zh")
    assert text.tr("passed") == "通过"
    assert text.tr("{n} min", n=3).startswith("3")
    assert text.tr("no text of the kit's") == "no text of the kit's"
    monkeypatch.setenv("VOLTUTOR_LANGUAGE", "tlh")
    assert text.tr("passed") == "passed"


@pytest.mark.parametrize(
    ("variables", "language"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_TW"}, "zh"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LC_MESSAGES": "zh_CN", "LANG": "en_US.UTF-8"}, "zh"),
        ({"LC_MESSAGES": "", "LANG": "zh_CN"}, "zh"),
        ({"LC_MESSAGES": "en_GB", "LANG": "zh_CN"}, "en"),
        ({"LC_ALL": "C", "LC_MESSAGES": "zh_CN", "LANG": "zh_CN"}, "en"),
        ({"LC_ALL": "C.UTF-8", "LANG": "zh_CN"}, "en"),
        ({"LC_ALL": "zh_CN.GB18030", "LANG": "C"}, "zh"),
        ({"VOLTUTOR_LANGUAGE": "zh-Hans", "LC_ALL": "en_US"}, "zh"),
        ({"VOLTUTOR_LANGUAGE": "en", "LC_ALL": "zh_CN"}, "en"),
        ({"VOLTUTOR_LANGUAGE": "", "LC_ALL": "zh_CN"}, "zh"),
    ],
)
def test_the_first_variable_that_is_set_decides(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], language: str
) -> None:
    monkeypatch.delenv("LANG", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert text.language() == language


def test_the_folder_of_the_notebooks_tells_the_language(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("VOLTUTOR_LANGUAGE", raising=False)
    (tmp_path / "labs" / "zh").mkdir(parents=True)
    for folder, language in (("labs/zh", "zh"), ("labs", "en"), (".", "en")):
        monkeypatch.chdir(tmp_path / folder)
        text._of_the_folder.cache_clear()
        assert text.language() == language
        monkeypatch.setenv("LANG", "zh_CN.UTF-8")
        assert text.language() == "zh", "where the folder says nothing, the locale does"
        monkeypatch.delenv("LANG")
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    for notebook, language in (
        ("/h/labs/zh/00-start-here.ipynb", "zh"),
        ("/h/labs/00-start-here.ipynb", "en"),
    ):
        monkeypatch.setenv("JPY_SESSION_NAME", notebook)
        text._of_the_folder.cache_clear()
        assert text.language() == language, "a page and its cards speak one language"
    monkeypatch.undo()
    text._of_the_folder.cache_clear()


def test_the_notebooks_of_a_language_are_copied_to_a_folder_of_their_own(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    english = copied(home)
    monkeypatch.setenv("VOLTUTOR_LANGUAGE", "zh")
    assert source() == catalogue.LABS / "zh"
    assert [path.relative_to(home / "labs") for path in copied(home)] == [
        Path("zh") / path.name for path in english
    ]


@pytest.mark.parametrize("language", catalogue.others())
def test_what_is_set_as_code_is_the_same_in_every_language(language: str) -> None:
    """A path is found by its look, which a letter beside it could spoil."""

    def code(written: str) -> list[str]:
        return sorted(re.findall(r"<code[^>]*>(.*?)</code>", words.html(written)))

    known = catalogue.read(language, "voltutor")
    wrong = {each: code(made) for each, made in known.items() if code(each) != code(made)}
    assert wrong == {}
