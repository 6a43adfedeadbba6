"""The rows of item-to-item weights that a history leads to: read once, for scores and for evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from zhiyin.retrieve.scratch import added_up, placed
from zhiyin.types import FloatArray, IntArray

__all__ = ["Entries"]


@dataclass(frozen=True, slots=True)
class Entries:
    """What the events of a history say of items, one weight after the other."""

    event: NDArray[np.intp]
    """(e,) position in the history."""
    codes: IntArray
    """(e,) items; `n_items` stands for none, with the weight 0."""
    weights: FloatArray
    """(e,)"""
    n_events: int
    n_items: int

    @classmethod
    def of(cls, matrix: sparse.csr_matrix, history: IntArray) -> Self:
        """Rows of a matrix, without scipy's overhead per request. An item -1 or beyond it says nothing."""
        known = (history >= 0) & (history < matrix.shape[0])
        codes = history if known.all() else np.where(known, history, 0)
        starts = matrix.indptr[codes]
        lengths = matrix.indptr[codes + 1] - starts
        if codes is not history:
            lengths[~known] = 0
        event = np.repeat(np.arange(len(history)), lengths)
        place = np.arange(len(event)) + np.repeat(starts - np.cumsum(lengths) + lengths, lengths)
        return cls(event, matrix.indices[place], matrix.data[place], len(history), matrix.shape[1])

    @classmethod
    def joined(cls, parts: Sequence[Entries]) -> Self:
        """What several tables say to the same history; the last knows the most items."""
        event, codes, weights = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("event", "codes", "weights")
        )
        return cls(event, codes, weights, parts[-1].n_events, parts[-1].n_items)

    def added_up(self, said: FloatArray) -> tuple[IntArray, FloatArray]:
        """Items, each once, and the sums of their weights, each times what its event counts, (h,) `said`.

        An item whose sum is 0 may be left out.
        """
        return added_up(self.codes, self.weights * said[self.event], self.n_items + 1)

    def block(self, items: IntArray) -> FloatArray:
        """(h, c) the weight from each event to each of `items` (each once); 0 where there is none."""
        inside = (items >= 0) & (items < self.n_items)
        whole = inside.all()
        place = placed(items if whole else items[inside], self.codes, self.n_items + 1)
        hit = np.flatnonzero(place >= 0)
        column = place[hit] if whole else np.flatnonzero(inside)[place[hit]]
        found = np.zeros((self.n_events, len(items)), np.float32)
        found[self.event[hit], column] = self.weights[hit]
        return found
