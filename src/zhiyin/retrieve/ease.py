"""EASE: the best linear item-to-item weights in closed form (Steck, WWW 2019)."""

from __future__ import annotations

from typing import Self

import numpy as np
from scipy import linalg, sparse

from zhiyin.data.dataset import Dataset
from zhiyin.errors import ConfigError, check_options
from zhiyin.retrieve.linear import LinearRetriever
from zhiyin.retrieve.matrix import fitting_penalty, user_item_matrix
from zhiyin.retrieve.neighbours import Neighbours
from zhiyin.types import FloatArray, IntArray

__all__ = ["EaseRetriever"]

BLOCK = 1024


class EaseRetriever(LinearRetriever):
    """Weights that best rebuild each user's row from the user's other items, with an L2 penalty.

    Exact up to `max_exact` items with behaviour (8 n^2 bytes, n^3 steps). Above that each item is solved
    on its own, on the `neighbourhood` items that are most like it: the same equations, restricted, as good
    where it was measured. The `k` strongest weights per item are kept. `regularisation` None follows the
    length of the histories.
    """

    def __init__(
        self,
        *,
        regularisation: float | None = None,
        k: int = 100,
        decay: float = 0.85,
        max_exact: int = 10_000,
        neighbourhood: int = 200,
    ) -> None:
        self.regularisation = regularisation
        self.k = k
        self.decay = decay
        self.max_exact = max_exact
        self.neighbourhood = neighbourhood
        check_options(
            self, regularisation=(1e-6, 1e9), k=(1, 1e6), decay=(0, 1), max_exact=(0, 1e9),
            neighbourhood=(1, 1e6),
        )  # fmt: skip

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        matrix = user_item_matrix(data)
        active = np.flatnonzero(np.diff(matrix.tocsc().indptr))
        matrix = matrix[:, active]
        penalty = fitting_penalty(data) if self.regularisation is None else self.regularisation
        if 0 < len(active) <= self.max_exact:
            found = Neighbours.of_dense(exact_weights(matrix, penalty), self.k)
        else:
            found = Neighbours.of_sparse(local_weights(matrix, penalty, self.neighbourhood), self.k)
        self.neighbours_ = found.renamed(active, data.n_items)
        return self


def exact_weights(matrix: sparse.csr_matrix, penalty: float) -> FloatArray:
    """(n, n) B with B[i, j] = -P[i, j] / P[j, j] and P = (X'X + penalty I)^-1; the diagonal is 0.

    One n x n array of float32, overwritten in place.
    """
    gram = (matrix.T @ matrix).astype(np.float32).toarray().T  # symmetric: the order that LAPACK overwrites
    gram[np.diag_indices_from(gram)] += np.float32(penalty)
    factor, failed = linalg.lapack.spotrf(gram, lower=1, overwrite_a=1)
    if not failed:
        inverse, failed = linalg.lapack.spotri(factor, lower=1, overwrite_c=1)
    if failed:
        raise ConfigError(f"regularisation {penalty!r} leaves no solution: expected a number above 0")
    scale = -1 / inverse.diagonal()
    mirror_lower(inverse)
    inverse *= scale[None, :]
    np.fill_diagonal(inverse, 0)
    weights: FloatArray = inverse
    return weights


def mirror_lower(matrix: FloatArray, block: int = 1024) -> None:
    """Copies the lower triangle into the upper one, in place."""
    for start in range(0, len(matrix), block):
        end = min(start + block, len(matrix))
        matrix[start:end, end:] = matrix[end:, start:end].T
        square = matrix[start:end, start:end]
        square[:] = np.tril(square) + np.tril(square, -1).T


def local_weights(matrix: sparse.csr_matrix, penalty: float, size: int) -> sparse.csr_matrix:
    """(n, n) each column from a ridge regression on the `size` items that are most like its item (cosine).

    Needs 8 bytes for every pair of items that share a user. The pairs inside a neighbourhood are all kept:
    cutting the Gram matrix to its strongest entries destroys the solution (measured).
    """
    n = matrix.shape[1]
    gram = sparse.csr_matrix(matrix.T @ matrix, dtype=np.float32)
    near = like_items(gram, size)
    diagonal = gram.diagonal()
    place = np.full(n, -1, np.int32)
    weights = np.zeros(near.shape, np.float32)
    for item in range(n):
        chosen = near[item][near[item] < n]
        place[chosen] = np.arange(len(chosen))
        system = submatrix(gram, chosen, place)
        system[np.diag_indices_from(system)] = diagonal[chosen] + np.float32(penalty)
        place[chosen] = -1
        meet = np.zeros(n, np.float32)
        row = slice(gram.indptr[item], gram.indptr[item + 1])
        meet[gram.indices[row]] = gram.data[row]
        weights[item, : len(chosen)] = np.linalg.solve(system, meet[chosen])
    known = near < n
    target = np.repeat(np.arange(n), known.sum(axis=1))
    return sparse.csr_matrix((weights[known], (near[known], target)), shape=(n, n))


def like_items(gram: sparse.csr_matrix, size: int) -> IntArray:
    """(n, size) the items with the highest cosine to each item, n where there are no more."""
    norm = np.sqrt(np.maximum(gram.diagonal(), np.float32(1e-9)))
    row = np.repeat(np.arange(len(norm)), np.diff(gram.indptr))
    cosine = gram.data / (norm[row] * norm[gram.indices])
    cosine[row == gram.indices] = 0
    alike = sparse.csr_matrix((cosine, gram.indices, gram.indptr), shape=gram.shape)
    blocks = (alike[start : start + BLOCK] for start in range(0, len(norm), BLOCK))
    return Neighbours.of_blocks(blocks, len(norm), size).ids


def submatrix(gram: sparse.csr_matrix, chosen: IntArray, place: IntArray) -> FloatArray:
    """(c, c) what `gram` has between the chosen items; `place` is the position of each of them, else -1."""
    rows = gram[chosen]
    column = place[rows.indices]
    inside = column >= 0
    row = np.repeat(np.arange(len(chosen)), np.diff(rows.indptr))[inside]
    found = np.zeros((len(chosen), len(chosen)), np.float32)
    found[row, column[inside]] = rows.data[inside]
    return found
