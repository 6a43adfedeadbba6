"""The answers that a retriever can give: scores for a few items or for all, without evidence or with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from zhiyin.retrieve.entries import Entries
from zhiyin.retrieve.scratch import marked, placed
from zhiyin.types import FloatArray, IntArray

__all__ = [
    "DenseRelevance", "FactorRelevance", "LinearRelevance", "SilentRelevance", "TouchedRelevance", "best",
    "top_n",
]  # fmt: skip

NOTHING: IntArray = np.empty(0, np.int32)


def top_n(
    scores: FloatArray,
    n: int,
    exclude: IntArray,
    *,
    above: float = -np.inf,
    allowed: NDArray[np.bool_] | None = None,
) -> IntArray:
    """At most `n` positions of the highest scores > `above`, best first, none of `exclude`; NaN never.

    Equal scores keep the order of their codes, so that an answer can be repeated.
    """
    found = np.flatnonzero(scores > above)  # NaN compares false
    return best(found, scores[found], n, exclude, allowed, len(scores))


def best(
    codes: NDArray[np.integer],
    scores: NDArray[np.floating],
    n: int,
    exclude: IntArray,
    allowed: NDArray[np.bool_] | None,
    n_items: int,
) -> IntArray:
    """The `n` of some codes (each once, 0 … n_items - 1) with the highest scores, none of `exclude`.

    `allowed` (n_items,) says which may come at all; an item beyond its end may not.
    """
    kept = ~marked(exclude, codes, n_items)
    if allowed is not None:
        kept &= allowed[np.minimum(codes, len(allowed) - 1)] & (codes < len(allowed))
    codes, scores = codes[kept], scores[kept]
    if n <= 0:
        return NOTHING
    if n < len(codes):
        place = len(codes) - n
        strong = scores >= np.partition(scores, place)[place]
        codes, scores = codes[strong], scores[strong]
    return codes[np.lexsort((codes, -scores))[:n]].astype(np.int32)


@dataclass(frozen=True, slots=True)
class SilentRelevance:
    """No opinion of anything, which is not the same as the opinion 0."""

    degraded: bool = False
    """It is silent because something failed."""

    def top(self, n: int, exclude: IntArray, allowed: NDArray[np.bool_] | None = None) -> IntArray:
        return NOTHING

    def of(self, items: IntArray) -> FloatArray:
        return np.full(len(items), np.nan, np.float32)

    def evidence(self, items: IntArray) -> FloatArray | None:
        return None


@dataclass(frozen=True, slots=True)
class DenseRelevance:
    """One score per item that was there at fit time; items that came later have none."""

    scores: FloatArray
    """(n_items,) NaN = cannot score."""
    floor: float = -np.inf
    """Only scores above it are proposed; `of` still tells them."""

    def top(self, n: int, exclude: IntArray, allowed: NDArray[np.bool_] | None = None) -> IntArray:
        return top_n(self.scores, n, exclude, above=self.floor, allowed=allowed)

    def of(self, items: IntArray) -> FloatArray:
        known = (items >= 0) & (items < len(self.scores))
        found: FloatArray = np.where(known, self.scores[np.where(known, items, 0)], np.nan).astype(np.float32)
        return found

    def evidence(self, items: IntArray) -> FloatArray | None:
        return None


@dataclass(frozen=True, slots=True)
class TouchedRelevance:
    """Scores of the items that the history leads to; every other item that was there at fit time has 0.

    Only scores above 0 are proposed.
    """

    codes: IntArray
    """(t,) items, each once, in no order; one that is `n_items` stands for none and has 0."""
    scores: FloatArray
    """(t,)"""
    n_items: int

    def top(self, n: int, exclude: IntArray, allowed: NDArray[np.bool_] | None = None) -> IntArray:
        found = self.scores > 0
        return best(self.codes[found], self.scores[found], n, exclude, allowed, self.n_items)

    def of(self, items: IntArray) -> FloatArray:
        known = (items >= 0) & (items < self.n_items)
        asked = items if known.all() else items[known]
        place = placed(asked, self.codes, self.n_items + 1)  # few are asked for, many were touched
        hit = np.flatnonzero(place >= 0)
        found = np.zeros(len(asked), np.float32)
        found[place[hit]] = self.scores[hit]
        if asked is items:
            return found
        whole = np.full(len(items), np.nan, np.float32)
        whole[known] = found
        return whole

    def evidence(self, items: IntArray) -> FloatArray | None:
        return None


@dataclass(frozen=True, slots=True)
class LinearRelevance(TouchedRelevance):
    """Scores that are sums of item-to-item weights over the history: the terms are the evidence."""

    entries: Entries

    @classmethod
    def of_entries(cls, entries: Entries, said: FloatArray) -> Self:
        """`said` (h,) is what each event of the history counts."""
        codes, sums = entries.added_up(said)
        return cls(codes, sums, entries.n_items, entries)

    def evidence(self, items: IntArray) -> FloatArray | None:
        return self.entries.block(items)


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
