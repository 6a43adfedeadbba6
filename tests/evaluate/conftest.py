from __future__ import annotations

import numpy as np
import pytest

from zhiyin.data.dataset import Dataset
from zhiyin.types import Candidates, Interaction, Item, Query


class FixedRecommender:
    """Orders the catalogue by given scores, whoever asks."""

    def __init__(self, *, scores):
        self.scores = scores
        self.rows_ = None

    def fit(self, data, *, seed=0):
        self.rows_ = len(data)
        return self

    def rank(self, query: Query, n: int) -> Candidates:
        items = allowed(query, len(self.scores))
        return Candidates(items[np.argsort(-np.asarray(self.scores)[items], kind="stable")][:n])


class ParityRecommender:
    """Items of the history's parity first, by code."""

    def __init__(self, *, n_items, right=True):
        self.n_items = n_items
        self.right = right

    def fit(self, data, *, seed=0):
        return self

    def rank(self, query: Query, n: int) -> Candidates:
        items = allowed(query, self.n_items)
        parity = (int(query.history.items[-1]) + (not self.right)) % 2
        return Candidates(items[np.argsort(items % 2 != parity, kind="stable")][:n])


def allowed(query: Query, n_items: int):
    items = np.arange(n_items, dtype=np.int32) if query.only is None else query.only
    return items[~np.isin(items, query.exclude)]


def make_parity_data(n_users=40, n_items=20, length=6, seed=0, clock=True) -> Dataset:
    """Even users choose even items, odd users odd ones, shuffled; items 0 to 9 are rated 4, others 2."""
    rng = np.random.default_rng(seed)
    rows = []
    for u in range(n_users):
        chosen = rng.permutation(np.arange(u % 2, n_items, 2))[:length]
        rows += [
            Interaction(
                f"u{u}", f"i{i}", kind="rating", value=4.0 if i < 10 else 2.0, at=float(t) if clock else None
            )
            for t, i in enumerate(chosen)
        ]
    items = [
        Item(f"i{i}", f"title {i}", attributes={"genre": ("odd" if i % 2 else "even", f"g{i % 3}")})
        for i in range(n_items)
    ]
    return Dataset.of(rows, items, name="parity")


@pytest.fixture
def data() -> Dataset:
    return make_parity_data()


@pytest.fixture
def parity_data():
    return make_parity_data


@pytest.fixture
def fixed():
    return FixedRecommender


@pytest.fixture
def parity():
    return ParityRecommender
