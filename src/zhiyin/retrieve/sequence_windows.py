"""Behaviour as sequences for training: windows of events, each position asked for the event after it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from zhiyin.data.dataset import Dataset
from zhiyin.types import FloatArray, IntArray, TimeArray

__all__ = ["N_GAPS", "N_WEIGHTS", "Batch", "Sequences", "gap_buckets", "weight_buckets"]

N_GAPS = 30
"""Buckets of the time to the next event: 0 unknown, 1 none, then one for each doubling of seconds."""
WEIGHT_STEPS = np.array([0.0, 0.75, 1.25, 1.75], np.float32)
N_WEIGHTS = len(WEIGHT_STEPS) + 1
"""Buckets of an event's weight: disliked, less than a click, a click, a purchase or so, more."""


def gap_buckets(seconds: TimeArray) -> NDArray[np.int64]:
    """(n,) of the time from each event to the one after it (or to the question); NaN = unknown."""
    known = np.nan_to_num(np.maximum(seconds, 0), nan=0.0)
    doubled = 1 + np.ceil(np.log2(1 + known)).astype(np.int64)
    return np.where(np.isnan(seconds), 0, np.minimum(doubled, N_GAPS - 1))


def weight_buckets(weights: FloatArray) -> NDArray[np.int64]:
    """(n,) of the preference that each event stands for."""
    return np.searchsorted(WEIGHT_STEPS, weights, side="right")


@dataclass(frozen=True, slots=True)
class Batch:
    """Windows of about one length, padded at their ends: (b, l) each."""

    items: NDArray[np.int64]
    gaps: NDArray[np.int64]
    weights: NDArray[np.int64]
    targets: NDArray[np.int64]
    asked: NDArray[np.bool_]
    """False where nothing follows, or what follows was disliked."""


@dataclass(frozen=True, slots=True)
class Sequences:
    """The events of every user, oldest first, in places of the items that have any."""

    item: NDArray[np.int64]
    """(e,) places in `known`."""
    gap: NDArray[np.int64]
    """(e,) bucket of the time to the user's next event; 0 for the last."""
    weight: NDArray[np.int64]
    """(e,) bucket of the weight."""
    indptr: NDArray[np.int64]
    """(users + 1,)"""
    known: IntArray
    """(k,) codes of the items with events."""

    @classmethod
    def of(cls, data: Dataset) -> Sequences:
        known = np.unique(data.item).astype(np.int32)
        seconds = np.append(np.diff(data.at), np.nan) if len(data) else data.at
        seconds[data.indptr[1:][np.diff(data.indptr) > 0] - 1] = np.nan
        return cls(
            np.searchsorted(known, data.item).astype(np.int64),
            gap_buckets(seconds),
            weight_buckets(data.weight),
            data.indptr,
            known,
        )

    def counts(self) -> NDArray[np.int64]:
        """(k,) events per item."""
        return np.bincount(self.item, minlength=len(self.known))

    def held(self, users: NDArray[np.int64]) -> Sequences:
        """The same without the last event of these users, which then can be asked for."""
        rows = np.ones(len(self.item), np.bool_)
        rows[self.indptr[1:][users] - 1] = False
        fewer = np.zeros(len(self.indptr), np.int64)
        fewer[1:][users] = 1
        return replace(
            self,
            item=self.item[rows],
            gap=self.gap[rows],
            weight=self.weight[rows],
            indptr=self.indptr - np.cumsum(fewer),
        )

    def windows(self, length: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Starts and sizes that cover every step once; a long sequence is cut at places that `rng` moves."""
        steps = np.maximum(np.diff(self.indptr) - 1, 0)
        shift = np.where(steps > length, rng.integers(1, length + 1, len(steps)), length)
        n = np.where(steps > 0, 1 + np.maximum(0, -(-(steps - shift) // length)), 0)
        place = np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)
        first, whole = np.repeat(shift, n), np.repeat(steps, n)
        start = np.where(place == 0, 0, first + (place - 1) * length)
        end = np.minimum(first + place * length, whole)
        return start + np.repeat(self.indptr[:-1], n), end - start

    def batches(self, length: int, tokens: int, rng: np.random.Generator) -> Iterator[Batch]:
        """All windows once, in random order, those of like size together; about `tokens` events a batch."""
        start, size = self.windows(length, rng)
        order = np.argsort(size * rng.uniform(0.9, 1.1, len(size)), kind="stable")
        groups: list[list[int]] = [[]]
        longest = 0
        for window in order.tolist():
            longest = max(longest, int(size[window]))
            if groups[-1] and longest * (len(groups[-1]) + 1) > tokens:
                groups.append([])
                longest = int(size[window])
            groups[-1].append(window)
        for place in rng.permutation(len(groups)) if len(order) else ():
            yield self.batch(start[groups[place]], size[groups[place]])

    def batch(self, start: NDArray[np.int64], size: NDArray[np.int64]) -> Batch:
        """The windows at these rows; each needs one row after its last."""
        steps = np.arange(int(size.max()))
        inside = steps < size[:, None]
        rows = np.where(inside, start[:, None] + steps, start[:, None])
        after = rows + inside
        return Batch(
            np.where(inside, self.item[rows], 0),
            np.where(inside, self.gap[rows], 0),
            np.where(inside, self.weight[rows], 0),
            self.item[after],
            inside & (self.weight[after] > 0),
        )
