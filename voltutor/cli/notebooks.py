"""The notebooks: where they come from, and their copy under the home, so that a clone stays clean."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from voltutor.errors import UsageError
from voltutor.home import make_folder, write_atomically
from voltutor.text import ENGLISH, _, language

PACKAGE = Path(__file__).resolve().parents[1]


def source() -> Path:
    """The folder of the notebooks in this language: inside an installed wheel, or beside the package in a clone."""
    inside = PACKAGE / "notebooks"
    folder = inside if inside.is_dir() else PACKAGE.parent / "labs"
    return folder if language() == ENGLISH else folder / language()


def shelf(home: Path) -> Path:
    """The folder of the copies in this language; those in English lie around the others."""
    folder = home / "labs"
    return folder if language() == ENGLISH else folder / language()


def copied(home: Path) -> list[Path]:
    """Copy the notebooks to the home, and give the copies in reading order. One that the learner has changed
    stays as it is; a newer one of ours then lies beside it, under a name with its hash."""
    folder = shelf(home)
    make_folder(folder)
    ledger = folder / ".copied.json"
    try:
        known: dict[str, str] = json.loads(ledger.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    paths = []
    for original in sorted(source().glob("*.ipynb")):
        target = folder / original.name
        if not _may_replace(target, original, known):
            # The learner's own stays as it is; a newer one of ours lies beside it, and is theirs from then on.
            target = folder / f"{original.stem}-{_content(original)[:8]}.ipynb"
        if _may_replace(target, original, known) and _content(target) != _content(original):
            write_atomically(target, original.read_bytes(), private=False)
        if _content(target) == _content(original):
            known[target.name] = _content(original)
        paths.append(target)
    write_atomically(ledger, json.dumps(known))
    return paths


def named(name: str, ours: Sequence[Path]) -> Path:
    """The notebook of ours that is meant: by its number ("3" or "03"), by how its name begins, or by a path to it.

    Raises:
        UsageError: there is none.
    """
    wanted = Path(name).name.removesuffix(".ipynb")
    wanted = wanted.zfill(2) if wanted.isdecimal() else wanted
    for path in ours:
        if wanted and path.stem.startswith(wanted):
            return path
    raise UsageError(
        _("There is no lab {name}."),
        _("Take one of: {names}."),
        name=name,
        names=", ".join(path.stem for path in ours),
    )


def _may_replace(target: Path, original: Path, known: dict[str, str]) -> bool:
    """Whether nothing of the learner's would be lost: it is absent, as we last wrote it, or as ours is."""
    return not target.exists() or _content(target) in (known.get(target.name), _content(original))


def _content(path: Path) -> str:
    """What the learner could have changed: the cells' sources. Outputs come with working, and don't count."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        sources = [(cell["cell_type"], "".join(cell["source"])) for cell in cells]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest()
