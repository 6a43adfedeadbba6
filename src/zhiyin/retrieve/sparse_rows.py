"""Item-to-item weights whose rows differ in length, asked without scipy's overhead per request."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from zhiyin.retrieve.relevance import DenseRelevance
from zhiyin.types import FloatArray, IntArray

__all__ = ["SparseRelevance", "activate", "block"]


@dataclass(frozen=True, slots=True)
class SparseRelevance(DenseRelevance):
    """Scores that are sums over the history of rows of a sparse matrix: the terms are the evidence."""

    weights: sparse.csr_matrix | None = None
    history: IntArray | None = None

    def evidence(self, items: IntArray) -> FloatArray | None:
        if self.weights is None or self.history is None:
            return None
        return block(self.weights, self.history, items)


def activate(matrix: sparse.csr_matrix, items: IntArray, weights: FloatArray) -> FloatArray:
    """(n,) the weighted sum of the rows of `items`; an item -1 or beyond the matrix adds nothing."""
    place, owner = _entries(matrix, items)
    terms = matrix.data[place] * weights[owner]
    return np.bincount(matrix.indices[place], terms, minlength=matrix.shape[1]).astype(np.float32)


def block(matrix: sparse.csr_matrix, history: IntArray, items: IntArray) -> FloatArray:
    """(h, c) the weight from each history item to each of `items`; 0 where there is none."""
    n = matrix.shape[1]
    column = np.full(n, -1, np.int32)
    inside = (items >= 0) & (items < n)
    column[items[inside]] = np.flatnonzero(inside)
    place, owner = _entries(matrix, history)
    target = column[matrix.indices[place]]
    hit = np.flatnonzero(target >= 0)
    out = np.zeros((len(history), len(items)), np.float32)
    out[owner[hit], target[hit]] = matrix.data[place[hit]]
    return out


def _entries(matrix: sparse.csr_matrix, rows: IntArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the entries of some rows stand in `data`, and to which of the rows each belongs."""
    known = (rows >= 0) & (rows < matrix.shape[0])
    codes = np.where(known, rows, 0)
    starts = matrix.indptr[codes].astype(np.int64)
    lengths = np.where(known, matrix.indptr[codes + 1] - starts, 0)
    owner = np.repeat(np.arange(len(rows)), lengths)
    before = np.cumsum(lengths) - lengths
    return np.arange(len(owner)) + np.repeat(starts - before, lengths), owner
