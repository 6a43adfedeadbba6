"""Keys, the audit trail, settings, checkpoints and remembered answers.

An audit row's digest covers the digest of the row before, so that no row can be changed, added or taken
out unseen. Target and detail enter it through a salted hash: when a user is erased the words and the salt
go, the hash stays, and the chain still holds.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping

import apsw
import msgspec

from zhiyin.store.connections import row, rows, value
from zhiyin.store.group_commit import Transaction
from zhiyin.store.records import AuditRow, KeyRecord

__all__ = [
    "add_audit",
    "add_key",
    "audit_is_whole",
    "audit_rows",
    "checkpoint",
    "forget_target",
    "keys",
    "remember",
    "remembered",
    "revoke_key",
    "save_checkpoint",
    "set_setting",
    "setting",
    "use_keys",
]

DAY = 86_400.0
ERASED = "erased"
LONG = 6
MOST_DETAIL = 1000
"""Characters of a setting that the trail repeats: how far tags have come is long, and is set every round."""
MOST_SESSIONS = 500
"""Of all browsers; the oldest make room."""
pack = msgspec.msgpack.Encoder().encode
unpack_key = msgspec.msgpack.Decoder(KeyRecord).decode


# -- audit -------------------------------------------------------------------------------------
def add_audit(
    transaction: Transaction, at: float, actor: str, action: str, target: str, detail: str = ""
) -> None:
    db = transaction.db
    last = value(db, "SELECT digest FROM audit ORDER BY seq DESC LIMIT 1")
    seq, salt = transaction.add("audit"), os.urandom(16)
    bound = bound_of(salt, target, detail)
    digest = digest_of(last or "", seq, at, actor, action, bound)
    db.execute(
        "INSERT INTO audit VALUES(?,?,?,?,?,?,?,?,?)",
        (seq, at, actor, action, target, detail, salt, bound, digest),
    )


def bound_of(salt: bytes, target: str, detail: str) -> str:
    return hashlib.sha256(salt + json.dumps([target, detail]).encode()).hexdigest()


def digest_of(before: str, seq: int, at: float, actor: str, action: str, bound: str) -> str:
    return hashlib.sha256(json.dumps([before, seq, at, actor, action, bound]).encode()).hexdigest()


def forget_target(db: apsw.Connection, target: str) -> None:
    """Take a name out of the trail; inside of details only where it is too long to stand there by chance."""
    db.execute(
        "UPDATE audit SET target = ?2, detail = '', salt = NULL "
        "WHERE target = ?1 OR (?3 AND instr(detail, ?1))",
        (target, ERASED, len(target) >= LONG),
    )


def audit_rows(db: apsw.Connection, after: int, limit: int) -> list[AuditRow]:
    found = rows(
        db,
        "SELECT seq, at, actor, action, target, detail, digest FROM audit WHERE seq > ? ORDER BY seq LIMIT ?",
        (after, limit),
    )
    return [
        AuditRow(seq=seq, at=at, actor=actor, action=action, target=target, detail=detail, digest=digest)
        for seq, at, actor, action, target, detail, digest in found
    ]


def audit_is_whole(db: apsw.Connection) -> bool:
    """Whether every row follows from the one before, and none is missing at the end."""
    before, count = "", 0
    for seq, at, actor, action, target, detail, salt, bound, digest in db.execute(
        "SELECT seq, at, actor, action, target, detail, salt, bound, digest FROM audit ORDER BY seq"
    ):
        count += 1
        spoken = salt is None or bound == bound_of(salt, target, detail)
        if seq != count or not spoken or digest != digest_of(before, seq, at, actor, action, bound):
            return False
        before = digest
    return count == (value(db, "SELECT n FROM counters WHERE name = 'audit'") or 0)


# -- keys --------------------------------------------------------------------------------------
def add_key(transaction: Transaction, key: KeyRecord, actor: str) -> None:
    if key.kind != "key":
        forget_sessions(transaction.db, key.created_at)
    transaction.db.execute("INSERT INTO keys VALUES(?, ?, ?)", (key.id, pack(key), key.last_used_at))
    add_audit(transaction, key.created_at, actor, "key.add", key.id, " ".join(key.scopes))


def forget_sessions(db: apsw.Connection, at: float) -> None:
    """Links and sessions that have ended leave no row, only their lines in the audit."""
    found = [key for key in keys(db) if key.kind != "key"]
    valid = [key for key in found if key.revoked_at is None and (key.expires_at or at) > at]
    kept = {key.id for key in valid[-MOST_SESSIONS + 1 :]}
    db.executemany("DELETE FROM keys WHERE id = ?", [(key.id,) for key in found if key.id not in kept])


def revoke_key(transaction: Transaction, id: str, at: float, actor: str) -> bool:
    """False when there is no such key, or it was revoked before."""
    body = value(transaction.db, "SELECT body FROM keys WHERE id = ?", (id,))
    if body is None or (key := unpack_key(body)).revoked_at is not None:
        return False
    revoked = pack(msgspec.structs.replace(key, revoked_at=at))
    transaction.db.execute("UPDATE keys SET body = ? WHERE id = ?", (revoked, id))
    add_audit(transaction, at, actor, "key.revoke", id)
    return True


def use_keys(transaction: Transaction, last_used_at: Mapping[str, float]) -> None:
    transaction.db.executemany(
        "UPDATE keys SET last_used_at = max(ifnull(last_used_at, ?1), ?1) WHERE id = ?2",
        [(at, id) for id, at in last_used_at.items()],
    )


def keys(db: apsw.Connection) -> list[KeyRecord]:
    stored = rows(db, "SELECT body, last_used_at FROM keys ORDER BY id")
    found = [msgspec.structs.replace(unpack_key(body), last_used_at=at) for body, at in stored]
    return sorted(found, key=lambda key: key.created_at)


# -- settings, checkpoints, answers ----------------------------------------------------------------
def set_setting(transaction: Transaction, name: str, value: str, at: float, actor: str) -> None:
    transaction.db.execute("INSERT OR REPLACE INTO settings VALUES(?, ?)", (name, value))
    said = value if len(value) <= MOST_DETAIL else f"{value[:MOST_DETAIL]}… ({len(value)} characters)"
    add_audit(transaction, at, actor, "setting.set", name, said)


def setting(db: apsw.Connection, name: str) -> str:
    return str(value(db, "SELECT value FROM settings WHERE name = ?", (name,)) or "")


def save_checkpoint(transaction: Transaction, name: str, seq: int, state: bytes) -> None:
    transaction.db.execute("INSERT OR REPLACE INTO checkpoints VALUES(?, ?, ?)", (name, seq, state))


def checkpoint(db: apsw.Connection, name: str) -> tuple[int, bytes] | None:
    found = row(db, "SELECT seq, state FROM checkpoints WHERE name = ?", (name,))
    return None if found is None else (found[0], found[1])


def remember(transaction: Transaction, key: str, answer: bytes, at: float) -> None:
    transaction.db.execute("INSERT OR REPLACE INTO answers VALUES(?, ?, ?)", (key, answer, at))
    transaction.db.execute("DELETE FROM answers WHERE at < ?", (at - DAY,))


def remembered(db: apsw.Connection, key: str) -> bytes | None:
    answer: bytes | None = value(db, "SELECT answer FROM answers WHERE key = ?", (key,))
    return answer
