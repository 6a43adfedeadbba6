"""Directional co-occurrence: what people went on to, soon after an item."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from zhiyin.data.dataset import Dataset
from zhiyin.errors import check_options
from zhiyin.retrieve.linear import LinearRetriever
from zhiyin.retrieve.neighbours import Neighbours
from zhiyin.types import FloatArray

__all__ = ["KernelRetriever", "count_pairs"]


class KernelRetriever(LinearRetriever):
    """A pair i ... j, `d` steps apart in one user's sequence, adds d ** -power to the weight from i to j.

    Pairs further apart than `window` do not count; `backward` is the share that also goes from j to i.
    Weights are divided by n_i ** damp_source * n_j ** damp_target, with n the number of events of an item.
    The floor that every other retriever has to beat: seconds to fit, hard to beat on sparse data.
    """

    def __init__(
        self,
        *,
        window: int = 10,
        power: float = 1.0,
        backward: float = 0.2,
        damp_source: float = 0.5,
        damp_target: float = 0.1,
        k: int = 100,
        decay: float = 0.8,
    ) -> None:
        self.window = window
        self.power = power
        self.backward = backward
        self.damp_source = damp_source
        self.damp_target = damp_target
        self.k = k
        self.decay = decay
        check_options(
            self, window=(1, 1e6), power=(0, 10), backward=(0, 10), damp_source=(0, 10),
            damp_target=(0, 10), k=(1, 1e6), decay=(0, 1),
        )  # fmt: skip

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        distance = np.arange(1, self.window + 1, dtype=np.float32)
        pairs = count_pairs(data, distance**-self.power)
        if self.backward:
            pairs = sparse.csr_matrix(pairs + np.float32(self.backward) * pairs.T)
        liked = data.item[data.weight > 0]
        n = np.maximum(np.bincount(liked, minlength=data.n_items), 1).astype(np.float64)
        source, target = n**-self.damp_source, n**-self.damp_target
        pairs.data *= (np.repeat(source, np.diff(pairs.indptr)) * target[pairs.indices]).astype(np.float32)
        self.neighbours_ = Neighbours.of_sparse(pairs, self.k)
        return self


def count_pairs(data: Dataset, gains: FloatArray) -> sparse.csr_matrix:
    """(n_items, n_items) sums of weight * gains[d - 1] over pairs of a user's liked items, d steps apart.

    The weight is that of the later event: the earlier one is weighed when the history is asked.
    """
    liked = data.weight > 0
    user, item, weight = data.user[liked], data.item[liked], data.weight[liked]
    shape = (data.n_items, data.n_items)
    total = sparse.csr_matrix(shape, dtype=np.float32)
    for distance in range(1, min(len(gains), len(user) - 1) + 1):
        together: NDArray[np.bool_] = user[distance:] == user[:-distance]
        earlier, later = item[:-distance][together], item[distance:][together]
        gain = weight[distance:][together] * gains[distance - 1]
        total += sparse.coo_matrix((gain, (earlier, later)), shape=shape).tocsr()
    return total
