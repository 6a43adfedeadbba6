"""A small shop whose right answers are known: a kernel-like source over eight films."""

from __future__ import annotations

import numpy as np

from zhiyin.data.dataset import Dataset
from zhiyin.types import Candidates, FloatArray, History, Interaction, Item, Query

FILMS = [
    Item("a", "Airplane!", "A pilot is ill", {"genres": ("Comedy",), "year": 1980, "price": 10.0}),
    Item("b", "Big", "A boy grows up", {"genres": ("Comedy", "Drama"), "year": 1988, "price": 10.5}),
    Item("c", "Clue", "Who did it?", {"genres": ("Comedy", "Crime"), "year": 1985, "price": 50.0}),
    Item("d", "Dune", "Sand", {"genres": ("Sci-Fi",), "year": 1984, "price": 90.0}),
    Item("e", "Élite squad", "Police", {"genres": ("Crime",), "year": 2007, "price": 30.0}),
    Item("f", "霸王别姬", "京剧演员的一生", {"genres": ("Drama",), "year": 1993, "price": 130.0}),
    Item("g", "Groundhog Day", "A funny day, again", {"genres": ("Comedy",), "year": 1989, "price": 10.2}),
    Item("h", "Heat", "Cops and robbers", {"genres": ("Crime",), "year": 1995, "price": 200.0}),
]
A, B, C, D, E, F, G, H = range(8)


def shop(*, kind: str = "click", items: list[Item] = FILMS, n_users: int = 40) -> Dataset:
    """Everybody chooses Airplane!; the later a film stands in the alphabet, the fewer choose it."""
    events = [
        Interaction(f"u{u}", items[i].id, kind, at=1e9 + 86400.0 * (u + i))
        for i in range(len(items))
        for u in range(n_users // (i + 1))
    ]
    return Dataset.of(events, items)


def past(*items: int, weights: tuple[float, ...] = ()) -> History:
    """A history of these codes, all liked unless weights say otherwise."""
    liking = weights or (1.0,) * len(items)
    return History(np.array(items, np.int32), np.array(liking, np.float32), np.full(len(items), np.nan))


def source(history: History, weights: FloatArray, *, decay: float = 1.0, scale: float = 1.0) -> FloatArray:
    """(c,) what a linear source says of items, from its (h, c) block."""
    return (scale * history.decayed(decay) @ weights).astype(np.float32)


def ranking(query: Query, items: list[int], **blocks: tuple[float, FloatArray]) -> Candidates:
    """Candidates of linear sources, each given as (decay, its (h, c) block)."""
    scores = [source(query.history, block, decay=decay) for decay, block in blocks.values()]
    table = np.stack(scores, axis=1) if scores else np.empty((0, 0), np.float32)
    return Candidates(
        items=np.array(items, np.int32),
        sources=tuple(blocks),
        scores=table,
        ranks=np.argsort(np.argsort(-table, axis=0), axis=0).astype(np.float32) if scores else table,
        evidence={name: block for name, (_, block) in blocks.items()},
        score=np.linspace(1, 0.5, len(items), dtype=np.float32),
    )
