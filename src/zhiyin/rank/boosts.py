"""A thumb on the scale: some items count for more, or for less."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zhiyin.types import Candidates, FloatArray, IntArray, Query

__all__ = ["Boost", "BoostReranker"]


@dataclass(frozen=True, slots=True)
class Boost:
    """Which items, and what happens to their score, which runs from 0 (last candidate) to 1 (first)."""

    items: IntArray | NDArray[np.bool_]
    """Codes, or a mask over the catalogue as a filter makes it."""
    times: float = 1.0
    """Above 1 lifts, below 1 lowers; the last candidate has 0 and is moved by `plus` only."""
    plus: float = 0.0
    """Added after `times`; 1 is the distance between the last and the first."""

    def meets(self, items: IntArray) -> NDArray[np.bool_]:
        """(c,) which of these items it is about."""
        if self.items.dtype == np.bool_:
            return Query(allowed=self.items.astype(np.bool_, copy=False)).passing(items)
        return np.isin(items, self.items)


class BoostReranker:
    """Multiplies scores that were brought to 0 … 1, and adds to them, by all `boosts` in turn; sorts again.

    The new scores, back on the ranker's scale, are those of the answer; what the ranker could not score
    counts as last.
    """

    def __init__(self, *, boosts: Sequence[Boost]) -> None:
        self.boosts = boosts

    def rerank(self, query: Query, ranking: Candidates, n: int) -> Candidates:
        if not len(ranking):
            return ranking
        known = ranking.score[~np.isnan(ranking.score)]
        low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
        span = high - low or 1.0
        score = (np.nan_to_num(ranking.score, nan=low).astype(np.float64) - low) / span
        met = np.zeros(len(ranking), np.bool_)
        for boost in self.boosts:
            meets = boost.meets(ranking.items)
            score[meets] = score[meets] * boost.times + boost.plus
            met |= meets
        if not met.any():
            return ranking
        fresh: FloatArray = (low + score * span).astype(np.float32)
        fresh = np.where(met, fresh, ranking.score)
        return ranking.scored(fresh).take(np.argsort(-score, kind="stable"))
