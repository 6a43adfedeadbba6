"""Durable state: the log of events, the catalogue, users, answers, keys, behind one contract."""

from zhiyin.store.contract import Store
from zhiyin.store.records import (
    AuditRow,
    Event,
    EventRows,
    ItemChange,
    ItemRecord,
    KeyRecord,
    Outcome,
    PastRows,
    Receipt,
    Shown,
    Slate,
    UserRecord,
)
from zhiyin.store.sqlite_store import SqliteStore

__all__ = [
    "AuditRow",
    "Event",
    "EventRows",
    "ItemChange",
    "ItemRecord",
    "KeyRecord",
    "Outcome",
    "PastRows",
    "Receipt",
    "Shown",
    "Slate",
    "SqliteStore",
    "Store",
    "UserRecord",
]
