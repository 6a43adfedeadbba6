"""Answers as they were served."""

from __future__ import annotations

import apsw
import msgspec

from zhiyin.store.connections import rows, value
from zhiyin.store.erasures import is_erased
from zhiyin.store.group_commit import Transaction
from zhiyin.store.records import Slate

__all__ = ["add_slate", "forget_slates", "slate", "slates", "slates_with"]

PIECE = 500
pack = msgspec.msgpack.Encoder().encode
unpack = msgspec.msgpack.Decoder(Slate).decode
NEWEST = "SELECT body FROM slates ORDER BY at DESC, key DESC LIMIT ?"
NEWEST_WITH = (
    "SELECT * FROM (SELECT body FROM slates ORDER BY at DESC, key DESC LIMIT ?) WHERE instr(body, ?)"
)
NEWEST_OF_USER = "SELECT body FROM slates WHERE user = ?2 AND user <> '' ORDER BY at DESC, key DESC LIMIT ?1"


def add_slate(transaction: Transaction, slate: Slate, pepper: bytes) -> None:
    """The same id twice is one slate, the first. One of a user who was erased since is dropped."""
    if is_erased(transaction.db, slate, pepper):
        return
    transaction.db.execute(
        "INSERT INTO slates(id, user, session, at, body) VALUES(?,?,?,?,?) ON CONFLICT DO NOTHING",
        (slate.id, slate.user, slate.session, slate.at, pack(slate)),
    )
    transaction.add("slates", transaction.db.changes())


def forget_slates(transaction: Transaction, before: float) -> int:
    """At most `PIECE` of them, the oldest first; how many."""
    transaction.db.execute(
        "DELETE FROM slates WHERE key IN (SELECT key FROM slates WHERE at < ? ORDER BY at LIMIT ?)",
        (before, PIECE),
    )
    n = transaction.db.changes()
    transaction.add("slates", -n)
    return n


def slates_with(db: apsw.Connection, item: str, among: int) -> tuple[int, list[tuple[int, Slate]]]:
    """SQLite looks for the bytes of the id; only bodies that hold them are read."""
    looked = int(value(db, "SELECT count(*) FROM (SELECT 1 FROM slates LIMIT ?)", (among,)))
    found = (unpack(body) for (body,) in rows(db, NEWEST_WITH, (among, item.encode())))
    ranked = ((_rank(one, item), one) for one in found)
    return looked, [(rank, one) for rank, one in ranked if rank]


def _rank(slate: Slate, item: str) -> int:
    """Place on the first page, from 1; 0 = it does not stand there."""
    names = [line.item for line in slate.shown[: slate.n]]
    return names.index(item) + 1 if item in names else 0


def slate(db: apsw.Connection, id: str) -> Slate | None:
    body = value(db, "SELECT body FROM slates WHERE id = ?", (id,))
    return None if body is None else unpack(body)


def slates(db: apsw.Connection, user: str, limit: int) -> list[Slate]:
    found = rows(db, NEWEST_OF_USER, (limit, user)) if user else rows(db, NEWEST, (limit,))
    return [unpack(body) for (body,) in found]
