-- A store of schema 1 with one event.
BEGIN;
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
    at INTEGER,                             -- microseconds, at most an hour after received_at; NULL = no clock
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
INSERT INTO counters VALUES('events',1);
INSERT INTO counters VALUES('item_key',1);
INSERT INTO counters VALUES('items',1);
INSERT INTO counters VALUES('revision',2);
INSERT INTO counters VALUES('seq',1);
INSERT INTO counters VALUES('user_key',1);
INSERT INTO counters VALUES('users',1);
INSERT INTO users VALUES(1,'u0',NULL,1);
INSERT INTO items VALUES(1,'i0',x'83a26964a26930a57469746c65a56669727374aa757064617465645f6174cb41d954fc40000000',2);
INSERT INTO events VALUES(1,1,2,1700000000000000,x'010000000000000000401e18240a060001000000010000000000c07f0200000002c7434cfd3b7794',1700000000000000,NULL,'e0',NULL,NULL,NULL);
PRAGMA user_version = 1;
COMMIT;
