"""fio's JSON documents out of a text: one after the other, in an array, in another tool's JSON, with text around."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from voltutor.fio.prefix import unprefixed, without_strangers

Raw = dict[str, Any]


@dataclass(frozen=True)
class Document:
    """One document, and the text between the one before and it."""

    raw: Raw
    before: str = ""


@dataclass(frozen=True)
class Broken:
    """A document that begins and can't be read.

    Attributes:
        number: which of the text's documents it is, from 1 on.
        line: where it breaks off; empty at the text's end.
    """

    number: int
    line: str


@dataclass(frozen=True)
class Documents:
    """What there is in a text: the documents that are whole, those that are not, and what follows the last."""

    whole: tuple[Document, ...] = ()
    broken: tuple[Broken, ...] = ()
    after: str = ""

    @property
    def noise(self) -> str:
        """All that is no document."""
        return "\n".join(part for part in (*(each.before for each in self.whole), self.after) if part)


def documents(text: str) -> Documents:
    """Every document of fio in the text; where some can't be read as the text stands, without what a log put before
    its lines, or without another program's lines between them."""
    if "fio version" not in text and "jobname" not in text:
        return Documents(after=text.strip())
    best = _scan(text)
    for other in _mended(text):
        if best.whole and not best.broken and "fio version" not in best.noise:
            break
        best = max(best, _scan(other), key=lambda found: (len(found.whole), len(found.broken)))
    return best


def _mended(text: str) -> Iterator[str]:
    yield _ESCAPE.sub(lambda found: found[0] if len(found[0]) > 1 else "\\\\", text)
    yield without_strangers(text)
    for plain in unprefixed(text):
        yield plain
        yield without_strangers(plain)


# fio prints its floats with %f (json.c), so that nan, -nan, inf and -inf occur, or what Windows writes for them, and
# each is the value of a key. Such a key holds no colon and no comma, and between two strings there is always one of
# them: what fits here begins with a whole key, so it can't lie within a string.
_BARE = re.compile(r'("[^"\\:,]+"\s*:\s*)(-?(?:nan(?:\(ind\))?|inf|1\.#[A-Z]+\d*))(?=\s*[,}])')

# fio 2 wrote a file's name as it is, also with the backslash of an escaped colon.
_ESCAPE = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})?')

_OBJECT = re.compile(r'\{\s*["}]')
_OPENING = re.compile(r'\{\s*"fio version"')


class _Text(str):
    """A text of which nobody counts the lines: JSONDecodeError does, from the beginning on, at each brace that opens
    nothing, and a text may be full of them."""

    __slots__ = ()

    def count(self, *_what: object) -> int:
        """None."""
        return 0

    def rfind(self, *_what: object) -> int:
        """Nowhere."""
        return -1


def _scan(text: str) -> Documents:
    # Control characters and bare nan or inf occur in what fio prints; strict JSON has neither.
    decoder = json.JSONDecoder(strict=False, parse_constant=lambda _name: None)
    plain = _Text(text)
    if "nan" in text or "inf" in text or "1.#" in text:
        # Python's own NaN is no longer than what it stands for, so a position is the same in both texts.
        plain = _Text(_BARE.sub(lambda found: found[1] + "NaN".rjust(len(found[2])), text))
    whole: list[Document] = []
    broken: list[Broken] = []
    noise: list[str] = []
    failing: dict[int, RecursionError | ValueError] = {}
    position = 0
    while opening := _OBJECT.search(plain, position):
        start = opening.start()
        noise.append(text[position:start])
        try:
            if start in failing:
                raise failing[start].with_traceback(None)
            value, position = decoder.raw_decode(plain, start)
        except RecursionError as error:
            # Nothing of fio's is nested so deep.
            if start not in failing:
                failing.update(dict.fromkeys(_open(plain, start, most=_DEEP), error))
            position = (plain.find("\n", start) + 1) or len(plain)
            noise.append(text[start:position])
            continue
        except ValueError as error:
            if (
                start not in failing
                and isinstance(error, json.JSONDecodeError)
                and plain.find("{", start + 1, error.pos) >= 0
            ):
                failing.update(dict.fromkeys(_open(plain, start, error.pos), error))
            if _OPENING.match(plain, start):
                broken.append(Broken(len(whole) + len(broken) + 1, _where(plain, error)))
            position = start + 1
            continue
        found = list(_within(value))
        for raw in found:
            whole.append(Document(raw, _said(noise)))
            noise = []
        if not found:
            noise.append(text[start:position])
    noise.append(text[position:])
    return Documents(tuple(whole), tuple(broken), _said(noise))


_DEEP = 100
_BRACKET = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[{}\[\]]', re.DOTALL)


def _open(text: str, start: int, end: int | None = None, most: int | None = None) -> list[int]:
    """Where the brackets stand that are open at `end`, or at the first place at which there are so many: what broke
    off there breaks off there for each of them, and none needs to be followed as far again."""
    left: list[int] = []
    for found in _BRACKET.finditer(text, start, len(text) if end is None else end):
        if found[0] in ("{", "["):
            left.append(found.start())
            if len(left) == most:
                break
        elif found[0] in ("}", "]") and left:
            left.pop()
    return left


def _within(value: Any) -> Iterator[Raw]:
    """The documents in a value: itself, or those that another tool put into its own JSON, also as a string."""
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, dict):
            if _is_document(each):
                yield each
            else:
                left.extend(
                    inner for inner in reversed(each.values()) if isinstance(inner, dict | list | str)
                )
        elif isinstance(each, list):
            # Ansible's stdout_lines.
            lines = bool(each) and all(isinstance(line, str) for line in each)
            left.extend(["\n".join(each)] if lines else reversed(each))
        elif isinstance(each, str) and '"fio version"' in each:
            yield from (found.raw for found in _scan(each).whole)


def _is_document(raw: Raw) -> bool:
    """With fio's version, or, where another tool left that out, with jobs that are fio's by their names' key."""
    listed = raw.get("jobs", raw.get("client_stats"))
    if "fio version" in raw:
        return listed is not None
    return isinstance(listed, list) and any(isinstance(job, dict) and "jobname" in job for job in listed)


def _said(noise: list[str]) -> str:
    """The text of these pieces, but for what held an array together."""
    return "\n".join(piece for part in noise if (piece := part.strip()).strip("[], \t\r\n"))


_REST = re.compile(r"[,\s]*+(?!\S{0,9}\s*\Z)([^\n]{1,200})")


def _where(text: str, error: Exception) -> str:
    """The line in which a document breaks off; empty where the text ends."""
    if not isinstance(error, json.JSONDecodeError) or error.msg.startswith("Unterminated string"):
        return ""
    # A word or a number may be cut, too, and a comma be the last that is there.
    rest = _REST.match(text, error.pos)
    return rest[1].strip() if rest else ""
