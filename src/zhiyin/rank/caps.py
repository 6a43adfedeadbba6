"""Not too much of one thing: at most so many of the first items share a word."""

from __future__ import annotations

from collections import Counter
from typing import Self

import numpy as np

from zhiyin.data.catalogue import Catalogue
from zhiyin.data.dataset import Dataset
from zhiyin.errors import ConfigError, check_options, nearest
from zhiyin.types import Candidates, IntArray, Query

__all__ = ["CapReranker"]


class CapReranker:
    """Lets at most `at_most` of the first n items share a word (or a number) of an `attribute`.

    The rest moves behind, in its order. Where nothing else is left, it fills the list all the same: a cap
    never makes an answer short. Items without the attribute are free.
    """

    def __init__(self, *, attribute: str, at_most: int = 2) -> None:
        self.attribute = attribute
        self.at_most = at_most
        self.items_: Catalogue | None = None
        check_options(self, at_most=(0, 1e6))

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        """Takes over the catalogue; there is nothing to learn."""
        self.items_ = data.items
        return self

    def refresh(self, items: Catalogue, changed: IntArray | None = None) -> None:
        """Takes over a catalogue."""
        self.items_ = items

    def rerank(self, query: Query, ranking: Candidates, n: int) -> Candidates:
        if self.items_ is None or not len(ranking):
            return ranking
        taken: Counter[object] = Counter()
        kept: list[int] = []
        behind: list[int] = []
        for place, code in enumerate(ranking.items.tolist()):
            if len(kept) >= n:
                break
            words = self._words(self.items_, code)
            if any(taken[word] >= self.at_most for word in words):
                behind.append(place)
            else:
                taken.update(words)
                kept.append(place)
        if not behind:
            return ranking
        rest = range(len(kept) + len(behind), len(ranking))
        return ranking.take(np.array([*kept, *behind, *rest], np.intp))

    def _words(self, items: Catalogue, code: int) -> set[object]:
        if code >= len(items):
            return set()
        if self.attribute in items.words:
            table = items.words[self.attribute]
            return set(table.codes[table.indptr[code] : table.indptr[code + 1]].tolist())
        if self.attribute in items.numbers:
            number = float(items.numbers[self.attribute][code])
            return set() if np.isnan(number) else {number}
        raise ConfigError(
            f"no item has the attribute {self.attribute!r}: "
            f"{nearest(self.attribute, [*items.words, *items.numbers])}"
        )
