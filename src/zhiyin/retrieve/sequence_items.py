"""What the sequence networks know of items before any of them is trained: text, company, popularity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import svds

from zhiyin.contracts import Encoder, State
from zhiyin.data.catalogue import Catalogue
from zhiyin.data.dataset import Dataset
from zhiyin.represent.cached import CachedEncoder
from zhiyin.represent.use_encoder import UseEncoder
from zhiyin.retrieve.text_projection import TextProjection
from zhiyin.types import FloatArray, IntArray

__all__ = ["SPREAD", "ItemTexts", "company_vectors", "log_popularity"]

SPREAD = 0.1
"""Root mean square of the numbers of an item's first vector."""


class ItemTexts:
    """Text features of items: those of `TextProjection`, scaled so that a feature is about 1."""

    def __init__(self, encoder: Encoder | None, dim: int) -> None:
        self.projection = TextProjection(
            encoder=CachedEncoder(UseEncoder()) if encoder is None else encoder, dim=dim
        )
        self.scale = np.float32(1)

    def fit(self, data: Dataset, pairs: sparse.csr_matrix, known: IntArray, *, seed: int) -> FloatArray:
        """(n_items, t)"""
        found = self.projection.targets(self.projection.fit_of(data.items, pairs, seed=seed))
        self.scale = np.float32(1 / max(float(np.sqrt(np.square(found[known]).mean())), 1e-6))
        return found * self.scale

    def of(self, items: Catalogue) -> FloatArray:
        """(n, t) of any items."""
        return self.projection.targets(self.projection.of(items)) * self.scale

    def reads(self, items: Catalogue) -> str:
        """All that decides what `fit` gives besides behaviour."""
        projection = self.projection
        said = "\n".join(map(items.describe, range(len(items))))
        return f"{projection.encoder.identity} {projection.dim} {projection.n_words}\n{said}"

    def state(self) -> State:
        return {**self.projection.state(), "scale": np.array(self.scale, np.float32)}

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        self.scale = np.float32(np.asarray(state["scale"]).item())
        self.projection.restore(state)
        return self


def company_vectors(pairs: sparse.csr_matrix, dim: int, *, seed: int) -> FloatArray:
    """(n, dim) items that follow each other lie near each other: the strongest directions of damped pairs.

    Training that starts from here is after one epoch where a start at random is after several.
    """
    n = pairs.shape[0]
    random = np.random.default_rng(seed)
    vectors = random.normal(0, SPREAD / 10, (n, dim))
    k = min(dim, n - 1)
    if k >= 1 and pairs.nnz:
        left, strength, _ = svds(pairs.astype(np.float64), k=k, v0=random.standard_normal(n))
        found = left * np.sqrt(np.maximum(strength, 0))
        vectors[:, :k] += found * SPREAD / max(float(np.sqrt(np.square(found).mean())), 1e-9)
    return vectors.astype(np.float32)


def log_popularity(counts: NDArray[np.int64]) -> FloatArray:
    """(n,) around zero."""
    told = np.log1p(counts)
    found: FloatArray = (told - told.mean()).astype(np.float32)
    return found
