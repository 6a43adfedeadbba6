"""Item-to-item weights whose rows differ in length, asked without scipy's overhead per request."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from zhiyin.retrieve.relevance import TouchedRelevance
from zhiyin.retrieve.scratch import added_up, placed
from zhiyin.types import FloatArray, IntArray

__all__ = ["SparseRelevance", "activate", "block", "touched", "touched_by"]


@dataclass(frozen=True, slots=True)
class SparseRelevance(TouchedRelevance):
    """Scores that are sums over the history of rows of sparse matrices: the terms are the evidence."""

    weights: tuple[sparse.csr_matrix, ...]
    """What was learnt, and what came later; no entry stands in two of them."""
    history: IntArray

    def evidence(self, items: IntArray) -> FloatArray | None:
        found = block(self.weights[0], self.history, items)
        for more in self.weights[1:]:
            found += block(more, self.history, items)
        return found


def touched(matrix: sparse.csr_matrix, items: IntArray, weights: FloatArray) -> tuple[IntArray, FloatArray]:
    """The codes that the rows of `items` name, each once, and the weighted sum of the rows there.

    An item -1 or beyond the matrix adds nothing.
    """
    place, owner = _entries(matrix, items)
    return added_up(matrix.indices[place], matrix.data[place] * weights[owner], matrix.shape[1])


def touched_by(
    matrices: tuple[sparse.csr_matrix, ...], items: IntArray, weights: FloatArray
) -> tuple[IntArray, FloatArray]:
    """The same over the sum of some matrices, of which the last has the most columns."""
    if len(matrices) == 1:
        return touched(matrices[0], items, weights)
    codes, terms = [], []
    for matrix in matrices:
        place, owner = _entries(matrix, items)
        codes.append(matrix.indices[place])
        terms.append(matrix.data[place] * weights[owner])
    return added_up(np.concatenate(codes), np.concatenate(terms), matrices[-1].shape[1])


def activate(matrix: sparse.csr_matrix, items: IntArray, weights: FloatArray) -> FloatArray:
    """(n,) the same as one array over all columns."""
    codes, sums = touched(matrix, items, weights)
    found = np.zeros(matrix.shape[1], np.float32)
    found[codes] = sums
    return found


def block(matrix: sparse.csr_matrix, history: IntArray, items: IntArray) -> FloatArray:
    """(h, c) the weight from each history item to each of `items`; 0 where there is none."""
    n = matrix.shape[1]
    inside = np.flatnonzero((items >= 0) & (items < n))
    place, owner = _entries(matrix, history)
    target = placed(items[inside], matrix.indices[place], n)
    hit = np.flatnonzero(target >= 0)
    out = np.zeros((len(history), len(items)), np.float32)
    out[owner[hit], inside[target[hit]]] = matrix.data[place[hit]]
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
