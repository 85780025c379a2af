"""Programs are found on PATH and where they were unpacked without root, and start from there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.box import root_archive
from voltutor import programs


@pytest.fixture
def short_home() -> Iterator[Path]:
    """A home with an odd path that is short enough for a socket."""
    made = Path(tempfile.mkdtemp(prefix="vt-", dir="/var/tmp"))
    (made / "a b'ü").mkdir()
    yield made / "a b'ü"
    shutil.rmtree(made, ignore_errors=True)


def unpack(name: str, home: Path) -> None:
    """A program of this machine with its libraries, as its packages would be unpacked."""
    program = shutil.which(name)
    if program is None:
        pytest.skip(f"needs {name}")
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    root = programs.unpacked(home)
    for path in (program, *re.findall(r"(/\S+)", listed)):
        target = root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(Path(path).resolve(), target)


def test_what_was_unpacked_comes_before_path_and_servers_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    for place in ("path/one", "path/two", "home/programs/root/usr/sbin/two"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).touch(0o755)
    home = tmp_path / "home"
    assert programs.find("one", home) == tmp_path / "path/one"
    assert programs.find("two", home) == programs.unpacked(home) / "usr/sbin/two"
    assert programs.find("two") == tmp_path / "path/two"
    assert programs.find("no-such-program", home) is None
    assert programs.command("no-such-program", home) is None
    assert programs.command("one", home) == [str(tmp_path / "path/one")]
    assert programs.command("two", home) == [str(programs.unpacked(home) / "usr/sbin/two")], "no ELF file"


def test_an_unpacked_program_finds_its_libraries_and_leaks_no_variable(
    short_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpack("env", short_home)
    monkeypatch.setenv("PATH", "/nowhere")
    words = programs.command("env", short_home)
    assert words
    loader, _flag, libraries, program = words
    assert all(Path(one).is_relative_to(programs.unpacked(short_home)) for one in (loader, program))
    assert "LD_LIBRARY_PATH" not in subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert libraries == programs.library_path(programs.unpacked(short_home))


def test_copies_by_an_unpacked_proot_come_up_where_path_has_none(
    voltutor: Callable[..., Any], short_home: Path
) -> None:
    unpack("proot", short_home)
    env = {"VOLTUTOR_HOME": str(short_home), "PATH": "/nowhere"}
    started = voltutor("engine", "start", "--storage", "vfs", env=env)
    assert started.returncode == 0, started.stderr
    try:
        url = started.stdout.splitlines()[1]
        api = docker.APIClient(base_url=url, version="auto", timeout=60)
        api.import_image_from_data(root_archive(), repository="box")
        made = api.create_container("box", ["env"])["Id"]
        api.start(made)
        assert api.wait(made)["StatusCode"] == 0
        said = api.logs(made).decode()
        assert "HOME=/root" in said
        assert "LD_LIBRARY_PATH" not in said
        api.close()
    finally:
        assert voltutor("engine", "stop", env=env).returncode == 0


def test_a_proot_that_can_t_run_is_refused_with_its_own_words(
    voltutor: Callable[..., Any], short_home: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "bin" / "proot"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\necho 'proot error: ptrace(TRACEME): Operation not permitted' >&2\nexit 1\n")
    broken.chmod(0o755)
    env = {
        "VOLTUTOR_HOME": str(short_home),
        "PATH": os.pathsep.join([str(broken.parent), os.environ["PATH"]]),
    }
    refused = voltutor("engine", "start", "--storage", "vfs", env=env)
    assert refused.returncode == 3
    assert "ptrace(TRACEME)" in refused.stderr
    env["PATH"] = "/nowhere"
    absent = voltutor("engine", "start", "--storage", "vfs", env=env)
    assert absent.returncode == 3
    assert "PRoot is not installed" in absent.stderr
    assert "make setup" in absent.stderr
