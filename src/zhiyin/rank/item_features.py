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
        history = query.history.items
        known = (history >= 0) & (history < len(self.items_))
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
    h, n = len(history), len(items)
    codes, owner = _words_of(table, np.concatenate((history, items)))
    end = int(np.searchsorted(owner, h))
    told = np.bincount(codes[:end], weights[owner[:end]], minlength=len(table.values) + 1)
    profile = told / max(float(np.abs(weights).sum()), 1e-9)
    last = np.zeros(len(profile))
    last[codes[int(np.searchsorted(owner[:end], h - 1)) : end]] = 1.0
    mine, whose = codes[end:], owner[end:] - h
    count = np.bincount(whose, minlength=n).astype(np.float64)
    per_item = np.maximum(count, 1.0)
    return [
        np.bincount(whose, profile[mine], minlength=n) / per_item,
        np.bincount(whose, last[mine], minlength=n) / per_item,
        count,
    ]


def _words_of(table: Categories, items: IntArray) -> tuple[IntArray, NDArray[np.int64]]:
    """All words of some items, and to which of them each belongs."""
    known = items < len(table.indptr) - 1
    inside = items if known.all() else np.where(known, items, 0)
    starts = table.indptr[inside]
    lengths = table.indptr[inside + 1] - starts
    if inside is not items:
        lengths[~known] = 0
    ends = np.cumsum(lengths)
    owner = np.repeat(np.arange(len(items)), lengths)
    return table.codes[np.arange(len(owner)) + np.repeat(starts - ends + lengths, lengths)], owner


def _number_columns(
    numbers: NDArray[np.float64], history: IntArray, weights: FloatArray, items: IntArray
) -> list[NDArray[np.floating]]:
    """The item's number, its distance to the weighted mean of the history and to the last event."""
    known = items < len(numbers)
    value = numbers[items] if known.all() else np.where(known, numbers[np.where(known, items, 0)], np.nan)
    past = numbers[history]
    there = ~np.isnan(past) & (weights > 0)
    if not there.any():
        missing = np.full(len(items), np.nan)
        return [value, missing, missing]
    mean = float(np.average(past[there], weights=weights[there]))
    return [value, value - mean, value - past[there][-1]]
