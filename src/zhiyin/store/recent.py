"""The newest events with the names that people know, for a page that shows what happens."""

from __future__ import annotations

from pathlib import Path

import apsw
import numpy as np

from zhiyin.store.catalogue_rows import item_names
from zhiyin.store.connections import rows
from zhiyin.store.event_bodies import columns_of, unpack
from zhiyin.store.records import EVENT_KINDS, RecentEvent

__all__ = ["recent"]

EVENTS = """
SELECT hex(e.body), e.received_at, coalesce(u.id, ''), coalesce(e.session, ''), coalesce(e.slate, '')
FROM events e LEFT JOIN users u ON u.key = e.user AND e.user > 0
WHERE e.seq > ? ORDER BY e.seq LIMIT ?
"""


def recent(db: apsw.Connection, after: int, limit: int, path: Path) -> list[RecentEvent]:
    """In the order of `seq`, beginning behind `after`."""
    found = rows(db, EVENTS, (after, limit))
    bodies = columns_of(unpack("".join(body for body, *_ in found), path))
    names = item_names(db, np.unique(bodies["items"]).tolist())
    return [
        RecentEvent(
            seq=int(seq), at=None if np.isnan(at) else float(at), received_at=received / 1e6, user=user,
            session=session, item=names.get(int(item), ""), kind=EVENT_KINDS[kind],
            value=None if np.isnan(value) else float(value), slate_id=slate,
        )
        for (_, received, user, session, slate), seq, item, kind, value, at in zip(
            found, bodies["seqs"], bodies["items"], bodies["kinds"], bodies["values"], bodies["at"],
            strict=True,
        )
    ]  # fmt: skip
