"""What a candidate's text has in common with the history's texts: vectors, and words with their pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from zhiyin.contracts import Encoder, State
from zhiyin.data.catalogue import Catalogue
from zhiyin.data.dataset import Dataset
from zhiyin.errors import check_options
from zhiyin.represent.items import ItemVectors
from zhiyin.retrieve.segment import terms
from zhiyin.types import Candidates, FloatArray, IntArray, Query

__all__ = ["LikenessFeature"]

NAMES = ("decayed", "attention", "max", "last", "terms", "terms_last")
SHARPNESS = 8.0
"""Of attention: how much more the events count that are most like the candidate."""


class LikenessFeature:
    """Cosines of a candidate with the last `n_history` liked items, by vectors and by the terms of titles.

    Needs no behaviour at all. Vectors stand in a space of the catalogue's own (`represent/space.py`); terms
    and pairs of neighbouring terms are weighted by rarity. `decay` a step back in the history.
    """

    def __init__(self, *, encoder: Encoder, n_history: int = 20, decay: float = 0.8) -> None:
        self.encoder = encoder
        self.n_history = n_history
        self.decay = decay
        self.vectors_: ItemVectors | None = None
        self.terms_: sparse.csr_matrix | None = None
        check_options(self, n_history=(1, 1e6), decay=(0, 1))

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        self.vectors_ = ItemVectors.of(self.encoder, data.items)
        self.terms_ = term_rows(data.items.titles)
        return self

    def refresh(self, items: Catalogue, changed: IntArray | None = None) -> None:
        """Encodes what is new; the rarity of terms is counted anew when a catalogue comes whole."""
        if self.terms_ is not None and changed is not None and not len(changed):
            return
        self.vectors_ = ItemVectors.of(self.encoder, items, self.vectors_, changed)
        self.terms_ = term_rows(items.titles)

    def names(self, candidates: Candidates) -> tuple[str, ...]:
        return tuple(f"likeness.{name}" for name in NAMES)

    def values(self, query: Query, candidates: Candidates) -> FloatArray:
        if self.vectors_ is None or self.terms_ is None:
            return np.full((len(candidates), len(NAMES)), np.nan, np.float32)
        past, items = query.history, candidates.items
        n = self.terms_.shape[0]
        liked = past.items[(past.weights > 0) & (past.items >= 0) & (past.items < n)][-self.n_history :]
        if not len(liked) or not len(items):
            return np.full((len(candidates), len(NAMES)), np.nan, np.float32)
        decay = (self.decay ** np.arange(len(liked) - 1, -1, -1.0))[:, None]
        near = self.vectors_.take(liked) @ self.vectors_.take(items).T
        attended = np.exp(SHARPNESS * near) * decay
        known = np.where(items < n, items, 0)
        shared = np.where(items < n, (self.terms_[liked] @ self.terms_[known].T).toarray(), 0.0)
        columns = (
            (decay * near).sum(axis=0),
            (attended * near).sum(axis=0) / attended.sum(axis=0),
            near.max(axis=0),
            near[-1],
            (decay * shared).sum(axis=0),
            shared[-1],
        )
        return np.stack(columns, axis=1).astype(np.float32)

    def state(self) -> State:
        return {} if self.vectors_ is None else self.vectors_.state()

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        """Vectors only: `refresh` has to bring the catalogue, whose titles are then cut into terms."""
        self.vectors_ = self.terms_ = None
        if "digests" in state:
            self.vectors_ = ItemVectors.saved(state)
        return self


def term_rows(titles: Sequence[str]) -> sparse.csr_matrix:
    """(n, v) unit rows: terms and pairs of neighbours, (1 + log count) * log(n / titles that have it)."""
    vocabulary: dict[str, int] = {}
    rows: list[int] = []
    columns: list[int] = []
    counts: list[int] = []
    for row, title in enumerate(titles):
        cut = terms(title)
        for term, count in Counter([*cut, *(f"{a} {b}" for a, b in pairwise(cut))]).items():
            rows.append(row)
            columns.append(vocabulary.setdefault(term, len(vocabulary)))
            counts.append(count)
    n, v = len(titles), max(1, len(vocabulary))
    owners = np.bincount(columns, minlength=v) if columns else np.ones(v)
    rarity = np.log((1 + n) / (1 + owners)) + 1
    weights = (1 + np.log(np.array(counts, np.float64))) * rarity[columns] if counts else np.empty(0)
    length = np.sqrt(np.bincount(rows, weights**2, minlength=n)) if counts else np.ones(n)
    values = weights / length[rows] if counts else weights
    found = sparse.csr_matrix((values.astype(np.float32), (rows, columns)), shape=(n, v))
    return found
