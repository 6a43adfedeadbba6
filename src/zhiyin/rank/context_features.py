"""What the learned ranker looks at, part three: the situation in which somebody asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray

from zhiyin.contracts import State
from zhiyin.data.context_table import ContextTable
from zhiyin.data.dataset import Dataset
from zhiyin.errors import check_options
from zhiyin.types import Candidates, FloatArray, Query

__all__ = ["ContextFeature"]

NO_WORDS = np.empty(0, np.str_)


class ContextFeature:
    """How much more an item is chosen in this situation: by everybody, and by the asker himself.

    For each context (device, weather, city …): the smoothed log lift of the item, and the share of the
    asker's own events under the same value that were with it. NaN where the question does not say it.
    """

    def __init__(self, *, strength: float = 20.0) -> None:
        self.strength = strength
        self.table_ = ContextTable()
        check_options(self, strength=(0, 1e9))

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        self.table_ = ContextTable(strength=self.strength).fit(data)
        return self

    @property
    def contexts(self) -> tuple[str, ...]:
        """Those of past events that count here."""
        return self.table_.names

    def names(self, candidates: Candidates) -> tuple[str, ...]:
        if not self.table_.names:
            return ()
        each = [f"context.{name}.{what}" for name in self.table_.names for what in ("lift", "own")]
        return (*each, "context.lift", "context.own")

    def values(self, query: Query, candidates: Candidates) -> FloatArray:
        names = self.table_.names
        found = np.full((len(candidates), 2 * len(names) + 2 if names else 0), np.nan, np.float32)
        alike = np.zeros(len(query.history))
        n_told = 0
        for place, name in enumerate(names):
            value = query.context.get(name, "")
            if value not in self.table_.values_[name]:
                continue
            found[:, 2 * place] = self.table_.lift(name, value, candidates.items)
            words = query.history.context.get(name, NO_WORDS)
            if len(words) == len(query.history):  # somebody without events has none under this value either
                same = (words == value).astype(np.float64)
                found[:, 2 * place + 1] = own_share(query, candidates, same)
                alike, n_told = alike + same, n_told + 1
        if names:
            told = ~np.isnan(found[:, :-2:2])
            total = np.where(told, found[:, :-2:2], 0).sum(axis=1)
            found[:, -2] = np.where(told.any(axis=1), total, np.nan)
        if n_told:
            # An event in nearly the same situation says far more than one that shares a weekday.
            found[:, -1] = own_share(query, candidates, (alike / n_told) ** 4)
        return found

    def state(self) -> State:
        return self.table_.state() if self.table_.names else {}

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        self.table_ = ContextTable(strength=self.strength)
        if state:
            self.table_.restore(state)
        return self


def own_share(query: Query, candidates: Candidates, weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """(c,) part of the history's events, so weighted, that were with each candidate."""
    order = np.argsort(candidates.items, kind="stable")
    ascending = candidates.items[order]
    at = np.minimum(np.searchsorted(ascending, query.history.items), max(len(ascending) - 1, 0))
    out = np.zeros(len(candidates))
    if len(ascending) and len(weight):
        there = ascending[at] == query.history.items
        out[order] = np.bincount(at[there], weight[there], minlength=len(ascending))
        out /= max(float(weight.sum()), 1e-9)
    return out
