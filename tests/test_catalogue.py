"""Every text has its translation, which keeps what must stay; the notebooks of each language are made from it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests import catalogue
from voltutor import text
from voltutor.cli.notebooks import copied, source
from voltutor.widgets import words

BOTH = [(language, name) for language in catalogue.others() for name in catalogue.CATALOGUES]


@pytest.mark.parametrize(("language", "name"), BOTH)
def test_a_catalogue_has_every_text_and_no_other(language: str, name: str) -> None:
    known = catalogue.read(language, name)
    wanted = {each for _place, each in catalogue.CATALOGUES[name]()}
    again = "run `python -m tests.catalogue`, and translate what it lists"
    assert wanted - known.keys() == set(), again
    assert known.keys() - wanted == set(), again
    assert catalogue.path_of(language, name).read_text(encoding="utf-8") == catalogue.written(
        language, name, known
    ), again


@pytest.mark.parametrize(("language", "name"), BOTH)
def test_a_translation_keeps_fields_code_options_and_lines(language: str, name: str) -> None:
    known = catalogue.read(language, name)
    wrong = {each: found for each, made in known.items() if (found := catalogue.differences(each, made))}
    assert wrong == {}


@pytest.mark.parametrize("language", catalogue.others())
def test_the_notebooks_are_as_the_catalogue_says_and_their_code_is_the_same(language: str) -> None:
    known = catalogue.read(language, "labs")
    originals = sorted(catalogue.LABS.glob("*.ipynb"))
    made = sorted((catalogue.LABS / language).glob("*.ipynb"))
    assert [path.name for path in made] == [path.name for path in originals]
    for original, translated in zip(originals, made, strict=True):
        assert translated.read_text(encoding="utf-8") == catalogue.notebook(original, known), (
            "run `python -m tests.catalogue`"
        )
        cells, others = (
            json.loads(path.read_text(encoding="utf-8"))["cells"] for path in (original, translated)
        )
        for cell, other in zip(cells, others, strict=True):
            assert cell["cell_type"] == other["cell_type"]
            assert (cell["source"] == other["source"]) == (cell["cell_type"] == "code")


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


def test_the_folder_of_the_notebooks_tells_the_language(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("VOLTUTOR_LANGUAGE", raising=False)
    (tmp_path / "labs" / "zh").mkdir(parents=True)
    for folder, language in (("labs/zh", "zh"), ("labs", "en"), (".", "en")):
        monkeypatch.chdir(tmp_path / folder)
        text._of_the_folder.cache_clear()
        assert text.language() == language
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
