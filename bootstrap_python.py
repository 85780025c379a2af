"""What bootstrap.py's Python and pip run with: nothing of the user's that changes what is imported or where packages
go, and all that says where they come from. Standard library only.
"""

from __future__ import annotations

import ast
import os
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

PYTHON_KEPT = frozenset({"PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"})
"""Variables of Python's that change neither what is imported nor what a program does."""

PIP_KEPT = frozenset(
    {
        *("index-url", "extra-index-url", "find-links", "no-index", "constraint", "build-constraint"),
        *("trusted-host", "proxy", "cert", "client-cert", "keyring-provider", "use-feature"),
        *("cache-dir", "no-cache-dir", "timeout", "default-timeout", "retries"),
    }
)
"""Settings of pip's that say where packages come from and how they are reached. All others go: `user`, `target`,
`prefix`, `root` and `python` install elsewhere, `no-deps`, `no-binary`, `dry-run` and their like something else."""

PROXIES = frozenset({"all_proxy", "http_proxy", "https_proxy", "pip_proxy"})
"""Variables that name a proxy for pip, in small letters; programs take them in either."""

PIP_LIST_OPTIONS = ("PIP_USER", "PIP_GLOBAL", "PIP_SITE", "PIP_QUIET", "PIP_VERBOSE")
"""Options by which `pip config list` shows less, or more."""

PIP_SECTIONS = ("global", "install")
"""The sections of pip's configuration that an installation reads, the stronger one last."""

CHECK = """
import importlib.metadata, os, re, sys
import voltutor
root, *extras = sys.argv[1:]
found = os.path.dirname(os.path.dirname(os.path.abspath(voltutor.__file__)))
if not os.path.samefile(found, root):
    sys.exit(f"voltutor is imported from {ascii(found)}")
for requirement in importlib.metadata.requires("voltutor") or ():
    wanted, _, marker = requirement.partition(";")
    extra = re.fullmatch(r"extra == ['\\"](.+)['\\"]", marker.strip())
    if marker and not (extra and extra[1] in extras):
        continue
    name = re.match(r"[\\w.-]+", wanted)[0]
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        sys.exit(f"{name} is not there")
"""
"""Run in the environment, isolated: whether it has the clone's package and what that needs. Arguments: the clone, and
the extras."""


def clean(env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Variables for Python: none that makes it import or do something else, texts in UTF-8 whatever the locale, and
    a folder for temporary files in which programs may run."""
    kept = {name: value for name, value in env.items() if name in PYTHON_KEPT or not _is_python_s(name)}
    return {**kept, "PYTHONUTF8": "1", **_temporary()}


def _is_python_s(name: str) -> bool:
    return name.startswith("PYTHON") or name == "__PYVENV_LAUNCHER__"


def for_pip(python: Path, env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Variables for pip: those of its settings that are kept, from its variables and its configuration files, and no
    file besides (pip's documentation, "Configuration"; PIP_CONFIG_FILE=/dev/null turns all of them off). Without the
    SOCKS proxies that this pip can't use: it would end in a traceback."""
    dropped = [name for name, value in env.items() if name.lower() in PROXIES and _is_socks(value)]
    if dropped and _speaks_socks(python):
        dropped = []
    env = {name: value for name, value in env.items() if name not in dropped}
    named = {_setting(name): value for name, value in env.items() if name.startswith("PIP_")}
    plain = {name: value for name, value in clean(env).items() if not name.startswith("PIP_")}
    file = {"PIP_CONFIG_FILE": env["PIP_CONFIG_FILE"]} if env.get("PIP_CONFIG_FILE") else {}
    settings = {**_configured(python, {**plain, **file}), **named}
    if _is_socks(settings.get("proxy", "")) and not _speaks_socks(python):
        dropped.append("pip's setting `proxy`")
        del settings["proxy"]
    if dropped:
        print(f"pip can't use SOCKS proxies here and goes without: {', '.join(dropped)}", flush=True)
    kept = {
        f"PIP_{key.upper().replace('-', '_')}": value for key, value in settings.items() if key in PIP_KEPT
    }
    return {**plain, **kept, "PIP_CONFIG_FILE": os.devnull}


def _is_socks(proxy: str) -> bool:
    return proxy.strip().lower().startswith("socks")


def _speaks_socks(python: Path) -> bool:
    """Whether the environment has what pip needs for SOCKS, which pip itself doesn't bring (PySocks)."""
    command = [python, "-I", "-c", "import socks"]
    return subprocess.run(command, capture_output=True, env=clean(), check=False).returncode == 0


def _setting(variable: str) -> str:
    return variable.removeprefix("PIP_").lower().replace("_", "-")


def _configured(python: Path, env: Mapping[str, str]) -> dict[str, str]:
    """What pip's configuration files set; nothing where pip can't read them, which must keep nobody from the labs."""
    # What the files say is taken for this command's own options too, unless variables, which are stronger, say no.
    plainly = {**env, **dict.fromkeys(PIP_LIST_OPTIONS, "0"), "PIP_PYTHON": str(python)}
    command = [python, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, encoding="utf-8", env=plainly, check=False)
    found: dict[str, dict[str, str]] = {section: {} for section in PIP_SECTIONS}
    for line in listed.stdout.splitlines():
        key, _equals, value = line.partition("=")
        section, _dot, name = key.partition(".")
        if section in found:
            # A list of addresses has one a line; a variable's are parted by spaces.
            found[section][name] = " ".join(str(ast.literal_eval(value)).split())
    return {name: value for section in PIP_SECTIONS for name, value in found[section].items()}


def wrong(python: Path, root: Path, extras: Iterable[str]) -> str:
    """What the environment lacks of the clone's package; empty where it lacks nothing."""
    done = subprocess.run(
        [python, "-I", "-c", CHECK, str(root), *extras],
        capture_output=True,
        text=True,
        env=clean(),
        check=False,
    )
    if done.returncode == 0:
        return ""
    return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]


def write_paths_in_ascii(environment: Path) -> None:
    """Rewrite the files that lead an environment to a clone, where the clone's path is not ASCII: Python reads them
    by the locale, and does not even start where that is "C" (bpo-33689; Python 3.13 reads UTF-8)."""
    for file in environment.glob("lib/python*/site-packages/*.pth"):
        content = file.read_bytes()
        if not content.isascii():
            lines = [os.fsdecode(line) for line in content.splitlines() if line.strip()]
            file.write_text("".join(map(_appending, lines)), encoding="ascii")


def _appending(line: str) -> str:
    """The line itself, where it is code; else code that adds the folder."""
    code = line.startswith(("import ", "import\t", "#")) and line.isascii()
    return f"{line}\n" if code else f"import sys; sys.path.append({line!a})\n"


def _temporary() -> dict[str, str]:
    """Where `TMPDIR` is mounted noexec, another folder for temporary files: packages that are built there, and tests,
    run programs. A short path, since there may be sockets in it."""
    usual = tempfile.gettempdir()
    if _may_run(usual):
        return {}
    others = ("/tmp", "/var/tmp", str(Path.home() / ".cache"), str(Path(__file__).parent))  # noqa: S108 - tempfile makes private folders in it
    return next(({"TMPDIR": other} for other in others if _may_run(other)), {})


def _may_run(folder: str) -> bool:
    try:
        return os.access(folder, os.W_OK | os.X_OK) and not os.statvfs(folder).f_flag & os.ST_NOEXEC
    except (OSError, AttributeError):  # a system without that flag
        return os.path.isdir(folder) and not hasattr(os, "ST_NOEXEC")  # noqa: PTH112
