"""A store looked through from end to end, unchanged: pages, structure, rows, counters, audit trail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import numpy as np

from zhiyin.errors import StoreError
from zhiyin.store.connections import connect_reader, refusal, rows, value
from zhiyin.store.event_bodies import NO_TIME, unpack
from zhiyin.store.event_log import ROWS
from zhiyin.store.ledger import audit_is_whole
from zhiyin.store.log_tail import lost_commits, pages_in_log
from zhiyin.store.migrations import STEPS, schema_of
from zhiyin.store.opening import frames_of
from zhiyin.store.page_sums import bad_pages, still_bad
from zhiyin.store.turns import Turns

__all__ = ["check_store"]

PIECE = 50_000
SIZES = {
    "events": "SELECT count(*) FROM events",
    "users": "SELECT count(*) FROM users",
    "items": "SELECT count(*) FROM items WHERE record IS NOT NULL",
    "slates": "SELECT count(*) FROM slates",
}


def check_store(path: str | Path, *, quick: bool = False) -> list[str]:
    """What is wrong, in words; [] = nothing. Services may go on meanwhile.

    `quick` reads the checksums of the pages alone, some 3 s a gigabyte instead of 40: they show every change
    that was not made through the database.
    """
    path = Path(path)
    if not path.is_file():
        return [f"there is no store at {path}"]
    try:
        turns, db = Turns(path), connect_reader(path, busy_ms=5000)
        try:
            with turns.mine():
                frames = frames_of(db)
                lost = 0 if turns.unsure else lost_commits(path, frames)
            if lost:
                return [f"the write-ahead log has a bad frame, {lost} commits stand behind it"]
            bad = [page for page in bad_pages(path) if page not in pages_in_log(path, frames)]
            if bad:
                with turns.mine():
                    bad = still_bad(path, bad)
            if bad:
                return [f"{len(bad)} pages are not what was written, the first is page {bad[0]}"]
            return [] if quick else list(complaints(db, path))
        finally:
            db.close()
            turns.close()
    except (apsw.Error, OSError, StoreError) as error:
        return [str(refusal(error, path, "read"))]


def complaints(db: apsw.Connection, path: Path) -> Iterator[str]:
    if schema_of(db) != len(STEPS):
        yield f"the schema is {schema_of(db)}, not {len(STEPS)}: opening the store migrates an older one"
        return
    db.execute("BEGIN")
    try:
        faults = [str(row[0]) for row in rows(db, "PRAGMA integrity_check(20)")]
        yield from (fault for fault in faults if fault != "ok")
        yield from events(db, path)
        counters = dict(rows(db, "SELECT name, n FROM counters"))
        for name, sql in SIZES.items():
            if (n := value(db, sql)) != counters.get(name, 0):
                yield f"there are {n} {name}, {counters.get(name, 0)} were counted"
        if not audit_is_whole(db):
            yield "the audit trail has been changed: a row does not follow from the one before, or is missing"
    finally:
        db.execute("COMMIT")


def events(db: apsw.Connection, path: Path) -> Iterator[str]:
    """Rows whose columns do not say what their bodies say."""
    last = 0
    while len(bodies := unpack(value(db, ROWS, (last, PIECE)), path)):
        columns = rows(
            db,
            f"SELECT seq, user, kind, ifnull(at, {NO_TIME}) FROM events WHERE seq > ? ORDER BY seq LIMIT ?",  # noqa: S608
            (last, PIECE),
        )
        said = np.array(columns, np.int64)
        meant = np.stack([bodies[name].astype(np.int64) for name in ("seq", "user", "kind", "at")], axis=1)
        if not np.array_equal(said, meant):
            yield f"event {said[(said != meant).any(axis=1)][0, 0]} is not what was written"
        last = int(said[-1, 0])
