"""What was made of behaviour and texts, or said by people: interest profiles of users, tags of items."""

from __future__ import annotations

import json

import apsw
import msgspec

from zhiyin.errors import DataError
from zhiyin.store.catalogue_rows import unpack_tags
from zhiyin.store.connections import row
from zhiyin.store.event_log import unpack_profile, user_key
from zhiyin.store.group_commit import Transaction
from zhiyin.store.ledger import add_audit
from zhiyin.store.records import ProfileRecord, TagsRecord

__all__ = ["profile", "put_profile", "put_tags", "tags"]

pack = msgspec.msgpack.Encoder().encode


def profile(db: apsw.Connection, user: str) -> ProfileRecord | None:
    found = row(db, "SELECT p.body FROM profiles p JOIN users u ON u.key = p.user WHERE u.id = ?", (user,))
    return None if found is None else unpack_profile(found[0])


def put_profile(
    transaction: Transaction, user: str, record: ProfileRecord | None, at: float, actor: str
) -> bool:
    """Replaces, or deletes where there is no record; whether anything changed. The audit names none."""
    db = transaction.db
    if record is None:
        db.execute("DELETE FROM profiles WHERE user = (SELECT key FROM users WHERE id = ?)", (user,))
        gone = db.changes() > 0
        if gone:
            add_audit(transaction, at, actor, "profile.delete", user, "")
        return gone
    key = user_key(transaction, user)
    kept = msgspec.structs.replace(record, updated_at=at)
    db.execute("INSERT INTO profiles VALUES(?, ?) ON CONFLICT(user) DO UPDATE SET body = excluded.body",
               (key, pack(kept)))  # fmt: skip
    detail = json.dumps({"interests": len(record.interests), "removed": len(record.removed)})
    add_audit(transaction, at, actor, "profile.put", user, detail)
    return True


def tags(db: apsw.Connection, item: str) -> TagsRecord | None:
    found = row(db, "SELECT t.body FROM tags t JOIN items i ON i.key = t.item WHERE i.id = ?", (item,))
    return None if found is None else unpack_tags(found[0])


def listed(record: TagsRecord | None) -> list[str]:
    """The tags that lists know."""
    return record.tags if record is not None and record.in_lists else []


def put_tags(transaction: Transaction, item: str, record: TagsRecord, at: float, actor: str) -> None:
    """Replaces; the item must be known. It has changed where lists know other tags of it than before."""
    db = transaction.db
    found = row(db, "SELECT key FROM items WHERE id = ? AND record IS NOT NULL", (item,))
    if found is None:
        raise DataError("the id of an item", value=item, hint="add the item first")
    key, before = found[0], tags(db, item)
    kept = msgspec.structs.replace(record, updated_at=at)
    db.execute("INSERT INTO tags VALUES(?, ?) ON CONFLICT(item) DO UPDATE SET body = excluded.body",
               (key, pack(kept)))  # fmt: skip
    if listed(before) != listed(record):
        db.execute("UPDATE items SET revision = ? WHERE key = ?", (transaction.add("revision"), key))
    if actor:
        add_audit(transaction, at, actor, "tags.put", item, json.dumps({"tags": len(record.tags)}))
