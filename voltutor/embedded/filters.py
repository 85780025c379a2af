"""The `filters` parameter: a JSON object of lists, or of maps to true as older clients send it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from voltutor.embedded.errors import BadRequest

Filters = Mapping[str, list[str]]


def parse(text: str | None, known: Iterable[str]) -> Filters:
    """Decode, refusing what isn't known.

    Raises:
        BadRequest: it is no such object, or names an unknown filter.
    """
    if not text:
        return {}
    try:
        raw = json.loads(text)
        items: dict[str, Any] = dict(raw)
        # docker-py sends one value bare, or as a boolean.
        found = {
            key: [str(v) for v in ([values] if isinstance(values, str | bool | int) else values)]
            for key, values in items.items()
        }
    except (ValueError, TypeError) as error:
        raise BadRequest("invalid filter: the filters are not a JSON object of lists") from error
    for key in found:
        if key not in known:
            raise BadRequest(f"invalid filter '{key}'")
    return found


def matches(filters: Filters, tests: Mapping[str, Callable[[str], bool]]) -> bool:
    """Whether a thing passes every filter; values of one filter are alternatives, but labels are all needed."""
    for key, values in filters.items():
        test = tests.get(key)
        if test is None:
            continue
        results = [test(value) for value in values]
        if not (all(results) if key in ("label", "label!") else any(results)):
            return False
    return True


def label(labels: Mapping[str, str] | None) -> Callable[[str], bool]:
    """A test for `label=key` and `label=key=value`."""

    def test(wanted: str) -> bool:
        key, equals, value = wanted.partition("=")
        have = labels or {}
        return key in have and (not equals or have[key] == value)

    return test


def flag(value: str) -> bool:
    """A boolean, as Docker takes it in a filter.

    Raises:
        BadRequest: it is none.
    """
    lowered = value.lower()
    if lowered in ("1", "true"):
        return True
    if lowered in ("0", "false"):
        return False
    raise BadRequest(f"invalid filter value '{value}'")


def pattern(text: str) -> Callable[[str], bool]:
    """A test for a name: a regular expression found anywhere in it, as Docker's name filters are."""
    try:
        # A repeated group can take for ever here, where Docker's matcher is linear: taken literally.
        compiled = re.compile(re.escape(text) if re.search(r"\)[*+{?]", text) else text)
    except re.error:
        compiled = re.compile(re.escape(text))
    return lambda name: compiled.search(name) is not None
