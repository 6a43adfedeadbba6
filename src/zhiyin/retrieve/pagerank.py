"""Personalised PageRank: a walk that keeps starting again at the history (Haveliwala, WWW 2002)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from zhiyin.contracts import State
from zhiyin.data.dataset import Dataset
from zhiyin.errors import NotFittedError, check_options
from zhiyin.retrieve.graph import walk
from zhiyin.retrieve.matrix import user_item_matrix
from zhiyin.retrieve.neighbours import Neighbours
from zhiyin.retrieve.relevance import DenseRelevance
from zhiyin.types import FloatArray, Query

__all__ = ["PageRankRetriever"]


class PageRankRetriever:
    """The share of time that the walk spends on each item.

    The graph joins each item with the `k` likeliest ends of a walk item - user - item, held back by
    popularity ** `beta`. A step goes on with probability `damping`, else the walk starts again at an event
    of the decayed history. `iterations` steps are made: damping ** iterations bounds the error.
    """

    def __init__(
        self, *, damping: float = 0.5, iterations: int = 4, beta: float = 0.5, k: int = 50, decay: float = 0.8
    ) -> None:
        self.damping = damping
        self.iterations = iterations
        self.beta = beta
        self.k = k
        self.decay = decay
        self.neighbours_: Neighbours | None = None
        check_options(self, damping=(0, 1), iterations=(1, 1000), beta=(0, 10), k=(1, 1e6), decay=(0, 1))

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        return self._learn(walk(user_item_matrix(data), alpha=1.0, beta=self.beta, k=self.k))

    def _learn(self, neighbours: Neighbours) -> Self:
        self.neighbours_ = neighbours
        n, k = neighbours.ids.shape
        there = neighbours.ids.ravel() < n
        total = np.maximum(neighbours.weights.sum(axis=1), np.float32(1e-9))
        chance = (neighbours.weights / total[:, None]).ravel()[there]
        ends = (neighbours.ids.ravel()[there], np.repeat(np.arange(n), k)[there])
        self.step_ = sparse.csr_matrix((chance, ends), shape=(n, n), dtype=np.float32)
        return self

    def relevance(self, query: Query) -> DenseRelevance:
        if self.neighbours_ is None:
            raise NotFittedError("PageRankRetriever was asked before fit: call fit(dataset) first")
        n = len(self.neighbours_)
        weights = np.maximum(query.history.decayed(self.decay), 0)
        known = (query.history.items >= 0) & (query.history.items < n)
        start = np.bincount(query.history.items[known], weights[known], minlength=n).astype(np.float32)
        if not start.any():
            return DenseRelevance(start, floor=0.0)
        start /= start.sum()
        share: FloatArray = start
        for _ in range(self.iterations):
            share = np.float32(1 - self.damping) * start + np.float32(self.damping) * (self.step_ @ share)
        return DenseRelevance(share, floor=0.0)

    def state(self) -> State:
        if self.neighbours_ is None:
            raise NotFittedError("PageRankRetriever has nothing to save before fit")
        return {"ids": self.neighbours_.ids, "weights": self.neighbours_.weights}

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        ids, weights = np.asarray(state["ids"], np.int32), np.asarray(state["weights"], np.float32)
        return self._learn(Neighbours(ids, weights))
