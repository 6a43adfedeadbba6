"""Items that contain the words of the request: BM25 over titles, attributes and texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from zhiyin.contracts import State
from zhiyin.data.catalogue import Catalogue
from zhiyin.data.dataset import Dataset
from zhiyin.errors import NotFittedError, check_options
from zhiyin.retrieve.entries import Entries
from zhiyin.retrieve.relevance import SilentRelevance, TouchedRelevance
from zhiyin.retrieve.scratch import marked
from zhiyin.retrieve.term_table import TermTable
from zhiyin.types import FloatArray, History, IntArray, Query

__all__ = ["LexicalRelevance", "LexicalRetriever"]


MAX_REWEIGHED = 20_000
"""Items up to which every refresh weighs all terms anew; above it new and changed items are weighed by the
frequencies of the last full weighing, until they are a twentieth of the catalogue."""


@dataclass(frozen=True, slots=True)
class LexicalRelevance(TouchedRelevance):
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


@dataclass(frozen=True, slots=True)
class _Weights:
    """What the terms weigh: of all items once, and anew of those that came or changed since."""

    all: sparse.csr_matrix
    """(v, n)"""
    idf: FloatArray
    """(v,)"""
    mean_length: float
    later: sparse.csr_matrix | None = None
    """(v, n) of the items `again` only; what `all` says of them no longer counts."""
    again: IntArray = field(default_factory=lambda: np.empty(0, np.int32))

    def scores(self, asked: sparse.csr_matrix) -> tuple[IntArray, FloatArray, int]:
        """Items that have a term asked for, each once, with their scores; and the number of all items."""
        n = self.all.shape[1]
        codes, scores = Entries.of(self.all, asked.indices).added_up(asked.data)
        if self.later is None:
            return codes, scores, n
        n = self.later.shape[1]
        stands = ~marked(self.again, codes, n)
        later, fresh = Entries.of(self.later, asked.indices).added_up(asked.data)
        return np.concatenate((codes[stands], later)), np.concatenate((scores[stands], fresh)), n


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
        self.weights_: _Weights | None = None
        check_options(
            self, k1=(0, 100), b=(0, 1), title_weight=(0, 1000), from_titles=(0, 1000),
            decay=(0, 1),
        )  # fmt: skip

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        return self._take(TermTable.of(data.items))

    def refresh(self, items: Catalogue, changed: IntArray | None = None) -> None:
        """Cuts new and changed items into terms, and weighs them; in a small catalogue all terms anew."""
        table, weights = self._fitted()
        codes = table.changed(items, np.arange(len(items)) if changed is None else changed)
        if not len(codes) and len(items) == len(table.digests):
            return
        table, again = table.with_items(items, codes), np.union1d(weights.again, codes).astype(np.int32)
        n = len(items)
        if n <= MAX_REWEIGHED or self.from_titles or len(again) > n / 20 or n < len(weights.again):
            self._take(table)
            return
        counts = table.weighted(self.title_weight, again)
        idf = np.concatenate((weights.idf, np.full(counts.shape[1] - len(weights.idf), weights.idf.max())))
        later = self._terms_by_items(counts, idf, weights.mean_length, again, n)
        self.weights_ = _Weights(weights.all, weights.idf, weights.mean_length, later, again)
        self.table_ = table

    def relevance(self, query: Query) -> LexicalRelevance | SilentRelevance:
        table, weights = self._fitted()
        if query.words.strip():
            return LexicalRelevance(*weights.scores(table.asked(query.words)))
        if self.from_titles > 0 and len(query.history):
            titles, asked = self._last_titles(query.history, table)
            return LexicalRelevance(*weights.scores(asked), titles=titles, weights=weights.all)
        return SilentRelevance()

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
        # The weights go first: whoever reads between the lines has terms of an older, smaller catalogue.
        self.weights_, self.table_ = self._weighted(table), table
        return self

    def _weighted(self, table: TermTable) -> _Weights:
        """Inverse document frequency x saturated count; the formula of BM25 without the query."""
        counts = table.weighted(self.title_weight)
        n, n_terms = counts.shape
        frequency = np.bincount(counts.indices, minlength=n_terms)
        idf = np.log1p((n - frequency + 0.5) / (frequency + 0.5))
        mean_length = max(float(counts.sum()) / n if n else 0.0, 1e-9)
        return _Weights(
            self._terms_by_items(counts, idf, mean_length, np.arange(n, dtype=np.int32), n),
            idf.astype(np.float32),
            mean_length,
        )

    def _terms_by_items(
        self,
        counts: sparse.csr_matrix,
        idf: NDArray[np.floating],
        mean_length: float,
        codes: IntArray,
        n: int,
    ) -> sparse.csr_matrix:
        """(v, n) weights from the (len(codes), v) counts of some items."""
        row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
        lengths = np.bincount(row, counts.data, minlength=counts.shape[0])
        penalty = self.k1 * (1 - self.b + self.b * lengths / mean_length)
        saturated = counts.data * (self.k1 + 1) / (counts.data + penalty[row])
        weights = (idf[counts.indices] * saturated).astype(np.float32)
        return sparse.csr_matrix((weights, (counts.indices, codes[row])), shape=(counts.shape[1], n))

    def _fitted(self) -> tuple[TermTable, _Weights]:
        if self.table_ is None or self.weights_ is None:
            raise NotFittedError("LexicalRetriever was asked before fit: call fit(dataset) first")
        return self.table_, self.weights_
