"""Opening a store: made, recovered, migrated, and looked through for damage before anything is read."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import apsw

from zhiyin.store.connections import PAGE_SIZE
from zhiyin.store.event_bodies import damaged
from zhiyin.store.log_tail import lost_commits
from zhiyin.store.migrations import migrate
from zhiyin.store.page_sums import bad_pages, still_bad
from zhiyin.store.turns import Turns

__all__ = ["frames_of", "prepare"]


def prepare(path: Path, connect: Callable[[], apsw.Connection], *, verify: bool = True) -> None:
    """Raises StoreError when the file is damaged or of a newer version; else it is ready for use.

    `connect` gives a connection through `summing_vfs`. Pages that a crash has torn are mended first, from
    the log.
    """
    new = make_private(path)
    turns = Turns(path)
    try:
        if not new and path.stat().st_size < PAGE_SIZE and (path.stat().st_size or turns.made):
            raise damaged(path, f"it has {path.stat().st_size} bytes, less than its first page")
        with turns.mine():
            recover(path, connect, turns, verify=verify and not new)
        bad = bad_pages(path) if verify else []
        if bad:
            with turns.mine():
                bad = still_bad(path, bad)
    finally:
        turns.close()
    if bad:
        raise damaged(
            path,
            f"{len(bad)} pages are not what was written, the first is page {bad[0]}",
            "If only a database tool has opened it: zhiyin doctor PROJECT --mend",
        )


def recover(path: Path, connect: Callable[[], apsw.Connection], turns: Turns, *, verify: bool) -> None:
    """Log into file, schema up to date."""
    db = connect()
    try:
        if verify and not turns.unsure and (lost := lost_commits(path, frames_of(db))):
            raise damaged(path, f"its write-ahead log has a bad frame, {lost} commits stand behind it")
        migrate(db)
        turns.note(unsure=not empty_log(db) and turns.unsure)
    finally:
        db.close()


def empty_log(db: apsw.Connection) -> bool:
    """Copy the log into the file and begin it anew, unless other processes are at work; whether it is empty.

    After a crash the last commit in the log may be one whose sync failed: readable, yet not on the disk. What
    would be appended behind it would be lost with it.
    """
    db.set_busy_timeout(0)
    with suppress(apsw.BusyError, apsw.LockedError):
        return db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE) == (0, 0)
    return False


def frames_of(db: apsw.Connection) -> int:
    """Good frames in the write-ahead log."""
    db.execute("SELECT count(*) FROM sqlite_master").fetchone()  # recovers the log
    return max(db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)[0], 0)


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
