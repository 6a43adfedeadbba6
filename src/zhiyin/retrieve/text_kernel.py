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
from zhiyin.errors import NotFittedError, check_options
from zhiyin.represent.cached import CachedEncoder
from zhiyin.represent.use_encoder import UseEncoder
from zhiyin.represent.vector_index import MAX_EXACT, VectorIndex
from zhiyin.retrieve.entries import Entries
from zhiyin.retrieve.near import N_READ
from zhiyin.retrieve.relevance import LinearRelevance
from zhiyin.retrieve.text_projection import TextProjection, damped_pairs, paired
from zhiyin.types import FloatArray, IntArray, Query

__all__ = ["TextKernelRetriever"]

BLOCK = 512
HALF = 0.5
FEW = 8
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
    like these by `refresh`. Above `max_exact` items neighbours are looked for among the `n_read` that
    promise most (see `VectorIndex`). `encoder` None means the embedded one, behind the cache on disk.
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
        max_exact: int = MAX_EXACT,
        n_read: int = N_READ,
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
        self.max_exact = max_exact
        self.n_read = n_read
        self.weights_: sparse.csr_matrix | None = None
        self.later_: sparse.csr_matrix | None = None
        check_options(
            self, window=(1, 1e6), backward=(0, 10), borrow=(0, 1e12), n_like=(1, 1e6),
            n_like_cold=(1, 1e6), temperature=(1e-6, 1000), k=(1, 1e6), k_cold=(1, 1e6),
            decay=(0, 1), max_exact=(0, 1e9), n_read=(1, 1e9),
        )  # fmt: skip

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        pairs = damped_pairs(data, self.window, self.backward)
        self.projection_ = self._projection()
        places = self._places(self.projection_.fit_of(data.items, pairs, seed=seed))
        self.places_ = VectorIndex.of(places, max_exact=self.max_exact, seed=seed, short=True)
        self.known_ = paired(pairs)
        n = np.bincount(data.item[data.weight > 0], minlength=data.n_items)
        fitted = self._smooth(pairs, (self.borrow / (self.borrow + n)).astype(np.float32))
        self.weights_, self.later_ = self._with_unknown(fitted, data.n_items), None
        return self

    def refresh(self, items: Catalogue, changed: IntArray | None = None) -> None:
        """Gives items that were added after the fit their neighbours; the others keep theirs.

        Up to `max_exact` items this is the same computation as the fit. Above, new items see those of
        the fit, and not each other.
        """
        weights, n = self._fitted(), len(self.known_)
        if changed is not None and not len(changed) and len(items) == weights.shape[0]:
            return
        if changed is not None and len(items) > self.max_exact:
            added = changed[changed >= weights.shape[0]]
            if len(added):
                self.later_ = self._later(items, added)
            return
        fresh = np.arange(n, len(items), dtype=np.int32)
        places = VectorIndex.of(
            self.places_.take(np.arange(n, dtype=np.int32)), max_exact=self.max_exact, short=True
        )
        if len(fresh):
            places = places.with_rows(fresh, self._places(self.projection_.of(items.take(fresh))), len(items))
        self.places_ = places
        self.weights_, self.later_ = self._with_unknown(self._of_known(weights), len(items)), None

    def relevance(self, query: Query) -> LinearRelevance:
        weights, later, history = self._fitted(), self.later_, query.history
        entries = Entries.of(weights, history.items)
        if later is not None:
            entries = Entries.joined([entries, Entries.of(later, history.items)])
        return LinearRelevance.of_entries(entries, history.decayed(self.decay))

    def state(self) -> State:
        weights, later = self._fitted(), self.later_
        if later is not None:
            weights = _resized(weights, later.shape[0]) + later
        return {
            **_arrays("weights", weights),
            **{f"places.{key}": value for key, value in self.places_.state().items()},
            "known": self.known_,
            **{f"projection.{key}": value for key, value in self.projection_.state().items()},
        }

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        self.weights_, self.later_ = _matrix("weights", state), None
        self.places_ = VectorIndex.saved(_under("places.", state), max_exact=self.max_exact)
        self.known_ = np.asarray(state["known"], np.bool_)
        self.projection_ = self._projection().restore(_under("projection.", state))
        return self

    def _of_known(self, weights: sparse.csr_matrix) -> sparse.csr_matrix:
        """(n, n) what the fit has found for the items with behaviour."""
        n = len(self.known_)
        known = np.append(self.known_, False)
        row = np.repeat(np.arange(weights.shape[0]), np.diff(weights.indptr))
        kept = known[np.minimum(row, n)] & known[np.minimum(weights.indices, n)]
        entries = (weights.data[kept], (row[kept], weights.indices[kept]))
        return sparse.csr_matrix(entries, shape=(n, n))

    def _later(self, items: Catalogue, added: IntArray) -> sparse.csr_matrix:
        """(n, n) what leads to the items that came since the weights were made, and where they lead to."""
        weights, n = self._fitted(), len(items)
        like = self._like_places(self._places(self.projection_.of(items.take(added))), weights.shape[0])
        rows = _strongest(like, weights, self.k).tocoo()
        heads = _strongest_columns(weights, like, self.k_cold).tocoo()
        values = np.concatenate((np.float32(HALF) * rows.data, heads.data))
        sources = np.concatenate((added[rows.row], heads.col))
        targets = np.concatenate((rows.col, added[heads.row]))
        later = sparse.csr_matrix((values, (sources, targets)), shape=(n, n), dtype=np.float32)
        before = self.later_
        if before is None:
            return later
        replaced = bool((added < before.shape[0]).any())
        return _resized(_without(before, added) if replaced else before, n) + later

    def _like_places(self, places: FloatArray, n: int) -> sparse.csr_matrix:
        """(len(places), n) shares of the neighbours that have behaviour, as far as the index finds them."""
        rows, codes, shares = [], [], []
        for row, place in enumerate(places):
            near, cosines = self.places_.search(place, self.n_read)
            there = near < len(self.known_)
            near, cosines = near[there], cosines[there]
            near, cosines = near[self.known_[near]], cosines[self.known_[near]]
            chosen = np.argsort(-cosines, kind="stable")[: self.n_like_cold]
            rate = np.exp((cosines[chosen] - cosines[chosen[:1]]) / np.float32(self.temperature))
            rows.append(np.full(len(chosen), row))
            codes.append(near[chosen])
            shares.append(rate / max(float(rate.sum()), 1e-9))
        entries = (np.concatenate(shares), (np.concatenate(rows), np.concatenate(codes)))
        return sparse.csr_matrix(entries, shape=(len(places), n), dtype=np.float32)

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

    def _with_unknown(self, fitted: sparse.csr_matrix, n: int) -> sparse.csr_matrix:
        """(n, n) the fitted weights, and for the items without behaviour means over their neighbours."""
        unknown = np.concatenate([np.flatnonzero(~self.known_), np.arange(len(self.known_), n)])
        if not len(unknown):
            return fitted
        weights = _resized(fitted, n)
        like = self._like(unknown, n, self.n_like_cold)
        incoming = _strongest(like[unknown], sparse.csr_matrix(weights.T), self.k_cold)
        places = (np.ones(len(unknown), np.float32), (unknown, np.arange(len(unknown))))
        rows = sparse.csr_matrix(places, shape=(n, len(unknown)))
        weights = sparse.csr_matrix(weights + (rows @ incoming).T)
        outgoing = _strongest(like[unknown], weights, self.k)
        return sparse.csr_matrix(weights + np.float32(HALF) * (rows @ outgoing), dtype=np.float32)

    def _like(self, items: NDArray[np.intp], n: int, m: int) -> sparse.csr_matrix:
        """(n, n) in the rows of `items`: shares (sum 1) of `m` neighbours that have behaviour."""
        m = min(m, int(np.count_nonzero(self.known_)) - 1)
        if m < 1:
            return sparse.csr_matrix((n, n), dtype=np.float32)
        wanted, known = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
        wanted[items], known[: len(self.known_)] = True, self.known_
        parts = []
        for some, others in self.places_.neighbourhoods(self.n_read, BLOCK):
            mine, near = some[wanted[some]], others[known[others]]
            if len(mine) and len(near) > 1:
                parts.append(self._shares(mine, near, min(m, len(near) - 1)))
        rows, ids, shares = (np.concatenate(part) for part in zip(*parts, strict=True))
        return sparse.csr_matrix((shares, (rows, ids)), shape=(n, n))

    def _shares(self, mine: IntArray, near: IntArray, m: int) -> tuple[IntArray, IntArray, FloatArray]:
        """Row, column and share of the `m` nearest of some items."""
        cosines = self.places_.take(mine) @ self.places_.take(near).T
        cosines[mine[:, None] == near] = -np.inf
        nearest = np.argpartition(cosines, -m, axis=1)[:, -m:]
        cosine = np.take_along_axis(cosines, nearest, axis=1)
        rate = np.exp((cosine - cosine.max(axis=1, keepdims=True)) / np.float32(self.temperature))
        rate /= rate.sum(axis=1, keepdims=True)
        return np.repeat(mine, m), near[nearest].ravel(), rate.ravel()

    def _fitted(self) -> sparse.csr_matrix:
        if self.weights_ is None:
            raise NotFittedError("TextKernelRetriever was asked before fit: call fit(dataset) first")
        return self.weights_


def _strongest(left: sparse.csr_matrix, right: sparse.csr_matrix, k: int) -> sparse.csr_matrix:
    """left @ right with the `k` largest entries of each row, by blocks: the whole may be nearly full.

    Entries below 0 do not count.
    """
    blocks = []
    for at in range(0, left.shape[0], BLOCK):
        found = sparse.csr_matrix(left[at : at + BLOCK] @ right, dtype=np.float32)
        lengths = np.diff(found.indptr)
        if k < lengths.max(initial=0):
            row = np.repeat(np.arange(len(lengths)), lengths)
            padded = np.zeros((len(lengths), int(lengths.max())), np.float32)
            padded[row, np.arange(len(row)) - np.repeat(found.indptr[:-1], lengths)] = found.data
            weak = np.partition(padded, -k, axis=1)[:, -k]
            found.data[found.data < weak[row]] = 0
        found.eliminate_zeros()
        blocks.append(found)
    return sparse.csr_matrix(sparse.vstack(blocks), dtype=np.float32)


def _strongest_columns(matrix: sparse.csr_matrix, like: sparse.csr_matrix, k: int) -> sparse.csr_matrix:
    """like @ matrix.T with the `k` largest entries of each row: for few rows without turning the matrix."""
    if like.shape[0] > FEW:
        return _strongest(like, sparse.csr_matrix(matrix.T), k)
    found = sparse.csr_matrix(np.stack([matrix @ row for row in like.toarray()]))
    return _strongest(found, sparse.identity(like.shape[1], np.float32, "csr"), k)


def _resized(matrix: sparse.csr_matrix, n: int) -> sparse.csr_matrix:
    """(n, n) the same entries."""
    larger = matrix.copy() if n < matrix.shape[0] else sparse.csr_matrix(matrix)
    larger.resize((n, n))
    return larger


def _without(matrix: sparse.csr_matrix, items: IntArray) -> sparse.csr_matrix:
    """The same matrix with empty rows and columns for some items."""
    kept = np.ones(matrix.shape[0], np.float32)
    kept[items[items < len(kept)]] = 0
    found = sparse.csr_matrix(sparse.diags_array(kept) @ matrix @ sparse.diags_array(kept), dtype=np.float32)
    found.eliminate_zeros()
    return found


def _under(prefix: str, state: Mapping[str, NDArray[np.generic] | str]) -> State:
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def _arrays(name: str, matrix: sparse.csr_matrix) -> State:
    return {f"{name}.data": matrix.data, f"{name}.indices": matrix.indices, f"{name}.indptr": matrix.indptr}


def _matrix(name: str, state: Mapping[str, NDArray[np.generic] | str]) -> sparse.csr_matrix:
    data, indices, indptr = (np.asarray(state[f"{name}.{part}"]) for part in ("data", "indices", "indptr"))
    n = len(indptr) - 1
    return sparse.csr_matrix((data, indices, indptr), shape=(n, n))
