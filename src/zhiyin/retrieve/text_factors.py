"""Matrix factorisation in which every item's factors start from its text (C5, L1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from zhiyin.contracts import Encoder, State
from zhiyin.data.catalogue import Catalogue
from zhiyin.data.dataset import Dataset
from zhiyin.errors import NotFittedError, check_options
from zhiyin.represent.cached import CachedEncoder
from zhiyin.represent.use_encoder import UseEncoder
from zhiyin.represent.vector_index import MAX_EXACT, VectorIndex
from zhiyin.retrieve.near import NearRelevance
from zhiyin.retrieve.relevance import SilentRelevance
from zhiyin.retrieve.text_projection import TextProjection, damped_pairs, paired
from zhiyin.types import FloatArray, IntArray, Query

__all__ = ["TextFactorsRetriever"]

N_READ = 1_500
"""Target factors that are read of a large catalogue. A source proposes 50, of which this finds .992 among
100,000 (synthetic); 2,500 would find .994."""
OWN = 0.5
"""Share with which a source's own least-squares factors come on top of those of its text."""


class TextFactorsRetriever:
    """The co-occurrence kernel as source factors times target factors, both drawn towards the text's.

    `TextProjection` gives both factors of every text. Behaviour then moves the factors of an item with
    n events by ridge regressions around that start, first the targets on the sources, then the sources
    on the targets. The strength of the start is `prior` (in units of the mean variance of a factor), for
    targets less the more events there are: prior * 20 / (20 + n). An item without behaviour keeps the
    factors of its text, and so does one that comes later, by `refresh`. The user is the decayed sum of
    the history's source factors.

    Up to `max_exact` items a query reads all target factors, 1 kB an item; above it the `n_read` that promise
    most (see `VectorIndex`), with factors in 16 bits. `encoder` None means the embedded one, behind the cache
    on disk.
    """

    def __init__(
        self,
        *,
        encoder: Encoder | None = None,
        factors: int = 256,
        window: int = 10,
        backward: float = 0.5,
        prior: float = 1.0,
        decay: float = 0.85,
        max_exact: int = MAX_EXACT,
        n_read: int = N_READ,
    ) -> None:
        self.encoder = encoder
        self.factors = factors
        self.window = window
        self.backward = backward
        self.prior = prior
        self.decay = decay
        self.max_exact = max_exact
        self.n_read = n_read
        self.targets_: VectorIndex | None = None
        check_options(
            self, factors=(1, 4096), window=(1, 1e6), backward=(0, 10), prior=(0, 1e6),
            decay=(0, 1), max_exact=(0, 1e9), n_read=(1, 1e9),
        )  # fmt: skip

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        pairs = damped_pairs(data, self.window, self.backward)
        self.projection_ = self._projection()
        features = self.projection_.fit_of(data.items, pairs, seed=seed)
        known = paired(pairs)
        self.n_fitted_ = len(known)
        sources, targets = self.projection_.sources(features), self.projection_.targets(features)
        own = _ridge(targets, pairs, np.zeros_like(sources), np.full(len(known), 0.01), known)
        sources += np.float32(OWN) * np.where(known[:, None], own, 0)
        self.scale_ = _scale(sources * known[:, None], targets * known[:, None], pairs)
        targets *= self.scale_
        n = np.bincount(data.item[data.weight > 0], minlength=data.n_items)
        backwards = sparse.csr_matrix(pairs.T)
        told = _ridge(sources, backwards, targets, self.prior * 20 / (20 + n), known)
        asked = _ridge(told, pairs, sources, np.full(len(known), self.prior), known)
        self.sources_, self.targets_ = self._kept(asked, told, seed)
        return self

    def refresh(self, items: Catalogue, changed: IntArray | None = None) -> None:
        """Gives items that were added after the fit the factors of their text; the others keep theirs."""
        targets = self._fitted()
        if len(items) < len(targets):
            codes = _codes(0, len(items))
            self.sources_, targets = self._kept(self.sources_.take(codes), targets.take(codes), 0)
        added = _codes(self.n_fitted_, len(items)) if changed is None else changed[changed >= self.n_fitted_]
        if len(added):
            features = self.projection_.of(items.take(added))
            sources, n = self.projection_.sources(features), len(items)
            self.sources_ = self.sources_.with_rows(added, sources, n)
            targets = targets.with_rows(added, self.projection_.targets(features) * self.scale_, n)
        self.targets_ = targets

    def relevance(self, query: Query) -> NearRelevance | SilentRelevance:
        targets, events = self._fitted(), self.sources_.take(query.history.items)
        said = query.history.decayed(self.decay) * (query.history.items >= 0)
        said *= query.history.items < len(targets)
        if not said.any():
            return SilentRelevance()
        return NearRelevance(targets, said @ events, self.n_read, events)

    def state(self) -> State:
        targets = self._fitted()
        return {
            **{f"sources.{key}": value for key, value in self.sources_.state().items()},
            **{f"targets.{key}": value for key, value in targets.state().items()},
            "n_fitted": np.array(self.n_fitted_),
            "scale": np.array(self.scale_, np.float32),
            **{f"projection.{key}": value for key, value in self.projection_.state().items()},
        }

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        self.sources_ = VectorIndex.saved(_under("sources.", state), max_exact=self.max_exact)
        self.targets_ = VectorIndex.saved(_under("targets.", state), max_exact=self.max_exact)
        self.n_fitted_ = int(np.asarray(state["n_fitted"]).item())
        self.scale_ = np.float32(np.asarray(state["scale"]).item())
        self.projection_ = self._projection().restore(_under("projection.", state))
        return self

    def _kept(self, sources: FloatArray, targets: FloatArray, seed: int) -> tuple[VectorIndex, VectorIndex]:
        """Nobody searches the sources."""
        return (
            VectorIndex.of(sources, max_exact=self.max_exact, short=True, lists=False),
            VectorIndex.of(targets, max_exact=self.max_exact, short=True, seed=seed),
        )

    def _projection(self) -> TextProjection:
        encoder = CachedEncoder(UseEncoder()) if self.encoder is None else self.encoder
        return TextProjection(encoder=encoder, dim=self.factors)

    def _fitted(self) -> VectorIndex:
        if self.targets_ is None:
            raise NotFittedError("TextFactorsRetriever was asked before fit: call fit(dataset) first")
        return self.targets_


def _codes(start: int, end: int) -> IntArray:
    return np.arange(start, end, dtype=np.int32)


def _under(prefix: str, state: Mapping[str, NDArray[np.generic] | str]) -> State:
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def _scale(sources: FloatArray, targets: FloatArray, pairs: sparse.csr_matrix) -> np.float32:
    """The number that brings sources @ targets.T nearest to the pairs."""
    fits = float(((pairs @ targets) * sources).sum())
    return np.float32(max(fits, 0) / max(float(((sources.T @ sources) * (targets.T @ targets)).sum()), 1e-12))


def _ridge(
    others: FloatArray,
    rows: sparse.csr_matrix,
    start: FloatArray,
    strength: NDArray[np.float64],
    known: NDArray[np.bool_],
) -> FloatArray:
    """(n, f) per item min |row - x others'|^2 + strength |x - start|^2; unknown items keep the start.

    One eigenbasis of the Gram matrix serves every strength.
    """
    told = others[known]
    gram = told.T.astype(np.float64) @ told
    values, axes = np.linalg.eigh(gram)
    held = strength[:, None] * max(float(values.mean()), 1e-12)
    turned = ((rows @ others).astype(np.float64) + held * start) @ axes
    solved: FloatArray = np.where(known[:, None], (turned / (values + held)) @ axes.T, start).astype(
        np.float32
    )
    return solved
