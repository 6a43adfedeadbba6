"""Item-to-item filtering in which items with little behaviour borrow from those of like texts (C3, L1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from zhiyin.contracts import Encoder, State
from zhiyin.data.catalogue import Catalogue
from zhiyin.data.dataset import Dataset
from zhiyin.errors import NotFittedError
from zhiyin.represent.cached import CachedEncoder
from zhiyin.represent.use_encoder import UseEncoder
from zhiyin.retrieve.sparse_rows import SparseRelevance, activate
from zhiyin.retrieve.text_projection import TextProjection, damped_pairs, paired
from zhiyin.types import FloatArray, Query

__all__ = ["TextKernelRetriever"]

BLOCK = 512
HALF = 0.5
WIDTH = 300
"""Entries of a row that are kept between the two smoothings: the rest adds up to almost nothing."""


class TextKernelRetriever:
    """The co-occurrence kernel K, smoothed over items whose texts are alike: S K T'.

    A row of S and of T is (1 - s) times the item itself plus s times its `n_like` neighbours in the
    space of `TextProjection`, by a softmax of their cosines at `temperature`; s = borrow / (borrow + n)
    for an item with n events. So one that many chose lives on its own behaviour, and one that nobody
    chose on that of its neighbours alone: of `n_like_cold`, as it has nothing else. Among sources the
    borrowed part counts half.

    The `k` strongest weights of each row are kept; an item without behaviour also keeps the
    `k_cold` items that lead to it most, so that it can be found. Items that come later are treated
    like these by `refresh`. `encoder` None means the embedded one, behind the cache on disk.
    """

    def __init__(
        self,
        *,
        encoder: Encoder | None = None,
        window: int = 10,
        backward: float = 0.5,
        borrow: float = 10.0,
        n_like: int = 30,
        n_like_cold: int = 100,
        temperature: float = 0.15,
        k: int = 150,
        k_cold: int = 1000,
        decay: float = 0.8,
    ) -> None:
        self.encoder = encoder
        self.window = window
        self.backward = backward
        self.borrow = borrow
        self.n_like = n_like
        self.n_like_cold = n_like_cold
        self.temperature = temperature
        self.k = k
        self.k_cold = k_cold
        self.decay = decay
        self.weights_: sparse.csr_matrix | None = None

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        pairs = damped_pairs(data, self.window, self.backward)
        self.projection_ = self._projection()
        self.places_ = self._places(self.projection_.fit_of(data.items, pairs, seed=seed))
        self.known_ = paired(pairs)
        n = np.bincount(data.item[data.weight > 0], minlength=data.n_items)
        self.fitted_ = self._smooth(pairs, (self.borrow / (self.borrow + n)).astype(np.float32))
        self.weights_ = self._with_unknown(data.n_items)
        return self

    def refresh(self, items: Catalogue) -> None:
        """Gives items that were added after the fit their neighbours; the others keep theirs."""
        self._fitted()
        n = len(self.known_)
        added = Catalogue.of(items.item(code) for code in range(n, len(items)))
        self.places_ = self.places_[:n]
        if len(added):
            self.places_ = np.vstack([self.places_, self._places(self.projection_.of(added))])
        self.weights_ = self._with_unknown(len(items))

    def relevance(self, query: Query) -> SparseRelevance:
        weights, history = self._fitted(), query.history
        scores = activate(weights, history.items, history.decayed(self.decay))
        return SparseRelevance(
            np.asarray(scores, np.float32), floor=0.0, weights=weights, history=history.items
        )

    def state(self) -> State:
        weights = self._fitted()
        return {
            **_arrays("weights", weights),
            **_arrays("fitted", self.fitted_),
            "places": self.places_,
            "known": self.known_,
            **{f"projection.{key}": value for key, value in self.projection_.state().items()},
        }

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        self.weights_, self.fitted_ = _matrix("weights", state), _matrix("fitted", state)
        self.places_ = np.asarray(state["places"], np.float32)
        self.known_ = np.asarray(state["known"], np.bool_)
        start = "projection."
        learnt = {key.removeprefix(start): value for key, value in state.items() if key.startswith(start)}
        self.projection_ = self._projection().restore(learnt)
        return self

    def _projection(self) -> TextProjection:
        return TextProjection(encoder=CachedEncoder(UseEncoder()) if self.encoder is None else self.encoder)

    def _places(self, features: FloatArray) -> FloatArray:
        """(n_items, f) unit rows: where an item stands as something that is chosen next."""
        places = self.projection_.targets(features)
        found: FloatArray = places / np.maximum(np.linalg.norm(places, axis=1, keepdims=True), 1e-9)
        return found

    def _smooth(self, pairs: sparse.csr_matrix, share: FloatArray) -> sparse.csr_matrix:
        """S K T' for the items with behaviour, the `k` strongest of each row."""
        known = np.flatnonzero(self.known_)
        like = self._like(known, len(self.known_), self.n_like)
        own, borrowed = sparse.diags(1 - share), sparse.diags(share)
        sources = sparse.csr_matrix(own + np.float32(HALF) * (borrowed @ like))
        targets = sparse.csr_matrix((own + borrowed @ like).T)
        return _strongest(_strongest(sources, pairs, WIDTH), targets, self.k)

    def _with_unknown(self, n: int) -> sparse.csr_matrix:
        """(n, n) the fitted weights, and for the items without behaviour means over their neighbours."""
        unknown = np.concatenate([np.flatnonzero(~self.known_), np.arange(len(self.known_), n)])
        if not len(unknown):
            return self.fitted_
        weights = self.fitted_.copy()
        weights.resize((n, n))
        like = self._like(unknown, n, self.n_like_cold)
        incoming = _strongest(like[unknown], sparse.csr_matrix(weights.T), self.k_cold)
        places = (np.ones(len(unknown), np.float32), (unknown, np.arange(len(unknown))))
        rows = sparse.csr_matrix(places, shape=(n, len(unknown)))
        weights = sparse.csr_matrix(weights + (rows @ incoming).T)
        outgoing = _strongest(like[unknown], weights, self.k)
        return sparse.csr_matrix(weights + np.float32(HALF) * (rows @ outgoing), dtype=np.float32)

    def _like(self, items: NDArray[np.intp], n: int, m: int) -> sparse.csr_matrix:
        """(n, n) in the rows of `items`: shares (sum 1) of `m` neighbours that have behaviour."""
        known = np.flatnonzero(self.known_)
        m = min(m, len(known) - 1)
        if m < 1:
            return sparse.csr_matrix((n, n), dtype=np.float32)
        ids, shares = np.empty((len(items), m), np.int32), np.empty((len(items), m), np.float32)
        for at in range(0, len(items), BLOCK):
            some = items[at : at + BLOCK]
            cosines = self.places_[some] @ self.places_[known].T
            cosines[some[:, None] == known] = -np.inf
            nearest = np.argpartition(cosines, -m, axis=1)[:, -m:]
            near = np.take_along_axis(cosines, nearest, axis=1)
            rate = np.exp((near - near.max(axis=1, keepdims=True)) / np.float32(self.temperature))
            ids[at : at + BLOCK] = known[nearest]
            shares[at : at + BLOCK] = rate / rate.sum(axis=1, keepdims=True)
        rows = np.repeat(items, m)
        return sparse.csr_matrix((shares.ravel(), (rows, ids.ravel())), shape=(n, n))

    def _fitted(self) -> sparse.csr_matrix:
        if self.weights_ is None:
            raise NotFittedError("TextKernelRetriever was asked before fit: call fit(dataset) first")
        return self.weights_


def _strongest(left: sparse.csr_matrix, right: sparse.csr_matrix, k: int) -> sparse.csr_matrix:
    """left @ right with the `k` largest entries of each row; by blocks, as the whole may be dense."""
    blocks = []
    for at in range(0, left.shape[0], BLOCK):
        dense = np.asarray((left[at : at + BLOCK] @ right).toarray(), np.float32)
        if k < dense.shape[1]:
            weak = np.partition(dense, -k, axis=1)[:, -k, None]
            dense[dense < weak] = 0
        blocks.append(sparse.csr_matrix(dense))
    return sparse.csr_matrix(sparse.vstack(blocks), dtype=np.float32)


def _arrays(name: str, matrix: sparse.csr_matrix) -> State:
    return {f"{name}.data": matrix.data, f"{name}.indices": matrix.indices, f"{name}.indptr": matrix.indptr}


def _matrix(name: str, state: Mapping[str, NDArray[np.generic] | str]) -> sparse.csr_matrix:
    data, indices, indptr = (np.asarray(state[f"{name}.{part}"]) for part in ("data", "indices", "indptr"))
    n = len(indptr) - 1
    return sparse.csr_matrix((data, indices, indptr), shape=(n, n))
