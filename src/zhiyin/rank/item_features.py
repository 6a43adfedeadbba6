"""What the learned ranker looks at, part two: the items themselves and what they share with the history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray

from zhiyin.contracts import State
from zhiyin.data.catalogue import Catalogue, Categories
from zhiyin.data.dataset import Dataset
from zhiyin.data.time_log import TimeLog, Windows
from zhiyin.errors import check_options
from zhiyin.types import Candidates, FloatArray, IntArray, Query, TimeArray

__all__ = ["AttributeFeature", "PopularityFeature"]

DAY = 86400.0


class PopularityFeature:
    """How often an item was chosen: in all, and in windows that end at the moment of the query.

    Windows are causal: they count what had happened by then. Without a clock they are NaN. Events that
    come in by `update_many` count like those of the fit.
    """

    def __init__(self, *, window_days: tuple[float, ...] = (1.0, 7.0, 30.0)) -> None:
        self.window_days = window_days
        self.counts_: NDArray[np.float32] = np.empty(0, np.float32)
        self.windows_: Windows | None = None

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        self.counts_ = data.counts().astype(np.float32)
        timed = ~np.isnan(data.at)
        self._index(TimeLog(data.item[timed], data.at[timed]))
        return self

    def update_many(
        self, items: IntArray, at: TimeArray, weights: FloatArray, kinds: NDArray[np.int8]
    ) -> None:
        n = max(len(self.counts_), int(items.max(initial=-1)) + 1)
        counts = np.concatenate((self.counts_, np.zeros(n - len(self.counts_), np.float32)))
        np.add.at(counts, items, np.float32(1))
        timed = ~np.isnan(at)
        if self.windows_ is not None:
            self.windows_.append(items[timed], at[timed], n)
        self.counts_ = counts

    def _index(self, log: TimeLog) -> None:
        self.windows_ = Windows(log, tuple(days * DAY for days in self.window_days), len(self.counts_))

    def names(self, candidates: Candidates) -> tuple[str, ...]:
        windows = (f"popularity.days_{days:g}" for days in self.window_days)
        return ("popularity.count", *windows, "popularity.trend")

    def values(self, query: Query, candidates: Candidates) -> FloatArray:
        found = np.full((len(candidates), len(self.window_days) + 2), np.nan, np.float32)
        counts, windows = self.counts_, self.windows_
        known = candidates.items < len(counts)
        items = candidates.items if known.all() else np.where(known, candidates.items, 0)
        found[:, 0] = np.log1p(counts[items]) if len(counts) else 0
        if windows is not None and len(windows.log) and not np.isnan(query.at):
            recent = windows.of(items, query.at)
            found[:, 1:-1] = np.log1p(np.stack(recent, axis=1))
            found[:, -1] = (recent[0] + 1.0) / (recent[-1] + self.window_days[-1])
            found[~known, 1:-1], found[~known, -1] = 0, 1 / self.window_days[-1]
        found[~known, 0] = 0
        return found

    def state(self) -> State:
        log = TimeLog(np.empty(0, np.int32), np.empty(0)) if self.windows_ is None else self.windows_.log
        return {"counts": self.counts_, "items": log.items, "times": log.times}

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        self.counts_ = np.asarray(state["counts"], np.float32)
        self._index(TimeLog(np.asarray(state["items"], np.int32), np.asarray(state["times"], np.float64)))
        return self


class AttributeFeature:
    """What a candidate shares with the history: share of the history's words, distance to its numbers."""

    def __init__(self, *, decay: float = 0.9) -> None:
        self.decay = decay
        self.items_: Catalogue | None = None
        check_options(self, decay=(0, 1))

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        self.refresh(data.items)
        return self

    def refresh(self, items: Catalogue, changed: IntArray | None = None) -> None:
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
        n, history = len(self.items_), query.history
        known = (history.items >= 0) & (history.items < n)
        past, weights = history.items[known], history.decayed(self.decay)[known]
        inside = candidates.items < n
        items = candidates.items if inside.all() else np.where(inside, candidates.items, 0)
        columns: list[NDArray[np.floating]] = []
        for table in self.items_.words.values():
            columns += _word_columns(table, past, weights, items)
        for numbers in self.items_.numbers.values():
            columns += _number_columns(numbers, past, weights, items)
        if not columns:
            return np.empty((len(candidates), 0), np.float32)
        found = np.array(columns, np.float32).T
        if items is not candidates.items:  # of an item that this catalogue does not know, nothing is known
            found[~inside, : 3 * len(self.items_.words)] = 0
            found[~inside, 3 * len(self.items_.words) :] = np.nan
        return found


def _word_columns(
    table: Categories, history: IntArray, weights: FloatArray, items: IntArray
) -> list[NDArray[np.floating]]:
    """Mean weight of the item's words in the history's profile; the same for its last event; word count."""
    h, n = len(history), len(items)
    asked = np.concatenate((history, items))
    starts = table.indptr[asked]
    lengths = table.indptr[asked + 1] - starts
    ends = np.cumsum(lengths)
    owner = np.repeat(np.arange(h + n), lengths)
    codes = table.codes[np.arange(len(owner)) + np.repeat(starts - ends + lengths, lengths)]
    end, before_last = (int(ends[h - 1]) if h else 0), (int(ends[h - 2]) if h > 1 else 0)
    shares = weights / max(float(np.abs(weights).sum()), 1e-9)
    profile = np.bincount(codes[:end], shares[owner[:end]], minlength=len(table.values) + 1)
    last = np.zeros(len(profile))
    last[codes[before_last:end]] = 1.0
    mine, whose, count = codes[end:], owner[end:] - h, lengths[h:]
    per_item = np.maximum(count, 1)
    return [
        np.bincount(whose, profile[mine], minlength=n) / per_item,
        np.bincount(whose, last[mine], minlength=n) / per_item,
        count.astype(np.float64),
    ]


def _number_columns(
    numbers: NDArray[np.float64], history: IntArray, weights: FloatArray, items: IntArray
) -> list[NDArray[np.floating]]:
    """The item's number, its distance to the weighted mean of the history and to the last event."""
    value, past = numbers[items], numbers[history]
    there = np.flatnonzero(~np.isnan(past) & (weights > 0))
    if not len(there):
        missing = np.full(len(items), np.nan)
        return [value, missing, missing]
    past, weights = past[there], weights[there]
    mean = float(past @ weights) / float(weights.sum(dtype=np.float64))
    return [value, value - mean, value - past[-1]]
