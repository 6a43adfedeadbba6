"""Counts by hour, group and item: sparse by the hour, added up for the windows that are asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray

from zhiyin.contracts import State
from zhiyin.types import IntArray

__all__ = ["Hours"]

KEPT = 170
"""Hours: a week, the one in which it begins, and one that an event may be ahead."""
HOUR_DIGIT = 1 << 40
"""Above every (item, group)."""
MANY = 32
"""So many batches of an hour are worth adding up."""


class Hours:
    """What was counted in each of the last `KEPT` hours; not safe for threads by itself."""

    def __init__(self, n_groups: int) -> None:
        self.n_groups = n_groups
        self.newest = -1
        """The newest hour that has an event."""
        self._hours: dict[int, list[tuple[NDArray[np.int64], NDArray[np.int64]]]] = {}
        """hour -> batches of (item * n_groups + group, count)."""
        self._sums: dict[tuple[int, int, int], NDArray[np.int64]] = {}
        """(group, first hour, last hour) -> (n_items,): the windows that were asked for last."""

    def add(self, items: IntArray, groups: NDArray[np.integer], hours: NDArray[np.int64]) -> None:
        """(b,) events; those older than what is kept are left out."""
        if not len(items):
            return
        self.newest = max(self.newest, int(hours.max()))
        for old in [hour for hour in self._hours if hour <= self.newest - KEPT]:
            del self._hours[old]
        kept, oldest = hours > self.newest - KEPT, self.newest - KEPT
        keys = items[kept].astype(np.int64) * self.n_groups + groups[kept]
        # One sort for all hours: they are the high digits of the key.
        found, n = np.unique((hours[kept] - oldest) * HOUR_DIGIT + keys, return_counts=True)
        edges = np.searchsorted(found, np.arange(1, KEPT + 2) * HOUR_DIGIT)
        for after in np.flatnonzero(np.diff(edges)).tolist():
            part = slice(edges[after], edges[after + 1])
            self._put(oldest + 1 + after, found[part] % HOUR_DIGIT, n[part])

    def _put(self, hour: int, keys: NDArray[np.int64], n: NDArray[np.int64]) -> None:
        batches = self._hours.setdefault(hour, [])
        batches.append((keys, n))
        if len(batches) > MANY:
            batches[:] = [_added(batches)]
        self._note(hour, keys, n)

    def _note(self, hour: int, keys: NDArray[np.int64], n: NDArray[np.int64]) -> None:
        """Brings the windows that were asked for up to date."""
        for (group, first, last), total in list(self._sums.items()):
            mine = keys % self.n_groups == group
            if first <= hour <= last and mine.any():
                items = keys[mine] // self.n_groups
                if items[-1] >= len(total):
                    room = np.zeros(max(int(items[-1]) + 1, 2 * len(total)), np.int64)
                    room[: len(total)] = total
                    self._sums[group, first, last] = total = room
                total[items] += n[mine]

    def total(self, group: int, n_hours: int, now: float) -> NDArray[np.float64]:
        """(n_items or fewer,) events of a group in the `n_hours` before `now`, counted in hours.

        The hour in which the window begins counts by the part that lies inside.
        """
        last = math.floor(now)
        # An event may say that it is up to an hour ahead: it counts already.
        whole = self._sum(group, last - n_hours + 1, last + 1)
        edge = self._sum(group, last - n_hours, last - n_hours)
        found = np.zeros(max(len(whole), len(edge)))
        found[: len(whole)] += whole
        found[: len(edge)] += edge * (1.0 - (now - last))
        return found

    def _sum(self, group: int, first: int, last: int) -> NDArray[np.int64]:
        known = self._sums.get((group, first, last))
        if known is None:
            for old in [key for key in self._sums if key[2] - key[1] == last - first and key[0] == group]:
                del self._sums[old]
            batches = [batch for hour in range(first, last + 1) for batch in self._hours.get(hour, ())]
            keys, n = _added(batches) if batches else (np.empty(0, np.int64), np.empty(0, np.int64))
            mine = keys % self.n_groups == group
            known = np.bincount(keys[mine] // self.n_groups, n[mine]).astype(np.int64)
            self._sums[group, first, last] = known
        return known

    def state(self) -> State:
        rows = [(hour, *_added(batches)) for hour, batches in sorted(self._hours.items())]
        nothing = np.empty(0, np.int64)
        return {
            "hours": np.concatenate([nothing, *(np.full(len(keys), hour) for hour, keys, _ in rows)]),
            "keys": np.concatenate([nothing, *(keys for _, keys, _ in rows)]),
            "counts": np.concatenate([nothing, *(n for *_, n in rows)]),
            "newest": np.array([self.newest], np.int64),
        }

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        hours, keys, counts = (np.asarray(state[name], np.int64) for name in ("hours", "keys", "counts"))
        self.newest = int(np.asarray(state["newest"], np.int64)[0])
        self._sums = {}
        self._hours = {
            hour: [(keys[hours == hour], counts[hours == hour])] for hour in np.unique(hours).tolist()
        }
        return self


def _added(
    batches: list[tuple[NDArray[np.int64], NDArray[np.int64]]],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Many batches as one, keys in order."""
    keys, place = np.unique(np.concatenate([keys for keys, _ in batches]), return_inverse=True)
    total = np.bincount(place, np.concatenate([n for _, n in batches]), minlength=len(keys))
    return keys, total.astype(np.int64)
