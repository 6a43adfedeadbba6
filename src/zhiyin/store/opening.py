"""Opening a store: made, recovered, migrated, and looked through for damage before anything is read."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import apsw

from zhiyin.store.connections import PAGE_SIZE
from zhiyin.store.event_bodies import damaged
from zhiyin.store.log_tail import lost_commits
from zhiyin.store.migrations import migrate
from zhiyin.store.page_sums import bad_pages, still_bad

__all__ = ["prepare", "turn"]

MADE = b"zhiyin store\n"


def prepare(path: Path, connect: Callable[[], apsw.Connection], *, verify: bool = True) -> None:
    """Raises StoreError when the file is damaged or of a newer version; else it is ready for use.

    `connect` gives a connection through `summing_vfs`. Pages that a crash has torn are mended first, from
    the log.
    """
    new = make_private(path)
    if not new and path.stat().st_size < PAGE_SIZE and (path.stat().st_size or was_made(path)):
        raise damaged(path, f"it has {path.stat().st_size} bytes, less than its first page")
    with turn(path):
        db = connect()
        try:
            if verify and not new and (lost := lost_commits(path, frames_of(db))):
                raise damaged(path, f"its write-ahead log has a bad frame, {lost} commits stand behind it")
            migrate(db)
            empty_log(db)
            path.with_name(path.name + ".lock").write_bytes(MADE)
        finally:
            db.close()
    bad = bad_pages(path) if verify else []
    if bad:
        with turn(path):
            bad = still_bad(path, bad)
    if bad:
        raise damaged(path, f"{len(bad)} pages are not what was written, the first is page {bad[0]}")


def empty_log(db: apsw.Connection) -> None:
    """Copy the log into the file and begin it anew, unless other processes are at work.

    After a crash the last commit in the log may be one whose sync failed: readable, yet not on the disk. What
    would be appended behind it would be lost with it.
    """
    db.set_busy_timeout(0)
    with suppress(apsw.BusyError, apsw.LockedError):
        db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)


def frames_of(db: apsw.Connection) -> int:
    """Good frames in the write-ahead log."""
    db.execute("SELECT count(*) FROM sqlite_master").fetchone()  # recovers the log
    return max(db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)[0], 0)


def was_made(path: Path) -> bool:
    """Whether a store has stood here: an empty file is then not a new one."""
    lock = path.with_name(path.name + ".lock")
    return lock.exists() and lock.read_bytes() == MADE


def make_private(path: Path) -> bool:
    """A new file is for its owner alone, from the first byte; whether it is new."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return False
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return True


@contextmanager
def turn(path: Path) -> Iterator[None]:
    """No other process writes meanwhile."""
    with open(path.with_name(path.name + ".lock"), "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)
