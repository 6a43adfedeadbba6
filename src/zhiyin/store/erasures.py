"""Who was erased of late: what another process writes behind must not bring the user back."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterable

import apsw

from zhiyin.store.connections import value
from zhiyin.store.group_commit import Transaction
from zhiyin.store.records import Slate

__all__ = ["digest_of", "is_erased", "note_erasure", "own_pepper"]

KEPT_S = 86_400.0
"""Nothing is written behind for as long as that."""


def note_erasure(
    transaction: Transaction, user: str, sessions: Iterable[str], at: float, pepper: bytes
) -> None:
    """Keeps the time of an erasure under keyed hashes of the user's id and of the sessions that went too."""
    names = [_name("user", user, pepper), *(_name("session", session, pepper) for session in sessions)]
    transaction.db.execute("DELETE FROM erasures WHERE at < ?", (at - KEPT_S,))
    transaction.db.executemany(
        "INSERT INTO erasures VALUES(?, ?) ON CONFLICT(name) DO UPDATE SET at = max(at, excluded.at)",
        [(name, at) for name in names],
    )


def is_erased(db: apsw.Connection, slate: Slate, pepper: bytes) -> bool:
    """Whether its user was erased when it was served or later. Mostly one look at the newest erasure."""
    newest = value(db, "SELECT max(at) FROM erasures")
    if newest is None or slate.at > newest or not (slate.user or slate.session):
        return False
    kind = "user" if slate.user else "session"
    name = _name(kind, slate.user or slate.session, pepper or _kept(db))
    at = value(db, "SELECT at FROM erasures WHERE name = ?", (name,))
    return at is not None and slate.at <= at


def digest_of(id: str, pepper: bytes) -> str:
    """The keyed hash of an id: who knows the id can tell it, nobody can read the id from it."""
    return hmac.new(pepper, id.encode(), hashlib.sha256).hexdigest()


def own_pepper(db: apsw.Connection) -> bytes:
    """A key of this store alone, for who gives none: it hides ids only from who has not the file."""
    db.execute("INSERT INTO about VALUES('pepper', ?) ON CONFLICT DO NOTHING", (os.urandom(32),))
    return _kept(db)


def _kept(db: apsw.Connection) -> bytes:
    return bytes(value(db, "SELECT value FROM about WHERE name = 'pepper'") or b"")


def _name(kind: str, id: str, pepper: bytes) -> str:
    return f"{kind} {digest_of(id, pepper)}"
