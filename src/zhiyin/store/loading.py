"""A data set into an empty store: the rows first, the indexes after, all in one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from zhiyin.data.dataset import Dataset
from zhiyin.errors import StoreError
from zhiyin.store.catalogue_rows import pack as pack_record
from zhiyin.store.connections import rows
from zhiyin.store.event_bodies import BODY, NO_TIME, seal_all
from zhiyin.store.event_log import More, micros, pack_more
from zhiyin.store.group_commit import Transaction
from zhiyin.store.records import ItemRecord, UserRecord

__all__ = ["load"]

PIECE = 50_000


def load(transaction: Transaction, data: Dataset, at: float) -> None:
    """Events stand in the log in the order of time. The words of a context column `session` are sessions."""
    db = transaction.db
    for table in ("events", "items", "users"):
        if db.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is not None:  # noqa: S608
            raise StoreError(f"the store has {table} already: a data set is loaded into a new store only")
    remade = rows(
        db, "SELECT name, sql FROM sqlite_master WHERE tbl_name = 'events' AND sql LIKE 'CREATE%INDEX%'"
    )
    for name, _ in remade:
        db.execute(f"DROP INDEX {name}")
    db.executemany("INSERT INTO items VALUES(?,?,?,?)", item_rows(data, at))
    db.executemany("INSERT INTO users VALUES(?,?,?,1)", user_rows(data, at))
    for piece in event_rows(data, at):
        db.executemany("INSERT INTO events VALUES(?,?,?,?,?,?,NULL,NULL,?,NULL,?)", piece)
    for _, sql in remade:
        db.execute(sql)
    about = {"kind_weights": msgspec.msgpack.encode(data.kind_weights), "name": data.name.encode()}
    db.executemany("INSERT OR REPLACE INTO about VALUES(?, ?)", about.items())
    for counter, n in (
        ("seq", len(data)),
        ("events", len(data)),
        ("users", data.n_users),
        ("items", data.n_items),
    ):
        transaction.add(counter, n)
    for counter, n in (("user_key", data.n_users), ("item_key", data.n_items), ("revision", data.n_items)):
        transaction.add(counter, n)


def item_rows(data: Dataset, at: float) -> Iterator[tuple[Any, ...]]:
    items = data.items
    for code, id in enumerate(items.ids):
        item = items.item(code)
        attributes: dict[str, float | str | list[str]] = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in item.attributes.items()
        }
        title = "" if item.title == id else item.title
        record = ItemRecord(id=id, title=title, text=item.text, attributes=attributes, updated_at=at)
        yield code + 1, id, pack_record(record), code + 1


def user_rows(data: Dataset, at: float) -> Iterator[tuple[int, str, bytes | None]]:
    for code, id in enumerate(data.users):
        attributes: dict[str, float | str | list[str]] = {
            name: list(column.words(code)) for name, column in data.user_words.items() if column.words(code)
        }
        for name, numbers in data.user_numbers.items():
            if not np.isnan(numbers[code]):
                attributes[name] = float(numbers[code])
        record = UserRecord(id=id, attributes=attributes, updated_at=at) if attributes else None
        yield code + 1, id, None if record is None else pack_record(record)


def event_rows(data: Dataset, at: float) -> Iterator[Iterator[tuple[Any, ...]]]:
    """Pieces of rows, ready to be bound."""
    order = np.argsort(data.at, kind="stable") if data.has_clock else np.arange(len(data))
    stamps = np.where(np.isnan(data.at), NO_TIME, np.round(data.at * 1e6)).astype(np.int64)
    for start in range(0, len(data), PIECE):
        rows = order[start : start + PIECE]
        bodies = np.zeros(len(rows), BODY)
        bodies["seq"] = np.arange(start + 1, start + 1 + len(rows))
        bodies["user"], bodies["item"] = data.user[rows] + 1, data.item[rows] + 1
        bodies["kind"], bodies["value"], bodies["at"] = data.kind[rows], data.value[rows], stamps[rows]
        seal_all(bodies)
        packed, size = bodies.tobytes(), BODY.itemsize
        yield zip(
            bodies["seq"].tolist(), bodies["user"].tolist(), bodies["kind"].tolist(),
            [None if at == NO_TIME else at for at in bodies["at"].tolist()],
            [packed[place : place + size] for place in range(0, len(packed), size)],
            [micros(at)] * len(rows), *said(data, rows), strict=True,
        )  # fmt: skip


def said(data: Dataset, rows: NDArray[np.intp]) -> tuple[list[str | None], list[bytes | None]]:
    """Sessions and packed contexts of some rows."""
    columns = {name: words[rows].tolist() for name, words in data.context.items()}
    sessions = [word or None for word in columns.pop("session", [""] * len(rows))]
    if not columns:
        return sessions, [None] * len(rows)
    contexts = (
        {name: word for name, word in zip(columns, words, strict=True) if word}
        for words in zip(*columns.values(), strict=True)
    )
    return sessions, [pack_more(More(context=context)) if context else None for context in contexts]
