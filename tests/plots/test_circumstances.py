"""Results measured under different circumstances never read the same; those measured alike share one line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from voltutor.plots.circumstances import caption, captions, setting, storage, tags, when
from voltutor.results import Result

DOCKER: dict[str, str | int | float | bool | None] = {
    "engine": "Docker 20.10",
    "storage_driver": "overlay2",
    "backing_file_system": "ext4",
    "cpus": 2,
    "fio": "fio-3.33",
}


def seen(**more: str | int | None) -> Result:
    return Result(
        "read",
        ("layer", "volume"),
        "seconds",
        started="2026-11-24T18:00:00",
        circumstances={**DOCKER, **more},
    )


def test_load_and_free_space_set_no_results_apart() -> None:
    moved = seen(load_1min="9.9", dirty_kib="7", free_bytes=5)
    assert setting(moved) == setting(seen())
    assert tags([moved, seen()]) == {}
    assert list(captions([moved, seen()]).values()) == [
        "Docker 20.10 · overlay2 on ext4 · 2 CPUs · fio-3.33 · 2026-11-24 · measured live"
    ]


@pytest.mark.parametrize(
    "other",
    [
        seen(backing_file_system="xfs"),
        seen(storage_driver="vfs"),
        seen(engine="Docker 26.1"),
        seen(journal="writeback"),
        seen(a_later_versions_key="x"),
        replace(seen(), origin="recorded"),
        replace(seen(), started="2026-11-25T18:00:00"),
    ],
)
def test_whatever_differs_is_told_apart(other: Result) -> None:
    for lines in (captions([seen(), other]), tags([seen(), other])):
        first, second = lines[setting(seen())], lines[setting(other)]
        assert first != second


def test_what_the_line_leaves_out_is_added_where_it_is_all_that_differs() -> None:
    plain, other = captions([seen(), seen(journal="writeback")]).values()
    assert plain.endswith("measured live · journal: ?")
    assert other.endswith("measured live · journal: writeback")


def test_a_driver_that_the_engine_s_title_names_is_said_once() -> None:
    embedded = seen(engine="voltutor embedded engine (overlay)", storage_driver="overlay")
    assert storage(embedded) == "embedded engine, overlay on ext4"


def test_what_was_not_read_is_left_out() -> None:
    bare = Result("read", ("layer", "volume"), "seconds")
    assert (storage(bare), when(bare), caption(bare)) == ("", "live", "measured live")
    kept = replace(bare, origin="recorded", circumstances={"backing_file_system": "xfs"})
    assert (storage(kept), when(kept)) == ("xfs", "recorded")
