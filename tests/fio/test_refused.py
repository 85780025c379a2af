"""What is no JSON of fio is refused by what it is, so that one knows what to do."""

from __future__ import annotations

import pytest

from tests.fio.printing import job, printed, run
from voltutor.fio import NotFio, Refusal, parse_all

WHOLE = printed(run(job("a")))
NUMBERS = ";".join(["0"] * 60)
NORMAL = """a: (g=0): rw=read, bs=(R) 4096B-4096B, ioengine=psync, iodepth=1
fio-3.36
Starting 1 process

a: (groupid=0, jobs=1): err= 0: pid=7: Sun Nov 29 10:00:00 2026
  read: IOPS=1000, BW=4000KiB/s (4096kB/s)(4000KiB/1000msec)
"""
TEXTS = {
    Refusal.EMPTY: ["", " \n\n"],
    Refusal.CUT: [WHOLE[:-9], WHOLE[:200], '{\n  "fio version" : "fio-3.36"', WHOLE[: WHOLE.index("4096000") + 3]],
    Refusal.BROKEN: [
        f"{WHOLE[:300]}\n$ exit now and then\n",
        WHOLE.replace('"groupid": 0', '"groupid": fio: file hash not empty'),
    ],
    Refusal.HEADLESS: [WHOLE[40:], WHOLE[2:]],
    Refusal.TERSE: [f"3;fio-3.36;a;0;0;{NUMBERS}", f"2;a;0;0;{NUMBERS}", f"fio: hm\n5;fio-3.36;a b;0;0;{NUMBERS}"],
    Refusal.NORMAL: [NORMAL, NORMAL.partition("\n\n")[0], "Jobs: 1 (f=1): [R(1)][50.0%][r=1MiB/s]"],
    Refusal.ERROR: ["fio: unable to open 'x' job file", "x: err=28/file:io_u.c:1"],
    Refusal.LOG: ["500, 4700, 1, 0, 0", "1, 2, 0, 4096", "\n  5, 1, 2, 0, 0, 0x0001\n"],
    Refusal.HISTOGRAM_LOG: ["1000, 0, 4096, " + ", ".join(["0"] * 1216)],
    Refusal.IO_LOG: ["fio version 3 iolog\n0 /dev/x add\n", "fio version 2 iolog\n"],
    Refusal.JOB_FILE: ["[global]\nioengine=libaio\n\n[a]\nrw=read\n", "[a]\nrw = randread"],
    Refusal.OTHER_JSON: ["{}", "[1, 2]", '{"jobs": []}', '{"fio version": "fio-3.36"}'],
    Refusal.COMPRESSED: ["PK\x03\x04x"],
    Refusal.UNKNOWN: ["hello", "{ not JSON }", "bash: fio: command not found"],
}  # fmt: skip


@pytest.mark.parametrize(("why", "text"), [(why, text) for why, texts in TEXTS.items() for text in texts])
def test_a_text_is_refused_as_what_it_is(why: Refusal, text: str) -> None:
    with pytest.raises(NotFio) as caught:
        parse_all(text)
    assert caught.value.why is why
    assert len(str(caught.value)) < 300


def test_every_reason_has_a_text_of_its_kind() -> None:
    assert set(TEXTS) == set(Refusal)


def test_the_line_at_which_fios_json_breaks_off_is_named() -> None:
    with pytest.raises(NotFio, match="exit now and then"):
        parse_all(TEXTS[Refusal.BROKEN][0])


@pytest.mark.parametrize("text", ["1,2,3,4", "1, 2, 7, 4096, 0\n", "1, 0x10, 0, 4096"])
def test_lines_of_a_logs_form_without_any_sample_are_no_log(text: str) -> None:
    with pytest.raises(NotFio) as caught:
        parse_all(text)
    assert caught.value.why is Refusal.UNKNOWN
