"""Set everything up and open the labs, or run the tests: `make lab` and `make test`, and for a machine without
make `python3 bootstrap.py lab`. Standard library only; Python 3.11 or newer.

What each step does and what to do where it can't is said on a line of its own. Ctrl+C at any time loses nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

# Python leaves the script's folder out where PYTHONSAFEPATH is set.
sys.path.insert(0, str(Path(__file__).resolve().parent))

from bootstrap_python import clean, for_pip, write_paths_in_ascii, wrong

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "stamp"
PACKAGES = {
    "busybox": "busybox-static",
    "fio": "fio",
    "proot": "proot",
    "redis-check-rdb": "redis-tools",
    "nginx": "nginx-light",
}
"""What the labs' images are made from, and Debian's package of each. Redis's server is one binary under several
names; redis-tools has it without the service that redis-server would start."""

SERVERS = frozenset({"nginx-light"})
"""Packages that start a server where they are installed."""

QUIET_AT_MOST = 5.0
"""Seconds after which a silent step says that it still works."""


class Stop(Exception):
    """What is wrong, and what to do; printed, and the exit code is 1."""


def say(text: str) -> None:
    print(text, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="Set voltutor up, then open its labs or run its tests.")
    parser.add_argument("what", choices=["lab", "test", "bench", "setup", "client", "release-check"])
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="passed on, such as --port 9000 or -k session")
    arguments = parser.parse_args()
    for stream in (sys.stdout, sys.stderr):
        # A path may have letters that the locale has not; what is said of it must still be said.
        stream.reconfigure(errors="backslashreplace")
    try:
        return carry_out(arguments.what, arguments.rest)
    except Stop as stop:
        say(f"\n{stop}")
        return 1
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        say(f"\n{error.strerror or error}{where}.\nMend that, then run the same command again.")
        return 1
    except KeyboardInterrupt:
        say("\nStopped. Nothing is lost: the same command goes on where this one was.")
        return 1


def carry_out(what: str, rest: list[str]) -> int:
    """All steps of a command; the exit code: 0 where each that was needed is done.

    Raises:
        Stop: one that all others need has failed.
    """
    if what == "client":
        return 0 if docker_client() else 1
    look()
    environment()
    packages("test" if what in ("test", "bench", "release-check") else "")
    if what == "release-check":
        return run([PYTHON, "-m", "tools.release"], check=False)
    missing = programs()
    if what == "test":
        return test(rest)
    if what == "bench":
        return run([PYTHON, "-m", "tests.bench", *rest], check=False)
    typed = find("docker") is not None or docker_client()
    if code := images(missing):
        return code
    if what == "lab":
        return run([PYTHON, "-m", "voltutor", "lab", *rest], check=False)
    # Without apt nothing could be fetched: the engine has built the images, and lines are clicked.
    failed = [*missing, *([] if typed else ["docker"])] if shutil.which("apt-get") else []
    if failed:
        raise Stop(f"Not all is there: {', '.join(failed)}.\nMend what is said above, then: make setup")
    say("Ready. Next: make lab")
    return 0


# 1: look


def look() -> None:
    """A line each on what is here; says no to what can't work."""
    if sys.version_info < (3, 11):
        version = ".".join(map(str, sys.version_info[:3]))
        raise Stop(
            f"This is Python {version}; voltutor needs 3.11 or newer.\n"
            "Run this with a newer one: make lab PYTHON=python3.11"
        )
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    owner = ROOT.stat().st_uid if hasattr(os, "geteuid") else 0
    if as_root and owner != 0 and os.environ.get("SUDO_UID"):
        raise Stop(
            "sudo is not needed, and would leave root's files in your clone.\n"
            "Run `make lab` as yourself; if that can't reach Docker, it says what to do."
        )
    say(f"Python    {'.'.join(map(str, sys.version_info[:3]))}, {sys.executable}")
    say(f"venv      {'there' if PYTHON.exists() else 'to be made'}: {VENV}")
    free = shutil.disk_usage(ROOT).free
    say(f"disk      {free / 1e9:.0f} GB free{'' if free > 3e9 else ': the packages and images need about 3'}")
    for name in ("fio", "busybox", "nginx", "docker"):
        say(f"{name:9} {find(name) or 'not found'}")
    host = engine_url()
    state = engine_state(host)
    own = sys.platform == "linux" and state not in WITH_ENGINE
    say(f"engine    {host}: {state}{'; the labs bring one of their own' if own else ''}")
    display = sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    say(f"display   {'there' if display else 'none: the URL is printed instead'}")


def find(name: str) -> Path | None:
    """A program, unpacked under the home or else on PATH."""
    # Not before the version of Python was looked at; this module needs no package.
    from voltutor.programs import find as found

    return found(name, home())


def engine_url() -> str:
    """The engine that was named, or Docker's usual one; "embedded" is the labs' own."""
    named = os.environ.get("VOLTUTOR_ENGINE")
    if named in (None, "", "auto"):
        named = os.environ.get("DOCKER_HOST")
    return named or "unix:///var/run/docker.sock"


WITH_ENGINE = ("listens", "named, asked later")
"""States in which the labs need no engine of their own."""


def engine_state(url: str) -> str:
    """Whether something listens; what it is, `voltutor doctor` tells."""
    if url == "embedded":
        return "chosen"
    if not url.startswith("unix://"):
        return "named, asked later"
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1)
            probe.connect(url.removeprefix("unix://"))
        return "listens"
    except OSError as error:
        return str(error.strerror or error)


def home() -> Path:
    """The same folder as voltutor.home, before voltutor can be imported."""
    if named := os.environ.get("VOLTUTOR_HOME"):
        return Path(named).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "voltutor"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "voltutor"


# 2, 3: the environment and its packages


def environment() -> None:
    """A virtual environment in the clone, which git ignores."""
    if PYTHON.exists() and run([PYTHON, "-I", "-c", "import pip"], check=False, quiet=True) == 0:
        return
    if importlib.util.find_spec("ensurepip") is None:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise Stop(
            "This Python can't make virtual environments.\n"
            f"Run `sudo apt-get install python{version}-venv`, then the same command again."
        )
    say("Making the virtual environment.")
    run([sys.executable, "-m", "venv", "--clear", VENV])


def packages(extras: str) -> None:
    """Install the package as it lies here; a stamp by the hash of pyproject.toml lets later calls skip this, where
    the environment has what the stamp says.

    Raises:
        Stop: pip failed, or what it installed is not in the environment.
    """
    # With the folder, since a moved clone has an environment whose programs point to where it was.
    text = (ROOT / "pyproject.toml").read_bytes()
    wanted = hashlib.sha256(os.fsencode(ROOT) + b"\n" + text).hexdigest()
    done = STAMP.read_text(encoding="ascii").split() if STAMP.exists() else []
    named = [extras] if extras else []
    if done[:1] == [wanted] and set(named) <= set(done) and not wrong(PYTHON, ROOT, named):
        return
    say("Installing packages; this takes a minute or two the first time.")
    target = f"{ROOT}[{extras}]" if extras else str(ROOT)
    run(
        [
            PYTHON,
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--progress-bar",
            "off",
            "-q",
            "-e",
            target,
        ],
        env=for_pip(PYTHON),
    )
    write_paths_in_ascii(VENV)
    if trouble := wrong(PYTHON, ROOT, named):
        raise Stop(
            f"pip ended well, but the environment can't be used: {trouble}.\n"
            f"Remove {VENV}, then run the same command again; `pip config debug` tells what pip was told."
        )
    kept = done[1:] if done[:1] == [wanted] else []
    STAMP.write_text(" ".join([wanted, *sorted({*kept, *named})]), encoding="ascii")


# 4: programs


def programs() -> list[str]:
    """The programs of the lab images: by apt as root, else downloaded by apt without root and unpacked under the
    home; a server's package always so, since installing it would start the server. sudo is never run. Returns what
    is still missing."""
    wanted = [name for name in PACKAGES if find(name) is None]
    if not set(wanted) - {"proot"} and not (wanted and only_proot_helps()):
        return []
    names = ", ".join(wanted)
    if shutil.which("apt-get") is None:
        say(f"Not found: {names}. The engine will build the lab images instead, if it reaches a registry.")
        return wanted
    packages = [PACKAGES[name] for name in wanted]
    installed = [name for name in packages if name not in SERVERS] if os.geteuid() == 0 else []
    unpacked = [name for name in packages if name not in installed]
    try:
        if installed:
            say(f"Installing {', '.join(installed)} by apt.")
            run(["apt-get", "update", "-qq"])
            run(
                ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *installed],
                env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            )
        if unpacked:
            say(f"Downloading {', '.join(unpacked)}, to be unpacked under {home()}.")
            without_root(unpacked)
    except Stop as stop:
        say(
            f"{stop}\nGoing on without: the engine will build the lab images instead, if it reaches a registry."
        )
    return [name for name in wanted if find(name) is None]


def only_proot_helps() -> bool:
    """Whether no engine listens here and the labs' own can have no namespaces: it then runs by PRoot."""
    if sys.platform != "linux" or engine_state(engine_url()) in WITH_ENGINE:
        return False
    unshare = ["unshare", "--user", "--map-root-user", "--mount", "true"]
    return shutil.which("unshare") is not None and run(unshare, check=False, quiet=True) != 0


def without_root(names: list[str]) -> None:
    """apt can download without root, given a state of its own; an empty status file makes it fetch all that a
    package needs, which the image needs too."""
    base = home() / "programs"
    flags = apt_flags(base)
    run(["apt-get", *flags, "update", "-qq"])
    run(["apt-get", *flags, "install", "-qq", "--download-only", "-y", "--no-install-recommends", *names])
    for package in sorted((base / "cache" / "archives").glob("*.deb")):
        run(["dpkg", "-x", package, base / "root"])
        package.unlink()


def apt_flags(base: Path) -> list[str]:
    """A state and a cache of its own for apt, so that it needs no root."""
    home().mkdir(parents=True, exist_ok=True, mode=0o700)
    for folder in ("lists/partial", "cache/archives/partial", "root"):
        (base / folder).mkdir(parents=True, exist_ok=True)
    (base / "status").touch()
    options = [
        f"Dir::State={base}",
        f"Dir::State::lists={base / 'lists'}",
        f"Dir::Cache={base / 'cache'}",
        f"Dir::State::status={base / 'status'}",
        "Debug::NoLocking=1",
        *(["APT::Sandbox::User=root"] if os.geteuid() == 0 else []),
    ]
    return [word for option in options for word in ("-o", option)]


def docker_client() -> bool:
    """The docker command for the labs' terminals, from Debian's package, unpacked under the home: no daemon is
    installed. Whether it is there; without it, all but the typed lines works."""
    if shutil.which("apt-get") is None:
        say("No docker command: lines can be clicked, but not typed.")
        return False
    say(f"Downloading the docker command, to be unpacked under {home()}.")
    base = home() / "programs"
    for name in ("docker-cli", "docker.io"):  # Debian 13 and newer, or older and Ubuntu
        if unpack_package(name, base) and find("docker"):
            return True
    say("The docker command could not be had: lines can be clicked, but not typed.")
    return False


def unpack_package(name: str, base: Path) -> bool:
    """One package's own program, without what it depends on; apt downloads it with a state of its own."""
    flags = apt_flags(base)
    folder = base / "cache" / name
    folder.mkdir(parents=True, exist_ok=True)
    download = ["apt-get", *flags, "download", "-qq", name]
    if run(["apt-get", *flags, "update", "-qq"], check=False, quiet=True) != 0:
        return False
    if run(download, check=False, quiet=True, folder=folder) != 0:
        return False
    for package in folder.glob("*.deb"):
        if run(["dpkg", "-x", package, folder / "root"], check=False, quiet=True) != 0:
            return False
    programs = base / "root" / "usr" / "bin"
    programs.mkdir(parents=True, exist_ok=True)
    shutil.copy2(folder / "root" / "usr" / "bin" / "docker", programs / "docker")
    shutil.rmtree(folder)
    return True


# 5: engine and the small lab images


def images(missing: list[str]) -> int:
    """Make the small lab images where an engine answers; says what it costs where none does. The exit code."""
    code = run([PYTHON, "-m", "voltutor", "images", "build"], check=False)
    if code == 3:
        say("Without an engine the labs can't work; `.venv/bin/voltutor doctor` tells what was tried.")
    elif code != 0:
        without = f" Missing here: {', '.join(missing)}." if missing else ""
        say(
            f"The lab images could not be made.{without}\nMend what is said above, then run the same command again."
        )
    elif missing:
        say(f"Without {', '.join(missing)}, the steps that need it say so.")
    return code


# 6: what was asked for


def test(rest: list[str]) -> int:
    """Lint, types, the layers of the design, then the tests. Each runs, so that one look shows everything.

    The learner's engine has no part in it: tests use engines that they start themselves, or the one that
    `VOLTUTOR_TEST_ENGINE` names; where there is neither, what needs one is skipped, and said.
    """
    codes = [
        run([PYTHON, "-m", "ruff", "check", ROOT], check=False),
        run([PYTHON, "-m", "ruff", "format", "--check", ROOT], check=False),
        run([PYTHON, "-m", "mypy"], check=False),
        # Not its script in .venv/bin, whose first line a shell may not read, as with a quote in the path.
        run([PYTHON, "-c", LINT_IMPORTS, "--no-logo"], check=False),
        run([PYTHON, "-m", "pytest", *(rest or at_once())], check=False),
    ]
    return int(any(codes))  # a tool that a signal ended has a negative code


LINT_IMPORTS = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def at_once() -> list[str]:
    """Several test processes, each with an engine of its own, where the machine can start engines; one otherwise,
    since two must not share one that was named. One more than there are processors, up to three, since tests of
    measuring mostly wait for the disk. A file's tests stay together."""
    able = os.name == "posix" and os.geteuid() == 0 and shutil.which("dockerd") and (os.cpu_count() or 1) > 1
    return ["-n", "3", "--dist", "loadfile", "--no-loadscope-reorder", "--durations=15"] if able else []


def run(
    command: list[object],
    check: bool = True,
    quiet: bool = False,
    env: dict[str, str] | None = None,
    folder: Path = ROOT,
) -> int:
    """Run a program, in the clone or `folder`; while it is silent, a line every 5 s says that it still works."""
    words, env = [str(word) for word in command], clean() if env is None else env
    if quiet:
        return subprocess.run(words, cwd=folder, capture_output=True, env=env).returncode
    began, ended = time.monotonic(), threading.Event()

    def reassure() -> None:
        while not ended.wait(QUIET_AT_MOST):
            say(f"  … {time.monotonic() - began:.0f} s")

    talks = any(word in ("lab", "pytest") for word in words)
    if not talks:
        threading.Thread(target=reassure, daemon=True).start()
    process = subprocess.Popen(words, cwd=folder, env=env)
    try:
        code = process.wait()
    except KeyboardInterrupt:
        # The same Ctrl+C reached it: it ends by itself, in its own order.
        process.wait()
        raise
    finally:
        ended.set()
    if check and code != 0:
        raise Stop(f"`{' '.join(words[:6])}` failed with exit code {code}; its own message is above.")
    return code if code >= 0 else 128 - code  # a signal ended it, told as a shell tells it


if __name__ == "__main__":
    sys.exit(main())
