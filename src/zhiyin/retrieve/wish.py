"""Items that meet what the words of the request were understood to ask for (C15)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from zhiyin.contracts import State
from zhiyin.data.catalogue import Catalogue
from zhiyin.data.dataset import Dataset
from zhiyin.data.filters import parse_filter
from zhiyin.errors import FilterError, NotFittedError, check_options
from zhiyin.represent.vocabulary import number_roles
from zhiyin.retrieve.relevance import DenseRelevance, SilentRelevance
from zhiyin.types import FloatArray, IntArray, Intent, Query

__all__ = ["WishRetriever", "met"]

PRIOR = 20.0
"""Imagined choices of the mean preference, for items that few have rated."""


@dataclass(frozen=True, slots=True)
class _Standing:
    """What the log says of each item, as places from 0 (least) to 1 (most)."""

    popular: FloatArray
    quality: FloatArray
    first_at: FloatArray


class WishRetriever:
    """The sum of the wishes that an item meets, less what it has of the unwanted, from -1 to 1.

    Silent for a question without words. Freshness goes by an attribute for the year where there is one,
    else by when an item was first chosen; quality by an attribute for ratings, else by the mean preference
    of those who chose it. Among items that meet the same, `by_popularity` is the most that popularity
    decides; `turn` is what freshness, popularity and quality weigh against the wishes.
    """

    hears_words = True
    """Its order for a query with words is an answer to the words."""
    voice = 2.0
    """Beside sources that only compare texts: what was understood says more than what sounds alike."""

    def __init__(self, *, by_popularity: float = 0.2, turn: float = 0.5) -> None:
        self.by_popularity = by_popularity
        self.turn = turn
        self.standing_: _Standing | None = None
        self.items_: Catalogue | None = None
        check_options(self, by_popularity=(0, 10), turn=(0, 10))

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        counts = np.bincount(data.item, np.maximum(data.weight, 0), data.n_items)
        n = np.bincount(data.item, minlength=data.n_items)
        sums = np.bincount(data.item, data.weight, data.n_items)
        mean = float(data.weight.mean()) if len(data) else 0.0
        first = np.full(data.n_items, np.inf)
        np.minimum.at(first, data.item, np.nan_to_num(data.at))
        quality = (sums + PRIOR * mean) / (n + PRIOR)
        self.standing_ = _Standing(_places(counts), _places(quality), _places(first))
        self._take(data.items)
        return self

    def refresh(self, items: Catalogue, changed: IntArray | None = None) -> None:
        """New items are the newest and the least known."""
        standing, more = self._fitted(), len(items) - len(self._fitted().popular)
        if more > 0:
            zeros, ones = np.zeros(more, np.float32), np.ones(more, np.float32)
            standing = _Standing(
                np.concatenate((standing.popular, zeros)),
                np.concatenate((standing.quality, np.full(more, 0.5, np.float32))),
                np.concatenate((standing.first_at, ones)),
            )
        self.standing_ = standing
        self._take(items)

    def relevance(self, query: Query) -> DenseRelevance | SilentRelevance:
        intent, standing, items = query.intent, self._fitted(), self.items_
        if intent is None or items is None:
            return SilentRelevance()
        score = self._wished(intent, items, len(standing.popular))
        turned = self._turned(intent, standing)
        if score is None and turned is None:
            return SilentRelevance()
        total = np.zeros(len(standing.popular), np.float32) if score is None else score
        if turned is not None:
            total = total + np.float32(self.turn) * turned
        if intent.popular >= 0:
            total = total + np.float32(self.by_popularity) * standing.popular * (total > 0)
        return DenseRelevance(total.astype(np.float32), floor=0.0)

    def state(self) -> State:
        standing = self._fitted()
        return {"popular": standing.popular, "quality": standing.quality, "first_at": standing.first_at}

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        parts = (np.asarray(state[name], np.float32) for name in ("popular", "quality", "first_at"))
        self.standing_ = _Standing(*parts)
        return self

    def _wished(self, intent: Intent, items: Catalogue, n: int) -> FloatArray | None:
        """(n,) wishes met, as a part of all; None where nothing was wished."""
        total, score = 0.0, np.zeros(n, np.float32)
        for wish in intent.wishes:
            mask = met(wish.filter, items)
            if mask is not None:
                total += max(wish.by, 0.0)
                score[: len(mask)] += np.float32(wish.by) * mask[:n]
        return score / np.float32(max(total, 1.0)) if intent.wishes else None

    def _take(self, items: Catalogue) -> None:
        """What is the same for every question, so that none waits for it."""
        standing = self._fitted()
        self.items_ = items
        self.fresh_ = _column(items, "year", standing.first_at)
        self.quality_ = _column(items, "rating", standing.quality)

    def _turned(self, intent: Intent, standing: _Standing) -> FloatArray | None:
        """(n,) freshness, popularity and quality, each from 0 to 1, where the words turn to them."""
        turns = (
            (intent.fresh, self.fresh_),
            (intent.popular, standing.popular),
            (intent.quality, self.quality_),
        )
        asked = [(by, column) for by, column in turns if by]
        if not asked:
            return None
        parts = [abs(by) * (column if by > 0 else 1 - column) for by, column in asked]
        return np.asarray(sum(parts) / len(parts), np.float32)

    def _fitted(self) -> _Standing:
        if self.standing_ is None:
            raise NotFittedError("WishRetriever was asked before fit: call fit(dataset) first")
        return self.standing_


def met(expression: str, items: Catalogue) -> NDArray[np.bool_] | None:
    """(n_items,) which items meet a wish; None for one that this catalogue cannot be asked."""
    try:
        return parse_filter(expression).mask(items)
    except FilterError:
        return None


def _column(items: Catalogue, role: str, otherwise: FloatArray) -> FloatArray:
    """(n,) places on the scale of the attribute with this role; the middle where an item has none."""
    name = number_roles(items).get(role, "")
    if not name:
        return otherwise
    column = items.numbers[name][: len(otherwise)]
    low, high = np.nanpercentile(column, (5, 99)) if np.isfinite(column).any() else (0.0, 1.0)
    scaled = np.clip((column - low) / max(float(high - low), 1e-9), 0, 1)
    return np.nan_to_num(scaled, nan=0.5).astype(np.float32)


def _places(values: NDArray[np.floating] | NDArray[np.integer]) -> FloatArray:
    """(n,) the share of the others that have less."""
    if len(values) < 2:
        return np.zeros(len(values), np.float32)
    ascending = np.sort(values)
    return (np.searchsorted(ascending, values) / (len(values) - 1)).astype(np.float32)
