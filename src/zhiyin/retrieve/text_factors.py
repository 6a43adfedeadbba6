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
from zhiyin.errors import NotFittedError
from zhiyin.represent.cached import CachedEncoder
from zhiyin.represent.use_encoder import UseEncoder
from zhiyin.retrieve.relevance import FactorRelevance
from zhiyin.retrieve.text_projection import TextProjection, damped_pairs, paired
from zhiyin.types import FloatArray, Query

__all__ = ["TextFactorsRetriever"]

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

    A query reads all target factors: 1 kB an item. `encoder` None means the embedded one, behind the
    cache on disk.
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
    ) -> None:
        self.encoder = encoder
        self.factors = factors
        self.window = window
        self.backward = backward
        self.prior = prior
        self.decay = decay
        self.targets_: FloatArray | None = None

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
        self.targets_ = _ridge(sources, backwards, targets, self.prior * 20 / (20 + n), known)
        self.sources_ = _ridge(self.targets_, pairs, sources, np.full(len(known), self.prior), known)
        return self

    def refresh(self, items: Catalogue) -> None:
        """Gives items that were added after the fit the factors of their text; the others keep theirs."""
        targets = self._fitted()[: self.n_fitted_]
        added = Catalogue.of(items.item(code) for code in range(self.n_fitted_, len(items)))
        if not len(added):
            self.sources_, self.targets_ = self.sources_[: self.n_fitted_], targets
            return
        features = self.projection_.of(added)
        self.sources_ = np.vstack([self.sources_[: self.n_fitted_], self.projection_.sources(features)])
        self.targets_ = np.vstack([targets, self.projection_.targets(features) * self.scale_])

    def relevance(self, query: Query) -> FactorRelevance:
        targets, history = self._fitted(), query.history
        known = (history.items >= 0) & (history.items < len(targets))
        events = self.sources_[np.where(known, history.items, 0)] * known[:, None]
        said = history.decayed(self.decay) * known
        if not said.any():
            return FactorRelevance(np.full(len(targets), np.nan, np.float32))
        return FactorRelevance(targets @ (said @ events), events=events, items=targets)

    def state(self) -> State:
        targets = self._fitted()
        return {
            "sources": self.sources_,
            "targets": targets,
            "n_fitted": np.array(self.n_fitted_),
            "scale": np.array(self.scale_, np.float32),
            **{f"projection.{key}": value for key, value in self.projection_.state().items()},
        }

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        self.sources_ = np.asarray(state["sources"], np.float32)
        self.targets_ = np.asarray(state["targets"], np.float32)
        self.n_fitted_ = int(np.asarray(state["n_fitted"]).item())
        self.scale_ = np.float32(np.asarray(state["scale"]).item())
        start = "projection."
        learnt = {key.removeprefix(start): value for key, value in state.items() if key.startswith(start)}
        self.projection_ = self._projection().restore(learnt)
        return self

    def _projection(self) -> TextProjection:
        encoder = CachedEncoder(UseEncoder()) if self.encoder is None else self.encoder
        return TextProjection(encoder=encoder, dim=self.factors)

    def _fitted(self) -> FloatArray:
        if self.targets_ is None:
            raise NotFittedError("TextFactorsRetriever was asked before fit: call fit(dataset) first")
        return self.targets_


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
