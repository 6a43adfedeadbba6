"""What users did, for asking: a snapshot and whatever came in since."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from zhiyin.data.catalogue import Ids
from zhiyin.data.dataset import Dataset
from zhiyin.data.events import check_event
from zhiyin.data.weights import KindWeights
from zhiyin.types import KINDS, History, Interaction

__all__ = ["Histories", "history_of"]


def history_of(events: Iterable[Interaction], items: Ids, weights: KindWeights | None = None) -> History:
    """Events, oldest first, as arrays. An item that `items` does not know has the code -1.

    DataError for an event that cannot be (`events.py`); its user may be empty.
    """
    rows = list(events)
    for row in rows:
        check_event(row, named=False)
    kind = np.array([KINDS.index(row.kind) for row in rows], np.int8)
    value = np.array([np.nan if row.value is None else row.value for row in rows], np.float32)
    context = {
        name: np.array([row.context.get(name, "") for row in rows], np.str_)
        for name in sorted({name for row in rows for name in row.context})
    }
    return History(
        items=items.codes(row.item for row in rows),
        weights=(weights or KindWeights()).weigh(kind, value, context),
        at=np.array([np.nan if row.at is None else row.at for row in rows], np.float64),
        context=context,
    )


class Histories:
    """Histories by user id: the rows of a snapshot, then the events that came since, in the order they came.

    An event that is older than what is known takes its place by time.
    """

    def __init__(self, snapshot: Dataset) -> None:
        self.snapshot = snapshot
        self.weights = snapshot.kind_weights
        self.newest = float(np.nanmax(snapshot.at)) if snapshot.has_clock else -math.inf
        """Time of the newest event known, UTC seconds; -inf without a clock."""
        self._since: dict[str, list[Interaction]] = defaultdict(list)

    def append(self, event: Interaction) -> None:
        """One more event; its user may be new."""
        check_event(event)
        self._since[event.user].append(event)
        if event.at is not None:
            self.newest = max(self.newest, event.at)

    def latest(self, past: History) -> float:
        """UTC seconds of the newest event known, those of `past` included; NaN where only the order is."""
        dated = past.at[~np.isnan(past.at)]
        newest = max(float(dated.max()) if len(dated) else -math.inf, self.newest)
        return newest if math.isfinite(newest) else math.nan

    def of(self, user: str, items: Ids) -> History:
        """Everything that a user did, oldest first; empty for a stranger. Codes are those of `items`."""
        code = self.snapshot.users.code(user)
        past = self.snapshot.history(code) if code >= 0 else History()
        since = self._since.get(user)
        if not since:
            return past
        live = history_of(since, items, self.weights)
        joined = past.joined(live)
        if np.isnan(joined.at).any():
            return joined
        return joined.take(np.argsort(joined.at, kind="stable"))
