"""What language models have answered and cost, in one SQLite file that several processes share."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import apsw
import msgspec

__all__ = ["LlmFile", "UsageRow", "UsageSum", "day_of", "default_file"]

log = logging.getLogger(__name__)
T = TypeVar("T")
PRUNE_EVERY = 256
MOST_PENDING = 1000
BUSY_MS = 20
"""Another process writes for less than a millisecond; who asks a question must not wait for more."""
SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    key BLOB PRIMARY KEY, task TEXT NOT NULL, at REAL NOT NULL, value BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS answers_at ON answers (at);
CREATE TABLE IF NOT EXISTS usage (
    at REAL NOT NULL, task TEXT NOT NULL, verb TEXT NOT NULL, identity TEXT NOT NULL, calls INTEGER NOT NULL,
    tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL, ms REAL NOT NULL, cost REAL NOT NULL,
    cached INTEGER NOT NULL, outcome TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS usage_at ON usage (at);
CREATE TABLE IF NOT EXISTS days (
    day TEXT PRIMARY KEY, tokens INTEGER NOT NULL, cost REAL NOT NULL) WITHOUT ROWID;
"""


class UsageRow(msgspec.Struct, frozen=True):
    """One question, or several that the cache answered."""

    at: float
    """UTC seconds."""
    task: str
    """Who asked: `Prompt.task`."""
    verb: str
    identity: str
    tokens_in: int
    tokens_out: int
    ms: float
    cost: float
    cached: bool
    outcome: str
    """ok, or the `why` of an LlmError: late, busy, open, budget, unable, form, fault."""
    calls: int = 1


class UsageSum(msgspec.Struct, frozen=True):
    """The questions of one task."""

    task: str
    calls: int
    cached: int
    failed: int
    tokens_in: int
    tokens_out: int
    cost: float
    ms: float
    """Of all that the cache did not answer."""


def default_file() -> Path:
    """`llm.sqlite` in the cache of zhiyin."""
    return Path(os.environ.get("ZHIYIN_CACHE") or "~/.cache/zhiyin").expanduser() / "llm.sqlite"


def day_of(at: float) -> str:
    """The UTC day, as 2026-11-25."""
    return time.strftime("%Y-%m-%d", time.gmtime(at))


class LlmFile:
    """Where the disk fails, reads find nothing and writes wait or go: that costs time, never an answer."""

    def __init__(self, path: Path, *, max_answers: int, max_rows: int = 200_000) -> None:
        self.path = path
        self.max_answers = max_answers
        self.max_rows = max_rows
        self._db: apsw.Connection | None = None
        self._pid = 0
        self._lock = threading.Lock()
        self._written = 0
        self._warned = False
        self._pending: list[UsageRow] = []

    def answer(self, key: bytes, oldest: float) -> bytes | None:
        """What was kept under this key and is not older than `oldest`."""
        sql = "SELECT value FROM answers WHERE key = ? AND at >= ?"
        found = self._try(lambda db: db.execute(sql, (key, oldest)).fetchone(), None)
        return found[0] if found else None

    def answers(self, keys: list[bytes], oldest: float) -> dict[bytes, bytes]:
        """Those of many keys that are kept."""
        found: dict[bytes, bytes] = {}
        for start in range(0, len(keys), 200):
            part = keys[start : start + 200]
            marks = ",".join("?" * len(part))
            query = f"SELECT key, value FROM answers WHERE key IN ({marks}) AND at >= ?"  # noqa: S608
            found.update(self._rows(query, (*part, oldest)))
        return found

    def keep(self, answers: Iterable[tuple[bytes, bytes]], task: str, at: float) -> None:
        """Under their keys; beyond `max_answers` the oldest go."""
        rows = [(key, task, at, value) for key, value in answers]

        def write(db: apsw.Connection) -> None:
            with db:
                db.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", rows)
            self._prune(db, len(rows))

        self._try(write, None)

    def forget(self) -> None:
        """Deletes all answers; the usage stays."""
        self._try(lambda db: db.execute("DELETE FROM answers").fetchall(), None)

    def add(self, rows: list[UsageRow]) -> bool:
        """Whether they are on disk now; what is not is tried again with the next."""
        rows = [*self._pending, *rows][-MOST_PENDING:]

        def write(db: apsw.Connection) -> bool:
            with db:
                db.executemany(
                    "INSERT INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    [
                        (r.at, r.task, r.verb, r.identity, r.calls, r.tokens_in, r.tokens_out, r.ms, r.cost,
                         int(r.cached), r.outcome) for r in rows
                    ],
                )  # fmt: skip
                db.executemany(
                    "INSERT INTO days VALUES (?, ?, ?) ON CONFLICT (day) DO UPDATE "
                    "SET tokens = tokens + excluded.tokens, cost = cost + excluded.cost",
                    [(day_of(r.at), r.tokens_in + r.tokens_out, r.cost) for r in rows if not r.cached],
                )
            self._prune(db, len(rows))
            return True

        done = self._try(write, False)
        self._pending = [] if done else rows
        return done

    def day(self, day: str) -> tuple[int, float] | None:
        """Tokens and money spent on that day by all processes; None where the disk cannot say."""
        sql = "SELECT tokens, cost FROM days WHERE day = ?"
        return self._try(lambda db: db.execute(sql, (day,)).fetchone() or (0, 0.0), None)

    def sums(self, since: float = 0.0) -> list[UsageSum]:
        """By task, from a time on, dearest first."""
        sql = """SELECT task, SUM(calls), SUM(calls * cached), SUM(calls * (outcome <> 'ok')), SUM(tokens_in),
                 SUM(tokens_out), SUM(cost), SUM(ms * (1 - cached)) FROM usage WHERE at >= ?
                 GROUP BY task ORDER BY SUM(cost) DESC, SUM(tokens_in) DESC"""
        return [UsageSum(*row) for row in self._rows(sql, (since,))]

    def close(self) -> None:
        with self._lock:
            db, self._db = self._db, None
            if db is not None and self._pid == os.getpid():
                db.close()

    def _rows(self, sql: str, values: tuple[Any, ...]) -> list[Any]:
        return self._try(lambda db: db.execute(sql, values).fetchall(), [])

    def _prune(self, db: apsw.Connection, n: int) -> None:
        self._written += n
        if self._written < PRUNE_EVERY:
            return
        self._written = 0
        for table, most in (("answers", self.max_answers), ("usage", self.max_rows)):
            oldest = f"SELECT at FROM {table} ORDER BY at DESC LIMIT 1 OFFSET ?"  # noqa: S608
            db.execute(f"DELETE FROM {table} WHERE at <= ({oldest})", (most,))  # noqa: S608

    def _try(self, what: Callable[[apsw.Connection], T], otherwise: T) -> T:
        try:
            with self._lock:
                return what(self._opened())
        except (apsw.Error, OSError) as error:
            if not self._warned:
                self._warned = True
                log.warning("answers and costs of language models are not kept: %s: %s", self.path, error)
            return otherwise

    def _opened(self) -> apsw.Connection:
        if self._db is None or self._pid != os.getpid():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            db = apsw.Connection(str(self.path))
            db.set_busy_timeout(BUSY_MS)
            db.pragma("journal_mode", "WAL")
            db.pragma("synchronous", "NORMAL")
            db.pragma("trusted_schema", "OFF")
            db.pragma("journal_size_limit", 16 * 2**20)
            db.execute(SCHEMA)
            os.chmod(self.path, 0o600)
            self._db, self._pid = db, os.getpid()
        return self._db
