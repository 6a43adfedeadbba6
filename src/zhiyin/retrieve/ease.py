"""EASE: the best linear item-to-item weights in closed form (Steck, WWW 2019)."""

from __future__ import annotations

from typing import Self

import numpy as np
from scipy import linalg, sparse

from zhiyin.data.dataset import Dataset
from zhiyin.errors import ConfigError
from zhiyin.retrieve.linear import LinearRetriever
from zhiyin.retrieve.matrix import user_item_matrix
from zhiyin.retrieve.neighbours import Neighbours
from zhiyin.types import FloatArray, IntArray

__all__ = ["EaseRetriever"]

BLOCK = 1024
GRAM_ROW = 1000


class EaseRetriever(LinearRetriever):
    """Weights that best rebuild each user's row from the user's other items, with an L2 penalty.

    Exact up to `max_exact` items with behaviour (4 n^2 bytes, n^3 steps). Above that each item is solved
    on its own, on the `neighbourhood` items that it occurs with most: the same equations, restricted.
    The `k` strongest weights per item are kept.
    """

    def __init__(
        self,
        *,
        regularisation: float | None = None,
        k: int = 100,
        decay: float = 0.85,
        max_exact: int = 20_000,
        neighbourhood: int = 200,
    ) -> None:
        self.regularisation = regularisation
        self.k = k
        self.decay = decay
        self.max_exact = max_exact
        self.neighbourhood = neighbourhood

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        matrix = user_item_matrix(data)
        active = np.flatnonzero(np.diff(matrix.tocsc().indptr))
        matrix = matrix[:, active]
        penalty = self.penalty(matrix)
        if 0 < len(active) <= self.max_exact:
            found = Neighbours.of_dense(exact_weights(matrix, penalty), self.k)
        else:
            found = Neighbours.of_sparse(local_weights(matrix, penalty, self.neighbourhood), self.k)
        self.neighbours_ = found.renamed(active, data.n_items)
        return self

    def penalty(self, matrix: sparse.csr_matrix) -> float:
        """The L2 penalty: as given, or four times the mean number of items per user.

        Near the best on validation of sets with 9, 106 and 165 items per user (30, 400-1000, 500).
        """
        if self.regularisation is not None:
            return self.regularisation
        users = np.count_nonzero(np.diff(matrix.indptr))
        return float(4 * matrix.nnz / max(1, users))


def exact_weights(matrix: sparse.csr_matrix, penalty: float) -> FloatArray:
    """(n, n) B with B[i, j] = -P[i, j] / P[j, j] and P = (X'X + penalty I)^-1; the diagonal is 0.

    One n x n array of float32, overwritten in place.
    """
    gram = np.asfortranarray((matrix.T @ matrix).toarray(), np.float32)
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
    """(n, n) each column from a ridge regression on the `size` items that occur with its item most.

    The `GRAM_ROW` strongest entries of each row of the Gram matrix are kept, so memory grows with n, not n^2;
    a pair that is strong for neither of its items counts as never met.
    """
    n = matrix.shape[1]
    columns = sparse.csr_matrix(matrix.T)
    blocks = (columns[start : start + BLOCK] @ matrix for start in range(0, n, BLOCK))
    gram = Neighbours.of_blocks(map(without_diagonal, blocks, range(0, n, BLOCK)), n, max(GRAM_ROW, size))
    diagonal = np.asarray(matrix.multiply(matrix).sum(axis=0), np.float32).ravel() + np.float32(penalty)
    place = np.full(n + 1, -1, np.int32)
    near = gram.ids[:, :size]
    weights = np.zeros(near.shape, np.float32)
    for item in range(n):
        chosen = near[item][near[item] < n]
        place[chosen] = np.arange(len(chosen))
        system = submatrix(gram, chosen, place)
        system[np.diag_indices_from(system)] = diagonal[chosen]
        weights[item, : len(chosen)] = np.linalg.solve(system, gram.weights[item, : len(chosen)])
        place[chosen] = -1
    known = near < n
    target = np.repeat(np.arange(n), known.sum(axis=1))
    return sparse.csr_matrix((weights[known], (near[known], target)), shape=(n, n))


def without_diagonal(block: sparse.csr_matrix, start: int) -> sparse.csr_matrix:
    """A block of consecutive rows, from row `start` on, in which no item meets itself."""
    block = sparse.csr_matrix(block)
    block.data[start + np.repeat(np.arange(block.shape[0]), np.diff(block.indptr)) == block.indices] = 0
    return block


def submatrix(gram: Neighbours, chosen: IntArray, place: IntArray) -> FloatArray:
    """(c, c) `gram` on the chosen items, made symmetric; `place` is the position of each of them, else -1."""
    column = place[gram.ids[chosen]]
    row, entry = np.nonzero(column >= 0)
    found = np.zeros((len(chosen), len(chosen)), np.float32)
    found[row, column[row, entry]] = gram.weights[chosen[row], entry]
    return np.maximum(found, found.T)
