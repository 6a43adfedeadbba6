"""A small video shop whose right answers are known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from zhiyin.data.dataset import Dataset
from zhiyin.explain import EvidenceExplainer
from zhiyin.types import Candidates, FloatArray, History, Interaction, Item, Query

FILMS = [
    Item("a", "Airplane!", "A pilot is ill", {"genres": ("Comedy",), "year": 1980, "price": 10.0}),
    Item("b", "Big", "A boy grows up", {"genres": ("Comedy", "Drama"), "year": 1988, "price": 10.5}),
    Item("c", "Clue", "Who did it?", {"genres": ("Comedy", "Crime"), "year": 1985, "price": 50.0}),
    Item("d", "Dune", "Sand", {"genres": ("Sci-Fi",), "year": 1984, "price": 90.0}),
    Item("e", "Élite Squad", "Police", {"genres": ("Crime",), "year": 2007, "price": 30.0}),
    Item("f", "霸王别姬", "京剧演员的一生", {"genres": ("Drama",), "year": 1993, "price": 130.0}),
    Item("g", "Groundhog Day", "A funny day, again", {"genres": ("Comedy",), "year": 1989, "price": 10.2}),
    Item("h", "Heat", "Cops and robbers", {"genres": ("Crime",), "year": 1995, "price": 200.0}),
]


def make_shop(*, kind: str = "click", items: list[Item] = FILMS) -> Dataset:
    """The later a film stands in the list, the fewer choose it: 40, 20, 13, 10 …; one event a day."""
    events = [
        Interaction(f"u{u}", item.id, kind, at=1e9 + 86400.0 * (u + i))
        for i, item in enumerate(items)
        for u in range(40 // (i + 1))
    ]
    return Dataset.of(events, items)


def make_history(*items: int, weights: tuple[float, ...] = ()) -> History:
    """A history of these codes, all liked unless the weights say otherwise."""
    liking = np.array(weights or (1.0,) * len(items), np.float32)
    return History(np.array(items, np.int32), liking, np.full(len(items), np.nan))


def make_ranking(query: Query, items: list[int], **blocks: tuple[float, FloatArray]) -> Candidates:
    """Candidates as linear sources rank them; each source is (its decay, its (h, c) weights)."""
    codes, score = np.array(items, np.int32), np.linspace(1, 0.5, len(items), dtype=np.float32)
    if not blocks:
        return Candidates(codes, score=score)
    columns = [query.history.decayed(decay) @ block for decay, block in blocks.values()]
    scores = np.stack(columns, axis=1).astype(np.float32)
    return Candidates(
        codes,
        tuple(blocks),
        scores,
        np.argsort(np.argsort(-scores, axis=0), axis=0).astype(np.float32),
        {name: np.asarray(block, np.float32) for name, (_, block) in blocks.items()},
        score,
    )


@pytest.fixture(scope="session")
def shop() -> Dataset:
    return make_shop()


@pytest.fixture(scope="session")
def explainer(shop: Dataset) -> EvidenceExplainer:
    return EvidenceExplainer().fit(shop)


@pytest.fixture(scope="session")
def shop_of() -> Callable[..., Dataset]:
    return make_shop


@pytest.fixture(scope="session")
def past() -> Callable[..., History]:
    return make_history


@pytest.fixture(scope="session")
def ranking() -> Callable[..., Candidates]:
    return make_ranking
