"""Vectors on disk by key: one SQLite file that many processes may share and that may be lost at any time."""

from __future__ import annotations

import os
import sqlite3
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar
from zlib import crc32

import numpy as np

from zhiyin.types import FloatArray

__all__ = ["VectorFile"]

T = TypeVar("T")

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, crc INTEGER NOT NULL, vector BLOB NOT NULL)"
)
ENDS = "SELECT (SELECT min(rowid) FROM vectors), (SELECT max(rowid) FROM vectors)"
BUSY_SECONDS = 5.0
BATCH = 500
"""Keys per question: SQLite takes at most 999 parameters in its oldest supported versions."""


class VectorFile:
    """A cache, so no fault of the disk is an error: what cannot be read is missing, what cannot be
    written is forgotten, a damaged file is set aside as `*.damaged` and begun anew. Each of these warns once.

    A row carries its checksum, so that a flipped bit is a missing row and not a wrong vector. Rows are
    written in one transaction per batch (WAL, no fsync per batch: a power cut may cost the last rows).
    When there are more than `max_items` rows the oldest tenth goes.
    """

    def __init__(self, path: Path, *, max_items: int) -> None:
        self.path = path
        self.max_items = max_items
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._process = 0
        self._given_up = False

    def read(self, keys: Sequence[bytes], dim: int) -> dict[bytes, FloatArray]:
        """The vectors that are there and sound."""
        return self._guarded(lambda db: _select(db, keys, dim)) or {}

    def write(self, vectors: Mapping[bytes, FloatArray]) -> None:
        """Adds or mends rows."""
        rows = [(key, *_packed(vector)) for key, vector in vectors.items()]
        if rows:
            self._guarded(lambda db: _insert(db, rows, self.max_items))

    def close(self) -> None:
        """Lets go of the file; the next call opens it again."""
        with self._lock:
            self._drop_connection()

    def _guarded(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """What `work` gives; None when the file cannot be used."""
        with self._lock:
            for last in (False, True):
                if self._given_up:
                    return None
                try:
                    return work(self._opened())
                except (sqlite3.Error, OSError) as error:
                    if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
                        return None  # another process is writing for long: this once, without the file
                    self._recover(error, last=last)
        return None

    def __del__(self) -> None:
        self._drop_connection()

    def _opened(self) -> sqlite3.Connection:
        if self._connection is not None and self._process != os.getpid():
            # A connection does not survive a fork, and closing it here would disturb the parent's locks.
            self._connection = None
        if self._connection is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = _connect(self.path)
            self._process = os.getpid()
        return self._connection

    def _recover(self, error: Exception, *, last: bool) -> None:
        self._drop_connection()
        if _is_damage(error) and not last:
            self._set_aside()
            return
        self._given_up = True
        warnings.warn(f"vectors are not kept on disk: {self.path}: {error}", RuntimeWarning, stacklevel=5)

    def _set_aside(self) -> None:
        aside = self.path.with_name(f"{self.path.name}.damaged")
        warnings.warn(
            f"the cache of vectors {self.path} is damaged; it is set aside as {aside.name} and begun anew",
            RuntimeWarning,
            stacklevel=6,
        )
        for suffix in ("-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        if self.path.exists():
            os.replace(self.path, aside)

    def _drop_connection(self) -> None:
        if self._connection is not None and self._process == os.getpid():
            self._connection.close()
        self._connection = None


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=BUSY_SECONDS, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.execute(SCHEMA)
        db.execute("SELECT key, crc, vector FROM vectors LIMIT 1").fetchone()
    except BaseException:
        db.close()
        raise
    return db


def _is_damage(error: Exception) -> bool:
    """A file that is no SQLite file, a damaged one, or one with another table inside."""
    if isinstance(error, sqlite3.OperationalError):
        return "no such column" in str(error)
    return isinstance(error, sqlite3.DatabaseError)


def _packed(vector: FloatArray) -> tuple[int, bytes]:
    blob = vector.astype("<f4").tobytes()
    return crc32(blob), blob


def _select(db: sqlite3.Connection, keys: Sequence[bytes], dim: int) -> dict[bytes, FloatArray]:
    found: dict[bytes, FloatArray] = {}
    for start in range(0, len(keys), BATCH):
        some = keys[start : start + BATCH]
        marks = ",".join("?" * len(some))
        question = f"SELECT key, crc, vector FROM vectors WHERE key IN ({marks})"  # noqa: S608 - only marks
        for key, crc, blob in db.execute(question, some):
            if isinstance(blob, bytes) and len(blob) == 4 * dim and crc32(blob) == crc:
                found[key] = np.frombuffer(blob, "<f4").astype(np.float32)
    return found


def _insert(db: sqlite3.Connection, rows: list[tuple[bytes, int, bytes]], max_items: int) -> None:
    with db:
        # A row that is there but unsound was asked for and encoded again: this mends it.
        db.executemany("INSERT OR REPLACE INTO vectors (key, crc, vector) VALUES (?, ?, ?)", rows)
        oldest, newest = db.execute(ENDS).fetchone()
        # Replaced rows leave gaps between the ends, so this is a little eager. Counting would read every row.
        if newest - oldest >= max_items:
            db.execute("DELETE FROM vectors WHERE rowid <= ?", (newest - max_items + max_items // 10,))
