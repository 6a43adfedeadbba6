"""A space of item texts that has learnt from behaviour which likenesses people follow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from zhiyin.contracts import Encoder, State
from zhiyin.data.catalogue import Catalogue
from zhiyin.data.dataset import Dataset
from zhiyin.errors import ArtefactError
from zhiyin.represent.items import item_vectors
from zhiyin.retrieve.kernel import count_pairs
from zhiyin.retrieve.text_words import WordSpace
from zhiyin.types import FloatArray

__all__ = ["TextProjection", "damped_pairs", "paired"]

KNOTS = 8
"""A number attribute becomes its nearness to so many quantiles."""


def damped_pairs(data: Dataset, window: int, backward: float) -> sparse.csr_matrix:
    """(n_items, n_items) co-occurrence by 1 / distance, over the root of both items' events."""
    pairs = count_pairs(data, np.arange(1, window + 1, dtype=np.float32) ** np.float32(-1))
    pairs = sparse.csr_matrix(pairs + np.float32(backward) * pairs.T)
    n = np.maximum(np.bincount(data.item[data.weight > 0], minlength=data.n_items), 1)
    root = (1 / np.sqrt(n)).astype(np.float32)
    pairs.data *= np.repeat(root, np.diff(pairs.indptr)) * root[pairs.indices]
    return pairs


class TextProjection:
    """Two maps of a text: as something that was chosen (`sources`), and as what is chosen next (`targets`).

    Their inner products fit the damped co-occurrence of the items with behaviour: the bilinear form
    x M y with the least squared error over all pairs, in closed form, cut to its `dim` strongest
    directions. Features are encoder vectors, rare words (see `WordSpace`) and numbers, rotated to unit
    variance; `shrink` (a share of the mean variance) keeps weak directions weak. Whitening matters: raw
    cosines follow the few directions in which texts vary most.

    A new item needs its text only.
    """

    def __init__(
        self, *, encoder: Encoder, dim: int = 256, n_words: int = 512, shrink: float = 0.3, ridge: float = 0.3
    ) -> None:
        self.encoder = encoder
        self.dim = dim
        self.n_words = n_words
        self.shrink = shrink
        self.ridge = ridge
        self.words_ = WordSpace(dim=n_words)

    def fit(self, items: Catalogue, pairs: sparse.csr_matrix, *, seed: int = 0) -> Self:
        """`pairs` is (n_items, n_items): how often, damped, one item leads to another."""
        self.fit_of(items, pairs, seed=seed)
        return self

    def fit_of(self, items: Catalogue, pairs: sparse.csr_matrix, *, seed: int = 0) -> FloatArray:
        """`fit`, then `of`; every text is read only once."""
        known = paired(pairs)
        known = known if known.any() else np.ones(len(items), np.bool_)
        self.words_ = WordSpace(dim=self.n_words)
        words = self.words_.fit_of(items, known, seed=seed)
        self.knots_ = _knots(items, known)
        vectors = item_vectors(self.encoder, items)
        self.common_ = vectors[known].mean(axis=0)
        raw = self._raw(items, vectors, words)
        self._whiten(raw[known])
        features = self._features(raw)
        self._learn(features * known[:, None], pairs)
        return features

    def of(self, items: Catalogue) -> FloatArray:
        """(n_items, d) whitened features and a last column of ones."""
        return self._features(self._raw(items, item_vectors(self.encoder, items), self.words_.of(items)))

    def sources(self, features: FloatArray) -> FloatArray:
        """(n, dim) from rows of `of`."""
        return features @ self.source_map_

    def targets(self, features: FloatArray) -> FloatArray:
        """(n, dim) from rows of `of`."""
        return features @ self.target_map_

    def state(self) -> State:
        return {
            **{f"words.{key}": value for key, value in self.words_.state().items()},
            **{f"knots.{key}": value for key, value in self.knots_.items()},
            "encoder": self.encoder.identity,
            "common": self.common_,
            "mean": self.mean_,
            "turn": self.turn_,
            "source_map": self.source_map_,
            "target_map": self.target_map_,
        }

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        here, saved = self.encoder.identity, str(state["encoder"])
        if here != saved:
            raise ArtefactError(
                f"the texts were encoded by {saved!r}, but this encoder is {here!r}: "
                "give that one, or fit again"
            )
        self.words_ = WordSpace(dim=self.n_words).restore(_under("words.", state))
        self.knots_ = {name: np.asarray(row, np.float64) for name, row in _under("knots.", state).items()}
        self.common_ = np.asarray(state["common"], np.float32)
        self.mean_ = np.asarray(state["mean"], np.float32)
        self.turn_ = np.asarray(state["turn"], np.float32)
        self.source_map_ = np.asarray(state["source_map"], np.float32)
        self.target_map_ = np.asarray(state["target_map"], np.float32)
        return self

    def _raw(self, items: Catalogue, vectors: FloatArray, words: FloatArray) -> FloatArray:
        near = [_nearness(items.numbers.get(name), knots, len(items)) for name, knots in self.knots_.items()]
        return np.hstack([_centred(vectors, self.common_), words, *near])

    def _whiten(self, raw: FloatArray) -> None:
        self.mean_ = raw.mean(axis=0)
        moved = (raw - self.mean_).astype(np.float64)
        variance, axes = np.linalg.eigh(moved.T @ moved / max(1, len(raw)))
        variance = np.maximum(variance, 0)
        self.turn_ = _rows(axes / np.sqrt(variance + self.shrink * variance.mean() + 1e-9))

    def _features(self, raw: FloatArray) -> FloatArray:
        return np.hstack([(raw - self.mean_) @ self.turn_, np.ones((len(raw), 1), np.float32)])

    def _learn(self, features: FloatArray, pairs: sparse.csr_matrix) -> None:
        """min |X M X' - Y|^2 + ridge over all pairs: M = (X'X + r)^-1 X'YX (X'X + r)^-1."""
        gram = (features.T @ features).astype(np.float64)
        n_known = gram[-1, -1]
        solve = np.linalg.inv(gram + self.ridge * max(1.0, n_known) * np.eye(len(gram)))
        form = solve @ (features.T @ (pairs @ features)).astype(np.float64) @ solve
        left, strength, right = np.linalg.svd(form)
        root = np.sqrt(strength[: self.dim])
        self.source_map_ = _rows(left[:, : self.dim] * root)
        self.target_map_ = _rows(right[: self.dim].T * root)


def paired(pairs: sparse.csr_matrix) -> NDArray[np.bool_]:
    """(n_items,) True for items with behaviour: those that lead somewhere or are led to."""
    led_to = np.bincount(pairs.indices, minlength=pairs.shape[0]) > 0
    found: NDArray[np.bool_] = (np.diff(pairs.indptr) > 0) | led_to
    return found


def _rows(matrix: NDArray[np.float64]) -> FloatArray:
    """The same row by row in memory, as an artefact keeps it: products of either have equal last bits."""
    return np.ascontiguousarray(matrix, np.float32)


def _centred(vectors: FloatArray, common: FloatArray) -> FloatArray:
    """Rows of length one without what all texts have in common; zeros stay zeros."""
    moved = np.where(vectors.any(axis=1, keepdims=True), vectors - common, 0)
    found: FloatArray = moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-6)
    return found


def _under(prefix: str, state: Mapping[str, NDArray[np.generic] | str]) -> State:
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def _knots(items: Catalogue, known: NDArray[np.bool_]) -> dict[str, NDArray[np.float64]]:
    """Quantiles of every number attribute that a third of the items has."""
    found = {}
    for name, column in items.numbers.items():
        values = column[known][np.isfinite(column[known])]
        knots = np.unique(np.quantile(values, np.linspace(0.02, 0.98, KNOTS))) if len(values) else values
        if len(knots) > 1 and 3 * len(values) >= known.sum():
            found[name] = knots
    return found


def _nearness(column: NDArray[np.float64] | None, knots: NDArray[np.float64], n: int) -> FloatArray:
    """(n, len(knots)) rows of length .5, alike for near numbers; zeros where the number is missing."""
    if column is None:
        return np.zeros((n, len(knots)), np.float32)
    # Between two knots the share of each falls linearly: interpolation on the unit simplex.
    place = np.interp(column, knots, np.arange(len(knots)))
    near = np.maximum(0, 1 - np.abs(place[:, None] - np.arange(len(knots))))
    near = near / np.maximum(np.linalg.norm(near, axis=1, keepdims=True), 1e-6)
    found: FloatArray = np.nan_to_num(0.5 * near).astype(np.float32)
    return found
