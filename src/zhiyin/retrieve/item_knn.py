"""Item-based collaborative filtering: items are alike when the same users like both (Sarwar et al., 2001)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Self

import numpy as np
from scipy import sparse

from zhiyin.data.dataset import Dataset
from zhiyin.errors import ConfigError, check_options, nearest
from zhiyin.retrieve.linear import LinearRetriever
from zhiyin.retrieve.matrix import user_item_matrix
from zhiyin.retrieve.neighbours import Neighbours
from zhiyin.types import FloatArray

__all__ = ["ItemKnnRetriever"]

SIMILARITIES = ("cosine", "euclidean", "pearson")
BLOCK = 1024


class ItemKnnRetriever(LinearRetriever):
    """The `k` most similar items of each item; only pairs with a common user count.

    A column of the user-item matrix stands for an item, 0 where a user did nothing with it: `cosine`,
    `pearson` (cosine of the centred columns) and `euclidean` (1 / (1 + distance)) compare columns. A pair
    whose overlap is o keeps o / (o + shrinkage) of its similarity: few witnesses prove little.
    """

    def __init__(
        self,
        *,
        similarity: Literal["cosine", "pearson", "euclidean"] = "cosine",
        shrinkage: float = 10.0,
        k: int = 100,
        decay: float = 0.8,
    ) -> None:
        self.similarity = similarity
        self.shrinkage = shrinkage
        self.k = k
        self.decay = decay
        check_options(self, shrinkage=(0, 1e6), k=(1, 1e6), decay=(0, 1))

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        if self.similarity not in SIMILARITIES:
            choice = nearest(self.similarity, SIMILARITIES)
            raise ConfigError(f"no similarity is called {self.similarity!r}: {choice}")
        matrix = user_item_matrix(data)
        self.neighbours_ = Neighbours.of_blocks(self.blocks(matrix), data.n_items, self.k)
        return self

    def blocks(self, matrix: sparse.csr_matrix) -> Iterator[sparse.csr_matrix]:
        """The similarities of consecutive items to all items, `BLOCK` rows at a time."""
        columns = sparse.csr_matrix(matrix.T)
        total = np.asarray(columns.sum(axis=1), np.float32).ravel()
        square = np.asarray(columns.multiply(columns).sum(axis=1), np.float32).ravel()
        for start in range(0, columns.shape[0], BLOCK):
            overlap = sparse.csr_matrix(columns[start : start + BLOCK] @ matrix)
            row = start + np.repeat(np.arange(overlap.shape[0]), np.diff(overlap.indptr))
            near = self.similarities(overlap, row, total, square, matrix.shape[0])
            near *= overlap.data / (overlap.data + np.float32(self.shrinkage))
            near[row == overlap.indices] = 0
            yield sparse.csr_matrix((near, overlap.indices, overlap.indptr), shape=overlap.shape)

    def similarities(
        self, overlap: sparse.csr_matrix, row: FloatArray, total: FloatArray, square: FloatArray, n_users: int
    ) -> FloatArray:
        """(nnz,) similarity of each stored pair, from its product and the columns' sums and squares."""
        column, product = overlap.indices, overlap.data
        if self.similarity == "euclidean":
            distance = np.sqrt(np.maximum(square[row] + square[column] - 2 * product, 0))
            return np.asarray(1 / (1 + distance), np.float32)
        if self.similarity == "pearson":
            product = product - total[row] * (total[column] / n_users)
            square = np.maximum(square - total * (total / n_users), np.float32(1e-9))
        return np.asarray(product / np.sqrt(square[row] * square[column]), np.float32)
