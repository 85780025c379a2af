"""`python -m tools.catalogue`: bring the catalogues up to the texts as they are, and write each language's notebooks.

A language has two catalogues: voltutor.po for what the package says, which is read when it runs, and labs.po for the
notebooks' prose, a cell a text. Code cells are the same in every language. What has no translation yet is listed; it
is shown in English until somebody translates it, and a release waits for it (`make release-check`).
"""

from __future__ import annotations

import ast
import io
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from voltutor.text import ENGLISH, LOCALE, languages

ROOT = Path(__file__).parents[1]
LABS = ROOT / "labs"
WIDTH = 116


def texts() -> Iterator[tuple[str, str]]:
    """Every marked text of the package, each once, with the file in which it stands first. Read from the syntax tree:
    Babel's own extraction doesn't look into f-strings.

    Raises:
        ValueError: something else than a text is marked.
    """
    seen = set()
    for path in sorted((ROOT / "voltutor").rglob("*.py")):
        place = path.relative_to(ROOT).as_posix()
        marked = [
            call
            for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "_"
        ]
        for call in sorted(marked, key=lambda call: (call.lineno, call.col_offset)):
            match call.args:
                case [ast.Constant(value=str(message))]:
                    if message not in seen:
                        seen.add(message)
                        yield place, message
                case _:
                    raise ValueError(
                        f"{place}:{call.lineno}: a text is marked where it is written, as one constant"
                    )


def prose() -> Iterator[tuple[str, str]]:
    """Every Markdown cell of the notebooks, each once, with the notebook in which it stands first."""
    seen = set()
    for path in sorted(LABS.glob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            text = "".join(cell["source"])
            if cell["cell_type"] == "markdown" and text not in seen:
                seen.add(text)
                yield f"labs/{path.name}", text


CATALOGUES = {"voltutor": texts, "labs": prose}


def path_of(language: str, name: str) -> Path:
    """Where a catalogue is kept."""
    return LOCALE / language / "LC_MESSAGES" / f"{name}.po"


def read(language: str, name: str) -> dict[str, str]:
    """A catalogue's translations by their text, empty ones left out."""
    path = path_of(language, name)
    if not path.exists():
        return {}
    with path.open("rb") as file:
        return {str(each.id): str(each.string) for each in read_po(file) if each.id and each.string}


def written(language: str, name: str, known: Mapping[str, str]) -> str:
    """The catalogue as it is to be: every text there is, in the order in which they stand, and no other."""
    catalogue = Catalog(locale=language, project="voltutor", fuzzy=False)
    for place, text in CATALOGUES[name]():
        catalogue.add(text, known.get(text, ""), locations=[(place, 0)])
    out = io.BytesIO()
    write_po(out, catalogue, width=WIDTH, omit_header=True, include_lineno=False)
    head = (
        'msgid ""\nmsgstr ""\n'
        f'"Language: {language}\\n"\n'
        '"MIME-Version: 1.0\\n"\n'
        '"Content-Type: text/plain; charset=utf-8\\n"\n'
        '"Content-Transfer-Encoding: 8bit\\n"\n\n'
    )
    return head + out.getvalue().decode().lstrip()


def notebook(path: Path, known: Mapping[str, str]) -> str:
    """A notebook with its prose translated."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    for cell in content["cells"]:
        if cell["cell_type"] == "markdown":
            text = "".join(cell["source"])
            cell["source"] = known.get(text, text).splitlines(keepends=True)
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def others() -> list[str]:
    """The languages beside English."""
    return [language for language in languages() if language != ENGLISH]


_TOKENS = {
    "fields": r"\{[^{}]*\}",
    "code": r"`[^`]+`",
    "options": r"(?<![\w-])--[a-z][a-z-]*",
}


def differences(text: str, translation: str) -> list[str]:
    """What a translation has lost or added of what must stay as it is: fields, code, options, line breaks, and the
    space around it."""
    found = [
        name
        for name, pattern in _TOKENS.items()
        if sorted(re.findall(pattern, text)) != sorted(re.findall(pattern, translation))
    ]
    if text.count("\n") != translation.count("\n"):
        found.append("line breaks")
    if (text[:1].isspace(), text[-1:].isspace()) != (translation[:1].isspace(), translation[-1:].isspace()):
        found.append("outer space")
    return found


def lacking(language: str) -> list[tuple[str, str]]:
    """The texts without a translation, each with its place."""
    return [
        (place, text)
        for name, every in CATALOGUES.items()
        for known in [read(language, name)]
        for place, text in every()
        if text not in known
    ]


def outdated(language: str) -> list[Path]:
    """The files that `main` would write otherwise than they are."""
    wanted = {path_of(language, name): written(language, name, read(language, name)) for name in CATALOGUES}
    known = read(language, "labs")
    wanted |= {LABS / language / path.name: notebook(path, known) for path in sorted(LABS.glob("*.ipynb"))}
    return [
        path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def main() -> int:
    """Write them, and list what has no translation."""
    for language in others():
        for name in CATALOGUES:
            known = read(language, name)
            path_of(language, name).write_text(written(language, name, known), encoding="utf-8")
        known = read(language, "labs")
        (LABS / language).mkdir(exist_ok=True)
        for path in sorted(LABS.glob("*.ipynb")):
            (LABS / language / path.name).write_text(notebook(path, known), encoding="utf-8")
        untranslated = lacking(language)
        for place, text in untranslated:
            print(f"{language}, {place}: {text[:90]!r}")
        print(f"{language}, without a translation: {len(untranslated)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
