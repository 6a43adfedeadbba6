"""Item-to-item weights, the strongest few per item, in two rectangular arrays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from zhiyin.retrieve.entries import Entries
from zhiyin.types import FloatArray, IntArray

__all__ = ["Neighbours"]


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Row i: what one event with item i says of other items.

    A rectangle instead of a compressed matrix: a history is answered by one gather and one weighted
    count, and memory is known beforehand (n * k * 8 bytes). Short rows are padded with the code `n`.
    """

    ids: IntArray
    """(n, k) item codes; n = no neighbour."""
    weights: FloatArray
    """(n, k) weights; 0 where there is no neighbour."""

    @classmethod
    def of_sparse(cls, matrix: sparse.csr_matrix, k: int) -> Neighbours:
        """The `k` entries of largest magnitude of each row of an (n, n) matrix."""
        return cls.of_blocks([matrix], matrix.shape[0], k)

    @classmethod
    def of_blocks(cls, blocks: Iterable[sparse.csr_matrix], n: int, k: int) -> Neighbours:
        """The same of an (n, n) matrix that comes in blocks of rows: it need never exist at once."""
        k = max(1, min(k, n))
        ids = np.full((n, k), n, np.int32)
        weights = np.zeros((n, k), np.float32)
        start = 0
        for block in blocks:
            row, place, source = strongest(sparse.csr_matrix(block), k)
            ids[start + row, place] = block.indices[source]
            weights[start + row, place] = block.data[source]
            start += block.shape[0]
        return cls(ids, weights)

    @classmethod
    def of_dense(cls, matrix: FloatArray, k: int) -> Neighbours:
        """The `k` entries of largest magnitude of each row of an (n, n) array."""
        n = matrix.shape[0]
        k = max(1, min(k, n - 1))
        ids = np.empty((n, k), np.int32)
        for start in range(0, n, 1024):
            magnitude = np.abs(matrix[start : start + 1024])
            ids[start : start + 1024] = np.argpartition(magnitude, n - k, axis=1)[:, n - k :]
        weights = np.take_along_axis(matrix, ids.astype(np.int64), axis=1).astype(np.float32)
        return cls(np.where(weights == 0, n, ids).astype(np.int32), weights)

    def renamed(self, codes: NDArray[np.intp], n: int) -> Neighbours:
        """The same weights in a catalogue of `n` items, in which row i belongs to the item `codes[i]`."""
        names = np.append(codes, n).astype(np.int32)
        ids = np.full((n, self.ids.shape[1]), n, np.int32)
        weights = np.zeros(ids.shape, np.float32)
        ids[codes] = names[self.ids]
        weights[codes] = self.weights
        return Neighbours(ids, weights)

    def __len__(self) -> int:
        return len(self.ids)

    def entries(self, history: IntArray) -> Entries:
        """What a history leads to; an item -1 or newer than the fit says nothing."""
        n = len(self.ids)
        event = np.flatnonzero((history >= 0) & (history < n))
        rows = history[event]
        event = np.repeat(event, self.ids.shape[1])
        return Entries(event, self.ids[rows].ravel(), self.weights[rows].ravel(), len(history), n)


def strongest(
    matrix: sparse.csr_matrix, k: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """(row, place, position in `data`) of the `k` entries of largest magnitude of each row, strongest first.

    Equal magnitudes keep the order in which they are stored.
    """
    lengths = np.diff(matrix.indptr)
    row = np.repeat(np.arange(matrix.shape[0]), lengths)
    order = np.lexsort((-np.abs(matrix.data), row))
    place = np.arange(len(row)) - np.repeat(matrix.indptr[:-1], lengths)
    kept = (place < k) & (matrix.data[order] != 0)
    return row[kept], place[kept], order[kept]
