"""What people come back to: the items of their own history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from zhiyin.contracts import State
from zhiyin.data.catalogue import Catalogue
from zhiyin.data.dataset import Dataset
from zhiyin.errors import check_options
from zhiyin.retrieve.relevance import SilentRelevance, TouchedRelevance
from zhiyin.types import FloatArray, IntArray, Query

__all__ = ["RepeatRetriever"]


class RepeatRetriever:
    """The asker's own items: each event gives its item its weight, `decay` less per step back.

    Where seen items may not come back (see `Recommender.repeats`) it proposes nothing. The evidence is plain:
    an event speaks for its own item. What is right for whom, habit or the last thing, the ranker learns from
    `RepeatFeature`.
    """

    def __init__(self, *, decay: float = 0.97) -> None:
        self.decay = decay
        self.n_items_ = 0
        check_options(self, decay=(0, 1))

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        self.n_items_ = data.n_items
        return self

    def relevance(self, query: Query) -> ReturnRelevance | SilentRelevance:
        history = query.history
        known = (history.items >= 0) & (history.items < self.n_items_)
        if not known.any():
            return SilentRelevance()
        codes, place = np.unique(history.items[known], return_inverse=True)
        scores = np.bincount(place, history.decayed(self.decay)[known], minlength=len(codes))
        return ReturnRelevance(
            codes.astype(np.int32), scores.astype(np.float32), self.n_items_, history.items
        )

    def refresh(self, items: Catalogue, changed: IntArray | None = None) -> None:
        """New items can come back too."""
        self.n_items_ = len(items)

    def state(self) -> State:
        return {"n_items": np.array(self.n_items_)}

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        self.n_items_ = int(np.asarray(state["n_items"]).item())
        return self


@dataclass(frozen=True, slots=True)
class ReturnRelevance(TouchedRelevance):
    """Only the history's own items have a score."""

    history: IntArray

    def evidence(self, items: IntArray) -> FloatArray | None:
        same: FloatArray = (self.history[:, None] == items[None, :]).astype(np.float32)
        return same
