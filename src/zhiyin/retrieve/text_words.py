"""Rare words as few numbers: what an encoder blurs (a brand, a series, a category code) stays visible."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from zhiyin.contracts import State
from zhiyin.data.catalogue import Catalogue
from zhiyin.retrieve.segment import terms
from zhiyin.types import FloatArray

__all__ = ["WordSpace"]

ROUNDS = 2
"""Power iterations; two are enough where the result is only a set of features."""


class WordSpace:
    """TF-IDF of terms, neighbouring pairs of terms and word attributes, in its `dim` strongest directions.

    Latent semantic analysis (Deerwester et al. 1990) by a randomised range finder (Halko, Martinsson and
    Tropp 2011). Words that fewer than `least` items carry, or more than half of them, are left out.
    """

    def __init__(self, *, dim: int = 256, least: int = 3) -> None:
        self.dim = dim
        self.least = least
        self.words_: dict[str, int] = {}
        self.weights_: FloatArray = np.empty(0, np.float32)
        self.directions_: FloatArray = np.empty((0, 0), np.float32)

    def fit(self, items: Catalogue, known: NDArray[np.bool_], *, seed: int = 0) -> Self:
        """Learns from the items of a mask alone."""
        self.fit_of(items, known, seed=seed)
        return self

    def fit_of(self, items: Catalogue, known: NDArray[np.bool_], *, seed: int = 0) -> FloatArray:
        """`fit`, then `of`; every text is cut into words only once."""
        everything = [_words(items, code) for code in range(len(items))]
        rows = [everything[code] for code in np.flatnonzero(known)]
        carried = Counter(word for row in rows for word in row)
        kept = sorted(word for word, n in carried.items() if self.least <= n <= len(rows) / 2)
        self.words_ = {word: place for place, word in enumerate(kept)}
        self.weights_ = np.array([np.log(len(rows) / carried[word]) for word in kept], np.float32)
        self.directions_ = _directions(self._table(rows), self.dim, seed)
        return np.asarray(self._table(everything) @ self.directions_, np.float32)

    def of(self, items: Catalogue) -> FloatArray:
        """(n_items, d) coordinates; zeros for an item without a known word."""
        table = self._table([_words(items, code) for code in range(len(items))])
        return np.asarray(table @ self.directions_, np.float32)

    def state(self) -> State:
        return {"words": "\n".join(self.words_), "weights": self.weights_, "directions": self.directions_}

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        words = str(state["words"])
        self.words_ = {word: place for place, word in enumerate(words.split("\n") if words else ())}
        self.weights_ = np.asarray(state["weights"], np.float32)
        self.directions_ = np.asarray(state["directions"], np.float32)
        return self

    def _table(self, rows: list[set[str]]) -> sparse.csr_matrix:
        """(len(rows), n_words) TF-IDF rows of length one."""
        found = [sorted(self.words_[word] for word in row if word in self.words_) for row in rows]
        indptr = np.concatenate(([0], np.cumsum([len(row) for row in found]))).astype(np.int64)
        columns = np.array([place for row in found for place in row], np.int64)
        weights = self.weights_[columns]
        row = np.repeat(np.arange(len(found)), np.diff(indptr))
        lengths = np.sqrt(np.bincount(row, weights**2, minlength=len(found))).astype(np.float32)
        shape = (len(found), len(self.words_))
        return sparse.csr_matrix((weights / np.maximum(lengths[row], 1e-6), columns, indptr), shape=shape)


def _words(items: Catalogue, code: int) -> set[str]:
    spoken = terms(f"{items.titles[code]} {items.texts[code]}")
    pairs = (f"{one} {other}" for one, other in pairwise(spoken))
    marks = (f"{name}={word}" for name, column in items.words.items() for word in column.words(code))
    return {*spoken, *pairs, *(mark.replace("\n", " ") for mark in marks)}


def _directions(table: sparse.csr_matrix, dim: int, seed: int) -> FloatArray:
    """(n_words, d) right singular directions of the largest singular values, as unit columns."""
    n_rows, n_words = table.shape
    dim = min(dim, n_rows // 2, n_words // 2)
    if dim < 1:
        return np.zeros((n_words, 0), np.float32)
    width = min(dim + 16, n_rows, n_words)
    basis = np.random.default_rng(seed).standard_normal((n_words, width)).astype(np.float32)
    for _ in range(ROUNDS):
        basis = np.linalg.qr(table.T @ (table @ basis))[0]
    seen = table @ basis
    turn = np.linalg.eigh((seen.T @ seen).astype(np.float64))[1][:, ::-1][:, :dim]
    directions: FloatArray = (basis @ turn).astype(np.float32)
    return directions
