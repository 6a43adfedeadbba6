"""Variety and the long tail: policies after the ranking, each with one dial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray

from zhiyin.contracts import Encoder, State
from zhiyin.data.catalogue import Catalogue
from zhiyin.data.dataset import Dataset
from zhiyin.errors import check_options
from zhiyin.represent.items import ItemVectors, item_vectors
from zhiyin.types import Candidates, FloatArray, IntArray, Query

__all__ = ["DiversityReranker", "TailReranker"]


class DiversityReranker:
    """Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998) over the text vectors of the items.

    `weight` 0 leaves the order alone, 1 looks at variety only; only the first `window` take part.
    """

    def __init__(self, *, encoder: Encoder, weight: float = 0.2, window: int = 50) -> None:
        self.encoder = encoder
        self.weight = weight
        self.window = window
        self.vectors_: FloatArray | ItemVectors = np.empty((0, 0), np.float32)
        check_options(self, weight=(0, 1), window=(1, 1e6))

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        self.refresh(data.items)
        return self

    def refresh(self, items: Catalogue, changed: IntArray | None = None) -> None:
        """Encodes a catalogue, or what has changed of it (from the encoder's cache where it can)."""
        if changed is None:
            self.vectors_ = item_vectors(self.encoder, items)
        elif len(changed):
            old = np.asarray(self.vectors_)
            vectors = np.zeros((len(items), old.shape[1]), np.float32)
            vectors[: len(old)] = old[: len(items)]
            vectors[changed] = item_vectors(self.encoder, items.take(changed))
            self.vectors_ = vectors

    def rerank(self, query: Query, ranking: Candidates, n: int) -> Candidates:
        if self.weight <= 0 or len(ranking) < 3:
            return ranking
        head = min(self.window, len(ranking))
        vectors = self.vectors_[ranking.items[:head]]
        similar = vectors @ vectors.T
        relevance = unit(ranking.score[:head])
        closest = np.zeros(head, np.float32)
        left = np.ones(head, np.bool_)
        order = np.empty(head, np.intp)
        for place in range(head):
            gain = np.where(left, (1 - self.weight) * relevance - self.weight * closest, -np.inf)
            order[place] = pick = int(np.argmax(gain))
            left[pick] = False
            closest = np.maximum(closest, similar[pick])
        return ranking.take(np.concatenate([order, np.arange(head, len(ranking))]))

    def state(self) -> State:
        return {"vectors": np.asarray(self.vectors_)}

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        self.vectors_ = np.asarray(state["vectors"], np.float32)
        return self


class TailReranker:
    """Lifts items that few people have chosen: `weight` 0 leaves the order alone, 1 ranks by rarity only."""

    def __init__(self, *, weight: float = 0.1, window: int = 50) -> None:
        self.weight = weight
        self.window = window
        self.rarity_: FloatArray = np.empty(0, np.float32)
        check_options(self, weight=(0, 1), window=(1, 1e6))

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        share = (data.counts() + 1.0) / (len(data) + data.n_items)
        self.rarity_ = unit(-np.log(share)).astype(np.float32)
        return self

    def rerank(self, query: Query, ranking: Candidates, n: int) -> Candidates:
        if self.weight <= 0 or len(ranking) < 2:
            return ranking
        head = min(self.window, len(ranking))
        rarity = self.rarity(ranking.items[:head])
        score = (1 - self.weight) * unit(ranking.score[:head]) + self.weight * rarity
        return ranking.take(
            np.concatenate([np.argsort(-score, kind="stable"), np.arange(head, len(ranking))])
        )

    def rarity(self, items: IntArray) -> NDArray[np.floating]:
        """(c,) 0 for the item that most people chose, 1 for those that nobody did."""
        known = items < len(self.rarity_)
        if not known.any():
            return np.ones(len(items))
        return np.where(known, self.rarity_[np.where(known, items, 0)], 1.0)

    def state(self) -> State:
        return {"rarity": self.rarity_}

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        self.rarity_ = np.asarray(state["rarity"], np.float32)
        return self


def unit(values: NDArray[np.floating], among: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
    """Scaled to 0 … 1 by the lowest and the highest of some; all alike become 0, and so does NaN."""
    some = values if among is None else values[among]
    low, high = np.nanmin(some, initial=np.inf), np.nanmax(some, initial=-np.inf)
    if not low < high:
        return np.zeros(len(values))
    found: NDArray[np.float64] = np.nan_to_num((values.astype(np.float64) - low) / (high - low), nan=0.0)
    return found
