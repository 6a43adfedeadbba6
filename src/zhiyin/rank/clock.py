"""What the learned ranker looks at: what people choose at this time of day, of the week, of the year."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray

from zhiyin.contracts import State
from zhiyin.data.dataset import Dataset
from zhiyin.errors import check_options
from zhiyin.types import Candidates, FloatArray, Query

__all__ = ["ClockFeature"]

HOUR = 3600.0
DAY = 24 * HOUR
MONTH = 365.25 / 12 * DAY
PARTS = {"hour": (24, HOUR), "weekday": (7, DAY), "season": (12, MONTH)}
"""Name -> bins, and seconds of a bin. Hours are of UTC: a data set is of one region or has no hours."""


class ClockFeature:
    """The log lift of each item at this hour, weekday and part of the year, learnt from the log.

    Neighbouring bins lend each other half a count, and `strength` events of the average item are added to
    each, so that a rare item has no opinion. NaN without a clock.
    """

    def __init__(self, *, strength: float = 20.0) -> None:
        self.strength = strength
        self.counts_: dict[str, FloatArray] = {}
        self.usual_: dict[str, NDArray[np.float64]] = {}
        check_options(self, strength=(0, 1e9))

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        timed = ~np.isnan(data.at)
        items, at = data.item[timed], data.at[timed]
        self.counts_ = {}
        for name, (n_bins, seconds) in PARTS.items():
            if len(at) and at.max() - at.min() >= 2 * n_bins * seconds:
                key = items.astype(np.int64) * n_bins + _bin(at, n_bins, seconds)
                counts = np.bincount(key, minlength=data.n_items * n_bins).reshape(-1, n_bins)
                near = 0.5 * (np.roll(counts, 1, axis=1) + np.roll(counts, -1, axis=1))
                self.counts_[name] = (counts + near).astype(np.float32)
        return self._sum()

    def names(self, candidates: Candidates) -> tuple[str, ...]:
        return tuple(f"clock.{name}" for name in self.counts_)

    def values(self, query: Query, candidates: Candidates) -> FloatArray:
        found = np.full((len(candidates), len(self.counts_)), np.nan, np.float32)
        if np.isnan(query.at):
            return found
        for column, (name, counts) in enumerate(self.counts_.items()):
            here = int(_bin(np.array([query.at]), *PARTS[name])[0])
            known = candidates.items < len(counts)
            mine = counts[np.where(known, candidates.items, 0)]
            usual = self.usual_[name]
            share = (mine[:, here] + self.strength * usual[here]) / (mine.sum(axis=1) + self.strength)
            found[:, column] = np.where(known, np.log(share / usual[here]), 0.0)
        return found

    def _sum(self) -> Self:
        """What everybody does when."""
        for name, counts in self.counts_.items():
            total = counts.sum(axis=0, dtype=np.float64) + 1.0
            self.usual_[name] = total / total.sum()
        return self

    def state(self) -> State:
        return dict(self.counts_)

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        self.counts_ = {name: np.asarray(state[name], np.float32) for name in PARTS if name in state}
        return self._sum()


def _bin(at: NDArray[np.float64], n_bins: int, seconds: float) -> NDArray[np.int64]:
    found: NDArray[np.int64] = np.floor(at / seconds).astype(np.int64) % n_bins
    return found
