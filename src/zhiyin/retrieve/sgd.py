"""Matrix factorisation by stochastic gradients, in which a user is the sum of what the user did.

The asymmetric form of Paterek (KDD Cup 2007) and Koren (KDD 2008), with the softmax loss over shared
negatives, corrected for how often each is drawn (Bengio and Senécal, 2008).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from zhiyin.contracts import State
from zhiyin.data.dataset import Dataset
from zhiyin.errors import NotFittedError, check_options
from zhiyin.retrieve.relevance import FactorRelevance
from zhiyin.types import FloatArray, IntArray, Query

__all__ = ["SgdRetriever"]

BATCH = 2048


class SgdRetriever:
    """Two vectors per item: what it asks for as a part of the past, and what it has as the next item.

    Trained to name the next liked item from the decayed last `window` ones. There is no vector per user,
    so a new user and a new event count at once, and the parts of the sum are exact evidence. Items that
    never came next cannot be scored.
    """

    def __init__(
        self,
        *,
        factors: int = 64,
        epochs: int = 5,
        rate: float = 0.02,
        regularisation: float = 0.0001,
        negatives: int = 512,
        window: int = 12,
        decay: float = 0.8,
    ) -> None:
        self.factors = factors
        self.epochs = epochs
        self.rate = rate
        self.regularisation = regularisation
        self.negatives = negatives
        self.window = window
        self.decay = decay
        self.asks_: FloatArray | None = None
        self.items_: FloatArray | None = None
        check_options(
            self, factors=(1, 4096), epochs=(1, 10_000), rate=(1e-9, 10),
            regularisation=(0, 1000), negatives=(1, 1e6), window=(1, 1e6), decay=(0, 1),
        )  # fmt: skip

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        random = np.random.default_rng(seed)
        past, item = decayed_past(data, self.window, self.decay)
        shape = (data.n_items, self.factors)
        asks = random.normal(0, 0.1, shape).astype(np.float32)
        items = random.normal(0, 0.1, shape).astype(np.float32)
        learnt = (Adagrad(asks, self.rate), Adagrad(items, self.rate))
        chance = (np.bincount(item, minlength=data.n_items) + 1.0) ** 0.75
        chance /= chance.sum()
        for _ in range(self.epochs):
            order = random.permutation(len(item))
            for start in range(0, len(order), BATCH):
                rows = order[start : start + BATCH]
                drawn = random.choice(data.n_items, self.negatives, p=chance).astype(np.int32)
                self._step(past[rows], item[rows], drawn, np.log(chance).astype(np.float32), learnt)
        asks[np.bincount(past.indices, minlength=data.n_items) == 0] = 0
        items[np.bincount(item, minlength=data.n_items) == 0] = np.nan
        self.asks_, self.items_ = asks, items
        return self

    def _step(
        self,
        past: sparse.csr_matrix,
        target: IntArray,
        drawn: IntArray,
        log_chance: FloatArray,
        learnt: tuple[Adagrad, Adagrad],
    ) -> None:
        """One batch: cross-entropy of the target against the drawn items, in both tables."""
        asks, items = learnt
        user = past @ asks.table
        positive = np.einsum("bf,bf->b", user, items.table[target]) - log_chance[target]
        negative = user @ items.table[drawn].T - log_chance[drawn]
        negative[target[:, None] == drawn[None, :]] = -np.inf
        highest = np.maximum(positive, negative.max(axis=1))
        negative = np.exp(negative - highest[:, None])
        whole = negative.sum(axis=1) + np.exp(positive - highest)
        negative /= whole[:, None]
        missed = np.exp(positive - highest) / whole - 1
        towards = negative @ items.table[drawn] + missed[:, None] * items.table[target]
        column, share = np.concatenate((target, drawn)), np.ones(len(target) + len(drawn), np.float32)
        share[: len(target)] = missed
        gradient = np.concatenate((user, negative.T @ user))
        items.add(
            sparse.csr_matrix((share, column, np.arange(len(column) + 1))), gradient, self.regularisation
        )
        asks.add(past, towards, self.regularisation)

    def relevance(self, query: Query) -> FactorRelevance:
        if self.asks_ is None or self.items_ is None:
            raise NotFittedError("SgdRetriever was asked before fit: call fit(dataset) first")
        history = query.history
        known = (history.items >= 0) & (history.items < len(self.asks_))
        events = np.where(known[:, None], self.asks_[np.where(known, history.items, 0)], np.float32(0))
        weights = history.decayed(self.decay)
        if not (weights[known] > 0).any():
            return FactorRelevance(np.full(len(self.items_), np.nan, np.float32))
        return FactorRelevance(self.items_ @ (weights @ events), events=events, items=self.items_)

    def state(self) -> State:
        if self.asks_ is None or self.items_ is None:
            raise NotFittedError("SgdRetriever has nothing to save before fit")
        return {"asks": self.asks_, "items": self.items_}

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        self.asks_ = np.asarray(state["asks"], np.float32)
        self.items_ = np.asarray(state["items"], np.float32)
        return self


class Adagrad:
    """A table whose rows learn at rates that fall with the gradients they have seen (Duchi et al., 2011)."""

    def __init__(self, table: FloatArray, rate: float) -> None:
        self.table = table
        self.rate = np.float32(rate)
        self.seen = np.full(len(table), 1e-6, np.float32)

    def add(self, shares: sparse.csr_matrix, gradient: FloatArray, regularisation: float) -> None:
        """One step down: each row of `gradient` goes to the rows of the table that `shares` names."""
        touched, place = np.unique(shares.indices, return_inverse=True)
        compact = sparse.csr_matrix((shares.data, place, shares.indptr), shape=(len(gradient), len(touched)))
        total = compact.T @ gradient + np.float32(regularisation) * self.table[touched]
        self.seen[touched] += np.mean(total * total, axis=1)
        self.table[touched] -= self.rate * total / np.sqrt(self.seen[touched])[:, None]


def decayed_past(data: Dataset, window: int, decay: float) -> tuple[sparse.csr_matrix, IntArray]:
    """(rows, n_items) what each liked event follows, decayed by step, and the (rows,) items themselves."""
    liked = data.weight > 0
    user, item, weight = data.user[liked], data.item[liked], data.weight[liked]
    row, column, value = [], [], []
    for distance in range(1, min(window, len(user) - 1) + 1):
        later = distance + np.flatnonzero(user[distance:] == user[:-distance])
        row.append(later)
        column.append(item[later - distance])
        value.append(weight[later - distance] * np.float32(decay ** (distance - 1)))
    if not row:
        return sparse.csr_matrix((0, data.n_items), dtype=np.float32), item[:0]
    entries = (np.concatenate(value), (np.concatenate(row), np.concatenate(column)))
    past = sparse.csr_matrix(entries, shape=(len(item), data.n_items), dtype=np.float32)
    kept = np.diff(past.indptr) > 0
    return past[kept], item[kept]
