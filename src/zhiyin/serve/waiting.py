"""Events of items that nobody has described yet: they count once their item is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Waiting"]

MOST = 500_000
"""The newest are kept, half of them when they are more: 21 bytes each."""
ROW = np.dtype([("key", np.int64), ("at", np.float64), ("weight", np.float32), ("kind", np.int8)])


class Waiting:
    """Rows in the order of the log. With fewer than `MOST / 2` of them, what is taken is the same in every
    worker, however the log came in pieces."""

    def __init__(self) -> None:
        self._rows = np.empty(0, ROW)
        self._n = 0

    @property
    def rows(self) -> NDArray[np.void]:
        """(n,) ROW."""
        return self._rows[: self._n]

    def add(
        self,
        keys: NDArray[np.int64],
        at: NDArray[np.float64],
        weights: NDArray[np.float32],
        kinds: NDArray[np.int8],
    ) -> None:
        """More of the log."""
        n = self._n + len(keys)
        more = np.empty(len(keys), ROW)
        more["key"], more["at"], more["weight"], more["kind"] = keys, at, weights, kinds
        if n <= len(self._rows):
            self._rows[self._n : n] = more
            self._n = n
            return
        kept = np.concatenate((self.rows, more))[-(MOST if n <= MOST else MOST // 2) :]
        self._rows = np.empty(min(2 * len(kept), MOST), ROW)
        self._rows[: len(kept)] = kept
        self._n = len(kept)

    def take(self, chosen: NDArray[np.bool_]) -> NDArray[np.void]:
        """These rows, which wait no longer."""
        taken, kept = self.rows[chosen], self.rows[~chosen]
        self._rows, self._n = kept, len(kept)
        return taken
