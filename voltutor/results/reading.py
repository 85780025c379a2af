"""Results read back from a file: every field is looked at, so that `compare` and the plots can take what comes."""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

from voltutor.errors import UsageError
from voltutor.results.model import SCHEMA, Metric, Pair, Result, Trial
from voltutor.text import _, tr

SMALLEST, LARGEST = 1e-12, 1e18
"""Every figure that can be measured lies between these; beyond them ratios and axes would overflow."""


def load(path: Path) -> tuple[Result, ...]:
    """Read the results of a file: at least one, and nothing that `compare` or a plot couldn't take.

    Raises:
        UsageError: the file holds no results of a schema that this version reads; says what is wrong, and where.
    """
    try:
        return _document(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(
            _("{path} holds no results that this version reads ({detail})."),
            _(
                "Give it a file that `voltutor measure --out` wrote; a session's own result can be moved away and "
                "measured again."
            ),
            path=path,
            detail=tr(_("it is nested too deeply")) if isinstance(error, RecursionError) else error,
        ) from error


# a reader for each kind of object: the JSON, and where it stands in the file


def _document(raw: Any) -> tuple[Result, ...]:
    read = _object(raw, "", _DOCUMENT, _DOCUMENT)
    return tuple(_result(each, f"results[{number}]") for number, each in enumerate(read["results"]))


def _result(raw: Any, where: str) -> Result:
    read = _object(raw, where, _RESULT, _needed(Result))
    a, b = read["places"]
    pairs = tuple(
        _pair(each, f"{where}.pairs[{number}]", (a, b), read["metric"])
        for number, each in enumerate(read.get("pairs", ()))
    )
    sizes = tuple(read.get("expected_sizes", ()))
    result = Result(**{**read, "places": (a, b), "pairs": pairs, "expected_sizes": sizes})
    _agrees(result, where)
    return result


def _agrees(result: Result, where: str) -> None:
    """Whether what a result says of itself fits together.

    Raises:
        _Unreadable: it doesn't.
    """
    if len({(pair.round, pair.size) for pair in result.pairs}) < len(result.pairs):
        raise _Unreadable(_("{where} has two pairs of one round and size"), where=where)
    if result.expected_sizes and not set(result.sizes) <= set(result.expected_sizes):
        raise _Unreadable(_("{where} has pairs of a size that is not among its sizes"), where=where)
    if result.complete and result.rounds < (result.planned or 0):
        raise _Unreadable(
            _("{where} is said to be complete with {n} whole rounds of {planned}"),
            where=where,
            n=result.rounds,
            planned=result.planned,
        )
    trials = [trial for pair in result.pairs for trial in (pair.a, pair.b)]
    for name in ("bins", "series"):
        if len({trial.place for trial in trials if getattr(trial, name)}) == 1:
            raise _Unreadable(_("{where} has {name} in one of its places only"), where=where, name=name)


def _pair(raw: Any, where: str, places: tuple[str, str], metric: str) -> Pair:
    read = _object(raw, where, _PAIR, _needed(Pair))
    if read["first"] not in places:
        raise _Unreadable(
            _("{where} began in {place}, which is none of its places"), where=where, place=read["first"]
        )
    a, b = (
        _trial(read[name], f"{where}.{name}", place, metric)
        for name, place in zip(("a", "b"), places, strict=True)
    )
    return Pair(**{**read, "a": a, "b": b})


def _trial(raw: Any, where: str, place: str, metric: str) -> Trial:
    read = _object(raw, where, _TRIAL, _needed(Trial))
    if read["place"] != place:
        raise _Unreadable(
            _("{where} ran in {found}, not in {place}"), where=where, found=read["place"], place=place
        )
    if not _is_number(read["metrics"].get(metric), SMALLEST):
        raise _Unreadable(_("{where} has no figure of {metric} above 0"), where=where, metric=metric)
    bins = {int(at): count for at, count in read.get("bins", {}).items()}
    series = tuple((at, value) for at, value in read.get("series", ()))
    return Trial(**{**read, "bins": bins, "series": series})


def _needed(kind: type) -> set[str]:
    """The fields that have no default."""
    return {each.name for each in fields(kind) if each.default is MISSING and each.default_factory is MISSING}


def _object(raw: Any, where: str, kinds: Mapping[str, _Kind], needed: Iterable[str]) -> dict[str, Any]:
    """An object whose fields are what they have to be.

    Raises:
        _Unreadable: it is none, or a field is not of its kind, missing or unknown.
    """
    if not isinstance(raw, dict):
        raise _Unreadable(
            _("{where} is {value}, not an object"), where=where or "JSON", value=reprlib.repr(raw)
        )
    dot = f"{where}." if where else ""
    for name, kind in kinds.items():
        if name in raw and not kind.fits(raw[name]):
            raise _Unreadable(
                _("{field} is {value}, not {kind}"),
                field=f"{dot}{name}",
                value=reprlib.repr(raw[name]),
                kind=tr(kind.words),
            )
    for name in needed:
        if name not in raw:
            raise _Unreadable(_("{field} is missing"), field=f"{dot}{name}")
    if unknown := sorted(raw.keys() - kinds.keys()):
        raise _Unreadable(_("{field} is unknown"), field=f"{dot}{reprlib.repr(unknown[0])}")
    return raw


class _Unreadable(ValueError):
    """What stands in a file is not what a result has."""

    def __init__(self, text: str, **named: object) -> None:
        super().__init__(tr(text, **named))


# what a field may be


@dataclass(frozen=True)
class _Kind:
    """In words, and as a test."""

    words: str
    fits: Callable[[Any], bool]


def _is_number(value: object, least: float = 0.0) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= LARGEST


def _is_whole(value: object, least: float = 0.0) -> bool:
    return isinstance(value, int) and _is_number(value, least)


def _is_size(value: object) -> bool:
    return value is None or _is_whole(value, 1)


def _is_text(value: object) -> bool:
    """Whether a page can show it: UTF-8 has no surrogates, and SVG no control characters."""
    return isinstance(value, str) and not _UNSHOWN.search(value)


_UNSHOWN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def _is_name(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[\w.-]{1,80}", value) is not None


def _is_moment(value: object) -> bool:
    try:
        return isinstance(value, str) and (not value or bool(datetime.fromisoformat(value)))
    except ValueError:
        return False


def _is_circumstance(value: object) -> bool:
    return value is None or isinstance(value, int) or _is_number(value, -LARGEST) or _is_text(value)


def _is_count(at: str) -> bool:
    return re.fullmatch(r"0|[1-9]\d{0,17}", at, re.ASCII) is not None


def _list_of(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(test, value))


def _object_of(test: Callable[[Any], bool], name: Callable[[str], bool] = _is_text) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(map(name, value)) and all(map(test, value.values()))


_NAME = _Kind(_("a name"), _is_name)
_FLAG = _Kind(_("true or false"), lambda value: isinstance(value, bool))
_PAIRS_A_SIZE = _Kind(_("a number of pairs"), _is_size)
_ANY_OBJECT = _Kind(_("an object"), _object_of(lambda _value: True))

_DOCUMENT = {
    "schema": _Kind(_("1 or 2"), lambda value: _is_whole(value) and value in (1, SCHEMA)),
    "results": _Kind(
        _("a list of at least one result"), lambda value: isinstance(value, list) and bool(value)
    ),
}
_RESULT = {
    "workload": _NAME,
    "places": _Kind(
        _("two places"), lambda value: _list_of(_is_name)(value) and len(value) == len(set(value)) == 2
    ),
    "metric": _Kind(_("a known metric"), lambda value: value in get_args(Metric)),
    "pairs": _Kind(_("a list of pairs"), _list_of(lambda _value: True)),
    "needed": _PAIRS_A_SIZE,
    "planned": _PAIRS_A_SIZE,
    "complete": _FLAG,
    "stopped": _Kind(_("a text"), _is_text),
    "seed": _Kind(_("a whole number"), lambda value: _is_whole(value, -LARGEST)),
    "started": _Kind(_("a time"), _is_moment),
    "circumstances": _Kind(_("circumstances by name"), _object_of(_is_circumstance)),
    "expected_sizes": _Kind(_("a list of sizes"), _list_of(_is_size)),
    "origin": _Kind(_("live or recorded"), lambda value: value in ("live", "recorded")),
}
_TRIAL = {
    "place": _NAME,
    "metrics": _Kind(_("finite figures by name, from 0 on"), _object_of(_is_number)),
    "at": _Kind(_("seconds"), _is_number),
    "bins": _Kind(_("I/Os by their latency"), _object_of(lambda count: _is_whole(count, 1), _is_count)),
    "series": _Kind(
        _("a list of times with their figures"),
        _list_of(lambda point: _list_of(_is_number)(point) and len(point) == 2),
    ),
}
_PAIR = {
    "round": _Kind(_("a whole number"), _is_whole),
    "a": _ANY_OBJECT,
    "b": _ANY_OBJECT,
    "first": _NAME,
    "size": _Kind(_("a size in bytes"), _is_size),
}
