"""The log of events: appending, and the reads that answer a request."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import apsw
import msgspec
import numpy as np
from numpy.typing import NDArray

from zhiyin.store.connections import row, value
from zhiyin.store.event_bodies import body_of, columns_of, damaged, unpack
from zhiyin.store.group_commit import Transaction
from zhiyin.store.records import (
    EVENT_KINDS,
    IMPRESSION,
    MOST_VALUE,
    Event,
    EventRows,
    Outcome,
    PastRows,
    ProfileRecord,
)

__all__ = ["AHEAD_S", "MOST_AT", "More", "append", "event_rows", "history", "micros", "session_history"]

KIND_CODES = {kind: code for code, kind in enumerate(EVENT_KINDS)}
SHOWN = KIND_CODES[IMPRESSION]
AHEAD_S = 3600.0
"""An event counts as of an hour after it was received at the latest, whatever its stamp says."""
MOST_AT = 253_402_300_800.0
"""The year 10000, UTC seconds."""


class More(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an event says beyond the columns."""

    words: str = ""
    context: dict[str, str] = {}


class Said(msgspec.Struct, frozen=True):
    """The same without the words, which are passed over."""

    context: dict[str, str] = {}


LIST = b"\xdd"
"""Begins a list in msgpack; its length follows."""
LONGEST_MORE = 16_384
"""Bytes. A history does not read the context beside a longer text: 500 events are 8 MiB at the most."""
pack_more = msgspec.msgpack.Encoder().encode
unpack_more = msgspec.msgpack.Decoder(More).decode
unpack_said = msgspec.msgpack.Decoder(list[Said | None]).decode
unpack_profile = msgspec.msgpack.Decoder(ProfileRecord).decode


def micros(at: float) -> int:
    """UTC seconds as whole microseconds, exact for times given to the microsecond."""
    return round(at * 1e6)


# -- writing -----------------------------------------------------------------------------------
def append(transaction: Transaction, events: Sequence[Event], at: float) -> list[Outcome]:
    """One outcome per event. A bad event is rejected alone."""
    users: dict[str, int] = {"": 0}
    items: dict[str, int] = {"": 0}
    return [append_one(transaction, event, at, users, items) for event in events]


def append_one(
    transaction: Transaction, event: Event, at: float, users: dict[str, int], items: dict[str, int]
) -> Outcome:
    if fault := fault_of(event):
        path, detail = fault
        return Outcome(status="rejected", event_id=event.event_id, code="bad_value", path=path, detail=detail)
    db = transaction.db
    if event.event_id:
        first = value(db, "SELECT seq FROM events WHERE event_id = ?", (event.event_id,))
        if first is not None:
            return Outcome(status="duplicate", event_id=event.event_id, seq=first)
    user = users.get(event.user)
    if user is None:
        user = users[event.user] = user_key(transaction, event.user)
    item = items.get(event.item)
    if item is None:
        item = items[event.item] = item_key(transaction, event.item)
    seq = transaction.add("seq")
    received = micros(at)
    sent = received if event.at is None else micros(event.at)
    when = min(sent, received + micros(AHEAD_S))
    kind = KIND_CODES[event.kind]
    body = body_of(
        seq=seq, at=when, user=user, item=item, kind=kind, value=event.value, attributed=bool(event.slate_id)
    )
    more = pack_more(More(event.words, dict(event.context))) if event.words or event.context else None
    db.execute(
        "INSERT INTO events VALUES(?,?,?,?,?,?,?,?,?,?,?)",
        (
            seq, user, kind, when, body, received, None if sent == when else sent,
            event.event_id or None, event.session or None, event.slate_id or None, more,
        ),
    )  # fmt: skip
    transaction.add("events")
    return Outcome(status="accepted", event_id=event.event_id or f"#{seq}", seq=seq)


def fault_of(event: Event) -> tuple[str, str] | None:
    """Path and words of what the log cannot hold; the interface in front says more, and earlier."""
    if event.kind not in KIND_CODES:
        return "kind", f"expected one of {', '.join(EVENT_KINDS)}"
    if not event.item and event.kind != "search":
        return "item", "expected the id of an item; only a search has none"
    if not event.user and not event.session:
        return "user", "expected a user or a session"
    if event.at is not None and not -MOST_AT < event.at < MOST_AT:
        return "at", "expected UTC seconds between the years -6000 and 10000"
    if event.value is not None and not abs(event.value) < MOST_VALUE:
        return "value", f"expected a finite number below {MOST_VALUE:.0e}"
    texts = (event.user, event.item, event.event_id, event.words, event.slate_id, event.session)
    try:
        "".join((*texts, *event.context, *event.context.values())).encode()
    except UnicodeEncodeError:
        return "", "expected text that UTF-8 can hold, got a lone surrogate"
    return None


def user_key(transaction: Transaction, user: str) -> int:
    known = value(transaction.db, "SELECT key FROM users WHERE id = ?", (user,))
    if known is not None:
        return int(known)
    # Keys are never given twice, so that what still counts an erased user's key meets no other user.
    key = transaction.add("user_key")
    transaction.db.execute("INSERT INTO users(key, id) VALUES(?, ?)", (key, user))
    transaction.add("users")
    return key


def item_key(transaction: Transaction, item: str) -> int:
    known = value(transaction.db, "SELECT key FROM items WHERE id = ?", (item,))
    if known is not None:
        return int(known)
    key, revision = transaction.add("item_key"), transaction.add("revision")
    transaction.db.execute("INSERT INTO items(key, id, revision) VALUES(?, ?, ?)", (key, item, revision))
    return key


# -- reading -----------------------------------------------------------------------------------
# The bodies come as one text: every row that the database hands over by itself costs a turn at the
# interpreter's lock, which under load is dearer than reading it. They stand in the index; what else an
# event says stands in its row, and is looked up only for who asks for it: behind a space, as one list.
BODIES = ("group_concat(hex(body), '')", "body")
WITH_MORE = (
    f"{BODIES[0]} || ' ' || group_concat(hex(ifnull(more, x'C0')), '')",
    f"body, iif(length(more) <= {LONGEST_MORE}, more, NULL) AS more",
)


def of_user(text: str, columns: str) -> str:
    return f"""
        SELECT u.key, (SELECT {text} FROM (
            SELECT {columns} FROM events WHERE user = u.key AND kind <> {SHOWN}
            ORDER BY at DESC, seq DESC LIMIT ?2)), (SELECT body FROM profiles WHERE user = u.key)
        FROM users u WHERE u.id = ?1 AND u.personalise
        """  # noqa: S608 - constants


def of_session(text: str, columns: str) -> str:
    return f"""
        SELECT {text} FROM (
            SELECT {columns} FROM events WHERE session = ?1 AND session IS NOT NULL AND kind <> {SHOWN}
                AND NOT EXISTS (SELECT 1 FROM users WHERE key = user AND NOT personalise)
            ORDER BY at DESC, seq DESC LIMIT ?2)
        """  # noqa: S608 - constants


HISTORY, HISTORY_WITH_MORE = of_user(*BODIES), of_user(*WITH_MORE)
SESSION, SESSION_WITH_MORE = of_session(*BODIES), of_session(*WITH_MORE)
ROWS = "SELECT group_concat(hex(body), '') FROM (SELECT body FROM events WHERE seq > ? ORDER BY seq LIMIT ?)"


def after(text: str, columns: str) -> str:
    return f"""
        SELECT {text}, group_concat(iif(personalise, NULL, seq), ' ') FROM (
            SELECT seq, {columns}, ifnull(personalise, 1) AS personalise
            FROM events LEFT JOIN users ON users.key = events.user WHERE seq > ? ORDER BY seq LIMIT ?)
        """  # noqa: S608 - constants


ROWS_AND_OPTED_OUT, WITH_CONTEXT = after(*BODIES), after(*WITH_MORE)


def history(db: apsw.Connection, user: str, n: int, path: Path, context: Sequence[str] = ()) -> PastRows:
    found = row(db, HISTORY_WITH_MORE if context else HISTORY, (user, n))
    key, text, profile = found or (0, None, None)
    bodies, said = past(text, context, path)
    if not (bodies["user"] == key).all():
        raise damaged(path, f"events of other users stand under {key}")
    kept = None if profile is None else unpack_profile(profile)
    return PastRows(**columns_of(bodies), context=said, profile=kept)  # type: ignore[arg-type]


def session_history(
    db: apsw.Connection, session: str, n: int, path: Path, context: Sequence[str] = ()
) -> PastRows:
    text = value(db, SESSION_WITH_MORE if context else SESSION, (session, n))
    bodies, said = past(text, context, path)
    return PastRows(**columns_of(bodies), context=said)  # type: ignore[arg-type]


def past(
    text: str | None, names: Sequence[str], path: Path
) -> tuple[NDArray[np.void], dict[str, NDArray[np.str_]]]:
    """Bodies and the words of some contexts, oldest first, from text that has the newest first."""
    bodies, said = told(text, names, path)
    return bodies[::-1], {name: words[::-1] for name, words in said.items()}


def told(
    text: str | None, names: Sequence[str], path: Path
) -> tuple[NDArray[np.void], dict[str, NDArray[np.str_]]]:
    """Bodies and the words of some contexts, in the order of the text."""
    packed, _, more = (text or "").partition(" ")
    bodies = unpack(packed, path)
    if not names:
        return bodies, {}
    try:
        said = unpack_said(LIST + len(bodies).to_bytes(4, "big") + bytes.fromhex(more))
    except msgspec.MsgspecError as error:
        raise damaged(path, f"what an event says beside its item cannot be read: {error}") from error
    contexts = [{} if one is None else one.context for one in said]
    return bodies, {name: np.array([one.get(name, "") for one in contexts], np.str_) for name in names}


def event_rows(
    db: apsw.Connection, seq: int, limit: int, path: Path, context: Sequence[str] = ()
) -> EventRows:
    text, private = row(db, WITH_CONTEXT if context else ROWS_AND_OPTED_OUT, (seq, limit)) or (None, None)
    bodies, said = told(text, context, path)
    return EventRows(
        context=said,
        users=bodies["user"].astype(np.int64),
        attributed=bodies["attributed"].astype(np.bool_),
        opted_out=np.isin(bodies["seq"], np.array((private or "").split(), np.int64)),
        **columns_of(bodies),  # type: ignore[arg-type]
    )
