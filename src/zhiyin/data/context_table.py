"""Which items go with which situation: counts by context value and item."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from zhiyin.contracts import State
from zhiyin.data.dataset import Dataset
from zhiyin.types import IntArray

__all__ = ["TOLD", "ContextTable", "told_by_items", "usable_contexts"]

MAX_VALUES = 1_000
"""A context of more values is an id (an impression, a session) and no situation."""
AFTERWARDS = frozenset({"duration", "part"})
"""Columns that nobody knows when a question is asked: how long an event took, its part of a split."""
MIN_EVENTS = 5.0
"""Events that a value of a context must have on average."""
TOLD = 0.98
"""From here on a value is a property of the item (the city of a shop) and would give the answer away."""
N_LOOKED_AT = 100_000

Logs = NDArray[np.float64]


def usable_contexts(data: Dataset) -> list[str]:
    """Names of context columns that describe situations, by `told_by_items`."""
    return [name for name, told in told_by_items(data).items() if told < TOLD]


def told_by_items(data: Dataset) -> dict[str, float]:
    """Context columns of a few words that come back, and how far the item tells each of them.

    From `TOLD` on a column is no situation: nobody knows it before the choice, but the log would say it.
    """
    found = {}
    for name, words in data.context.items():
        if name in AFTERWARDS:
            continue
        values = np.unique(words)
        n_values, n_known = len(values) - int("" in values), int((words != "").sum())
        if 2 <= n_values <= MAX_VALUES and n_known >= max(MIN_EVENTS * n_values, 0.05 * len(data)):
            found[name] = _told(data, words)
    return found


def _told(data: Dataset, words: NDArray[np.str_]) -> float:
    """How much better the item foretells the value than nothing does: 0 as a blind guess, 1 always.

    Over about `N_LOOKED_AT` events, those of some items with `MIN_EVENTS` or more; 0 where too few to tell.
    """
    some = np.flatnonzero((words != "") & (data.counts() >= MIN_EVENTS)[data.item])
    some = some[data.item[some] % max(1, len(some) // N_LOOKED_AT) == 0]
    values, codes = np.unique(words[some], return_inverse=True)
    if len(some) < MIN_EVENTS * len(values) or len(values) < 2:
        return 0.0
    shape = (data.n_items, len(values))
    table = sparse.coo_array((np.ones(len(codes)), (data.item[some], codes)), shape=shape).tocsr()
    n_guessed = table.sum(axis=0).max()
    return float((table.max(axis=1).sum() - n_guessed) / max(len(codes) - n_guessed, 1))


class ContextTable:
    """P(item | value) against P(item), smoothed, for every value of every usable context.

    A value that was seen rarely says little: `strength` events of the average person are added to each.
    """

    def __init__(self, *, strength: float = 20.0) -> None:
        self.strength = strength
        self.values_: dict[str, dict[str, int]] = {}
        self.counts_: dict[str, sparse.csr_array] = {}
        self.share_: Logs = np.empty(0)
        """(n_items,) P(item), half an event added to each."""

    def fit(self, data: Dataset) -> Self:
        self.values_, self.counts_ = {}, {}
        self._share(data.counts())
        for name in usable_contexts(data):
            words = data.context[name]
            known = words != ""
            values, codes = np.unique(words[known], return_inverse=True)
            shape = (len(values), data.n_items)
            table = sparse.coo_array((np.ones(len(codes)), (codes, data.item[known])), shape=shape)
            self.values_[name] = {str(value): place for place, value in enumerate(values)}
            self.counts_[name] = table.tocsr()
        return self

    def _share(self, counts: NDArray[np.integer]) -> None:
        self.n_ = counts.astype(np.float64)
        self.share_ = (self.n_ + 0.5) / max(self.n_.sum() + 0.5 * len(counts), 1.0)

    @property
    def names(self) -> tuple[str, ...]:
        """The contexts that it knows."""
        return tuple(self.counts_)

    def lift(self, name: str, value: str, items: IntArray) -> Logs:
        """(c,) log of P(item | value) / P(item); NaN for an unknown value, 0 for an unknown item."""
        place = self.values_[name].get(value, -1)
        if place < 0:
            return np.full(len(items), np.nan)
        counts = self.counts_[name]
        row = slice(int(counts.indptr[place]), int(counts.indptr[place + 1]))
        codes, n = counts.indices[row], counts.data[row]
        known = items < len(self.share_)
        inside = np.where(known, items, 0)
        at = np.minimum(np.searchsorted(codes, inside), max(len(codes) - 1, 0))
        here = np.where(codes[at] == inside, n[at], 0.0) if len(codes) else np.zeros(len(items))
        share = self.share_[inside]
        found = np.log((here + self.strength * share) / ((n.sum() + self.strength) * share))
        return np.where(known, found, 0.0)

    def touched(self, context: Mapping[str, str]) -> IntArray:
        """Items that were chosen in one of these situations, each once."""
        rows = []
        for name, counts in self.counts_.items():
            place = self.values_[name].get(context.get(name, ""), -1)
            if place >= 0:
                rows.append(counts.indices[counts.indptr[place] : counts.indptr[place + 1]])
        found: IntArray = np.unique(np.concatenate(rows)).astype(np.int32) if rows else np.empty(0, np.int32)
        return found

    def state(self) -> State:
        state: State = {
            "counts": self.n_,
            "values": json.dumps({k: list(v) for k, v in self.values_.items()}),
        }
        for place, table in enumerate(self.counts_.values()):
            state |= {
                f"{place}.indptr": table.indptr,
                f"{place}.items": table.indices,
                f"{place}.n": table.data,
            }
        return state

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        self._share(np.asarray(state["counts"], np.int64))
        named = json.loads(str(state["values"]))
        self.values_ = {name: {word: at for at, word in enumerate(words)} for name, words in named.items()}
        self.counts_ = {}
        for place, name in enumerate(named):
            parts = [np.asarray(state[f"{place}.{part}"]) for part in ("n", "items", "indptr")]
            shape = (len(parts[2]) - 1, len(self.n_))
            self.counts_[name] = sparse.csr_array(tuple(parts), shape=shape)
        return self
