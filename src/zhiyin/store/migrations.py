"""The shape of the database, as numbered steps: step n takes schema n - 1 to schema n.

A step that has been released is never edited; a change is a new step. `user_version` says how many are done.
"""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from zhiyin.errors import StoreError
from zhiyin.store.connections import value

__all__ = ["STEPS", "migrate", "schema_of"]

SCHEMA_1 = """
CREATE TABLE about(name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE counters(name TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE users(
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    record BLOB,                            -- msgpack of UserRecord; NULL = only named by events
    personalise INTEGER NOT NULL DEFAULT 1
);
CREATE TABLE items(
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    record BLOB,                            -- msgpack of ItemRecord; NULL = deleted, or only named by events
    revision INTEGER NOT NULL
);
CREATE UNIQUE INDEX items_revision ON items(revision);

CREATE TABLE events(
    seq INTEGER PRIMARY KEY,
    user INTEGER NOT NULL,                  -- 0 = a visitor without a name
    kind INTEGER NOT NULL,                  -- position in EVENT_KINDS
    at INTEGER,                             -- microseconds, at most received_at + 1 h; NULL = no clock
    body BLOB NOT NULL,                     -- event_bodies.BODY: these again, item, value, and a checksum
    received_at INTEGER NOT NULL,
    sent_at INTEGER,                        -- as sent, where that is not `at`
    event_id TEXT,                          -- the sender's; NULL = none
    session TEXT,
    slate TEXT,
    more BLOB                               -- msgpack: words, context
);
CREATE UNIQUE INDEX events_id ON events(event_id) WHERE event_id IS NOT NULL;
CREATE INDEX events_user ON events(user, at, seq, body) WHERE kind <> 13;
CREATE INDEX events_shown ON events(user) WHERE kind = 13;
CREATE INDEX events_session ON events(session, at, seq, body) WHERE session IS NOT NULL AND kind <> 13;

CREATE TABLE slates(
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    user TEXT NOT NULL,
    session TEXT NOT NULL,
    at REAL NOT NULL,
    body BLOB NOT NULL                      -- msgpack of Slate
);
CREATE INDEX slates_user ON slates(user, at) WHERE user <> '';
CREATE INDEX slates_session ON slates(session) WHERE session <> '';
CREATE INDEX slates_at ON slates(at);

CREATE TABLE keys(
    id TEXT PRIMARY KEY,
    body BLOB NOT NULL,                     -- msgpack of KeyRecord
    last_used_at REAL
) WITHOUT ROWID;
CREATE TABLE audit(
    seq INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    detail TEXT NOT NULL,
    salt BLOB,                              -- NULL = target and detail were erased, `bound` stays
    bound TEXT NOT NULL,                    -- hash of salt, target, detail
    digest TEXT NOT NULL                    -- hash of the row before, seq, at, actor, action, bound
);
CREATE TABLE settings(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE checkpoints(name TEXT PRIMARY KEY, seq INTEGER NOT NULL, state BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE answers(key TEXT PRIMARY KEY, answer BLOB NOT NULL, at REAL NOT NULL);
CREATE INDEX answers_at ON answers(at);
"""

SCHEMA_2 = """
CREATE TABLE profiles(user INTEGER PRIMARY KEY, body BLOB NOT NULL);  -- msgpack of ProfileRecord
CREATE TABLE tags(item INTEGER PRIMARY KEY, body BLOB NOT NULL);      -- msgpack of TagsRecord
"""

SCHEMA_3 = """
CREATE TABLE erasures(
    name TEXT PRIMARY KEY,                  -- "user" or "session", and the keyed hash of its id
    at REAL NOT NULL                        -- UTC seconds; what was served until then is not kept
) WITHOUT ROWID;
CREATE INDEX erasures_at ON erasures(at);
"""

STEPS: tuple[str, ...] = (SCHEMA_1, SCHEMA_2, SCHEMA_3)


def schema_of(db: apsw.Connection) -> int:
    """The number of the schema of an open database; 0 = a new one."""
    return int(value(db, "PRAGMA user_version"))


def migrate(db: apsw.Connection, steps: Sequence[str] = STEPS) -> bool:
    """Bring a database to the schema of these steps, in one transaction; whether there was anything to do."""
    if schema_of(db) == len(steps):
        return False
    db.execute("BEGIN IMMEDIATE")
    try:
        done = schema_of(db)
        if done > len(steps):
            raise StoreError(
                f"{db.filename} has schema {done}, this version knows {len(steps)}: "
                "install the version of zhiyin that wrote it, or restore an older backup"
            )
        for step in steps[done:]:
            db.execute(step)
        db.execute(f"PRAGMA user_version = {len(steps)}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return done < len(steps)
