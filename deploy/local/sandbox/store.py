"""The sandbox's memory: JSON documents and webhooks in one SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

Document = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS document (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL, body BLOB NOT NULL,
    UNIQUE (kind, id)
);
CREATE TABLE IF NOT EXISTS webhook (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, provider TEXT NOT NULL, event_id TEXT NOT NULL, type TEXT NOT NULL,
    url TEXT NOT NULL, payload BLOB NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL, answer TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS webhook_due ON webhook (state, due);
"""


@dataclass(frozen=True)
class Webhook:
    """One event on its way to one URL. `state` is PENDING, HELD, DELIVERED, FAILED or DROPPED; `due` is a Unix time."""

    sequence: int
    provider: str
    event_id: str
    type: str
    url: str
    payload: bytes
    state: str
    attempts: int
    due: float
    answer: str


COLUMNS = "sequence, provider, event_id, type, url, payload, state, attempts, due, answer"


class Store:
    """Everything the sandbox remembers. One process, one thread; a crash of the machine may lose the last writes."""

    def __init__(self, path: Path | str) -> None:
        if isinstance(path, Path):
            path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.executescript(SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside, or none of them."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def put(self, kind: str, id: str, document: Document) -> None:
        self._db.execute(
            "INSERT INTO document (kind, id, body) VALUES (?, ?, ?)"
            " ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
            (kind, id, orjson.dumps(document)),
        )

    def get(self, kind: str, id: str) -> Document | None:
        row = self._db.execute("SELECT body FROM document WHERE kind = ? AND id = ?", (kind, id)).fetchone()
        return None if row is None else dict(orjson.loads(row[0]))

    def all(self, kind: str, limit: int = 10_000) -> list[Document]:
        """Newest first."""
        rows = self._db.execute(
            "SELECT body FROM document WHERE kind = ? ORDER BY sequence DESC LIMIT ?",
            (kind, limit),
        )
        return [orjson.loads(row[0]) for row in rows]

    def add_webhook(
        self,
        provider: str,
        event_id: str,
        type: str,
        url: str,
        payload: bytes,
        state: str,
        due: float,
    ) -> int:
        cursor = self._db.execute(
            "INSERT INTO webhook (provider, event_id, type, url, payload, state, due) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (provider, event_id, type, url, payload, state, due),
        )
        return cursor.lastrowid or 0

    def change_webhook(self, sequence: int, **values: object) -> None:
        assignments = ", ".join(f"{column} = ?" for column in values)
        self._db.execute(
            f"UPDATE webhook SET {assignments} WHERE sequence = ?",  # noqa: S608  # column names of ours
            (*values.values(), sequence),
        )

    def release_held(self, provider: str, due: float) -> None:
        """Lets the webhooks that were held back to be reordered go at `due`."""
        self._db.execute(
            "UPDATE webhook SET due = MIN(due, ?) WHERE provider = ? AND state = 'HELD'",
            (due, provider),
        )

    def due_webhooks(self, now: float) -> list[Webhook]:
        return self._webhooks(
            "WHERE state IN ('PENDING', 'HELD') AND due <= ? ORDER BY due, sequence LIMIT 32",
            now,
        )

    def next_due(self) -> float | None:
        row = self._db.execute("SELECT MIN(due) FROM webhook WHERE state IN ('PENDING', 'HELD')").fetchone()
        return None if row[0] is None else float(row[0])

    def webhooks(self, limit: int = 200) -> list[Webhook]:
        """Newest first."""
        return self._webhooks("ORDER BY sequence DESC LIMIT ?", limit)

    def webhook(self, sequence: int) -> Webhook | None:
        return next(iter(self._webhooks("WHERE sequence = ?", sequence)), None)

    def clear(self) -> None:
        """Forgets everything."""
        self._db.executescript("DELETE FROM document; DELETE FROM webhook;")

    def close(self) -> None:
        self._db.close()

    def _webhooks(self, clause: str, *values: object) -> list[Webhook]:
        statement = f"SELECT {COLUMNS} FROM webhook {clause}"  # noqa: S608  # clauses of ours
        return [Webhook(*row) for row in self._db.execute(statement, values)]
