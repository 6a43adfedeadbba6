"""Inner products of one vector with those of the items."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from zhiyin.represent.vector_index import VectorIndex
from zhiyin.retrieve.relevance import best
from zhiyin.types import FloatArray, IntArray

__all__ = ["N_READ", "NearRelevance"]

N_READ = 2_500
"""Vectors that are read of more than `MAX_EXACT` items. Of 100,000 x 256 (synthetic), .987 of the true
first 100 are found."""


@dataclass(frozen=True, slots=True)
class NearRelevance:
    """`of` is exact; `top` looks at `n_read` rows only where the index has lists."""

    index: VectorIndex
    vector: FloatArray
    n_read: int
    events: FloatArray
    """(h, d) what each event of the history asks for; zeros for an event that says nothing."""
    taken: list[tuple[IntArray, FloatArray]] = field(default_factory=list, init=False)
    """The items asked for last, with their rows: scores and evidence are asked of the same ones."""

    def top(self, n: int, exclude: IntArray, allowed: NDArray[np.bool_] | None = None) -> IntArray:
        codes, scores = self.index.search(self.vector, max(self.n_read, 4 * n), allowed)
        return best(codes, scores, n, exclude, allowed, len(self.index))

    def of(self, items: IntArray) -> FloatArray:
        found: FloatArray = self._rows(items) @ self.vector
        found[(items < 0) | (items >= len(self.index))] = np.nan
        return found

    def evidence(self, items: IntArray) -> FloatArray | None:
        block: FloatArray = self.events @ self._rows(items).T
        return block

    def _rows(self, items: IntArray) -> FloatArray:
        if not self.taken or self.taken[0][0] is not items:
            self.taken[:] = [(items, self.index.take(items))]
        return self.taken[0][1]
