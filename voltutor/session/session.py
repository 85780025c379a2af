"""A session: one home's work on one engine. It outlives kernels and crashes."""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import shutil
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from voltutor.engine import Engine
from voltutor.home import locked, make_folder, open_lock, write_atomically
from voltutor.session.journal import Journal
from voltutor.session.ownership import HOME_LABEL, SESSION_LABEL
from voltutor.text import _, legible, tr


def home_id(home: Path) -> str:
    """Eight random hex digits that stand for this home in labels; made on first use, and anew where somebody emptied
    the file: labels without a home's id would be anybody's."""
    path = home / "id"
    with locked(home / "lock"):
        known = path.read_text(errors="replace").strip() if path.exists() else ""
        if not re.fullmatch(r"[0-9a-f]{8}", known):
            known = secrets.token_hex(4)
            write_atomically(path, known)
    return known


LEARNER, RUN = "learner", "run"


@dataclass(frozen=True)
class Session:
    """Attributes:
    id: four hex digits, the last part of each of its names.
    engine_id: the engine that it is on.
    folder: its journal and files.
    purpose: LEARNER, or RUN for a session of its own that a `voltutor run` began.
    url: where the engine was when the session began.
    """

    id: str
    engine_id: str
    folder: Path
    home: str
    purpose: str = LEARNER
    url: str = ""

    @cached_property
    def journal(self) -> Journal:
        """What it has reserved and made."""
        return Journal(self.folder / "journal.jsonl")

    def labels(self) -> dict[str, str]:
        """What everything that it makes is labelled with."""
        return {SESSION_LABEL: self.id, HOME_LABEL: self.home}

    @classmethod
    def all(cls, home: Path) -> list[Session]:
        """Every session of this home, on whichever engine, oldest first."""
        found = sorted((home / "sessions").glob("*/session.json"), key=lambda path: path.stat().st_mtime)
        return [session for path in found if (session := cls._read(path, home))]

    @classmethod
    def ended(cls, home: Path) -> frozenset[str]:
        """The ids of this home's sessions that ended with nothing left, and have no folder any more."""
        try:
            return frozenset(_record(home).read_text(encoding="utf-8").split())
        except FileNotFoundError:
            return frozenset()

    @classmethod
    def _read(cls, path: Path, home: Path) -> Session | None:
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            purpose, url = record.get("purpose", LEARNER), record.get("url", "")
            return cls(record["id"], record["engine_id"], path.parent, home_id(home), purpose, url)
        except (OSError, ValueError, KeyError, AttributeError) as error:
            text = _("The session in {folder} can't be read ({detail}), and is passed over.")
            print(legible(tr(text, folder=path.parent, detail=error)), file=sys.stderr)
            return None

    @classmethod
    def open(cls, home: Path, engine: Engine) -> Session:
        """This home's session on this engine; begun where there is none. `VOLTUTOR_SESSION` names another."""
        named = os.environ.get("VOLTUTOR_SESSION")
        with locked(home / "sessions.lock"):
            here = [session for session in cls.all(home) if session.engine_id == engine.info.id]
            wanted = [s for s in here if (s.id == named if named else s.purpose == LEARNER)]
            return wanted[-1] if wanted else cls._begin(home, engine, LEARNER)

    @classmethod
    def begin(cls, home: Path, engine: Engine, purpose: str) -> Session:
        """A session of its own, beside those that are there."""
        with locked(home / "sessions.lock"):
            return cls._begin(home, engine, purpose)

    @classmethod
    def _begin(cls, home: Path, engine: Engine, purpose: str) -> Session:
        token, ended = secrets.token_hex(2), cls.ended(home)
        while token in ended or (home / "sessions" / token).exists():
            token = secrets.token_hex(2)
        folder = home / "sessions" / token
        make_folder(folder)
        record = {
            "version": 1,
            "id": token,
            "engine_id": engine.info.id,
            "url": engine.url,
            "purpose": purpose,
        }
        try:
            write_atomically(folder / "session.json", json.dumps(record))
            begun = cls(token, engine.info.id, folder, home_id(home), purpose, engine.url)
            begun.journal.begin()
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return begun

    def hold(self) -> None:
        """Say that this process works in the session, for as long as it lives: it is then not ended."""
        handle = open_lock(self.folder / "held")
        fcntl.flock(handle, fcntl.LOCK_SH)
        _held.setdefault(self.id, []).append(handle)

    def let_go(self) -> None:
        """This process no longer works in it."""
        for handle in _held.pop(self.id, []):
            os.close(handle)

    @property
    def held(self) -> bool:
        """Whether a process works in it."""
        handle = open_lock(self.folder / "held")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
        return False

    def end(self) -> bool:
        """Forget a session of which nothing is left; whether that was done. A session in which a process works
        keeps its journal, and so does one that died while the engine was making something: something may be about to
        be there under a name that only the journal knows."""
        if self.journal.state().awaits:
            return False
        handle = open_lock(self.folder / "held")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        else:
            self.journal.begin()
            if self.purpose == RUN:
                self._note_end()
                shutil.rmtree(self.folder, ignore_errors=True)
            return True
        finally:
            os.close(handle)

    def _note_end(self) -> None:
        """Its folder is about to go: the home knows it still, and gives its id to no other."""
        home = self.folder.parent.parent
        with locked(home / "sessions.lock"):
            ids = sorted(self.ended(home) | {self.id})
            write_atomically(_record(home), "".join(f"{one}\n" for one in ids))


def _record(home: Path) -> Path:
    return home / "sessions" / "ended"


_held: dict[str, list[int]] = {}
"""Open as long as the process lives; the kernel gives the locks back when it ends, however it ends."""
