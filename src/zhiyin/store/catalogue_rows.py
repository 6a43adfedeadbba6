"""Items in the store: every change has a revision, and a key stays with its id for ever."""

from __future__ import annotations

from collections.abc import Sequence

import apsw
import msgspec

from zhiyin.errors import DataError
from zhiyin.store.connections import rows, value
from zhiyin.store.event_log import item_key
from zhiyin.store.group_commit import Transaction
from zhiyin.store.records import ItemChange, ItemRecord, TagsRecord

__all__ = ["changes", "delete_items", "item", "item_names", "items", "put_items"]

pack = msgspec.msgpack.Encoder().encode
unpack = msgspec.msgpack.Decoder(ItemRecord).decode
unpack_tags = msgspec.msgpack.Decoder(TagsRecord).decode


def put_items(transaction: Transaction, records: Sequence[ItemRecord], at: float) -> list[int]:
    """Inserts or replaces; the new revisions."""
    revisions = []
    for record in records:
        if not record.id:
            raise DataError("an id", value="", column="id", hint="every item has one")
        blob = pack(msgspec.structs.replace(record, updated_at=at))
        if write_record(transaction, item_key(transaction, record.id), blob):
            transaction.add("items")
        revisions.append(transaction.counters["revision"])
    return revisions


def delete_items(transaction: Transaction, ids: Sequence[str]) -> list[bool]:
    """Which of them were there. The key stays, for the events that name it; what was said of them goes."""
    there = []
    for id in ids:
        key = value(transaction.db, "SELECT key FROM items WHERE id = ? AND record IS NOT NULL", (id,))
        if key is not None:
            write_record(transaction, key, None)
            transaction.db.execute("DELETE FROM tags WHERE item = ?", (key,))
            transaction.add("items", -1)
        there.append(key is not None)
    return there


def write_record(transaction: Transaction, key: int, blob: bytes | None) -> bool:
    """Whether there was no record before."""
    db = transaction.db
    new = value(db, "SELECT record IS NULL FROM items WHERE key = ?", (key,))
    revision = transaction.add("revision")
    db.execute("UPDATE items SET record = ?, revision = ? WHERE key = ?", (blob, revision, key))
    return bool(new)


def item(db: apsw.Connection, id: str) -> ItemRecord | None:
    blob = value(db, "SELECT record FROM items WHERE id = ?", (id,))
    return None if blob is None else unpack(blob)


def item_names(db: apsw.Connection, keys: Sequence[int]) -> dict[int, str]:
    """Key -> id, also of items that are deleted or that only events have named."""
    marks = ",".join("?" * len(keys))
    return dict(rows(db, f"SELECT key, id FROM items WHERE key IN ({marks})", tuple(keys)))  # noqa: S608


def items(db: apsw.Connection, after: str, limit: int) -> list[ItemRecord]:
    found = rows(
        db, "SELECT record FROM items WHERE id > ? AND record IS NOT NULL ORDER BY id LIMIT ?", (after, limit)
    )
    return [unpack(blob) for (blob,) in found]


def changes(db: apsw.Connection, revision: int, limit: int) -> list[ItemChange]:
    found = rows(
        db,
        "SELECT i.revision, i.key, i.id, i.record, t.body FROM items i LEFT JOIN tags t ON t.item = i.key "
        "WHERE i.revision > ? ORDER BY i.revision LIMIT ?",
        (revision, limit),
    )
    return [
        ItemChange(
            step,
            key,
            id,
            None if blob is None else unpack(blob),
            None if tags is None else unpack_tags(tags),
        )
        for step, key, id, blob, tags in found
    ]
