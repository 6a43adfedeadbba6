"""EASE: the best linear item-to-item weights in closed form (Steck, WWW 2019)."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from zhiyin.data.dataset import Dataset
from zhiyin.retrieve.linear import LinearRetriever
from zhiyin.retrieve.matrix import user_item_matrix
from zhiyin.retrieve.neighbours import Neighbours
from zhiyin.types import FloatArray

__all__ = ["EaseRetriever"]


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
        k: int = 200,
        decay: float = 0.9,
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
        if len(active) <= self.max_exact:
            found = Neighbours.of_dense(exact_weights(matrix, penalty), self.k)
        else:
            found = Neighbours.of_sparse(local_weights(matrix, penalty, self.neighbourhood), self.k)
        self.neighbours_ = found.renamed(active, data.n_items)
        return self

    def penalty(self, matrix: sparse.csr_matrix) -> float:
        """The L2 penalty: as given, or from the shape of the data."""
        return 400.0 if self.regularisation is None else self.regularisation


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
        raise ValueError(f"EASE cannot be solved with regularisation {penalty!r}: expected a number above 0")
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
    """The column of each item from a ridge regression on the `size` items that occur with it most.

    Memory stays proportional to n * size; items beyond the neighbourhood get no weight. The Gram matrix
    of all items is made in blocks of columns and only its strongest entries are kept.
    """
    n = matrix.shape[1]
    columns = matrix.tocsc()
    rows: list[NDArray[np.intp]] = []
    values: list[FloatArray] = []
    for item in range(n):
        users = columns.indices[columns.indptr[item] : columns.indptr[item + 1]]
        taste = columns.data[columns.indptr[item] : columns.indptr[item + 1]]
        together = np.asarray(matrix[users].multiply(taste[:, None]).sum(axis=0)).ravel()
        together[item] = 0
        near = np.argpartition(-together, min(size, n - 1))[:size]
        near = near[together[near] > 0]
        block = columns[:, near]
        gram = (block.T @ block).toarray()
        gram[np.diag_indices_from(gram)] += penalty
        rows.append(near)
        values.append(linalg.solve(gram, together[near], assume_a="pos").astype(np.float32))
    lengths = np.array([len(near) for near in rows])
    target = np.repeat(np.arange(n), lengths)
    return sparse.csr_matrix((np.concatenate(values), (np.concatenate(rows), target)), shape=(n, n))
