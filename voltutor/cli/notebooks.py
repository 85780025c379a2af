"""The notebooks: where they come from, and their copy under the home, so that a clone stays clean."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from voltutor.home import write_atomically

PACKAGE = Path(__file__).resolve().parents[1]


def source() -> Path:
    """The folder of the notebooks: inside an installed wheel, or beside the package in a clone."""
    inside = PACKAGE / "notebooks"
    return inside if inside.is_dir() else PACKAGE.parent / "labs"


def copied(home: Path) -> list[Path]:
    """Copy the notebooks to the home, and give the copies in reading order. One that the learner has changed
    stays as it is; a newer one of ours then lies beside it."""
    folder = home / "labs"
    folder.mkdir(exist_ok=True)
    ledger = folder / ".copied.json"
    try:
        known: dict[str, str] = json.loads(ledger.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    paths = []
    for original in sorted(source().glob("*.ipynb")):
        target = folder / original.name
        fresh = _digest(original)
        if not target.exists() or _content(target) == known.get(f"{original.name}:content"):
            if known.get(original.name) != fresh or not target.exists():
                shutil.copyfile(original, target)
                known |= {original.name: fresh, f"{original.name}:content": _content(target)}
        elif known.get(original.name) != fresh:
            target = folder / f"{original.stem}-new.ipynb"
            shutil.copyfile(original, target)
        paths.append(target)
    write_atomically(ledger, json.dumps(known))
    return paths


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _content(path: Path) -> str:
    """What the learner could have changed: the cells' sources. Outputs come with working, and don't count."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        sources = [(cell["cell_type"], "".join(cell["source"])) for cell in cells]
    except (ValueError, KeyError, TypeError):
        return ""
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest()
