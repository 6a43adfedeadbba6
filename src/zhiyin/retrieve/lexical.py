"""Items that contain the words of the request: BM25 over titles, attributes and texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from zhiyin.contracts import State
from zhiyin.data.catalogue import Catalogue
from zhiyin.data.dataset import Dataset
from zhiyin.errors import NotFittedError
from zhiyin.retrieve.relevance import DenseRelevance
from zhiyin.retrieve.term_table import TermTable
from zhiyin.types import FloatArray, History, IntArray, Query

__all__ = ["LexicalRelevance", "LexicalRetriever"]


@dataclass(frozen=True, slots=True)
class LexicalRelevance(DenseRelevance):
    """Scores by words. When the words came from titles of the history, each title's part is the evidence."""

    titles: sparse.csr_matrix | None = None
    """(h, v) terms of the titles that spoke; None when the user gave the words."""
    weights: sparse.csr_matrix | None = None
    """(v, n) weight of each term in each item."""

    def evidence(self, items: IntArray) -> FloatArray | None:
        if self.titles is None or self.weights is None:
            return None
        known = (items >= 0) & (items < self.weights.shape[1])
        block = np.zeros((self.titles.shape[0], len(items)), np.float32)
        block[:, known] = (self.titles @ self.weights[:, items[known]]).toarray()
        return block


class LexicalRetriever:
    """BM25 (Robertson and Zaragoza 2009) for the words of the query.

    A term of the title counts as `title_weight` terms. Without words in the query the retriever is
    silent, unless `from_titles` is above 0: then it takes the words of that many last titles, decayed
    by `decay` per step. Chinese and English may be mixed; `segment.terms` cuts them.
    """

    hears_words = True
    """Its order for a query with words is an answer to the words."""

    def __init__(
        self,
        *,
        k1: float = 1.2,
        b: float = 0.75,
        title_weight: float = 3.0,
        from_titles: int = 0,
        decay: float = 0.8,
    ) -> None:
        self.k1 = k1
        self.b = b
        self.title_weight = title_weight
        self.from_titles = from_titles
        self.decay = decay
        self.table_: TermTable | None = None
        self.weights_: sparse.csr_matrix | None = None

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        return self._take(TermTable.of(data.items))

    def refresh(self, items: Catalogue) -> None:
        """Cuts new and changed items into terms, and weighs all terms anew."""
        self._take(TermTable.of(items, self._fitted()[0]))

    def relevance(self, query: Query) -> LexicalRelevance:
        table, weights = self._fitted()
        if query.words.strip():
            asked = table.asked(query.words)
            return LexicalRelevance((asked @ weights).toarray()[0], floor=0.0)
        if self.from_titles > 0 and len(query.history):
            titles, asked = self._last_titles(query.history, table)
            scores = (asked @ weights).toarray()[0]
            return LexicalRelevance(scores, floor=0.0, titles=titles, weights=weights)
        return LexicalRelevance(np.full(weights.shape[1], np.nan, np.float32))

    def state(self) -> State:
        return self._fitted()[0].state()

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        return self._take(TermTable.saved(state))

    def _last_titles(self, history: History, table: TermTable) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
        """(h, v) the titles that speak, and (1, v) their decayed sum."""
        speaks = (history.items >= 0) & (history.items < table.titles.shape[0])
        speaks[: -self.from_titles] = False
        spoken = np.where(speaks, 1.0, 0.0).astype(np.float32)
        titles = sparse.diags_array(spoken) @ table.titles[np.where(speaks, history.items, 0)]
        return titles.tocsr(), sparse.csr_matrix(history.decayed(self.decay)[None, :]) @ titles

    def _take(self, table: TermTable) -> Self:
        # The weights go last: whoever reads between the lines has weights of an older, smaller catalogue.
        self.table_, self.weights_ = table, self._weighted(table)
        return self

    def _weighted(self, table: TermTable) -> sparse.csr_matrix:
        """(v, n) inverse document frequency x saturated count; the formula of BM25 without the query."""
        counts = table.weighted(self.title_weight).tocoo()
        n, n_terms = counts.shape
        lengths = np.bincount(counts.row, counts.data, minlength=n)
        frequency = np.bincount(counts.col, minlength=n_terms)
        idf = np.log1p((n - frequency + 0.5) / (frequency + 0.5))
        penalty = self.k1 * (1 - self.b + self.b * lengths / max(float(lengths.mean()) if n else 0.0, 1e-9))
        saturated = counts.data * (self.k1 + 1) / (counts.data + penalty[counts.row])
        weights = (idf[counts.col] * saturated).astype(np.float32)
        return sparse.csr_matrix((weights, (counts.col, counts.row)), shape=(n_terms, n))

    def _fitted(self) -> tuple[TermTable, sparse.csr_matrix]:
        if self.table_ is None or self.weights_ is None:
            raise NotFittedError("LexicalRetriever was asked before fit: call fit(dataset) first")
        return self.table_, self.weights_
