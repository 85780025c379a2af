"""The engine's state on disk: documents by kind and key, each change committed before it is answered for."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from voltutor.embedded.spare import short

SCHEMA = 1

LEAST_FREE = 16
"""Unused pages, of 4 KiB, below which the file is made to have more."""

SLACK = 128 << 10
"""Bytes that the files have beyond what they hold, and that a disk must have for what is new."""


class Database:
    """One SQLite file and its log; used from the event loop's thread only. What is new needs room on the disk; a
    change of what is there, or its end, finds it in the two files.

    Its methods raise OSError (ENOSPC) where there is none.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
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
        self._make_ready()

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """All changes inside, or none."""
        if self._depth:
            yield
            return
        self._change("BEGIN IMMEDIATE")
        self._depth = 1
        try:
            yield
            self._change("COMMIT")
        except BaseException:
            if self._sql.in_transaction:  # a full disk may have ended it
                self._sql.execute("ROLLBACK")
            raise
        finally:
            self._depth = 0

    def all(self, kind: str) -> dict[str, Any]:
        """Every document of a kind, by its key."""
        rows = self._sql.execute("SELECT key, document FROM things WHERE kind = ?", (kind,))
        return {key: json.loads(document) for key, document in rows}

    def put(self, kind: str, key: str, document: Any) -> None:
        """Write a document, new or in place of the old one."""
        there = "SELECT 1 FROM things WHERE kind = ? AND key = ?"
        if not self._sql.execute(there, (kind, key)).fetchone() and short(self._path.parent, SLACK):
            raise self._full()
        self._change("INSERT OR REPLACE INTO things VALUES (?, ?, ?)", kind, key, json.dumps(document))

    def delete(self, kind: str, key: str) -> None:
        """Forget a document."""
        self._change("DELETE FROM things WHERE kind = ? AND key = ?", kind, key)

    def _make_ready(self) -> None:
        """Before a change: let the log be written over from its beginning where it can't grow; where it can, let both
        files be larger than what they hold. SQLite gives no page of its file back (fileformat2.html: the freelist),
        and no block of its log (wal.html)."""
        with contextlib.suppress(sqlite3.OperationalError):  # what there is must do
            if not short(self._path.parent, 4 * SLACK):
                (free,) = self._sql.execute("PRAGMA freelist_count").fetchone()
                if free > LEAST_FREE:
                    return
                self._sql.execute("INSERT OR REPLACE INTO things VALUES ('slack', '', ?)", ("x" * SLACK,))
                self._sql.execute("DELETE FROM things WHERE kind = 'slack'")
            self._sql.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()

    def _change(self, statement: str, *values: str) -> None:
        if not self._sql.in_transaction:
            self._make_ready()
        try:
            self._sql.execute(statement, values)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
                raise
            raise self._full() from error

    def _full(self) -> OSError:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))

    def close(self) -> None:
        """Close the file."""
        self._sql.close()
