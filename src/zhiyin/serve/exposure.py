"""How often an item was shown and what followed, day by day, and the last lists that it stood in."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime
from functools import partial

import numpy as np
from numpy.typing import NDArray
from starlette.responses import Response

from zhiyin.serve.call import Call, json_answer
from zhiyin.serve.catalogue import read_aside
from zhiyin.serve.insight_messages import ExposureDay, ItemExposure, StoodIn
from zhiyin.serve.judging import wilson
from zhiyin.serve.problems import Problem
from zhiyin.store.contract import Store
from zhiyin.store.records import EVENT_KINDS, IMPRESSION

__all__ = ["Exposures", "exposure"]

MOST_EVENTS = 1_000_000
"""Of the log, the newest: eight bytes each, once somebody has asked."""
PIECE = 100_000
MOST_DAYS = 60
LISTS = 2_000
"""The newest decisions that are looked through."""
SHOWN_LISTS = 20
DAY_S = 86_400
SHOWN = EVENT_KINDS.index(IMPRESSION)
COLUMNS = np.dtype([("item", np.int32), ("day", np.uint16), ("kind", np.uint8), ("attributed", np.bool_)])
"""Day 0 is 1970-01-01, and an event without a time."""


class Exposures:
    """The columns of the log that tell of items, as far as it was read: every question reads what is new."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._lock = threading.Lock()
        self._read = -1
        self._columns = np.empty(0, COLUMNS)

    def columns(self) -> NDArray[np.void]:
        """(n,) COLUMNS of the newest events."""
        with self._lock:
            if self._read < 0:
                self._read = max(0, self.store.last_seq() - MOST_EVENTS)
            pieces = [self._columns]
            while len((rows := self.store.events_after(self._read, PIECE)).seqs):
                piece = np.empty(len(rows.seqs), COLUMNS)
                piece["item"], piece["kind"] = rows.items, rows.kinds
                piece["day"] = np.clip(np.nan_to_num(rows.at) // DAY_S, 0, 65_535)
                piece["attributed"] = rows.attributed
                pieces.append(piece)
                self._read = int(rows.seqs[-1])
            if len(pieces) > 1:
                self._columns = np.concatenate(pieces)[-MOST_EVENTS:]
            return self._columns

    def of(self, item: str, key: int) -> ItemExposure:
        """`key` is the store's for this item."""
        everything = self.columns()
        rows = everything[everything["item"] == key]
        kinds = Counter(EVENT_KINDS[kind] for kind in rows["kind"].tolist())
        shown = rows["kind"] == SHOWN
        followed = rows["attributed"] & ~shown
        n_shown = int(shown.sum())
        n_followed = min(int(followed.sum()), n_shown)  # at most one for each impression
        low, high = wilson(n_followed, n_shown)
        looked, found = self.store.slates_with(item, among=LISTS)
        return ItemExposure(
            item=item,
            events=len(everything),
            kinds=dict(kinds.most_common()),
            shown=n_shown,
            followed=n_followed,
            rate=round(n_followed / n_shown, 4) if n_shown else None,
            low=low,
            high=high,
            days=_days(rows["day"], shown, followed),
            lists=looked,
            listed=len(found),
            stood_in=[
                StoodIn(slate_id=slate.id, user=slate.user, session=slate.session, at=slate.at, rank=rank)
                for rank, slate in found[:SHOWN_LISTS]
            ],
        )


def _days(
    days: NDArray[np.uint16], shown: NDArray[np.bool_], followed: NDArray[np.bool_]
) -> list[ExposureDay]:
    """The last days up to the newest event of the item, none left out between. Up to the end of each day no
    more has followed than was shown."""
    timed = days > 0
    if not timed.any():
        return []
    last = int(days.max())
    first = max(int(days[timed].min()), last - MOST_DAYS + 1)
    n_shown, n_followed, n_chosen = (
        np.bincount(days[which], minlength=last + 1) for which in (shown, followed, ~shown)
    )
    lacking = np.minimum.accumulate(np.minimum(np.cumsum(n_shown - n_followed), 0))
    n_followed += np.diff(lacking, prepend=0)
    counts = [column[first:].tolist() for column in (n_shown, n_followed, n_chosen)]
    return [
        ExposureDay(
            day=datetime.fromtimestamp((first + at) * DAY_S, UTC).date().isoformat(),
            shown=a, followed=b, chosen=c,
        )
        for at, (a, b, c) in enumerate(zip(*counts))
    ]  # fmt: skip


async def exposure(call: Call) -> Response:
    """Reads what the log has new since the last question, so the first one takes longest."""
    ground, item = call.ground, call.path("item")
    serving = ground.live.serving
    if serving is None or serving.recommender.items_ is None:
        raise Problem("not_ready", "no artefact serves yet", retry_after_s=5)
    code = serving.recommender.items_.ids.code(item)
    key = int(serving.key_of_code[code]) if 0 <= code < len(serving.key_of_code) else 0
    if key == 0:
        raise Problem("not_found", f"there is no item {item!r}", path="item")
    return json_answer(await read_aside(call, partial(ground.exposures.of, item, key)))
