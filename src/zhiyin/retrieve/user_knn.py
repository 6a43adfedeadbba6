"""User-based collaborative filtering: what those who did the same did besides (Resnick et al., CSCW 1994)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from zhiyin.contracts import State
from zhiyin.data.dataset import Dataset
from zhiyin.errors import NotFittedError, check_options
from zhiyin.retrieve.matrix import user_item_matrix
from zhiyin.retrieve.relevance import DenseRelevance
from zhiyin.types import FloatArray, History, IntArray, Query

__all__ = ["UserKnnRetriever"]


@dataclass(frozen=True, slots=True)
class _Neighbourhood(DenseRelevance):
    """Scores that were summed over a few users; through them each event of the history can be followed."""

    searched: sparse.csr_matrix | None = None
    """(k, n_items) that by which the chosen users were found."""
    likes: sparse.csr_matrix | None = None
    """(k, n_items) what they like."""
    length: FloatArray | None = None
    """(k,) the length of each of these rows."""
    history: IntArray | None = None
    rarity: FloatArray | float = 1.0
    """(h,) what each event of the history counted, 0 for those that were not asked."""

    def evidence(self, items: IntArray) -> FloatArray | None:
        if self.searched is None or self.likes is None or self.length is None or self.history is None:
            return None
        shared = columns_of(self.searched, self.history) * self.rarity / self.length[:, None]
        liked = columns_of(self.likes, items)
        return np.asarray(shared.T @ liked, np.float32)


class UserKnnRetriever:
    """The live, decayed history is compared with every user of the fit; the `k` most similar vote.

    Similarity is the cosine, up to the length of the asking history; an item that n users like counts
    n ** -damp in it, for a rare common taste says more. The last `window` events of the history ask, and
    only the last `sample` events of each item are searched: that bounds the time of a query.
    """

    def __init__(
        self, *, k: int = 100, decay: float = 0.8, damp: float = 0.5, window: int = 20, sample: int = 500
    ) -> None:
        self.k = k
        self.decay = decay
        self.damp = damp
        self.window = window
        self.sample = sample
        self.likes_: sparse.csr_matrix | None = None
        check_options(self, k=(1, 1e6), decay=(0, 1), damp=(0, 10), window=(1, 1e6), sample=(1, 1e9))

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        newest = newest_events(data, self.sample)
        return self._learn(user_item_matrix(data), user_item_matrix(data.take(newest)))

    def _learn(self, likes: sparse.csr_matrix, searched: sparse.csr_matrix) -> Self:
        fans = np.maximum(np.bincount(likes.indices, minlength=likes.shape[1]), 1)
        self.rarity_: FloatArray = (fans**-self.damp).astype(np.float32)
        norm = np.sqrt(np.asarray(likes.multiply(likes).sum(axis=1)).ravel())
        self.length_: FloatArray = np.maximum(norm, 1e-9).astype(np.float32)
        self.likes_, self.searched_ = likes, searched
        self.fans_ = sparse.csc_matrix(searched)
        return self

    def relevance(self, query: Query) -> DenseRelevance:
        if self.likes_ is None:
            raise NotFittedError("UserKnnRetriever was asked before fit: call fit(dataset) first")
        history = query.history
        rarity = self.asking(history)
        similarity = self.similarity(history.items, history.decayed(self.decay) * rarity)
        k = min(self.k, len(similarity))
        near = np.argpartition(-similarity, k - 1)[:k] if k else np.empty(0, np.intp)
        near = near[similarity[near] > 0]
        likes = self.likes_[near]
        weight = np.repeat(similarity[near], np.diff(likes.indptr)) * likes.data
        scores = np.bincount(likes.indices, weight, minlength=likes.shape[1]).astype(np.float32)
        return _Neighbourhood(
            scores,
            floor=0.0,
            searched=self.searched_[near],
            likes=likes,
            length=self.length_[near],
            history=history.items,
            rarity=rarity,
        )

    def asking(self, history: History) -> FloatArray:
        """(h,) the rarity of each event's item; 0 for what is unknown or too long ago."""
        known = (history.items >= 0) & (history.items < len(self.rarity_))
        known[: max(0, len(known) - self.window)] = False
        return np.where(known, self.rarity_[np.where(known, history.items, 0)], np.float32(0))

    def similarity(self, items: IntArray, weights: FloatArray) -> FloatArray:
        """(n_users,) sum over the items of weight * the user's weight, by the length of the user's row."""
        items, weights = items[weights != 0], weights[weights != 0]
        start, end = self.fans_.indptr[items], self.fans_.indptr[items + 1]
        lengths = end - start
        skipped = start - (np.cumsum(lengths) - lengths)
        place = np.repeat(skipped, lengths) + np.arange(lengths.sum())
        users = self.fans_.indices[place]
        taste = self.fans_.data[place] * np.repeat(weights, lengths)
        total = np.bincount(users, taste, minlength=len(self.length_))
        return (total / self.length_).astype(np.float32)

    def state(self) -> State:
        if self.likes_ is None:
            raise NotFittedError("UserKnnRetriever has nothing to save before fit")
        found: State = {"shape": np.array(self.likes_.shape, np.int64)}
        for name, matrix in (("likes", self.likes_), ("searched", self.searched_)):
            found[f"{name}_data"] = matrix.data
            found[f"{name}_items"] = matrix.indices
            found[f"{name}_indptr"] = matrix.indptr
        return found

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        n_users, n_items = np.asarray(state["shape"], np.int64).tolist()
        likes, searched = (
            sparse.csr_matrix(
                tuple(np.asarray(state[f"{name}_{part}"]) for part in ("data", "items", "indptr")),
                shape=(n_users, n_items),
            )
            for name in ("likes", "searched")
        )
        return self._learn(likes, searched)


def newest_events(data: Dataset, n: int) -> NDArray[np.bool_]:
    """(rows,) the last `n` events of each item; without a clock, those nearest to the ends of sequences."""
    left = np.repeat(data.indptr[1:], np.diff(data.indptr)) - np.arange(len(data))
    age = -data.at if data.has_clock else left
    order = np.lexsort((age, data.item))
    start = np.searchsorted(data.item[order], data.item[order])
    newest = np.zeros(len(data), np.bool_)
    newest[order[np.arange(len(data)) - start < n]] = True
    return newest


def columns_of(matrix: sparse.csr_matrix, items: IntArray) -> FloatArray:
    """(rows, len(items)) dense columns; 0 for items that the matrix does not know."""
    known = (items >= 0) & (items < matrix.shape[1])
    found = np.zeros((matrix.shape[0], len(items)), np.float32)
    found[:, known] = matrix[:, items[known]].toarray()
    return found
