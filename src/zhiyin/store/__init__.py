"""Durable state: the log of events, the catalogue, users, answers, keys, behind one contract."""

from zhiyin.store.contract import Store
from zhiyin.store.records import (
    AuditRow,
    Event,
    EventRows,
    InterestRecord,
    ItemChange,
    ItemRecord,
    KeyRecord,
    Outcome,
    PastRows,
    ProfileRecord,
    Receipt,
    Shown,
    Slate,
    TagsRecord,
    UserRecord,
)
from zhiyin.store.sqlite_store import SqliteStore

__all__ = [
    "AuditRow",
    "Event",
    "EventRows",
    "InterestRecord",
    "ItemChange",
    "ItemRecord",
    "KeyRecord",
    "Outcome",
    "PastRows",
    "ProfileRecord",
    "Receipt",
    "Shown",
    "Slate",
    "SqliteStore",
    "Store",
    "TagsRecord",
    "UserRecord",
]
