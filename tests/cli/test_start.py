"""`voltutor lab` starts where the machine is slow and the learner's own set-up is made for something else, keeps what
it keeps in its home, and lets nobody else listen."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import nbformat
import pytest

from tests.browser.conftest import Opened, Starting, served
from tests.own_engine import Embedded, embedded
from voltutor.cli.warm import get

pytestmark = pytest.mark.engine

SLOW_KERNEL = """
import sys, time
if "ipykernel_launcher" in sys.orig_argv:
    time.sleep(3)
"""
MANY = int(os.environ.get("VOLTUTOR_MANY", "3"))
"""How many are started at once."""

MANY_LIMIT = 900.0
"""Seconds until all of them answer, on two processors that have other work too."""

THEIRS = {
    "ServerApp": {"base_url": "/theirs", "port": 1, "ip": "192.0.2.1", "certfile": "/nonexistent", "token": "theirs"},
    "IdentityProvider": {"token": "theirs"},
    "PasswordIdentityProvider": {"hashed_password": "argon2:theirs", "password_required": True},
    "KernelManager": {"transport": "tcp"},
}  # fmt: skip


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Not pytest's own: a socket's path has at most 107 bytes."""
    made = Path(tempfile.mkdtemp(prefix="vt-", dir="/var/tmp"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[Embedded]:
    with embedded(folder / "e") as made:
        yield made


def hostile(user: Path) -> dict[str, str]:
    """A user's folder full of settings for others, and the environment to match."""
    for place in (".jupyter", ".local/etc/jupyter", "path", "here"):
        (user / place).mkdir(parents=True)
        for name in ("jupyter_config", "jupyter_server_config", "jupyter_lab_config"):
            (user / place / f"{name}.json").write_text(json.dumps(THEIRS))
    kernel = user / ".local" / "share" / "jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    kernel.joinpath("kernel.json").write_text(json.dumps({"argv": ["/bin/false"], "display_name": "no"}))
    startup = user / ".ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00-theirs.py").write_text("import os; os._exit(1)\n")
    (user / "startup.py").write_text("import os; os._exit(1)\n")
    (user / ".config" / "matplotlib").mkdir(parents=True)
    (user / ".config" / "matplotlib" / "matplotlibrc").write_text("text.usetex: true\n")
    modules = user.with_name("modules")  # Python compiles them where they are
    modules.mkdir()
    (modules / "sitecustomize.py").write_text(SLOW_KERNEL)
    (user / "here" / "nbformat.py").write_text("raise SystemExit('theirs')\n")
    return {
        "HOME": str(user),
        "LC_ALL": "C",
        "ALL_PROXY": "socks5://192.0.2.1:1080",
        "http_proxy": "http://192.0.2.1:3128",
        "JUPYTER_CONFIG_PATH": str(user / "path"),
        "JUPYTER_PATH": str(user / ".local" / "share" / "jupyter"),
        "JUPYTER_TOKEN": "theirs",
        "JUPYTER_PORT": "1",
        "JUPYTERHUB_SERVICE_PREFIX": "/user/theirs/",
        "MPLBACKEND": "theirs",
        "PYTHONPATH": str(modules),
        "PYTHONSTARTUP": str(user / "startup.py"),
        "SSL_CERT_FILE": "/nonexistent",
        "XDG_RUNTIME_DIR": "",
    }


def contents(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@dataclass
class Hostile:
    opened: Opened
    user: Path
    temporary: Path

    def ask(self, path: str) -> Any:
        parts = urlsplit(self.opened.url)
        return get(f"{parts.scheme}://{parts.netloc}{path}?{parts.query}", 60)

    def kernel(self) -> tuple[int, Path]:
        """Its one kernel's process, and its connection file."""
        (kernel,) = self.ask("/api/kernels")
        (connection,) = self.temporary.glob(f"voltutor-*/kernel-{kernel['id']}.json")
        (process,) = (
            path
            for path in Path("/proc").glob("[0-9]*")
            if os.fsencode(connection) in words(path, "cmdline")
            and b"ipykernel_launcher" in words(path, "cmdline")
        )
        return int(process.name), connection


def words(process: Path, name: str) -> list[bytes]:
    """The command line or the environment of a process; nothing of one that has gone."""
    try:
        return (process / name).read_bytes().split(b"\0")
    except OSError:
        return []


@pytest.fixture(scope="module")
def hostile_start(folder: Path, engine: Embedded) -> Iterator[Hostile]:
    """A start with everything against it at once; after it, nothing outside its home."""
    user, temporary = folder / "user", folder / "tmp"
    env = hostile(user)
    before = contents(user)
    temporary.mkdir()
    noexec = ["mount", "-t", "tmpfs", "-o", "noexec", "tmpfs", str(temporary)]
    mounted = os.geteuid() == 0 and subprocess.run(noexec, check=False).returncode == 0
    # So long that its sockets have to lie elsewhere.
    home = folder / "a learner's own place, für Übungen"
    env["TMPDIR"] = str(temporary)
    try:
        with served("0", 9210, engine.url, home, env=env, cwd=user / "here") as opened:
            yield Hostile(opened, user, temporary)
        assert contents(user) == before
        assert contents(temporary) == set()
        assert list((home / "sockets").iterdir()) == []
    finally:
        if mounted:
            subprocess.run(["umount", str(temporary)], check=True)


def test_its_first_notebook_is_live(hostile_start: Hostile) -> None:
    opened = hostile_start.opened
    assert parse_qs(urlsplit(opened.url).query)["token"] != ["theirs"]
    assert opened.url.partition("?")[0].endswith("/lab/tree/00-start-here.ipynb")
    notebook = nbformat.read(opened.home / "labs" / "00-start-here.ipynb", as_version=4)
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert outputs
    assert not [output for output in outputs if output.output_type == "error"]


def test_its_kernel_speaks_over_sockets_that_only_this_user_can_open(hostile_start: Hostile) -> None:
    _pid, connection = hostile_start.kernel()
    told = json.loads(connection.read_text())
    assert told["transport"] == "ipc"
    assert connection.parent.stat().st_mode & 0o077 == 0
    assert Path(told["ip"]).parent == connection.parent
    (spec,) = hostile_start.ask("/api/kernelspecs")["kernelspecs"].values()
    assert spec["spec"]["metadata"]["debugger"] is False, "a debugger listens on TCP"


def test_its_kernel_sees_the_learners_proxies_and_no_token(hostile_start: Hostile) -> None:
    pid, _connection = hostile_start.kernel()
    env = dict(word.split(b"=", 1) for word in words(Path(f"/proc/{pid}"), "environ") if b"=" in word)
    assert env[b"ALL_PROXY"] == b"socks5://192.0.2.1:1080"
    assert not {b"VOLTUTOR_TOKEN", b"JUPYTER_TOKEN", b"JUPYTERHUB_SERVICE_PREFIX"} & env.keys()


def test_many_at_once_all_answer_and_those_of_one_home_share_a_server(
    folder: Path, engine: Embedded, home: Path
) -> None:
    homes = [folder / f"home{number}" for number in range(MANY - 1)]
    homes.append(homes[0])
    starting = [Starting("0", 9230, engine.url, one) for one in homes]
    with ExitStack() as ending:
        for one in starting:
            ending.callback(one.end)
        opened = [one.opened(MANY_LIMIT) for one in starting]
        urls = [one.url for one in opened]
        assert urls[-1] == urls[0]
        assert len(set(urls)) == MANY - 1
        for url in urls:
            parts = urlsplit(url)
            assert len(get(f"http://{parts.netloc}/api/kernels?{parts.query}", 60)) == 1


def test_a_run_and_a_report_owe_nothing_to_the_learners_settings_and_leave_nothing_beside_the_home(
    voltutor: Callable[..., Any], engine: Embedded, tmp_path: Path
) -> None:
    user, temporary, out = tmp_path / "user", tmp_path / "tmp", tmp_path / "out"
    temporary.mkdir()
    env = {**hostile(user), "TMPDIR": str(temporary)}
    before = contents(user)
    recorded = next((Path(__file__).parents[2] / "data").glob("*.json"))
    for line in (
        ("run", "0", "--engine", engine.url, "--out", str(out)),
        ("report", str(recorded), "--html", str(out / "report.html")),
    ):
        done = voltutor(*line, env=env)
        assert done.returncode == 0, done.stdout + done.stderr
    assert {path.name for path in out.iterdir()} == {
        ".voltutor-run", "00-start-here.ipynb", "00-start-here.html", "report.html"
    }  # fmt: skip
    assert contents(user) == before
    assert contents(temporary) == set()
