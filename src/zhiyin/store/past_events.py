"""Events as they were sent, for the user whom they are about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw
import numpy as np

from zhiyin.store.connections import rows, value
from zhiyin.store.event_bodies import NO_TIME, unpack
from zhiyin.store.event_log import More, unpack_more
from zhiyin.store.records import EVENT_KINDS

__all__ = ["events_of_user"]

COLUMNS = "seq, hex(body), received_at, sent_at, event_id, session, slate, more"
OF_USER = " UNION ALL ".join(
    f"SELECT {COLUMNS} FROM events WHERE user = ?1 AND {part}"  # noqa: S608 - constants
    for part in ("kind <> 13", "kind = 13")
)


def events_of_user(db: apsw.Connection, key: int, path: Path) -> list[dict[str, Any]]:
    """In the order of the log, ready for JSON; what an event does not say is left out."""
    found = rows(db, OF_USER + " ORDER BY 1", (key,))
    bodies = unpack("".join(row[1] for row in found), path)
    ids: dict[int, str | None] = {0: None}
    for item in set(bodies["item"].tolist()) - {0}:
        ids[item] = value(db, "SELECT id FROM items WHERE key = ?", (item,))
    return [as_dict(body, ids[body["item"]], *row[2:]) for body, row in zip(bodies, found, strict=True)]


def as_dict(
    body: np.void,
    item: str | None,
    received_at: int,
    sent_at: int | None,
    event_id: str | None,
    session: str | None,
    slate: str | None,
    more: bytes | None,
) -> dict[str, Any]:
    rest = More() if more is None else unpack_more(more)
    stamp = int(body["at"]) if sent_at is None else sent_at
    said = {
        "seq": int(body["seq"]),
        "event_id": event_id or f"#{body['seq']}",
        "item": item,
        "kind": EVENT_KINDS[body["kind"]],
        "value": None if np.isnan(body["value"]) else float(str(body["value"])),
        "at": None if stamp == NO_TIME else stamp / 1e6,
        "received_at": received_at / 1e6,
        "session": session,
        "slate_id": slate,
        "words": rest.words or None,
        "context": rest.context or None,
    }
    return {name: part for name, part in said.items() if part is not None}
