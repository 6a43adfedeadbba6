"""One dial from accuracy to variety: lists in the proportions of a taste, with room for the long tail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray

from zhiyin.contracts import State
from zhiyin.data.catalogue import Catalogue
from zhiyin.data.dataset import Dataset
from zhiyin.data.proportions import main_attribute, miscalibration, word_table
from zhiyin.errors import check_options
from zhiyin.rank.diversity import TailReranker, unit
from zhiyin.types import Candidates, IntArray, Query

__all__ = ["VarietyReranker"]


class VarietyReranker:
    """Calibrated recommendations (Steck, RecSys 2018), and items that few people have chosen.

    Places are filled one after another by what is best in sum: (1 - variety) x score, and variety x how well
    the list so far keeps the proportions of the history's words (genres, categories); `tail` of the latter
    goes to rarity instead. 0 leaves the order alone. `attribute` is the word attribute to keep in proportion;
    "" means the one that most items have. The first `window` take part.
    """

    def __init__(
        self, *, variety: float = 0.2, tail: float = 0.3, attribute: str = "", window: int = 50
    ) -> None:
        self.variety = variety
        self.tail = tail
        self.attribute = attribute
        self.window = window
        self.items_: Catalogue | None = None
        self._rare = TailReranker()
        check_options(self, variety=(0, 1), tail=(0, 1), window=(1, 1e6))

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        self._rare.fit(data)
        self.refresh(data.items)
        return self

    def refresh(self, items: Catalogue, changed: IntArray | None = None) -> None:
        """Takes over a catalogue."""
        self.items_ = items

    def rerank(self, query: Query, ranking: Candidates, n: int) -> Candidates:
        if self.variety <= 0 or len(ranking) < 2:
            return ranking
        head = min(self.window, len(ranking))
        items = ranking.items[:head]
        gain = (1 - self.variety) * unit(ranking.score[:head])
        gain += self.variety * self.tail * self._rare.rarity(items)
        wanted, mine = self._words(query, items)
        order = np.empty(head, np.intp)
        left, told = np.ones(head, np.bool_), np.zeros(mine.shape[1])
        for place in range(head):
            total = gain.copy()
            if place < n and len(wanted):
                # How far the list would be from the proportions with each of the others as its next item.
                off = miscalibration(wanted, told[None, :] + mine)
                total += self.variety * (1 - self.tail) * unit(-off, left)
            total[~left] = -np.inf
            order[place] = pick = int(np.argmax(total))
            left[pick] = False
            told += mine[pick]
        return ranking.take(np.concatenate([order, np.arange(head, len(ranking))]))

    def _words(self, query: Query, items: IntArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(g,) proportions of the history, (c, g) those of each item; g = 0 where nothing is known."""
        nothing = np.empty(0), np.empty((len(items), 0))
        if self.items_ is None:
            return nothing
        name = self.attribute or main_attribute(self.items_)
        history, weights = query.history.items, np.maximum(query.history.weights, 0)
        known = (history >= 0) & (history < len(self.items_)) & (weights > 0)
        if name not in self.items_.words or not known.any():
            return nothing
        table = word_table(self.items_.words[name], np.concatenate([items, history[known]]))
        wanted = weights[known] @ table[len(items) :]
        return (wanted / wanted.sum(), table[: len(items)]) if wanted.sum() > 0 else nothing

    def state(self) -> State:
        return self._rare.state()

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        """Rarity only: `refresh` has to bring the catalogue."""
        self._rare.restore(state)
        return self
