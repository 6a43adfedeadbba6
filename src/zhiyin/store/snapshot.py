"""The whole log and catalogue as a data set for fitting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import apsw
import msgspec
import numpy as np
from numpy.typing import NDArray

from zhiyin.data.catalogue import Catalogue, Categories, Ids
from zhiyin.data.dataset import Dataset
from zhiyin.data.weights import KindWeights
from zhiyin.prepared import prepared
from zhiyin.store.catalogue_rows import unpack as unpack_item
from zhiyin.store.catalogue_rows import unpack_tags
from zhiyin.store.connections import value
from zhiyin.store.event_bodies import BODY, NO_TIME, unpack
from zhiyin.store.event_log import ROWS, unpack_more
from zhiyin.store.people import unpack as unpack_user
from zhiyin.store.records import UserRecord, as_item
from zhiyin.types import KINDS, Item

__all__ = ["snapshot"]

PIECE = 50_000
"""Events of one read; between pieces other threads have their turn."""


def snapshot(db: apsw.Connection, path: Path) -> Dataset:
    """One state of the store. Left out: impressions, events without an item, users who opted out.

    Items that events name and nobody describes stand there with their bare ids. A visitor without a
    name is a user called after the session. Events without a clock count as old as the oldest with one.
    """
    db.execute("BEGIN")
    try:
        about = dict(db.execute("SELECT name, value FROM about"))
        rows = read_events(db, path)
        context = read_context(db, rows)
        keep = (rows["kind"] < len(KINDS)) & (rows["item"] > 0) & ~np.isin(rows["user"], opted_out(db))
        rows, context = rows[keep], {name: words[keep] for name, words in context.items()}
        catalogue, item = catalogue_of(db, rows["item"])
        users, user, records = users_of(db, rows)
    finally:
        db.execute("COMMIT")
    return Dataset.build(
        users=users,
        items=catalogue,
        user=user,
        item=item,
        kind=rows["kind"].astype(np.int8),
        value=rows["value"].astype(np.float32),
        at=times(rows["at"]),
        context={name: words for name, words in context.items() if (words != "").any()},
        weights=weights_of(about),
        name=bytes(about.get("name", b"store")).decode(),
        **attributes_of(records),
    )


def read_events(db: apsw.Connection, path: Path) -> NDArray[np.void]:
    """Every event as a row of `BODY`, by seq."""
    pieces, last = [np.empty(0, BODY)], 0
    while True:
        piece = unpack(value(db, ROWS, (last, PIECE)), path)
        if not len(piece):
            return np.concatenate(pieces)
        last = int(piece["seq"][-1])
        pieces.append(piece)


def times(stamps: NDArray[np.int64]) -> NDArray[np.float64]:
    known = stamps != NO_TIME
    if not known.any():
        return np.full(len(stamps), np.nan)
    return np.where(known, stamps, stamps[known].min()) / 1e6


def read_context(db: apsw.Connection, rows: NDArray[np.void]) -> dict[str, NDArray[np.str_]]:
    """name -> one word per row, "" = unknown."""
    columns: dict[str, list[str]] = {}
    found = db.execute("SELECT seq, more FROM events WHERE more IS NOT NULL ORDER BY seq")
    while piece := list(islice(found, PIECE)):
        places = np.searchsorted(rows["seq"], np.array([seq for seq, _ in piece], np.int64))
        for place, (_, more) in zip(places.tolist(), piece, strict=True):
            for name, word in unpack_more(more).context.items():
                column = columns.get(name)
                if column is None:
                    column = columns[name] = [""] * len(rows)
                column[place] = word
    return {name: np.array(columns[name], np.str_) for name in sorted(columns)}


def opted_out(db: apsw.Connection) -> NDArray[np.int64]:
    return np.array([key for (key,) in db.execute("SELECT key FROM users WHERE NOT personalise")], np.int64)


def catalogue_of(db: apsw.Connection, named: NDArray[np.int64]) -> tuple[Catalogue, NDArray[np.int32]]:
    """Described items and those that the events name, by key; and the code of each event's item."""
    counts = np.bincount(named, minlength=1)
    things: list[Item] = []
    codes = np.full(len(counts), -1, np.int32)
    described = "SELECT i.key, i.id, i.record, t.body FROM items i LEFT JOIN tags t ON t.item = i.key"
    for key, id, record, tags in db.execute(f"{described} ORDER BY i.key"):
        if record is None and not (key < len(counts) and counts[key]):
            continue
        if key < len(codes):
            codes[key] = len(things)
        said = None if tags is None else unpack_tags(tags)
        things.append(Item(id) if record is None else as_item(unpack_item(record), said))
    return Catalogue.of(things), codes[named]


def users_of(
    db: apsw.Connection, rows: NDArray[np.void]
) -> tuple[Ids, NDArray[np.int32], list[UserRecord | None]]:
    """Users who did something, by key; the code of each row's user; their records."""
    keys = np.unique(rows["user"])
    named = keys[keys > 0]
    seen = set(named.tolist())
    ids: dict[str, int] = {}
    records: list[UserRecord | None] = []
    for key, id, record in db.execute("SELECT key, id, record FROM users ORDER BY key"):
        if key in seen:
            ids[id] = len(ids)
            records.append(None if record is None else unpack_user(record))
    codes = np.searchsorted(named, rows["user"]).astype(np.int32)
    visitors = np.flatnonzero(rows["user"] == 0)
    if len(visitors):
        sessions = dict(db.execute("SELECT seq, session FROM events WHERE user = 0 AND kind <> 13"))
        for row, seq in zip(visitors.tolist(), rows["seq"][visitors].tolist(), strict=True):
            codes[row] = ids.setdefault(f"session:{sessions[seq]}", len(ids))
    records += [None] * (len(ids) - len(records))
    return Ids(ids), codes, records


def attributes_of(records: Sequence[UserRecord | None]) -> dict[str, Any]:
    """Word and number columns of the users; numbers where every value given is one."""
    given = [{} if record is None else record.attributes for record in records]
    names = sorted({name for row in given for name in row})
    numeric = [name for name in names if all(is_number(row.get(name, 0.0)) for row in given)]
    return {
        "user_words": {
            name: Categories.of([as_words(row.get(name)) for row in given])
            for name in names
            if name not in numeric
        },
        "user_numbers": {name: column(given, name) for name in numeric},
    }


def column(given: Sequence[Mapping[str, Any]], name: str) -> NDArray[np.float64]:
    return np.array([row.get(name, np.nan) for row in given], np.float64)


def is_number(said: object) -> bool:
    return isinstance(said, (int, float))


def as_words(said: object) -> Sequence[str]:
    if said is None:
        return ()
    return [str(word) for word in said] if isinstance(said, list) else [str(said)]


def weights_of(about: Mapping[str, bytes]) -> KindWeights | None:
    """The weights that a loaded data set came with."""
    said = about.get("kind_weights")
    return None if said is None else msgspec.msgpack.decode(said, type=prepared(KindWeights))
