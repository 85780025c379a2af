"""Files that fio really wrote, and that others cut, joined or logged, where they lie beside this clone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fio.conftest import Fio

FIELD = Path(__file__).parents[3] / "shared" / "field" / "fio"

SAYS = {
    "01": "clat",
    "02": "bs64k",
    "03": "bs4k",
    "05": "ends in the middle",
    "07": "80.0",
    "09": "idle1, idle2, idle3",
    "10": "256; the first: error 84",
    "11": "127.0.0.1:8766",
    "12": "no jobs",
    "13": "56300",
    "15": "2026-11-28 15:21:59.361",
}


def test_every_file_is_read_or_refused_by_its_name(fio: Fio) -> None:
    if not FIELD.is_dir():
        pytest.xfail("the files of the field do not lie beside this clone")
    for file in sorted(FIELD.iterdir()):
        done = fio("", str(file))
        told = done.out + done.err
        assert "Traceback" not in told
        assert done.cells or done.err, file.name
        assert SAYS.get(file.name[:2], "") in told, file.name
