"""What people choose in such a situation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray

from zhiyin.contracts import State
from zhiyin.data.context_table import ContextTable
from zhiyin.data.dataset import Dataset
from zhiyin.errors import check_options
from zhiyin.retrieve.relevance import SilentRelevance, TouchedRelevance
from zhiyin.types import Query

__all__ = ["ContextRetriever"]


class ContextRetriever:
    """Items by their chance in the situation of the question: P(item) times what each context value changes.

    The contexts are counted as if they were independent of each other, which they are not (weekday, weekend):
    so the sum of their log lifts is divided by the root of their number. Silent where the question has no
    context that the fit knows.
    """

    def __init__(self, *, strength: float = 20.0) -> None:
        self.strength = strength
        self.table_: ContextTable | None = None
        check_options(self, strength=(0, 1e9))

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        self.table_ = ContextTable(strength=self.strength).fit(data)
        return self

    def relevance(self, query: Query) -> TouchedRelevance | SilentRelevance:
        table = self.table_
        if table is None or not table.names or not query.context:
            return SilentRelevance()
        items = table.touched(query.context)
        if not len(items):
            return SilentRelevance()
        lifts = [table.lift(name, query.context.get(name, ""), items) for name in table.names]
        told = [lift for lift in lifts if not np.isnan(lift).any()]
        total = np.sum(told, axis=0) / np.sqrt(len(told))
        scores = (table.share_[items] * np.exp(total)).astype(np.float32)
        return TouchedRelevance(items, scores, len(table.share_))

    def state(self) -> State:
        return {} if self.table_ is None else self.table_.state()

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        self.table_ = ContextTable(strength=self.strength).restore(state) if state else None
        return self
