"""What is typed in JupyterLab's terminal goes to the lab in front, unless the learner says otherwise."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from voltutor.cli import lab
from voltutor.session import terminal
from voltutor.session.terminal import Front

FIRST = Front("unix:///run/docker.sock", "unix:///run/docker.sock", "lab 01, Docker 28.2", 1)
OWN = Front("unix:///own engine.sock", "unix:///own engine.sock", "lab 08, this kit's", 2)

TELL = '#!/bin/sh\necho "$(basename "$0") $* at ${DOCKER_HOST-nowhere} by ${VOLTUTOR_ENGINE-nothing}"\n'


@pytest.fixture(params=["home", "a b'ü中"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A home, also under a name that shells trip over."""
    made = tmp_path / str(request.param)
    made.mkdir()
    return made


@pytest.fixture(params=["bash", "dash"])
def typed(
    request: pytest.FixtureRequest, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., list[str]]:
    """Type lines in a terminal: what was printed. `docker` and `voltutor` tell where they would go."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("docker", "voltutor"):
        (programs / name).write_text(TELL)
        (programs / name).chmod(0o755)
    if request.param == "dash":
        found = shutil.which
        monkeypatch.setattr(shutil, "which", lambda name: None if name == "bash" else found(name))
    learner = tmp_path / "learner"
    learner.mkdir()

    def run(*lines: str, **env: str) -> list[str]:
        full = {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(learner), **env}
        ends = subprocess.run(
            terminal.shell(folder), input="\n".join([*lines, "exit"]), env=full, capture_output=True, text=True,
            cwd=learner, timeout=60, check=False,
        )  # fmt: skip
        return [line for line in ends.stdout.splitlines() if " at " in line]

    return run


def test_a_line_goes_to_the_lab_in_front(folder: Path, typed: Callable[..., list[str]]) -> None:
    terminal.lead(folder, FIRST)
    (line,) = typed("docker ps --all")
    assert line == f"docker ps --all at {FIRST.url} by {FIRST.url}"


def test_so_does_one_in_a_subshell_a_script_and_another_shell(
    folder: Path, typed: Callable[..., list[str]]
) -> None:
    terminal.lead(folder, OWN)
    lines = typed("(docker a)", "sh -c 'docker b'", "bash -c 'voltutor c'", "echo d | xargs docker")
    assert [line.partition(" at ")[2] for line in lines] == [f"{OWN.url} by {OWN.url}"] * 4


def test_a_shell_that_was_open_before_follows_within_a_line(
    folder: Path, typed: Callable[..., list[str]], tmp_path: Path
) -> None:
    terminal.lead(folder, OWN)
    later = (terminal.folder(folder) / "front").read_text()
    terminal.lead(folder, Front(FIRST.url, FIRST.engine, FIRST.said, 3))
    turn = tmp_path / "turn"  # another lab's tab comes to the front
    turn.write_text(f"cat >{shlex.quote(str(terminal.folder(folder) / 'front'))} <<'END'\n{later}END\n")
    lines = typed(f"docker a; . {shlex.quote(str(turn))}; docker b", "docker c")
    assert [line.split()[3] for line in lines] == [FIRST.url, "unix:///own", "unix:///own"]


@pytest.mark.parametrize(
    ("line", "goes"),
    [
        ("export DOCKER_HOST=tcp://mine", "tcp://mine"),
        ("unset DOCKER_HOST", "nowhere"),
        ("export DOCKER_CONTEXT=mine", "nowhere"),
    ],
)
def test_who_names_an_engine_by_hand_is_left_alone(
    folder: Path, typed: Callable[..., list[str]], line: str, goes: str
) -> None:
    terminal.lead(folder, FIRST)
    (said,) = typed(line, "docker ps")
    assert said.split()[3] == goes


def test_an_engine_named_by_hand_for_voltutor_is_kept(folder: Path, typed: Callable[..., list[str]]) -> None:
    terminal.lead(folder, FIRST)
    (said,) = typed("export VOLTUTOR_ENGINE=tcp://mine", "voltutor doctor")
    assert said.endswith("by tcp://mine")


def test_before_any_lab_a_terminal_goes_where_docker_goes(typed: Callable[..., list[str]]) -> None:
    assert typed("docker ps") == ["docker ps at nowhere by nothing"]


def test_the_learner_s_own_files_are_read_and_lead_no_line_astray(
    folder: Path, typed: Callable[..., list[str]], tmp_path: Path
) -> None:
    terminal.lead(folder, OWN)
    (tmp_path / "learner" / ".bashrc").write_text(
        f"alias docker='echo alias at'\nvoltutor() {{ echo function at; }}\nPATH={tmp_path}/programs:/usr/bin:/bin\n"
        "export MINE=1\n"
    )
    lines = typed("docker ps", 'voltutor "mine is $MINE"')
    assert [line.split(" at ")[1] for line in lines] == [f"{OWN.url} by {OWN.engine}"] * 2


def test_the_prompt_says_which_lab_and_which_engine(
    folder: Path, tmp_path: Path, typed: Callable[..., list[str]]
) -> None:
    terminal.lead(folder, Front(OWN.url, OWN.engine, "lab 08, \x1b[31m$(touch stolen) `touch stolen`", 1))
    done = subprocess.run(
        terminal.shell(folder), input="exit\n", env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False,
    )  # fmt: skip
    assert r"[lab 08, \x1b[31m$(touch stolen) `touch stolen`] " in done.stderr
    assert not (tmp_path / "stolen").exists()


def test_this_home_s_own_engine_is_started_where_it_has_ended(
    folder: Path, typed: Callable[..., list[str]], tmp_path: Path
) -> None:
    gone, there = tmp_path / "gone", tmp_path / "s"
    terminal.lead(folder, Front(f"unix://{gone}", "embedded", "lab 08", 1))
    (tmp_path / "programs" / "voltutor").write_text('#!/bin/sh\necho "$*" >>started\n')
    typed("docker ps")
    assert (tmp_path / "learner" / "started").read_text() == "engine start\n"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(there))
        terminal.lead(folder, Front(f"unix://{there}", "embedded", "lab 08", 1))
        typed("docker ps")
    assert (tmp_path / "learner" / "started").read_text() == "engine start\n"


def test_a_program_that_is_not_there_is_missed_as_ever(
    folder: Path, typed: Callable[..., list[str]], tmp_path: Path
) -> None:
    (tmp_path / "programs" / "voltutor").unlink()
    assert typed("PATH=$(dirname $(command -v voltutor)) voltutor; echo ended at $?") == ["ended at 127"]


def test_no_two_homes_terminals_call_each_other(
    folder: Path, typed: Callable[..., list[str]], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    for home in (other, folder):
        terminal.shell(home)
        terminal.lead(home, FIRST)
    here, there = terminal.folder(folder) / "bin", terminal.folder(other) / "bin"
    (tmp_path / "link").symlink_to(here)
    path = ":".join(str(each) for each in (here, there, f"{here}/", tmp_path / "link"))
    (line,) = typed(f'PATH={shlex.quote(path)}:"$PATH" docker ps')
    assert line == f"docker ps at {FIRST.url} by {FIRST.url}"


def test_a_terminal_of_our_server_follows_with_what_the_server_hands_on(
    folder: Path, typed: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server names an engine for its kernels, and its terminals must not take that for the learner's wish."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://theirs")
    monkeypatch.setenv("VOLTUTOR_HOME", str(folder))
    engine: Any = SimpleNamespace(url=FIRST.url)
    handed_on = lab._environment(folder, engine, "embedded")
    names = [name for name in handed_on if name.startswith(("VOLTUTOR_", "DOCKER_"))]
    terminal.lead(folder, OWN)
    lines = typed("docker a", "voltutor b", **{name: handed_on[name] for name in names})
    assert [line.split(" at ")[1] for line in lines] == [f"{OWN.url} by {OWN.engine}"] * 2


def test_a_server_that_begins_leads_its_terminals_whatever_yesterday_s_pages_told(tmp_path: Path) -> None:
    terminal.lead(tmp_path, Front("yesterday", "x", "lab 01", 9999999999999))
    first = Front("today", "x", "Docker 28.2")
    assert terminal.lead(tmp_path, first, anew=True)
    assert terminal.front(tmp_path) == first
    assert terminal.lead(tmp_path, Front("page", "x", "lab 02", 1))
    assert not terminal.lead(tmp_path, Front("cell", "x", "lab 03")), "what no page has told yields"


def test_which_of_two_labs_is_in_front_says_the_page_and_not_the_order_of_arrival(tmp_path: Path) -> None:
    assert terminal.lead(tmp_path, Front("later", "x", "lab 02", 20))
    assert not terminal.lead(tmp_path, Front("earlier", "x", "lab 01", 10))
    assert terminal.front(tmp_path) == Front("later", "x", "lab 02", 20)


def test_what_can_not_be_told_line_by_line_is_not_told(tmp_path: Path) -> None:
    assert not terminal.lead(tmp_path, Front("unix:///a\nb", "x", "lab 01", 10))
    assert terminal.front(tmp_path) is None


def test_a_file_that_was_spoilt_leads_nowhere(folder: Path, typed: Callable[..., list[str]]) -> None:
    terminal.shell(folder)
    (terminal.folder(folder) / "front").write_text("1\n")
    assert typed("docker ps") == ["docker ps at nowhere by nothing"]
