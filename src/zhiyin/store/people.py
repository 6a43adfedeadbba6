"""Users in the store: their records, everything held on one of them, and erasing it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import apsw
import msgspec

from zhiyin.errors import DataError
from zhiyin.store import meanings
from zhiyin.store.connections import row, rows, value
from zhiyin.store.erasures import digest_of, note_erasure, own_pepper
from zhiyin.store.event_log import user_key
from zhiyin.store.group_commit import Transaction
from zhiyin.store.ledger import add_audit, forget_target
from zhiyin.store.past_events import events_of_user
from zhiyin.store.records import Receipt, Slate, UserRecord

__all__ = ["change_users", "erase", "export", "put_users", "user", "users"]

pack = msgspec.msgpack.Encoder().encode
unpack = msgspec.msgpack.Decoder(UserRecord).decode
unpack_slate = msgspec.msgpack.Decoder(Slate).decode
MOST_NEEDLES = 50


def put_users(transaction: Transaction, records: Sequence[UserRecord], at: float) -> None:
    for record in records:
        if not record.id:
            raise DataError("an id", value="", column="id", hint="every user has one")
        key = user_key(transaction, record.id)
        transaction.db.execute(
            "UPDATE users SET record = ?, personalise = ? WHERE key = ?",
            (pack(msgspec.structs.replace(record, updated_at=at)), record.personalise, key),
        )


def change_users(
    transaction: Transaction, changes: Sequence[tuple[str, Callable[[UserRecord], UserRecord]]], at: float
) -> None:
    for id, change in changes:
        put_users(transaction, [change(user(transaction.db, id) or UserRecord(id=id))], at)


def user(db: apsw.Connection, id: str) -> UserRecord | None:
    """Bare for a user whom only events have named."""
    found = row(db, "SELECT record FROM users WHERE id = ?", (id,))
    return None if found is None else record_of(id, found[0])


def users(db: apsw.Connection, after: str, limit: int) -> list[UserRecord]:
    found = rows(db, "SELECT id, record FROM users WHERE id > ? ORDER BY id LIMIT ?", (after, limit))
    return [record_of(id, blob) for id, blob in found]


def record_of(id: str, blob: bytes | None) -> UserRecord:
    return UserRecord(id=id) if blob is None else unpack(blob)


def export(db: apsw.Connection, id: str, path: Path) -> dict[str, Any]:
    """Ready for JSON; one state of the store, not several."""
    db.execute("BEGIN")
    try:
        found = user(db, id)
        key = value(db, "SELECT key FROM users WHERE id = ?", (id,))
        slates = rows(db, "SELECT body FROM slates WHERE user = ? AND user <> '' ORDER BY at", (id,))
        return {
            "user": None if found is None else msgspec.to_builtins(found),
            "events": [] if key is None else events_of_user(db, key, path),
            "profile": None if (kept := meanings.profile(db, id)) is None else msgspec.to_builtins(kept),
            "slates": [msgspec.to_builtins(unpack_slate(body)) for (body,) in slates],
        }
    finally:
        db.execute("COMMIT")


def erase(
    transaction: Transaction, id: str, at: float, actor: str, pepper: bytes, *, until: float
) -> Receipt:
    """Delete every row that holds the id or what the user did; the caller empties the write-ahead log.

    Answers to repeated requests are looked through for the id and the ids of the events. The audit keeps
    its rows, without the id. A slate that was served up to `until` and is still to be written is dropped.
    """
    db = transaction.db
    pepper = pepper or own_pepper(db)
    key = value(db, "SELECT key FROM users WHERE id = ?", (id,)) or -1
    sessions, event_ids = traces(db, key)
    n_slates = forget_slates_of(transaction, id, sessions)
    note_erasure(transaction, id, sessions, until, pepper)
    db.execute("DELETE FROM events WHERE user = ?1 AND kind <> 13", (key,))
    n_events = db.changes()
    db.execute("DELETE FROM events WHERE user = ?1 AND kind = 13", (key,))
    n_events += db.changes()
    n_before, before = forget_events_of(db, sessions) if sessions else (0, set())
    n_events += n_before
    event_ids |= before
    transaction.add("events", -n_events)
    db.execute("DELETE FROM profiles WHERE user = ?", (key,))
    db.execute("DELETE FROM users WHERE key = ?", (key,))
    transaction.add("users", -db.changes())
    forget_answers(db, [id, *event_ids])
    forget_target(db, id)
    digest = digest_of(id, pepper)
    receipt = Receipt(id=uuid4().hex, at=at, events=n_events, slates=n_slates, digest=digest)
    detail = json.dumps({"receipt": receipt.id, "events": n_events, "slates": n_slates})
    add_audit(transaction, at, actor, "user.erase", digest, detail)
    return receipt


def forget_events_of(db: apsw.Connection, sessions: set[str]) -> tuple[int, set[str]]:
    """How many events without a user went with these sessions, which a user had before a name was known, and
    their ids. `+user` keeps SQLite from the index of users, in which all strangers are one."""
    listed = (json.dumps(sorted(sessions)),)
    gone = [
        *rows(
            db,
            "DELETE FROM events WHERE +user = 0 AND kind <> 13 AND session IS NOT NULL "
            "AND session IN (SELECT value FROM json_each(?)) RETURNING event_id",
            listed,
        ),
        *rows(
            db,
            "DELETE FROM events WHERE user = 0 AND kind = 13 "
            "AND session IN (SELECT value FROM json_each(?)) RETURNING event_id",
            listed,
        ),
    ]
    return len(gone), {event_id for (event_id,) in gone if event_id}


def traces(db: apsw.Connection, key: int) -> tuple[set[str], set[str]]:
    """Sessions that are the user's alone, and ids of the user's events."""
    found = rows(
        db,
        "SELECT session, event_id FROM events WHERE user = ?1 AND kind <> 13 "
        "UNION ALL SELECT session, event_id FROM events WHERE user = ?1 AND kind = 13",
        (key,),
    )
    shared = (
        "SELECT 1 FROM events WHERE session = ? AND session IS NOT NULL AND kind <> 13 AND user NOT IN (?, 0)"
    )
    sessions = {session for session, _ in found if session}
    alone = {session for session in sessions if row(db, shared, (session, key)) is None}
    return alone, {event_id for _, event_id in found if event_id}


def forget_slates_of(transaction: Transaction, id: str, sessions: set[str]) -> int:
    db = transaction.db
    db.execute("DELETE FROM slates WHERE user = ? AND user <> ''", (id,))
    n = db.changes()
    for session in sessions:
        db.execute("DELETE FROM slates WHERE session = ? AND session <> '' AND user = ''", (session,))
        n += db.changes()
    transaction.add("slates", -n)
    return n


def forget_answers(db: apsw.Connection, names: list[str]) -> None:
    """Delete the answers that hold a name, as it is or as JSON writes it; all where names are many."""
    if len(names) > MOST_NEEDLES:
        db.execute("DELETE FROM answers")
        return
    needles = {name.encode() for name in names} | {json.dumps(name)[1:-1].encode() for name in names}
    keys = [
        (key,)
        for key, answer in rows(db, "SELECT key, answer FROM answers")
        if any(needle in answer or needle in key.encode() for needle in needles)
    ]
    db.executemany("DELETE FROM answers WHERE key = ?", keys)
