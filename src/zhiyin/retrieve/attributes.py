"""Items that share attributes with what the user chose lately: one attribute, several, weighted (C6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from zhiyin.contracts import State
from zhiyin.data.catalogue import Catalogue, Categories
from zhiyin.data.dataset import Dataset
from zhiyin.errors import ConfigError, NotFittedError, check_options, nearest
from zhiyin.retrieve.relevance import DenseRelevance
from zhiyin.types import FloatArray, IntArray, Query

__all__ = ["AttributesRelevance", "AttributesRetriever"]

KNOTS = 10
"""Places on a number's scale; numbers that are two places apart have nothing in common."""


@dataclass(frozen=True, slots=True)
class AttributesRelevance(DenseRelevance):
    """Cosine of item and profile; each event's part of the product is the evidence."""

    rows: sparse.csr_matrix | None = None
    """(n, f) unit rows of items."""
    history: IntArray | None = None
    length: float = 1.0
    """Of the profile."""

    def evidence(self, items: IntArray) -> FloatArray | None:
        """(h, c) what each event gives each candidate; with the decayed weights it adds up to the score."""
        if self.rows is None or self.history is None:
            return None
        n = self.rows.shape[0]
        here, there = (self.history >= 0) & (self.history < n), (items >= 0) & (items < n)
        block = np.zeros((len(self.history), len(items)), np.float32)
        product = self.rows[self.history[here]] @ self.rows[items[there]].T
        block[np.ix_(here, there)] = product.toarray() / max(self.length, 1e-9)
        return block


class AttributesRetriever:
    """Cosine of items with a profile: the decayed sum of the history's items as words and numbers.

    `names` are the attributes that count (None: all), `weights` how much each (1 when not named). A word
    weighs more the rarer it is (TF-IDF); the words of one attribute are brought to length one, so that
    twenty actors do not drown one genre. A number is a place on the scale of its quantiles, shared by
    the two nearest of ten knots, so that near numbers are alike and far ones are not.
    """

    def __init__(
        self,
        *,
        names: Sequence[str] | None = None,
        weights: Mapping[str, float] | None = None,
        decay: float = 0.9,
    ) -> None:
        self.names = names
        self.weights = weights
        self.decay = decay
        self.rows_: sparse.csr_matrix | None = None
        check_options(self, decay=(0, 1))

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        self.refresh(data.items)
        return self

    def refresh(self, items: Catalogue, changed: IntArray | None = None) -> None:
        """Reads all attributes again where any item is new or changed: milliseconds per 10,000 items."""
        if changed is not None and not len(changed) and self.rows_ is not None:
            return
        weights = self._weights(items)
        blocks = [sparse.csr_matrix((len(items), 0), dtype=np.float32)]
        for name, weight in weights.items():
            block = _words(items.words[name]) if name in items.words else _numbers(items.numbers[name])
            blocks.append(_unit(block) * np.float32(np.sqrt(weight)))
        self.rows_ = _unit(sparse.hstack(blocks, format="csr", dtype=np.float32))

    def relevance(self, query: Query) -> AttributesRelevance:
        rows, history = self._fitted(), query.history
        known = (history.items >= 0) & (history.items < rows.shape[0])
        profile = history.decayed(self.decay)[known] @ rows[history.items[known]]
        length = float(np.linalg.norm(profile))
        scores = np.full(rows.shape[0], np.nan, np.float32)
        if length > 0:
            filled = np.diff(rows.indptr) > 0
            scores[filled] = (rows @ (profile / length))[filled]
        return AttributesRelevance(scores, floor=0.0, rows=rows, history=history.items, length=length)

    def state(self) -> State:
        rows = self._fitted()
        return {
            "data": rows.data.astype(np.float32),
            "indices": rows.indices.astype(np.int32),
            "indptr": rows.indptr.astype(np.int64),
            "n_columns": np.array([rows.shape[1]], np.int64),
        }

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        parts = tuple(np.asarray(state[name]) for name in ("data", "indices", "indptr"))
        shape = (len(parts[2]) - 1, int(np.asarray(state["n_columns"])[0]))
        self.rows_ = sparse.csr_matrix(parts, shape=shape)
        return self

    def _weights(self, items: Catalogue) -> dict[str, float]:
        """Weight of each attribute that counts; a name that the catalogue lacks is an error."""
        there = [*items.words, *items.numbers]
        given = dict(self.weights or {})
        names = there if self.names is None else list(self.names)
        for name in (*names, *given):
            if name not in there:
                raise ConfigError(f"no item has an attribute {name!r}: {nearest(name, there)}")
        for name, weight in given.items():
            if not weight >= 0:
                raise ConfigError(f"the weight of attribute {name!r} must be 0 or more, got {weight}")
        return {name: given.get(name, 1.0) for name in names if given.get(name, 1.0) > 0}

    def _fitted(self) -> sparse.csr_matrix:
        if self.rows_ is None:
            raise NotFittedError("AttributesRetriever was asked before fit: call fit(dataset) first")
        return self.rows_


def _words(column: Categories) -> sparse.csr_matrix:
    """(n, v) the inverse frequency of each word that an item has."""
    n, n_words = len(column.indptr) - 1, len(column.values)
    ones = np.ones(len(column.codes), np.float32)
    table = sparse.csr_matrix((ones, column.codes, column.indptr), shape=(n, n_words))
    table.sum_duplicates()
    table.data[:] = 1
    frequency = np.bincount(table.indices, minlength=n_words)
    idf = np.log1p(n / np.maximum(frequency, 1)).astype(np.float32)
    table.data *= idf[table.indices]
    return table


def _numbers(column: NDArray[np.float64]) -> sparse.csr_matrix:
    """(n, k) each number as shares of the two knots around it; an empty row where it is missing."""
    items = np.flatnonzero(np.isfinite(column))
    if not len(items):
        return sparse.csr_matrix((len(column), 0), dtype=np.float32)
    # Few distinct numbers get fewer knots, or each would stand alone.
    n_knots = min(KNOTS, len(np.unique(column[items])) // 2 + 1)
    knots = np.unique(np.quantile(column[items], np.linspace(0, 1, n_knots)))
    place = np.interp(column[items], knots, np.arange(len(knots)))
    below = np.minimum(place.astype(np.int64), max(len(knots) - 2, 0))
    share = (place - below).astype(np.float32)
    above = np.minimum(below + 1, len(knots) - 1)
    table = sparse.csr_matrix(
        (np.concatenate((1 - share, share)), (np.tile(items, 2), np.concatenate((below, above)))),
        shape=(len(column), len(knots)),
    )
    table.eliminate_zeros()
    return table


def _unit(table: sparse.csr_matrix) -> sparse.csr_matrix:
    """The same rows at length one; empty rows stay empty."""
    lengths = np.sqrt(np.asarray(table.multiply(table).sum(axis=1)).ravel())
    scale = np.where(lengths > 0, 1 / np.maximum(lengths, 1e-12), 0).astype(np.float32)
    return sparse.csr_matrix(sparse.diags_array(scale) @ table, dtype=np.float32)
