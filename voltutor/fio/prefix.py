"""Text without what a log put before each of its lines: Compose's service, Kubernetes' time and pod, journald's
unit, a CI's clock."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator

_COLOUR = re.compile("\x1b\\[[0-9;]*m")

_VERSION = '"fio version"'
"""The key in a document's second line, before which only an indentation belongs."""

_MOST = 64
"""So many prefixes are looked at, of four times as many characters: a log has a few, and any text may come."""

# What grows from line to line: a date, a time of day, seconds since a beginning.
_CLOCK = re.compile(r"\d{4}-\d\d-\d\d|\d{1,2}:\d\d:\d\d(?:[.,]\d+)?|\d{9,}(?:[.,]\d+)?|\d+\.\d+")
_CLOCKS = r"[\d:.,-]+"
"""All that such a thing is made of: what stands for it takes as much as it can, so that none ever follows another."""
_DIGITS = re.compile(r"\d+")


def unprefixed(text: str) -> Iterator[str]:
    """What the text may be without its prefixes, the likeliest first. Lines with one prefix come together, so that
    the outputs of two containers, line by line in one log, are two again; lines without any come last."""
    if unwrapped := _unwrapped(text):
        yield unwrapped
        text = unwrapped
    plain = _COLOUR.sub("", text)
    if plain != text:
        yield plain
    found = list(itertools.islice(_prefixes(plain), _MOST))
    for varying in (None, _CLOCK, _DIGITS) if found else ():
        patterns = dict.fromkeys(_pattern(prefix, varying) for prefix in found)
        yield _sorted(plain, [re.compile(pattern) for pattern in patterns])


def without_strangers(text: str) -> str:
    """The lines that can be a line of fio's JSON, and then the others: what another program said meanwhile may stand
    among them."""
    lines = text.splitlines()
    return "\n".join(sorted(lines, key=lambda line: _JSON_LINE.match(line) is None))


_JSON_LINE = re.compile(
    r'[ \t]*(?:"[^"]*"[ \t]*+(?::|,?[ \t]*$)|[{}\[\]][ \t,{}\[\]]*$|-?\d+(?:\.\d+)?,?[ \t]*$)'
)


def _prefixes(text: str) -> Iterator[str]:
    end = -1
    while (end := text.find(_VERSION, end + 1)) >= 0:
        prefix = text[text.rfind("\n", 0, end) + 1 : end].rstrip()
        if 0 < len(prefix) <= 4 * _MOST and '"' not in prefix and not prefix.endswith("{"):
            yield prefix


def _pattern(prefix: str, varying: re.Pattern[str] | None) -> str:
    """A regular expression for the prefix on any line; `varying` is what differs from line to line."""
    if varying is _CLOCK:
        generic = _CLOCKS
        parts, end = [], 0
        for run in re.finditer(_CLOCKS, prefix):
            if _CLOCK.search(run[0]):
                parts.append(prefix[end : run.start()])
                end = run.end()
        parts.append(prefix[end:])
    else:
        generic = r"\d+"
        parts = varying.split(prefix) if varying else [prefix]
    return f"{generic}+".join(r"\s+".join(map(re.escape, re.split(r"\s+", part))) for part in parts)


def _sorted(text: str, prefixes: list[re.Pattern[str]]) -> str:
    groups: list[list[str]] = [[] for _prefix in prefixes]
    others: list[str] = []
    for line in text.splitlines():
        for prefix, group in zip(prefixes, groups, strict=True):
            if match := prefix.match(line):
                group.append(line[match.end() :])
                break
        else:
            others.append(line)
    return "\n".join(line for group in (*groups, others) for line in group)


_MESSAGES = ("log", "MESSAGE", "message", "msg")
"""Under which a line is kept by Docker's json-file, by `journalctl --output=json`, and by others."""


def _unwrapped(text: str) -> str:
    """The lines that each stand in a JSON object of their own; empty where there are none."""
    if '\\"fio version\\"' not in text:
        return ""
    lines: list[str] = []
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict):
            said = next((entry[key] for key in _MESSAGES if isinstance(entry.get(key), str)), "")
            lines.append(said.removesuffix("\n"))
    return "\n".join(lines)
