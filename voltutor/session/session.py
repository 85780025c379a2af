"""A session: one home's work on one engine. It outlives kernels and crashes."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from voltutor.engine import Engine
from voltutor.home import locked, write_atomically
from voltutor.session.journal import Journal
from voltutor.session.ownership import HOME_LABEL, SESSION_LABEL, STEP_LABEL


def home_id(home: Path) -> str:
    """Eight random hex digits that stand for this home in labels; made on first use."""
    path = home / "id"
    with locked(home / "lock"):
        if not path.exists():
            write_atomically(path, secrets.token_hex(4))
    return path.read_text().strip()


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

    def labels(self, step: str = "") -> dict[str, str]:
        """What everything that it makes is labelled with."""
        labels = {SESSION_LABEL: self.id, HOME_LABEL: self.home}
        return labels | {STEP_LABEL: step} if step else labels

    @classmethod
    def all(cls, home: Path) -> list[Session]:
        """Every session of this home, on whichever engine, oldest first."""
        found = sorted((home / "sessions").glob("*/session.json"), key=lambda path: path.stat().st_mtime)
        return [cls._read(path, home) for path in found]

    @classmethod
    def _read(cls, path: Path, home: Path) -> Session:
        record = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            record["id"],
            record["engine_id"],
            path.parent,
            home_id(home),
            record.get("purpose", LEARNER),
            record.get("url", ""),
        )

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
        token = secrets.token_hex(2)
        while (home / "sessions" / token).exists():
            token = secrets.token_hex(2)
        folder = home / "sessions" / token
        folder.mkdir(parents=True)
        record = {
            "version": 1,
            "id": token,
            "engine_id": engine.info.id,
            "url": engine.url,
            "purpose": purpose,
        }
        write_atomically(folder / "session.json", json.dumps(record))
        return cls(token, engine.info.id, folder, home_id(home), purpose, engine.url)

    def end(self) -> None:
        """Forget a session of which nothing is left; its results are kept with it."""
        self.journal.compact()
        if self.purpose == RUN:
            shutil.rmtree(self.folder, ignore_errors=True)
