"""The answers that a retriever can give: a score for everything, without evidence or with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zhiyin.retrieve.neighbours import Neighbours
from zhiyin.types import FloatArray, IntArray

__all__ = ["DenseRelevance", "FactorRelevance", "LinearRelevance", "top_n"]


def top_n(scores: FloatArray, n: int, exclude: IntArray, *, above: float = -np.inf) -> IntArray:
    """At most `n` positions of the highest scores > `above`, best first, none of `exclude`; NaN never.

    Equal scores keep the order of their codes, so that an answer can be repeated.
    """
    found = np.flatnonzero(scores > above)  # NaN compares false
    barred = np.zeros(len(scores), np.bool_)
    barred[exclude[(exclude >= 0) & (exclude < len(scores))]] = True
    found = found[~barred[found]]
    values = scores[found]
    if 0 <= n < len(found):
        place = len(found) - n
        strong = values >= np.partition(values, place)[place] if n else np.zeros(len(found), np.bool_)
        found, values = found[strong], values[strong]
    order = np.argsort(-values, kind="stable")
    return found[order[:n]].astype(np.int32)


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
    """Scores that are sums of item-to-item weights over the history: the terms are the evidence."""

    neighbours: Neighbours | None = None
    history: IntArray | None = None

    def evidence(self, items: IntArray) -> FloatArray | None:
        if self.neighbours is None or self.history is None:
            return None
        return self.neighbours.block(self.history, items)


@dataclass(frozen=True, slots=True)
class FactorRelevance(DenseRelevance):
    """Scores that are sums over the history of products of two vectors."""

    events: FloatArray | None = None
    """(h, f) what each event of the history asks for; a row of 0 for an event that says nothing."""
    items: FloatArray | None = None
    """(n_items, f) what each item has."""

    def evidence(self, items: IntArray) -> FloatArray | None:
        if self.events is None or self.items is None:
            return None
        known = (items >= 0) & (items < len(self.items))
        block: FloatArray = self.events @ self.items[np.where(known, items, 0)].T
        return np.where(known & ~np.isnan(block), block, np.float32(0))
