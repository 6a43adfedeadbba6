"""Two steps of a random walk, item - user - item, with popular ends held back: RP3beta.

Paudel, Christoffel, Newell and Bernstein, "Updatable, accurate, diverse and scalable recommendations for
interactive applications" (ACM TiiS 2016).
"""

from __future__ import annotations

from typing import Self

import numpy as np
from scipy import sparse

from zhiyin.data.dataset import Dataset
from zhiyin.errors import check_options
from zhiyin.retrieve.linear import LinearRetriever
from zhiyin.retrieve.matrix import user_item_matrix
from zhiyin.retrieve.neighbours import Neighbours

__all__ = ["GraphRetriever", "walk"]

BLOCK = 1024


class GraphRetriever(LinearRetriever):
    """The chance to walk from an item over a user to another item, by the latter's popularity ** `beta`.

    Each step's probability is raised to `alpha`.
    """

    def __init__(self, *, alpha: float = 1.0, beta: float = 0.5, k: int = 100, decay: float = 0.8) -> None:
        self.alpha = alpha
        self.beta = beta
        self.k = k
        self.decay = decay
        check_options(self, alpha=(0, 10), beta=(0, 10), k=(1, 1e6), decay=(0, 1))

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        self.neighbours_ = walk(user_item_matrix(data), alpha=self.alpha, beta=self.beta, k=self.k)
        return self


def walk(matrix: sparse.csr_matrix, *, alpha: float, beta: float, k: int) -> Neighbours:
    """The `k` likeliest ends of the two-step walk from each item, the item itself left out."""
    n = matrix.shape[1]
    popularity = np.maximum(np.asarray(matrix.sum(axis=0)).ravel(), 1e-9)
    there = steps(sparse.csr_matrix(matrix.T), alpha)
    back = sparse.csr_matrix(steps(matrix, alpha) @ sparse.diags_array(popularity**-beta))

    def block(start: int) -> sparse.csr_matrix:
        ends = sparse.csr_matrix(there[start : start + BLOCK] @ back)
        row = start + np.repeat(np.arange(ends.shape[0]), np.diff(ends.indptr))
        ends.data[row == ends.indices] = 0
        return ends

    return Neighbours.of_blocks((block(start) for start in range(0, n, BLOCK)), n, k)


def steps(matrix: sparse.csr_matrix, alpha: float) -> sparse.csr_matrix:
    """Rows that sum to 1, then each entry ** alpha."""
    total = np.maximum(np.asarray(matrix.sum(axis=1)).ravel(), 1e-9)
    found = sparse.csr_matrix(sparse.diags_array(1 / total) @ matrix, dtype=np.float32)
    found.data **= np.float32(alpha)
    return found
