"""A bench on each kind of engine."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.own_engine import embedded
from voltutor.engine import find
from voltutor.session import Bench

ENGINES = ("docker", "overlay", "vfs")


@pytest.fixture(params=ENGINES)
def anywhere(request: pytest.FixtureRequest, home: Path) -> Iterator[Bench]:
    """A bench on each kind of engine."""
    if request.param == "docker":
        yield request.getfixturevalue("bench")
        return
    folder = Path(tempfile.mkdtemp(prefix="vt-", dir="/var/tmp"))
    with embedded(folder / "e", request.param) as made:
        yield Bench(find(made.url, {}), home)
    shutil.rmtree(folder, ignore_errors=True)
