"""Connections to the database file, and what its failures are called."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import msgspec

from zhiyin.errors import StoreBusyError, StoreError

__all__ = [
    "FATAL",
    "PAGE_SIZE",
    "RESERVED",
    "connect_reader",
    "connect_writer",
    "reading",
    "refusal",
    "row",
    "rows",
    "value",
]

PAGE_SIZE = 4096
RESERVED = 8
"""Bytes at the end of every page that belong to `page_sums`."""
DAMAGED = (apsw.CorruptError, apsw.NotADBError, apsw.FormatError)
GARBLED = (msgspec.MsgspecError, UnicodeError, ValueError)
"""What reading raises where a row does not hold what was written."""
BUSY = (apsw.BusyError, apsw.LockedError)
FATAL = (
    *DAMAGED, *BUSY, apsw.FullError, apsw.IOError, apsw.NoMemError, apsw.CantOpenError, apsw.ReadOnlyError,
    apsw.ProtocolError, apsw.InterruptError, apsw.MisuseError, apsw.InternalError,
    apsw.PermissionsError, apsw.ConnectionClosedError, OSError, MemoryError, StoreError,
)  # fmt: skip
"""What fails a whole commit; anything else fails the one write that raised it."""


def connect_writer(path: Path, *, busy_ms: int, synchronous: str = "FULL", vfs: str = "") -> apsw.Connection:
    """A connection that writes: write-ahead log, every commit synced, what is deleted is overwritten.

    It never checkpoints by itself, not even when it closes: `GroupCommit` says when.
    """
    db = apsw.Connection(str(path), vfs=vfs or None)
    try:
        db.set_busy_timeout(busy_ms)
        db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        db.pragma("page_size", PAGE_SIZE)
        db.reserve_bytes(None, RESERVED)  # of a file that is about to be made; else without effect
        db.pragma("cell_size_check", "ON")
        db.pragma("trusted_schema", "OFF")
        # The intermediate content of sorts must not reach another file.
        db.pragma("temp_store", "MEMORY")
        if db.pragma("journal_mode", "WAL") != "wal":
            raise StoreError(f"{path} cannot have a write-ahead log: put it on a local disk")
        db.pragma("synchronous", synchronous)
        db.pragma("secure_delete", "ON")
        db.pragma("wal_autocheckpoint", 0)
        db.pragma("journal_size_limit", 64 * 2**20)
        db.pragma("cache_size", -32 * 2**10)
    except BaseException:
        db.close()
        raise
    return db


def connect_reader(path: Path, *, busy_ms: int, vfs: str = "") -> apsw.Connection:
    """A connection that only reads. No memory map: a file that shrinks under one kills the process."""
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY, vfs=vfs or None)
    db.set_busy_timeout(busy_ms)
    db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    db.pragma("cell_size_check", "ON")
    db.pragma("trusted_schema", "OFF")
    db.pragma("temp_store", "MEMORY")
    db.pragma("cache_size", -4 * 2**10)
    return db


def rows(db: apsw.Connection, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """All rows of a query."""
    return db.execute(sql, values).fetchall()


def row(db: apsw.Connection, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...] | None:
    """The first row of a query, if there is any."""
    return db.execute(sql, values).fetchone()


def value(db: apsw.Connection, sql: str, values: Sequence[Any] = ()) -> Any:
    """The only value of a query that gives one row."""
    found = row(db, sql, values)
    return None if found is None else found[0]


def refusal(error: BaseException, path: Path, doing: str = "write") -> StoreError:
    """The error that the caller sees, with the way out."""
    if isinstance(error, StoreError):
        return error
    if isinstance(error, (*DAMAGED, *GARBLED)):
        return StoreError(
            f"{path} is damaged ({error}): restore a backup; `zhiyin doctor` says what is wrong"
        )
    if isinstance(error, BUSY):
        return StoreBusyError(f"the store could not {doing}: {path} is locked by another process; try again")
    if isinstance(error, apsw.FullError):
        return StoreError(f"the store could not {doing}: disk full. Free space near {path}; it then goes on")
    if isinstance(error, apsw.ReadOnlyError):
        return StoreError(f"the store could not {doing}: {path} is read-only for this process")
    if isinstance(error, (apsw.IOError, OSError)):
        return StoreError(
            f"the store could not {doing}: I/O error at {path} ({error}); see the disk and its logs"
        )
    return StoreError(f"the store could not {doing} {path}: {type(error).__name__}: {error}")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Failures of the database, as errors of the store."""
    try:
        yield
    except (apsw.Error, OSError, *GARBLED) as error:
        raise refusal(error, path, "read") from error
