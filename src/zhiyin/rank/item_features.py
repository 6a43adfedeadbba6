"""What the learned ranker looks at, part two: the items themselves and what they share with the history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray

from zhiyin.contracts import State
from zhiyin.data.catalogue import Catalogue, Categories
from zhiyin.data.dataset import Dataset
from zhiyin.types import Candidates, FloatArray, IntArray, Query

__all__ = ["AttributeFeature", "PopularityFeature"]

DAY = 86400.0


class PopularityFeature:
    """How often an item was chosen: in all, and in windows that end at the moment of the query.

    Windows are causal: they count what had happened by then, from one sorted list of (item, time).
    Without a clock they are NaN.
    """

    def __init__(self, *, window_days: tuple[float, ...] = (1.0, 7.0, 30.0)) -> None:
        self.window_days = window_days
        self.counts_: NDArray[np.float32] = np.empty(0, np.float32)
        self.times_: NDArray[np.float64] = np.empty(0)
        self.indptr_: NDArray[np.int64] = np.zeros(1, np.int64)

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        self.counts_ = data.counts().astype(np.float32)
        clock = data.has_clock
        order = np.lexsort((data.at, data.item)) if clock else np.empty(0, np.int64)
        self.times_ = data.at[order]
        self.indptr_ = np.searchsorted(data.item[order], np.arange(data.n_items + 1)).astype(np.int64)
        self._index()
        return self

    def _index(self) -> None:
        """One sortable key for (item, time), so that a window over many items is two binary searches."""
        self._start = float(self.times_.min(initial=np.inf)) if len(self.times_) else 0.0
        self._span = (float(self.times_.max()) - self._start + 1.0) if len(self.times_) else 1.0
        item = np.repeat(np.arange(len(self.indptr_) - 1), np.diff(self.indptr_))
        self._key = item * self._span + (self.times_ - self._start)

    def names(self, candidates: Candidates) -> tuple[str, ...]:
        windows = (f"popularity.days_{days:g}" for days in self.window_days)
        return ("popularity.count", *windows, "popularity.trend")

    def values(self, query: Query, candidates: Candidates) -> FloatArray:
        items = candidates.items
        known = items < len(self.counts_)
        count = (
            np.where(known, self.counts_[np.where(known, items, 0)], 0.0)
            if len(self.counts_)
            else 0.0 * items
        )
        columns = [np.log1p(count)]
        if len(self.times_) and not np.isnan(query.at):
            recent = [self._in_window(items, query.at, days * DAY) for days in self.window_days]
            columns += [np.log1p(counts) for counts in recent]
            columns.append((recent[0] + 1.0) / (recent[-1] + self.window_days[-1]))
        else:
            columns += [np.full(len(items), np.nan)] * (len(self.window_days) + 1)
        return np.stack(columns, axis=1).astype(np.float32)

    def _in_window(self, items: IntArray, at: float, seconds: float) -> NDArray[np.int64]:
        """(c,) events of each item in (at - seconds, at)."""
        known = np.minimum(items, len(self.indptr_) - 2).astype(np.float64) * self._span
        end = known + np.clip(at - self._start, 0.0, self._span - 0.5)
        begin = known + np.clip(at - seconds - self._start, -0.5, self._span - 0.5)
        counts = np.searchsorted(self._key, end) - np.searchsorted(self._key, begin, side="right")
        return np.where(items < len(self.indptr_) - 1, counts, 0)

    def state(self) -> State:
        return {"counts": self.counts_, "times": self.times_, "indptr": self.indptr_}

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        self.counts_ = np.asarray(state["counts"], np.float32)
        self.times_ = np.asarray(state["times"], np.float64)
        self.indptr_ = np.asarray(state["indptr"], np.int64)
        self._index()
        return self


class AttributeFeature:
    """What a candidate shares with the history: share of the history's words, distance to its numbers."""

    def __init__(self, *, decay: float = 0.9) -> None:
        self.decay = decay
        self.items_: Catalogue | None = None

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        self.refresh(data.items)
        return self

    def refresh(self, items: Catalogue) -> None:
        """Takes over a catalogue."""
        self.items_ = items

    def names(self, candidates: Candidates) -> tuple[str, ...]:
        if self.items_ is None:
            return ()
        words = (f"{name}.{what}" for name in self.items_.words for what in ("affinity", "last", "count"))
        numbers = (
            f"{name}.{what}" for name in self.items_.numbers for what in ("value", "to_mean", "to_last")
        )
        return (*words, *numbers)

    def values(self, query: Query, candidates: Candidates) -> FloatArray:
        if self.items_ is None:
            return np.empty((len(candidates), 0), np.float32)
        history = query.history.items
        known = history >= 0
        weights = query.history.decayed(self.decay)[known]
        columns: list[NDArray[np.floating]] = []
        for table in self.items_.words.values():
            columns += _word_columns(table, history[known], weights, candidates.items)
        for numbers in self.items_.numbers.values():
            columns += _number_columns(numbers, history[known], weights, candidates.items)
        if not columns:
            return np.empty((len(candidates), 0), np.float32)
        return np.stack(columns, axis=1).astype(np.float32)


def _word_columns(
    table: Categories, history: IntArray, weights: FloatArray, items: IntArray
) -> list[NDArray[np.floating]]:
    """Mean weight of the item's words in the history's profile; the same for its last event; word count."""
    profile = np.zeros(len(table.values) + 1)
    codes, owner = _words_of(table, history)
    if len(codes):
        profile += np.bincount(codes, weights[owner], minlength=len(profile))
        profile /= max(float(np.abs(weights).sum()), 1e-9)
    last = np.zeros(len(profile))
    if len(history):
        last[table.codes[table.indptr[history[-1]] : table.indptr[history[-1] + 1]]] = 1.0
    codes, owner = _words_of(table, items)
    count = np.bincount(owner, minlength=len(items)).astype(np.float64)
    per_item = np.maximum(count, 1.0)
    return [
        np.bincount(owner, profile[codes], minlength=len(items)) / per_item,
        np.bincount(owner, last[codes], minlength=len(items)) / per_item,
        count,
    ]


def _words_of(table: Categories, items: IntArray) -> tuple[IntArray, NDArray[np.int64]]:
    """All words of some items, and to which of them each belongs."""
    inside = np.where(items < len(table.indptr) - 1, items, 0)
    starts, lengths = table.indptr[inside], table.indptr[inside + 1] - table.indptr[inside]
    lengths = np.where(items < len(table.indptr) - 1, lengths, 0)
    owner = np.repeat(np.arange(len(items)), lengths)
    offset = np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return table.codes[np.repeat(starts, lengths) + offset], owner


def _number_columns(
    numbers: NDArray[np.float64], history: IntArray, weights: FloatArray, items: IntArray
) -> list[NDArray[np.floating]]:
    """The item's number, its distance to the weighted mean of the history and to the last event."""
    value = numbers[items]
    past = numbers[history]
    there = ~np.isnan(past) & (weights > 0)
    if not there.any():
        missing = np.full(len(items), np.nan)
        return [value, missing, missing]
    mean = float(np.average(past[there], weights=weights[there]))
    return [value, value - mean, value - past[there][-1]]
