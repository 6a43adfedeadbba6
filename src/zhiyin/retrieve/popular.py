"""What many people chose lately. The specimen of this room: copy it to write a retriever."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from zhiyin.contracts import State
from zhiyin.data.dataset import Dataset
from zhiyin.errors import NotFittedError, check_options
from zhiyin.retrieve.relevance import DenseRelevance, top_n
from zhiyin.retrieve.scratch import marked
from zhiyin.types import NO_ITEMS, FloatArray, IntArray, Query, TimeArray

__all__ = ["PopularRetriever"]

DAY = 86400.0
N_LEADERS = 2000
"""Items whose order is kept ready: more than any list asks for, with what it excludes."""


_Events = tuple[IntArray, TimeArray, NDArray[np.float64]]
_NO_EVENTS: _Events = (NO_ITEMS, np.empty(0), np.empty(0))


@dataclass(frozen=True, slots=True)
class PopularRelevance(DenseRelevance):
    """The leaders are known beforehand: a list costs no pass over the catalogue."""

    leaders: IntArray | None = None
    """The items with the highest scores, best first."""

    def top(self, n: int, exclude: IntArray, allowed: NDArray[np.bool_] | None = None) -> IntArray:
        if self.leaders is not None and allowed is None and len(self.scores):
            found = self.leaders[~marked(exclude, self.leaders, len(self.scores))]
            if len(found) >= n:
                return found[: max(n, 0)]
        return DenseRelevance.top(self, n, exclude, allowed)


class PopularRetriever:
    """Items by weighted interactions, halved every `half_life_days` before the newest event.

    `window_days` counts only the events of the last days. 0 means no decay, no window. Data with only an
    order is counted without either. Events that come in by `update_many` count like those of the fit: the
    newest of them moves the window and the decay.
    """

    def __init__(self, *, half_life_days: float = 0.0, window_days: float = 0.0) -> None:
        self.half_life_days = half_life_days
        self.window_days = window_days
        self.counts_: FloatArray | None = None
        check_options(self, half_life_days=(0, 1e6), window_days=(0, 1e6))

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        self._sums, self._newest, self._events = np.zeros(0), -math.inf, _NO_EVENTS
        self._count((data.item, data.at, data.weight.astype(np.float64)), data.n_items)
        return self

    def update_many(
        self, items: IntArray, at: TimeArray, weights: FloatArray, kinds: NDArray[np.int8]
    ) -> None:
        n = max(len(self._fitted()), int(items.max(initial=-1)) + 1)
        self._count((items, at, weights.astype(np.float64)), n)

    def relevance(self, query: Query) -> PopularRelevance:
        self._fitted()
        return self._relevance

    def _count(self, events: _Events, n: int) -> None:
        """Adds events to the sums, which stand as of the newest one."""
        timed = events[1][~np.isnan(events[1])]
        newest = max(self._newest, float(timed.max(initial=-math.inf)))
        start = newest - self.window_days * DAY if self.window_days else -math.inf
        sums = np.concatenate((self._sums, np.zeros(n - len(self._sums))))
        if math.isfinite(start):
            # What leaves the window has to be known: the events in it are kept, and counted anew.
            old, at = self._events, np.concatenate((self._events[1], events[1]))
            inside = np.nan_to_num(at) >= start
            items, given = np.concatenate((old[0], events[0])), np.concatenate((old[2], events[2]))
            self._events = events = (items[inside], at[inside], given[inside])
            sums[:] = 0
        elif self.half_life_days and math.isfinite(self._newest):
            sums *= 0.5 ** ((newest - self._newest) / (self.half_life_days * DAY))
        weights = np.maximum(events[2], 0)
        if self.half_life_days and math.isfinite(newest):
            weights *= 0.5 ** ((newest - np.nan_to_num(events[1])) / (self.half_life_days * DAY))
        np.add.at(sums, events[0], weights)
        self._sums, self._newest = sums, newest
        self._ready(sums.astype(np.float32))

    def _ready(self, counts: FloatArray) -> None:
        leaders = top_n(counts, N_LEADERS, NO_ITEMS, above=0.0)
        self._relevance = PopularRelevance(counts, floor=0.0, leaders=leaders)
        self.counts_ = counts

    def state(self) -> State:
        self._fitted()
        items, at, weights = self._events
        return {
            "sums": self._sums,
            "newest": np.array(self._newest),
            "items": items,
            "at": at,
            "weights": weights,
        }

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        self._sums = np.asarray(state["sums"], np.float64)
        self._newest = float(np.asarray(state["newest"]).item())
        self._events = (
            np.asarray(state["items"], np.int32),
            np.asarray(state["at"], np.float64),
            np.asarray(state["weights"], np.float64),
        )
        self._ready(self._sums.astype(np.float32))
        return self

    def _fitted(self) -> FloatArray:
        if self.counts_ is None:
            raise NotFittedError("PopularRetriever was asked before fit: call fit(dataset) first")
        return self.counts_
