"""The two answers that a retriever can give: a score for everything, with or without evidence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zhiyin.retrieve.neighbours import Neighbours
from zhiyin.types import FloatArray, IntArray

__all__ = ["DenseRelevance", "LinearRelevance", "top_n"]


def top_n(scores: FloatArray, n: int, exclude: IntArray, *, above: float = -np.inf) -> IntArray:
    """At most `n` positions of the highest scores > `above`, best first, none of `exclude`; NaN never.

    Equal scores keep the order of their codes, so that an answer can be repeated.
    """
    scores = np.where(np.isnan(scores), -np.inf, scores)
    scores[exclude[(exclude >= 0) & (exclude < len(scores))]] = -np.inf
    if n < len(scores):
        threshold = np.partition(scores, len(scores) - n)[len(scores) - n]
        found = np.flatnonzero(scores >= threshold) if threshold > above else np.flatnonzero(scores > above)
    else:
        found = np.flatnonzero(scores > above)
    found = found[np.argsort(-scores[found], kind="stable")]
    found = found[scores[found] > above]
    return found[:n].astype(np.int32)


@dataclass(frozen=True, slots=True)
class DenseRelevance:
    """One score per item that was there at fit time; items that came later have none."""

    scores: FloatArray
    """(n_items,) NaN = cannot score."""
    floor: float = -np.inf
    """Only scores above it are proposed; `of` still tells them."""

    def top(self, n: int, exclude: IntArray) -> IntArray:
        return top_n(self.scores, n, exclude, above=self.floor)

    def of(self, items: IntArray) -> FloatArray:
        known = (items >= 0) & (items < len(self.scores))
        found: FloatArray = np.where(known, self.scores[np.where(known, items, 0)], np.nan).astype(np.float32)
        return found

    def evidence(self, items: IntArray) -> FloatArray | None:
        return None


@dataclass(frozen=True, slots=True)
class LinearRelevance(DenseRelevance):
    """Scores that are sums over the history of item-to-item weights: the terms of the sum are the evidence."""

    neighbours: Neighbours | None = None
    history: IntArray | None = None

    def evidence(self, items: IntArray) -> FloatArray | None:
        if self.neighbours is None or self.history is None:
            return None
        return self.neighbours.block(self.history, items)
