"""The engine's state on disk: documents by kind and key, each change committed before it is answered for."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SCHEMA = 1


class Database:
    """One SQLite file; used from the event loop's thread only."""

    def __init__(self, path: Path) -> None:
        self._sql = sqlite3.connect(path, isolation_level=None)
        self._sql.execute("PRAGMA journal_mode=WAL")
        self._sql.execute("PRAGMA synchronous=FULL")  # an answered create must survive a power cut
        found = self._sql.execute("PRAGMA user_version").fetchone()[0]
        if found not in (0, SCHEMA):
            raise RuntimeError(
                f"{path} was written by a newer version (schema {found}, this one knows {SCHEMA})"
            )
        self._sql.execute(
            "CREATE TABLE IF NOT EXISTS things (kind TEXT, key TEXT, document TEXT, PRIMARY KEY (kind, key)) "
            "WITHOUT ROWID"
        )
        self._sql.execute(f"PRAGMA user_version={SCHEMA}")
        self._depth = 0

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """All changes inside, or none."""
        if self._depth:
            yield
            return
        self._sql.execute("BEGIN IMMEDIATE")
        self._depth = 1
        try:
            yield
        except BaseException:
            self._sql.execute("ROLLBACK")
            raise
        else:
            self._sql.execute("COMMIT")
        finally:
            self._depth = 0

    def all(self, kind: str) -> dict[str, Any]:
        """Every document of a kind, by its key."""
        rows = self._sql.execute("SELECT key, document FROM things WHERE kind = ?", (kind,))
        return {key: json.loads(document) for key, document in rows}

    def put(self, kind: str, key: str, document: Any) -> None:
        """Write a document, new or in place of the old one."""
        self._sql.execute("INSERT OR REPLACE INTO things VALUES (?, ?, ?)", (kind, key, json.dumps(document)))

    def delete(self, kind: str, key: str) -> None:
        """Forget a document."""
        self._sql.execute("DELETE FROM things WHERE kind = ? AND key = ?", (kind, key))

    def close(self) -> None:
        """Close the file."""
        self._sql.close()
