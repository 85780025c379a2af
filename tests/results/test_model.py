"""A result adds up to comparisons, and is the same after a file; a file that was tampered with is refused."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voltutor import plots
from voltutor.errors import UsageError
from voltutor.results import Finding, Pair, Result, Trial, compare, load, save, t_test, times

MIB = 1 << 20


def result(ratio: float = 1.0, n: int = 12, sizes: tuple[int | None, ...] = (None,), seed: int = 1) -> Result:
    chance = random.Random(seed)
    pairs = []
    for number in range(n):
        for size in sizes:
            base = (size or MIB) / MIB * 0.001
            a = Trial("layer", {"seconds": base * ratio * chance.uniform(0.95, 1.05)}, float(number))
            b = Trial("volume", {"seconds": base * chance.uniform(0.95, 1.05)}, float(number))
            pairs.append(Pair(number, a, b, chance.choice(["layer", "volume"]), size))
    return Result(
        "first-write",
        ("layer", "volume"),
        "seconds",
        tuple(pairs),
        needed=n,
        planned=n,
        complete=True,
        circumstances={"fio": "fio-3.33"},
    )


def test_a_clear_difference_is_found_with_its_interval() -> None:
    ((found,),) = compare(result(2.0))
    assert found.finding is Finding.HIGHER
    assert found.ratio.low < 2 < found.ratio.high
    assert found.ratio.low > 1.8
    assert found.n == 12


def test_where_none_is_shown_the_ratio_that_could_have_been_is_told() -> None:
    ((found,),) = compare(result(1.0))
    assert found.finding is Finding.NO_DIFFERENCE
    assert found.ratio.covers(1)
    assert 1 < found.detectable < 1.2


def test_few_pairs_make_no_claim() -> None:
    ((found,),) = compare(result(100.0, n=6))
    assert found.finding is Finding.TOO_FEW


def test_several_sizes_are_corrected_together() -> None:
    asked = result(2.0, n=8, sizes=(MIB, 4 * MIB, 16 * MIB, 64 * MIB, 256 * MIB))
    alone = [t_test([pair.log_ratio("seconds") for pair in asked.of_size(size)]) for size in asked.sizes]
    (together,) = compare(asked)
    assert [found.size for found in together] == [MIB, 4 * MIB, 16 * MIB, 64 * MIB, 256 * MIB]
    smallest = min(range(5), key=lambda index: alone[index])
    assert together[smallest].p == pytest.approx(5 * alone[smallest], rel=1e-3)
    assert all(found.finding is Finding.HIGHER for found in together)


def test_among_many_questions_one_clear_answer_alone_may_be_chance() -> None:
    pairs = [*result(1.5, n=10).pairs]
    pairs[0] = Pair(0, pairs[0].b, pairs[0].a, "layer")  # one round says the contrary
    odd = Result("first-write", ("layer", "volume"), "seconds", tuple(pairs), 10, 10, True)
    ((alone,),) = compare(odd)
    assert alone.finding is Finding.HIGHER
    among = compare(odd, *(result(1.0, n=10, seed=seed) for seed in range(40)))
    assert among[0][0].finding is Finding.BY_CHANCE
    assert not among[0][0].ratio.covers(1)


def test_what_makes_no_claim_is_no_question_yet() -> None:
    asked = result(1.2, n=8)
    ((alone,),) = compare(asked)
    ((among,), *_) = compare(asked, *(result(9.0, n=7, seed=seed) for seed in range(30)))
    assert alone.p == among.p


def test_what_is_unfinished_makes_no_claim_until_it_is_gone_on_with() -> None:
    part = replace(result(2.0, n=10), needed=40, planned=40, complete=False, stopped="cancelled")
    for stopped in ("cancelled", "the engine has gone", ""):
        ((found,),) = compare(replace(part, stopped=stopped))
        assert found.finding is Finding.UNFINISHED
        assert found.finding.value == "unfinished"
    ((in_time,),) = compare(replace(part, stopped="budget"))
    assert in_time.finding is Finding.HIGHER, "that the time was up is no look at the ratios"
    ((pilot,),) = compare(replace(result(2.0, n=5), planned=None, complete=False, stopped="budget"))
    assert pilot.finding is Finding.UNFINISHED


def test_what_is_unfinished_takes_no_part_in_the_correction() -> None:
    asked = result(1.2, n=8)
    ((alone,),) = compare(asked)
    others = [
        replace(result(9.0, n=12, seed=seed), planned=40, complete=False, stopped="cancelled")
        for seed in range(30)
    ]
    ((among,), *unfinished) = compare(asked, *others)
    assert alone.p == among.p
    assert {found.p for (found,) in unfinished} == {1.0}


def test_a_round_that_lacks_a_size_is_not_whole() -> None:
    whole = result(2.0, n=3, sizes=(MIB, 4 * MIB))
    part = replace(whole, pairs=whole.pairs[:1], expected_sizes=(MIB, 4 * MIB))
    assert (whole.rounds, part.rounds) == (3, 0)


def test_growth_compares_within_rounds() -> None:
    grown = result(3.0, sizes=(16 * MIB, 256 * MIB)).growth("layer", 16 * MIB, 256 * MIB)
    assert 14 < grown.low < 16 < grown.high < 18


def test_a_file_gives_back_the_same_results(tmp_path: Path) -> None:
    one, two = result(), result(2.0, sizes=(MIB,))
    save(tmp_path / "r.json", one, two)
    assert load(tmp_path / "r.json") == (one, two)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"schema": 99, "results": []}',
        '{"schema": 2, "results": []}',
        '{"schema": 1, "results": [{"x": 1}]}',
        '{"schema": 2, "results": [5]}',
        '{"schema": 2, "results": 5}',
        pytest.param("[" * 100_000, id="nested"),
    ],
)
def test_what_is_no_result_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(UsageError, match=r"r\.json.*Give it a file"):
        load(tmp_path / "r.json")


Tree = dict[str, Any]
Where = tuple[str | int, ...]


@cache
def _written() -> str:
    """A file with all that a result can have, as the kit would have written it."""
    sized = result(2.0, n=2, sizes=(MIB, 4 * MIB, 16 * MIB))
    rich = result(0.5, n=8)
    pairs = tuple(
        replace(
            pair,
            a=replace(pair.a, bins={1000: 3, 20_000: 1}, series=((0.01, 5.0), (0.02, 6.0))),
            b=replace(pair.b, bins={1000: 4}, series=((0.01, 7.0),)),
        )
        for pair in rich.pairs
    )
    rich = replace(rich, pairs=pairs, started="2026-11-24T18:14:28+00:00", origin="recorded")
    rich = replace(rich, circumstances={"engine": "Docker", "cpus": 2, "reflink": False, "journal": None})
    whole = replace(sized, expected_sizes=sized.sizes, stopped="cancelled", complete=False, planned=8)
    with pytest.MonkeyPatch.context() as patch:
        kept: list[str] = []
        patch.setattr("voltutor.results.model.write_atomically", lambda _path, text: kept.append(text))
        save(Path("unused"), whole, rich)
    return kept[0]


def _document() -> Tree:
    return json.loads(_written())  # type: ignore[no-any-return]


def _put(document: Tree, where: Where, value: Any) -> None:
    *way, last = where
    holder: Any = document
    for step in way:
        holder = holder[step]
    holder[last] = value


SECONDS = ("results", 0, "pairs", 0, "a", "metrics", "seconds")
BINS = ("results", 1, "pairs", 0, "a", "bins")
SERIES = ("results", 1, "pairs", 0, "a", "series")


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        *((SECONDS, value, "metrics") for value in (-1, float("nan"), float("inf"), "1", None, True)),
        (SECONDS, 0, "no figure of seconds"),
        (SECONDS, 1e-300, "no figure of seconds"),
        (SECONDS[:-1], {}, "no figure of seconds"),
        (SECONDS[:-1], None, "metrics is None"),
        (("results", 0, "metric"), "furlongs", "metric is 'furlongs'"),
        (("results", 0, "metric"), "iops", "no figure of iops"),
        (("results", 0, "places"), ["layer"], "two places"),
        (("results", 0, "places"), ["layer", "layer"], "two places"),
        (("results", 0, "places"), ["layer", "volume", "bind"], "two places"),
        (("results", 0, "places"), "layer,volume", "two places"),
        (("results", 0, "places"), ["volume", "layer"], r"pairs\[0\].a ran in layer, not in volume"),
        (("results", 0, "pairs", 1, "b", "place"), "bind", r"results\[0\].pairs\[1\].b ran in bind, not in volume"),
        (("results", 0, "pairs", 1, "first"), "bind", "began in bind"),
        (("results", 0, "pairs", 1, "size"), str(MIB), "a size in bytes"),
        (("results", 0, "pairs", 1, "size"), 0, "a size in bytes"),
        (("results", 0, "pairs", 1, "size"), 7, "size that is not among its sizes"),
        (("results", 0, "pairs", 1, "round"), "1", "round is '1'"),
        (("results", 0, "pairs", 3, "round"), 0, "two pairs of one round"),
        (("results", 0, "pairs"), None, "a list of pairs"),
        (("results", 0, "pairs", 0), 5, r"pairs\[0\] is 5"),
        (("results", 0, "circumstances"), None, "circumstances is None"),
        (("results", 0, "circumstances"), {"engine": ["Docker"]}, "circumstances"),
        (("results", 0, "circumstances"), {"engine": "\ud800"}, "circumstances"),
        (("results", 0, "started"), None, "started is None"),
        (("results", 0, "started"), "yesterday", "started is 'yesterday'"),
        (("results", 0, "workload"), None, "workload is None"),
        (("results", 0, "expected_sizes"), None, "expected_sizes is None"),
        (("results", 0, "complete"), 1, "complete is 1"),
        (("results", 0, "complete"), True, "complete with 2 whole rounds of 8"),
        (("results", 0, "planned"), True, "planned is True"),
        (("results", 0, "seed"), "0", "seed is '0'"),
        (("results", 0, "origin"), "hearsay", "live or recorded"),
        (("results", 0, "surprise"), 1, "surprise' is unknown"),
        (BINS, [1], "bins"),
        (BINS, {"1000": 0}, "bins"),
        (BINS, {"fast": 1}, "bins"),
        (SERIES, [1], "series"),
        (SERIES, [[0.1, 1.0, 2.0]], "series"),
        (SERIES, [[0.1, -1.0]], "series"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_refused_with_what_is_wrong_and_where(
    tmp_path: Path, where: Where, value: Any, said: str
) -> None:
    document = _document()
    _put(document, where, value)
    (tmp_path / "r.json").write_text(json.dumps(document))
    with pytest.raises(UsageError, match=said) as caught:
        load(tmp_path / "r.json")
    assert "r.json" in caught.value.what
    assert "voltutor measure --out" in caught.value.mend


def test_a_newer_schema_is_named_whatever_else_it_has(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text('{"schema": 3, "trials": []}')
    with pytest.raises(UsageError, match="schema is 3, not 1 or 2"):
        load(tmp_path / "r.json")


def test_what_one_place_alone_has_can_t_be_drawn(tmp_path: Path) -> None:
    for name in ("bins", "series"):
        document = _document()
        for pair in document["results"][1]["pairs"]:
            pair["b"][name] = type(pair["b"][name])()
        (tmp_path / "r.json").write_text(json.dumps(document))
        with pytest.raises(UsageError, match=f"{name} in one of its places"):
            load(tmp_path / "r.json")


def test_the_first_schema_is_read(tmp_path: Path) -> None:
    document = {**_document(), "schema": 1}
    for each in document["results"]:
        del each["expected_sizes"]
        for pair in each["pairs"]:
            for trial in (pair["a"], pair["b"]):
                del trial["bins"], trial["series"]
    (tmp_path / "r.json").write_text(json.dumps(document))
    assert [len(found.pairs) for found in load(tmp_path / "r.json")] == [6, 8]


def _nodes(tree: Any, where: Where = ()) -> Iterator[Where]:
    """Where everything in a document lies."""
    names = tree if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for name in names:
        yield (*where, name)
        yield from _nodes(tree[name], (*where, name))


def _at(document: Any, where: Where) -> Any:
    for step in where:
        document = document[step]
    return document


TEXTS = st.text(max_size=12)
STRANGE = st.one_of(
    st.sampled_from(
        [None, True, False, 0, -1, 1, 2, 8, 1e-300, 5e-324, 1e-12, 1e18, 1e300, 10**400, "", "1", "volume", "bind",
         "layer-2", "iops", "bytes_per_second", "budget", "\ud800", "\x00", [], [1], [[0, 0]], [None], {}, {"1": 1}]
    ),
    st.integers(),
    st.floats(),
    TEXTS,
)  # fmt: skip


@st.composite
def tampered(draw: st.DrawFn) -> Tree:
    """A valid document in which one to three things are changed, removed, doubled, moved or added."""
    document = _document()
    for _number in range(draw(st.integers(1, 3))):
        where = draw(st.sampled_from(list(_nodes(document)) or [("schema",)]))
        holder: Any = _at(document, where[:-1])
        name: Any = where[-1]
        match draw(st.sampled_from(["change", "remove", "double", "move", "add"])):
            case "change":
                holder[name] = draw(STRANGE)
            case "remove" if name in holder or isinstance(holder, list):
                del holder[name]
            case "double" if isinstance(holder, list):
                holder.append(copy.deepcopy(holder[name]))
            case "move":
                other = draw(st.sampled_from(list(_nodes(document))))
                holder[name] = copy.deepcopy(_at(document, other))
            case "add" if isinstance(holder, dict):
                holder[draw(TEXTS)] = draw(STRANGE)
            case _:
                pass
    return document


def _refused_or_usable(path: Path) -> None:
    """What is read can be compared and put on a page; what can't be is refused in the kit's own words."""
    try:
        found = load(path)
    except UsageError:
        return
    compare(*found)
    if any(each.pairs for each in found):
        plots.page(found).encode()


@settings(max_examples=30, deadline=None)
@given(document=tampered())
def test_a_tampered_file_is_refused_or_usable(
    document: Tree, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "tampered.json"
    path.write_text(json.dumps(document))
    _refused_or_usable(path)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_refused_or_usable(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = _written().encode()
    begin = data.draw(st.integers(0, len(text)))
    end = begin + data.draw(st.integers(0, 40))
    path = tmp_path_factory.getbasetemp() / "damaged.json"
    path.write_bytes(text[:begin] + data.draw(st.binary(max_size=6)) + text[end:])
    _refused_or_usable(path)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0043, "0.0043×"), (0.04, "0.04×"), (0.1, "0.10×"), (1.34, "1.34×"), (12.3, "12×"), (0, "0.00×")],
)
def test_a_small_ratio_keeps_two_digits_that_mean_something(value: float, text: str) -> None:
    assert times(value) == text
