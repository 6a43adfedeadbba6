"""What every item-to-item retriever shares: rows of weights, added up over the decayed history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray

from zhiyin.contracts import State
from zhiyin.errors import NotFittedError
from zhiyin.retrieve.neighbours import Neighbours
from zhiyin.retrieve.relevance import LinearRelevance, SilentRelevance
from zhiyin.types import Query

__all__ = ["LinearRetriever"]


class LinearRetriever:
    """A retriever that has learnt one row of weights per item; a subclass only writes `fit`.

    The score of j is the sum over the history of (decayed weight of the event) x (weight from its item
    to j), so `LinearRelevance.evidence` is exact. Only positive scores are proposed.
    """

    decay: float
    neighbours_: Neighbours | None = None

    def relevance(self, query: Query) -> LinearRelevance | SilentRelevance:
        if self.neighbours_ is None:
            raise NotFittedError(f"{type(self).__name__} was asked before fit: call fit(dataset) first")
        history = query.history
        if not (history.items >= 0).any():
            return SilentRelevance()  # nobody to compare with
        return LinearRelevance.of_entries(
            self.neighbours_.entries(history.items), history.decayed(self.decay)
        )

    def state(self) -> State:
        if self.neighbours_ is None:
            raise NotFittedError(f"{type(self).__name__} has nothing to save before fit")
        return {"ids": self.neighbours_.ids, "weights": self.neighbours_.weights}

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        ids, weights = np.asarray(state["ids"], np.int32), np.asarray(state["weights"], np.float32)
        self.neighbours_ = Neighbours(ids, weights)
        return self
