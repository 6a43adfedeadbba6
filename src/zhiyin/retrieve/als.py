"""Matrix factorisation for implicit behaviour by alternating least squares (Hu, Koren, Volinsky, 2008)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from threadpoolctl import threadpool_limits

from zhiyin.contracts import State
from zhiyin.data.dataset import Dataset
from zhiyin.errors import NotFittedError, check_options, needs_openmp
from zhiyin.retrieve.matrix import user_item_matrix
from zhiyin.retrieve.relevance import FactorRelevance
from zhiyin.types import FloatArray, Query

__all__ = ["AlsRetriever"]


class AlsRetriever:
    """Item factors by the library `implicit`; the user is solved from the history that comes with the query.

    So a new user needs no training, and an event counts at once: one linear system of size `factors`. An
    event adds alpha w to it, where the training adds alpha w - 1: scores differ from those of a user who was
    trained, their order hardly.
    """

    def __init__(
        self,
        *,
        factors: int = 64,
        regularisation: float = 0.01,
        alpha: float = 1.0,
        iterations: int = 15,
        decay: float = 0.85,
    ) -> None:
        self.factors = factors
        self.regularisation = regularisation
        self.alpha = alpha
        self.iterations = iterations
        self.decay = decay
        self.items_: FloatArray | None = None
        self.gram_: FloatArray | None = None
        check_options(
            self, factors=(1, 4096), regularisation=(0, 1e6), alpha=(0, 1e6),
            iterations=(1, 10_000), decay=(0, 1),
        )  # fmt: skip

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        with needs_openmp("the library implicit"):
            from implicit.als import AlternatingLeastSquares

        matrix = user_item_matrix(data)
        with threadpool_limits(1, "blas"):  # implicit's own threads and those of the BLAS would fight
            solver = AlternatingLeastSquares(
                factors=self.factors,
                regularization=self.regularisation,
                alpha=self.alpha,
                iterations=self.iterations,
                random_state=seed,
            )
            solver.fit(matrix, show_progress=False)
        return self._learn(np.asarray(solver.item_factors, np.float32))

    def _learn(self, items: FloatArray) -> Self:
        self.items_ = items
        ridge = np.eye(items.shape[1], dtype=np.float32) * np.float32(self.regularisation)
        self.gram_ = items.T @ items + ridge
        return self

    def relevance(self, query: Query) -> FactorRelevance:
        if self.items_ is None or self.gram_ is None:
            raise NotFittedError("AlsRetriever was asked before fit: call fit(dataset) first")
        history = query.history
        known = (history.items >= 0) & (history.items < len(self.items_))
        rows = np.where(known[:, None], self.items_[np.where(known, history.items, 0)], np.float32(0))
        weights = np.float32(self.alpha) * history.decayed(self.decay)
        liked = np.maximum(weights, 0)
        if not liked @ known:
            return FactorRelevance(np.full(len(self.items_), np.nan, np.float32))
        # The user is S^-1 sum(w_i y_i): event i gives w_i (S^-1 y_i)'y_j to item j (section 5 of the paper).
        system = self.gram_ + (rows.T * np.abs(weights)) @ rows
        asked = linalg.cho_solve(linalg.cho_factor(system, check_finite=False), rows.T, check_finite=False).T
        events = np.where(weights[:, None] > 0, np.float32(self.alpha) * asked, np.float32(0))
        user = history.decayed(self.decay) @ events
        return FactorRelevance(self.items_ @ user, floor=0.0, events=events, items=self.items_)

    def state(self) -> State:
        if self.items_ is None:
            raise NotFittedError("AlsRetriever has nothing to save before fit")
        return {"items": self.items_}

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        return self._learn(np.asarray(state["items"], np.float32))
