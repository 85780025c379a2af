"""A log's lines become samples, whatever columns a version or an option adds."""

from __future__ import annotations

import pytest

from voltutor.fio import Sample, kind, logs, samples


def test_of_both_values_of_a_window_the_second_is_the_peak() -> None:
    (log,) = logs("500, 4700, 34700, 1, 0, 0\n1000, 4600, 2, 1, 0, 0\n")
    assert log.samples == (
        Sample(500_000_000, 4700, "write", 0, 34700),
        Sample(1_000_000_000, 4600, "write", 0, 2),
    )
    assert (log.windowed, log.since_ns) == (True, None)


def test_offset_priority_and_issue_time_are_no_values() -> None:
    text = "1, 2000, 0, 4096, 1, 0x0001, 7\n2, 2100, 2, 4096, 2, 0x0001, 8\n"
    (log,) = logs(text)
    assert [(each.value, each.direction, each.block, each.peak) for each in log.samples] == [
        (2000, "read", 4096, None),
        (2100, "trim", 4096, None),
    ]
    assert not log.windowed


def test_times_of_day_count_from_the_first() -> None:
    (log,) = logs("1795879319361, 7301, 1, 0, 0\n1795879319861, 7302, 1, 0, 0\n")
    assert [sample.at_ns for sample in log.samples] == [0, 500_000_000]
    assert log.since_ns == 1_795_879_319_361_000_000


def test_logs_with_other_lines_between_or_other_columns_are_several() -> None:
    one, other = "1, 5, 0, 4096\n2, 6, 1, 4096\n", "1, 5, 900, 0, 0, 0\n"
    assert [len(log.samples) for log in logs(f"{one}and\n{one}{other}")] == [2, 2, 1]
    assert len(list(samples(f"{one}and\n{one}{other}"))) == 5


def test_a_histograms_lines_are_no_samples() -> None:
    assert list(samples("1000, 0, 1, " + ", ".join(["0"] * 1216))) == []


@pytest.mark.parametrize(
    ("name", "what"),
    [("x_bw.1.log", "bw"), ("x_iops.log", "iops"), ("x_clat.12.log", "lat"), ("/a/x_lat.1.log", "lat"),
     ("x_clat_hist.1.log", "hist"), ("x.log", ""), ("-", "")],
)  # fmt: skip
def test_a_logs_name_says_what_its_values_are(name: str, what: str) -> None:
    assert kind(name) == what


def test_a_log_is_read_whatever_stands_around_it() -> None:
    """At a length at which looking at each line again and again would not end."""
    for around in (
        "\n" * 400_000,
        " " * 400_000,
        "\n \t" * 400_000,
        "7," * 40_000,
        "7" * 40_000,
        "1, 2, 0\n" * 9_000,
    ):
        assert list(samples(f"{around}\n  5 , 6, 1 , 4096 , 0\r\n{around}")) == [
            Sample(5_000_000, 6, "write", 4096)
        ]
    assert list(samples(f"{'9' * 5000}, 1, 1, 4096\n1, 2,\n1, 4096\n")) == []


def test_numbers_are_decimal_also_behind_zeros_and_a_priority_only_may_be_hex() -> None:
    assert list(samples("1, 07, 0, 0123, 0x0001\n")) == [Sample(1_000_000, 7, "read", 123)]
    (log,) = logs("1, 5, 900, 0, 00, 0x0001\n")
    assert (log.samples[0].block, log.samples[0].peak) == (0, 900)
    for line in ("1, 0x10, 0, 4096", "0x1, 1, 0, 4096", "1, 5, 0, 0x10", "1, 5, 900, 0, 0x10, 0"):
        assert list(samples(line)) == [], line
