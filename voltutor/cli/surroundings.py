"""What Jupyter, IPython and Matplotlib find where this kit starts them: a place in the home for all that they keep,
and nothing of the learner's own set-up, which is made for other servers and other figures."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from voltutor.home import write_atomically

FOREIGN = ("JUPYTER", "JPY_", "IPYTHON", "MPL", "MATPLOTLIBRC")
"""How names begin that point those programs elsewhere: a base URL, a token, a hub, a profile, a back end."""

PYTHONS = frozenset({"PYTHONSTARTUP", "PYTHONWARNINGS", "PYTHONINSPECT", "PYTHONEXECUTABLE"})
"""What bends every Python that is started: a file of one's own run in a kernel, a warning made an error."""

KERNEL = "python3"
"""The kernel that the notebooks name."""


def surroundings(home: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment in which those programs keep to the home."""
    jupyter = home / "jupyter"
    kept = {
        name: value for name, value in environ.items() if not name.startswith(FOREIGN) and name not in PYTHONS
    }
    return {
        **kept,
        "VOLTUTOR_HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(jupyter / "config"),
        "JUPYTER_DATA_DIR": str(jupyter / "data"),
        "JUPYTER_RUNTIME_DIR": str(jupyter / "runtime"),
        # The home's kernel before that of the environment, and before one of the same name beside the home.
        "JUPYTER_PREFER_ENV_PATH": "0",
        "JUPYTERLAB_SETTINGS_DIR": str(jupyter / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(jupyter / "workspaces"),
        "IPYTHONDIR": str(jupyter / "ipython"),
        "MPLCONFIGDIR": str(home / "matplotlib"),
    }


def settle(home: Path) -> None:
    """Give this process those surroundings, and so whatever it starts. Before Matplotlib is imported, which looks
    once."""
    wanted = surroundings(home, os.environ)
    for name in os.environ.keys() - wanted.keys():
        del os.environ[name]
    os.environ.update(wanted)


def write_kernel(home: Path) -> None:
    """This Python as the home's kernel. One of the same name that somebody installed elsewhere may be any Python; and
    its debugger would listen on TCP, where others on this machine can connect to it."""
    from ipykernel.kernelspec import RESOURCES, get_kernel_dict

    folder = home / "jupyter" / "data" / "kernels" / KERNEL
    for icon in Path(RESOURCES).glob("logo-*"):  # whose modes may forbid that they are written again
        write_atomically(folder / icon.name, icon.read_bytes())
    told = get_kernel_dict()
    spec = {
        **told,
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "metadata": {**told.get("metadata", {}), "debugger": False},
    }
    write_atomically(folder / "kernel.json", json.dumps(spec))
