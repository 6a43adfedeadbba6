"""An editor's word: this item stands there."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from zhiyin.types import Candidates, IntArray, Query

__all__ = ["PinReranker"]


class PinReranker:
    """Puts items at positions of the list (`pins`: code -> position from 1); the others keep their order.

    Of two pins with one position the second stands right behind the first; a position beyond the list is its
    end. What the query excludes or a filter does not allow is no candidate, and stays out.
    """

    def __init__(self, *, pins: Mapping[int, int]) -> None:
        self.pins = pins

    @property
    def include(self) -> IntArray:
        """Codes that have to be among the candidates."""
        return np.fromiter(self.pins, np.int32, len(self.pins))

    def pinned(self, ranking: Candidates, n: int) -> NDArray[np.bool_]:
        """(c,) which candidates have their position fixed by an editor, within the first `n`."""
        near = [code for code, position in self.pins.items() if position <= n]
        return np.isin(ranking.items, np.array(near, np.int32))

    def rerank(self, query: Query, ranking: Candidates, n: int) -> Candidates:
        place = {code: spot for spot, code in enumerate(ranking.items.tolist()) if code in self.pins}
        order = [spot for spot, code in enumerate(ranking.items.tolist()) if code not in self.pins]
        taken = 0
        for code, position in sorted(self.pins.items(), key=lambda pin: pin[1]):
            if code in place:
                # In ascending order, so that a later pin does not push an earlier one away.
                taken = max(position, taken + 1)
                order.insert(taken - 1, place[code])
        return ranking.take(np.array(order, np.intp))
