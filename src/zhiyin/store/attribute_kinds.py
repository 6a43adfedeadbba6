"""Which attributes of items are of numbers: settled once for all processes, before a fit has seen them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import apsw

from zhiyin.store.connections import value
from zhiyin.store.group_commit import Transaction

__all__ = ["kinds", "settle_kinds"]

PREFIX = "kind of "
"""Of their rows in the table `about`."""


def kinds(db: apsw.Connection, names: Iterable[str]) -> dict[str, str]:
    """Of those that are settled."""
    found = {name: value(db, "SELECT value FROM about WHERE name = ?", (PREFIX + name,)) for name in names}
    return {name: bytes(kind).decode() for name, kind in found.items() if kind is not None}


def settle_kinds(transaction: Transaction, said: Mapping[str, str]) -> dict[str, str]:
    """What was settled before stands."""
    transaction.db.executemany(
        "INSERT INTO about VALUES(?, ?) ON CONFLICT DO NOTHING",
        [(PREFIX + name, kind.encode()) for name, kind in said.items()],
    )
    return kinds(transaction.db, said)
