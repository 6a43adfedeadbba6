"""What is new in the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray

from zhiyin.contracts import State
from zhiyin.data.catalogue import Catalogue
from zhiyin.data.dataset import Dataset
from zhiyin.errors import NotFittedError
from zhiyin.retrieve.relevance import DenseRelevance
from zhiyin.types import FloatArray, IntArray, Query

__all__ = ["RecentRetriever"]

DAY = 86400.0


class RecentRetriever:
    """Items by the moment of their first event, newest first: the score is minus the age in days.

    Where only the order of events is known, items with a higher code count as newer. Items without any event
    have no score, until `refresh` brings items that the fit did not know: those are the newest.
    """

    def __init__(self) -> None:
        self.scores_: FloatArray | None = None

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        first = np.full(data.n_items, np.inf)
        if data.has_clock:
            known = ~np.isnan(data.at)
            np.minimum.at(first, data.item[known], data.at[known] / DAY)
        else:
            first[data.item] = data.item
        first[np.isinf(first)] = np.nan
        newest = np.nanmax(first) if len(data) else 0.0
        self.scores_ = (first - newest).astype(np.float32)
        return self

    def refresh(self, items: Catalogue, changed: IntArray | None = None) -> None:
        if self.scores_ is None:
            raise NotFittedError("RecentRetriever was refreshed before fit: call fit(dataset) first")
        newest = max(0.0, float(np.nanmax(self.scores_, initial=0.0)))
        added = newest + np.arange(1, len(items) - len(self.scores_) + 1, dtype=np.float32)
        self.scores_ = np.concatenate((self.scores_, added)).astype(np.float32)

    def relevance(self, query: Query) -> DenseRelevance:
        if self.scores_ is None:
            raise NotFittedError("RecentRetriever was asked before fit: call fit(dataset) first")
        return DenseRelevance(self.scores_)

    def state(self) -> State:
        if self.scores_ is None:
            raise NotFittedError("RecentRetriever has nothing to save before fit")
        return {"scores": self.scores_}

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        self.scores_ = np.asarray(state["scores"], np.float32)
        return self
