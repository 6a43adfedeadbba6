"""What the learned ranker looks at where people come back to the same things."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zhiyin.errors import check_options
from zhiyin.rank.context_features import own_share
from zhiyin.types import Candidates, FloatArray, IntArray, Query

__all__ = ["RepeatFeature"]

HOUR = 3600.0
DAY = 24 * HOUR
NAMES = (
    "count", "share", "steps_since", "hours_since", "gap", "due",
    "hour", "weekday", "hour_of_week", "after_last",
)  # fmt: skip


class RepeatFeature:
    """The asker's habit with each candidate, from the history alone.

    `count` and `share` of the events; steps and hours since the last one; the usual `gap` in hours, and how
    far it has run down (`due`, 1 = now); the share of the asker's events at this time of day, on this weekday
    and at this hour of the week that were with it; and the share of what followed the item of the last event.
    """

    def __init__(self, *, width_hours: float = 1.5) -> None:
        self.width_hours = width_hours
        check_options(self, width_hours=(1e-3, 1e4))

    def names(self, candidates: Candidates) -> tuple[str, ...]:
        return tuple(f"repeat.{name}" for name in NAMES)

    def values(self, query: Query, candidates: Candidates) -> FloatArray:
        items, at = query.history.items, query.history.at
        found = np.full((len(candidates), len(NAMES)), np.nan, np.float32)
        found[:, :2] = 0
        if not len(items):
            return found
        count = own_share(query, candidates, np.ones(len(items))) * len(items)
        found[:, 0], found[:, 1] = np.log1p(count), count / len(items)
        last, first = _ends(items, candidates.items)
        seen = last >= 0
        found[seen, 2] = len(items) - 1 - last[seen]
        if not np.isnan(query.at):
            since = (query.at - at[last]) / HOUR
            gap = (at[last] - at[first]) / HOUR / np.maximum(count - 1, 1)
            found[seen, 3] = since[seen]
            often = seen & (count > 1)
            found[often, 4] = gap[often]
            found[often, 5] = since[often] / np.maximum(gap[often], 0.1)
            for column, weight in enumerate(_alike(query.at, at, self.width_hours), start=6):
                found[:, column] = own_share(query, candidates, weight)
        after = np.zeros(len(items))
        after[1:] = items[:-1] == items[-1]
        found[:, 9] = own_share(query, candidates, after)
        return found


def _ends(history: IntArray, items: IntArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(c,) places of the last and of the first event with each item; -1 where there is none."""
    codes, first = np.unique(history, return_index=True)
    _, last = np.unique(history[::-1], return_index=True)
    at = np.minimum(np.searchsorted(codes, items), len(codes) - 1)
    there = codes[at] == items
    return np.where(there, len(history) - 1 - last[at], -1), np.where(there, first[at], -1)


def _alike(
    now: float, at: NDArray[np.float64], width_hours: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """(h,) how alike in time of day, in weekday and in both each event is to now; 0 without a time."""
    known = ~np.isnan(at)
    apart = np.abs((now - np.where(known, at, now)) % DAY) / HOUR
    apart = np.minimum(apart, 24 - apart)
    hour = np.where(known, np.exp(-0.5 * (apart / width_hours) ** 2), 0.0)
    # Whole days apart, of days that end at the same time of day: events just before midnight are near those
    # just after it.
    days = np.round((now - np.where(known, at, now)) / DAY) % 7
    weekday = np.where(known & (days == 0), 1.0, 0.0)
    return hour, weekday, hour * weekday
