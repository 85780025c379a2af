"""`make setup` and its like, on a small clone whose package is a stub: whatever the path, the locale and pip's
configuration, the package is in the clone's own environment; and a step that failed is never "Ready"."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pip
import pytest

import bootstrap
import bootstrap_python
from bootstrap_python import PIP_KEPT, clean, for_pip, write_paths_in_ascii, wrong

ROOT = Path(__file__).parents[1]

PYPROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "voltutor"
version = "1"
"""

BACKEND = '''\
"""An editable wheel of the clone, without building one: a file that leads to it."""
import pathlib, zipfile
def build_editable(folder, config_settings=None, metadata_directory=None):
    files = {
        "_voltutor.pth": str(pathlib.Path.cwd()),
        "voltutor-1.dist-info/METADATA": "Metadata-Version: 2.1\\nName: voltutor\\nVersion: 1\\n",
        "voltutor-1.dist-info/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    record = "".join(f"{name},,\\n" for name in [*files, "voltutor-1.dist-info/RECORD"])
    with zipfile.ZipFile(pathlib.Path(folder, "voltutor-1-py3-none-any.whl"), "w") as wheel:
        for name, text in {**files, "voltutor-1.dist-info/RECORD": record}.items():
            wheel.writestr(name, text)
    return "voltutor-1-py3-none-any.whl"
'''

STUB = """\
import os, sys
print("stub", *sys.argv[1:], flush=True)
sys.exit(int(os.environ.get("STUB_CODE", "0")))
"""

HOSTILE = """\
[global]
user = true
quiet = 2
python = /nowhere/python
no-deps = yes
require-hashes = true
target = {elsewhere}
[install]
prefix = {elsewhere}
root = {elsewhere}
"""


class Clone:
    """A small clone, and a way to run its bootstrap as a learner does."""

    def __init__(self, folder: Path) -> None:
        self.root, self.elsewhere, self.bin = folder / "it's a ü clone", folder / "elsewhere", folder / "bin"
        (self.root / "voltutor").mkdir(parents=True)
        for name in ("bootstrap.py", "bootstrap_python.py", "Makefile", "voltutor/programs.py"):
            shutil.copy(ROOT / name, self.root / name)
        (self.root / "voltutor" / "__init__.py").touch()
        (self.root / "voltutor" / "__main__.py").write_text(STUB)
        (self.root / "pyproject.toml").write_text(PYPROJECT)
        (self.root / "backend.py").write_text(BACKEND)
        self.bin.mkdir()
        for name in ("busybox", "fio", "proot", "redis-check-rdb", "nginx", "docker"):
            self.program(name, "exit 0")
        # pip itself is this environment's, as it would take seconds to install it.
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", self.root / ".venv"], check=True)
        (self.packages / "pip").symlink_to(Path(pip.__file__).parent)

    @property
    def packages(self) -> Path:
        """Where the environment has its packages."""
        (found,) = (self.root / ".venv" / "lib").glob("python*/site-packages")
        return found

    def program(self, name: str, line: str) -> None:
        """Put a program on PATH that runs one line of the shell."""
        (self.bin / name).write_text(f"#!/bin/sh\n{line}\n")
        (self.bin / name).chmod(0o755)

    def run(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        """`python3 bootstrap.py WORDS`, or what `words` say."""
        path = os.pathsep.join([str(self.bin), os.environ["PATH"]])
        home = str(self.root.parent / "home")
        # As in a shell of one's own, and not in the make that runs these tests.
        outer = {name: value for name, value in os.environ.items() if "MAKE" not in name and name != "MFLAGS"}
        return subprocess.run(
            words if words[0] == "make" else [sys.executable, "bootstrap.py", *words],
            cwd=self.root,
            env={**outer, "PATH": path, "VOLTUTOR_HOME": home, "VOLTUTOR_ENGINE": "tcp://h:1", **env},
            capture_output=True,
            encoding="utf-8",
        )


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone that was set up under the worst conditions."""
    made = Clone(tmp_path_factory.mktemp("bootstrap"))
    configuration = made.root.parent / "pip.conf"
    configuration.write_text(HOSTILE.format(elsewhere=made.elsewhere))
    shadow = made.root.parent / "shadow"
    shadow.mkdir()
    (shadow / "zipfile.py").write_text("raise SystemExit('a module of the user shadows the library')")
    done = made.run(
        *("make", "setup", f"PYTHON={sys.executable}"),
        LC_ALL="C",
        PYTHONUTF8="0",
        PYTHONPATH=str(shadow),
        PYTHONWARNINGS="error",
        PIP_CONFIG_FILE=str(configuration),
        PIP_USER="1",
        PIP_TARGET=str(made.elsewhere),
        PIP_REQUIRE_VIRTUALENV="1",
        PIP_PYTHON="/nowhere/python",
        PIP_NO_INDEX="1",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("Ready")
    return made


def test_the_package_is_in_the_clone_s_environment_whatever_pip_was_told(clone: Clone) -> None:
    assert not clone.elsewhere.exists()
    assert wrong(clone.root / ".venv/bin/python", clone.root, []) == ""
    assert (clone.packages / "voltutor-1.dist-info").is_dir()


@pytest.mark.parametrize("locale", ["C", "POSIX", "C.UTF-8"])
def test_the_environment_s_python_starts_in_every_locale(clone: Clone, locale: str) -> None:
    command = [str(clone.root / ".venv/bin/python"), "-c", "import voltutor; print(ascii(voltutor.__file__))"]
    env = {**os.environ, "LC_ALL": locale}
    done = subprocess.run(command, cwd="/", env=env, capture_output=True, text=True)
    assert done.stdout.strip() == ascii(str(clone.root / "voltutor/__init__.py")), done.stderr


def test_what_is_there_is_not_installed_again(clone: Clone) -> None:
    done = clone.run("setup")
    assert done.returncode == 0, done.stderr
    assert "Installing" not in done.stdout


def test_a_stamp_is_not_believed_where_the_package_is_not_there(clone: Clone) -> None:
    (clone.packages / "_voltutor.pth").unlink()
    again = clone.run("setup", PIP_NO_INDEX="1")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "Installing" in again.stdout
    assert wrong(clone.root / ".venv/bin/python", clone.root, []) == ""


@pytest.mark.parametrize(("what", "code"), [("setup", 1), ("setup", 3), ("lab", 1)])
def test_images_that_could_not_be_made_are_not_ready(clone: Clone, what: str, code: int) -> None:
    done = clone.run(what, STUB_CODE=str(code))
    assert done.returncode == code
    assert "Ready" not in done.stdout
    assert "stub lab" not in done.stdout
    assert "same command again" in done.stdout or code == 3


def test_a_pip_that_fails_ends_it_with_a_sentence(clone: Clone) -> None:
    backend = clone.root / "backend.py"
    backend.write_text("raise RuntimeError('no such backend')")
    pyproject = clone.root / "pyproject.toml"
    pyproject.write_text(f"{PYPROJECT}# changed\n")
    try:
        done = clone.run("setup", PIP_NO_INDEX="1")
        assert done.returncode == 1
        assert "failed with exit code" in done.stdout
        assert "Ready" not in done.stdout
        assert "Traceback" not in done.stdout.rpartition("`")[2]
    finally:
        pyproject.write_text(PYPROJECT)
        backend.write_text(BACKEND)


def test_programs_that_apt_could_not_fetch_are_told_and_not_ready(clone: Clone) -> None:
    (clone.bin / "redis-check-rdb").unlink()
    clone.program("apt-get", "echo 'E: no such host' >&2; exit 100")
    try:
        done = clone.run("setup", PATH=few(clone))
        assert done.returncode == 1
        assert "redis-check-rdb" in done.stdout.splitlines()[-2]
        assert "Ready" not in done.stdout
    finally:
        (clone.bin / "apt-get").unlink()
        clone.program("redis-check-rdb", "exit 0")


def few(clone: Clone) -> str:
    """A PATH with the clone's programs and what a shell needs, and none of this machine's besides."""
    folder = clone.root.parent / "few"
    folder.mkdir(exist_ok=True)
    for needed in ("sh", "dpkg"):
        if (found := shutil.which(needed)) and not (folder / needed).exists():
            (folder / needed).symlink_to(found)
    return os.pathsep.join([str(clone.bin), str(folder)])


def test_a_full_or_closed_folder_is_a_sentence(clone: Clone) -> None:
    stamp = clone.root / ".venv" / "stamp"
    stamp.unlink()
    stamp.mkdir()
    try:
        done = clone.run("setup")
        assert done.returncode == 1
        assert str(stamp) in done.stdout.replace("\\xfc", "ü")
        assert "Traceback" not in done.stdout + done.stderr
    finally:
        stamp.rmdir()


def test_pip_is_told_where_packages_come_from_and_nothing_else(tmp_path: Path) -> None:
    configuration = tmp_path / "pip.conf"
    configuration.write_text(
        HOSTILE.format(elsewhere="/x")
        + "index-url = https://install/simple\n"
        + "find-links = /a\n    /b\n"
        + "[download]\nproxy = http://other\n"
    )
    env = {
        "PATH": os.environ["PATH"],
        "PIP_CONFIG_FILE": str(configuration),
        "PIP_EXTRA_INDEX_URL": "https://a https://b",
        "PIP_USER": "1",
        "PIP_NO_BINARY": ":all:",
        "PYTHONHOME": "/x",
        "PYTHONPATH": "/x",
        "HTTPS_PROXY": "http://proxy",
    }
    told = for_pip(Path(sys.executable), env)
    assert told["PIP_INDEX_URL"] == "https://install/simple"
    assert told["PIP_FIND_LINKS"] == "/a /b"
    assert told["PIP_EXTRA_INDEX_URL"] == "https://a https://b"
    assert told["HTTPS_PROXY"] == "http://proxy"
    assert told["PIP_CONFIG_FILE"] == os.devnull
    allowed = {f"PIP_{key.upper().replace('-', '_')}" for key in PIP_KEPT} | {"PIP_CONFIG_FILE"}
    assert {name for name in told if name.startswith("PIP_")} <= allowed
    assert not {"PYTHONHOME", "PYTHONPATH"} & set(told)


def test_pip_goes_without_the_socks_proxies_that_it_can_t_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pip.conf").write_text("[global]\nproxy = SOCKS5://file\nindex-url = https://i/simple\n")
    python, http = Path(sys.executable), {"HTTPS_PROXY": "http://a", "PIP_CONFIG_FILE": os.devnull}
    socks = {"ALL_PROXY": "socks5://a", "http_proxy": "socks5h://a", "PIP_PROXY": "socks4://a"}

    monkeypatch.setattr(bootstrap_python, "_speaks_socks", lambda python: False)
    assert for_pip(python, {**socks, **http}) == for_pip(python, http)
    assert capsys.readouterr().out.splitlines() == [
        "pip can't use SOCKS proxies here and goes without: ALL_PROXY, http_proxy, PIP_PROXY"
    ]
    told = for_pip(python, {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")})
    assert "PIP_PROXY" not in told
    assert told["PIP_INDEX_URL"] == "https://i/simple"
    assert "`proxy`" in capsys.readouterr().out

    monkeypatch.setattr(bootstrap_python, "_speaks_socks", lambda python: True)
    assert socks.items() <= for_pip(python, {**socks, **http}).items()
    assert capsys.readouterr().out == ""


def test_whether_pip_speaks_socks_is_asked_of_the_environment(clone: Clone) -> None:
    python = clone.root / ".venv/bin/python"
    assert not bootstrap_python._speaks_socks(python)
    (clone.packages / "socks.py").touch()
    assert bootstrap_python._speaks_socks(python)
    (clone.packages / "socks.py").unlink()


@pytest.mark.parametrize(
    ("engine", "host", "asked", "own"),
    [
        ("embedded", "tcp://h:1", "embedded", True),
        ("auto", "", "unix:///var/run/docker.sock", None),
        ("auto", "tcp://h:1", "tcp://h:1", False),
        ("", "tcp://h:1", "tcp://h:1", False),
        ("tcp://g:1", "tcp://h:1", "tcp://g:1", False),
    ],
)
def test_the_labs_own_engine_is_no_named_one(
    engine: str, host: str, asked: str, own: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOLTUTOR_ENGINE", engine)
    monkeypatch.setenv("DOCKER_HOST", host)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(bootstrap, "run", lambda *_command, **_options: 1)  # unshare says no
    assert bootstrap.engine_url() == asked
    if own is not None:  # this machine's Docker may listen or not
        assert bootstrap.only_proot_helps() is own


def test_without_apt_all_that_can_be_had_is_ready(clone: Clone) -> None:
    (clone.bin / "redis-check-rdb").unlink()
    try:
        done = clone.run("setup", PATH=few(clone))
        assert "Not found: redis-check-rdb" in done.stdout
        assert done.stdout.splitlines()[-1].startswith("Ready")
    finally:
        clone.program("redis-check-rdb", "exit 0")


def test_a_python_that_leaves_the_script_s_folder_out_finds_all() -> None:
    # -P is PYTHONSAFEPATH; without site (-S), since this environment's leads to the same modules.
    command = [sys.executable, "-P", "-S", str(ROOT / "bootstrap.py"), "--help"]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_configuration_that_pip_cannot_read_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("user = true\n")
    told = for_pip(Path(sys.executable), {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")})
    assert told["PIP_CONFIG_FILE"] == os.devnull


def test_temporary_files_lie_where_programs_may_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: "/closed")
    monkeypatch.setattr(bootstrap_python, "_may_run", lambda folder: folder not in ("/closed", "/tmp"))
    assert clean({})["TMPDIR"] == "/var/tmp"
    monkeypatch.setattr("tempfile.gettempdir", lambda: "/open")
    assert clean({"TMPDIR": "/open"})["TMPDIR"] == "/open"


def test_paths_are_rewritten_only_where_a_locale_could_spoil_them(tmp_path: Path) -> None:
    packages = tmp_path / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "a.pth").write_bytes(b"/plain\n")
    (packages / "b.pth").write_bytes("import sys\n/ü'\"\n".encode() + b"/\xff\n")
    write_paths_in_ascii(tmp_path)
    assert (packages / "a.pth").read_bytes() == b"/plain\n"
    lines = (packages / "b.pth").read_bytes().decode("ascii").splitlines()
    assert lines[0] == "import sys"
    code = f"import os; {'; '.join(lines[1:])}; print([os.fsencode(path) for path in sys.path[-2:]])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(["/ü'\"".encode(), b"/\xff"])
