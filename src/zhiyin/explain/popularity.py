"""How often each item was chosen: all time, lately, and since when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from zhiyin.contracts import State
from zhiyin.data.dataset import Dataset
from zhiyin.types import TimeArray

__all__ = ["LATELY_DAYS", "Popularity"]

DAY = 86400.0
LATELY_DAYS = 30.0


@dataclass(frozen=True, slots=True)
class Popularity:
    """Counts of the positive interactions of a fit; items that came later are not in them."""

    counts: NDArray[np.int64]
    """(n,) all of them."""
    lately: NDArray[np.int64]
    """(n,) those of the last `LATELY_DAYS` before the newest; zeros without a clock."""
    first: TimeArray
    """(n,) UTC seconds of the first one; NaN = none, or no clock."""
    span: tuple[float, float]
    """UTC seconds of the oldest and the newest; NaN without a clock."""
    order: NDArray[np.int64] = field(init=False)
    """(n,) counts, ascending; for places."""
    order_lately: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", np.sort(self.counts))
        object.__setattr__(self, "order_lately", np.sort(self.lately))

    @classmethod
    def of(cls, data: Dataset) -> Self:
        liked = data.weight > 0
        item, at = data.item[liked], data.at[liked]
        n = data.n_items
        first = np.full(n, np.inf)
        np.fmin.at(first, item, at)
        clock = at[~np.isnan(at)]
        span = (float(clock.min()), float(clock.max())) if len(clock) else (np.nan, np.nan)
        late = at > span[1] - LATELY_DAYS * DAY
        return cls(
            counts=np.bincount(item, minlength=n),
            lately=np.bincount(item[late], minlength=n),
            first=np.where(np.isinf(first), np.nan, first),
            span=span,
        )

    def __len__(self) -> int:
        return len(self.counts)

    def count(self, item: int) -> int:
        return int(self.counts[item]) if 0 <= item < len(self.counts) else 0

    def rank(self, item: int, *, lately: bool = False) -> int:
        """How many items were chosen at least as often, the item included: equals share the lower place."""
        counts, order = (self.lately, self.order_lately) if lately else (self.counts, self.order)
        if not 0 <= item < len(counts):
            return len(counts) + 1
        return int(len(order) - np.searchsorted(order, counts[item], side="left"))

    def is_current(self, at: float) -> bool:
        """Whether "lately" is true at a moment; a query without a moment asks at the newest event."""
        newest = self.span[1]
        since = 0.0 if np.isnan(at) else at - newest
        return not np.isnan(newest) and -DAY <= since <= LATELY_DAYS * DAY

    def is_new(self, item: int, at: float) -> bool:
        """Whether the item came after the fit, or was first chosen lately.

        What was first chosen soon after the log began may be older than the log.
        """
        if item >= len(self.counts):
            return True
        oldest, newest = self.span
        age = (newest if np.isnan(at) else at) - self.first[item]
        return bool(0 <= age <= LATELY_DAYS * DAY and self.first[item] - oldest > 3 * LATELY_DAYS * DAY)

    def state(self) -> State:
        span = np.array(self.span)
        return {"counts": self.counts, "lately": self.lately, "first": self.first, "span": span}

    @classmethod
    def saved(cls, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        span = np.asarray(state["span"], np.float64)
        return cls(
            counts=np.asarray(state["counts"], np.int64),
            lately=np.asarray(state["lately"], np.int64),
            first=np.asarray(state["first"], np.float64),
            span=(float(span[0]), float(span[1])),
        )
