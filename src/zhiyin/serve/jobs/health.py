"""The job that looks at the data: size, gaps, what comes twice, the long tail, who is cold."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhiyin.data.dataset import Dataset
from zhiyin.serve.jobs.drawing import opened
from zhiyin.serve.jobs.run import Work

__all__ = ["data_health", "health_of"]

MOST_DAYS = 400
MOST_COLD = 200
COLD_BELOW = 5
"""Events under which an item counts as cold."""
N_CURVE = 100


def data_health(work: Work) -> dict[str, Any]:
    """Of the log and the catalogue as they are."""
    with opened(work) as store:
        work.tell("reading", 0, 0)
        return health_of(store.snapshot())


def health_of(data: Dataset) -> dict[str, Any]:
    """Everything, ready for JSON."""
    counts = data.counts()
    cold = np.flatnonzero(counts < COLD_BELOW)
    order = cold[np.argsort(counts[cold], kind="stable")][:MOST_COLD]
    lengths = np.diff(data.indptr)
    return {
        **data.describe(),
        "days": _days(data),
        "duplicates": _duplicates(data),
        "without_title": int(sum(t == i for t, i in zip(data.items.titles, data.items.ids))),
        "without_text": int(sum(not text for text in data.items.texts)),
        "filled": _filled(data),
        "cold": {
            "below": COLD_BELOW,
            "items": len(cold),
            "first": [
                {"id": data.items.ids[c], "title": data.items.titles[c], "events": int(counts[c])}
                for c in order.tolist()
            ],
        },
        "lorenz": lorenz(counts),
        "gini": gini(counts),
        "history": _histogram(lengths),
        "weights": {
            "liked": int((data.weight > 0).sum()), "disliked": int((data.weight < 0).sum()),
        },
    }  # fmt: skip


def _days(data: Dataset) -> dict[str, Any]:
    """Events by day, and the longest spans without any."""
    at = data.at[~np.isnan(data.at)]
    if not len(at):
        return {"first": None, "events": [], "width_days": 1, "gaps": []}
    day = np.floor(at / 86_400).astype(np.int64)
    first, last = int(day.min()), int(day.max())
    width = max(1, -(-(last - first + 1) // MOST_DAYS))
    events = np.bincount((day - first) // width)
    active = np.unique(day)
    wide = np.flatnonzero(np.diff(active) > 1)
    widest = wide[np.argsort(-np.diff(active)[wide], kind="stable")][:10]
    return {
        "first": first * 86_400, "width_days": width, "events": events.tolist(),
        "gaps": [
            {"from": int(active[gap]) * 86_400, "days": int(active[gap + 1] - active[gap] - 1)}
            for gap in widest.tolist()
        ],
    }  # fmt: skip


def _duplicates(data: Dataset) -> dict[str, int]:
    """Rows that say the same as another one; pairs of user and item that come again."""
    if not len(data):
        return {"same": 0, "again": 0}
    at = np.where(np.isnan(data.at), -1.0, data.at)
    rows = np.rec.fromarrays([data.user, data.item, data.kind, at])
    pairs = data.user.astype(np.int64) * max(1, data.n_items) + data.item
    return {
        "same": int(len(data) - len(np.unique(rows))),
        "again": int(len(data) - len(np.unique(pairs))),
    }


def _filled(data: Dataset) -> list[dict[str, Any]]:
    """Share of items that an attribute says something of."""
    n = max(1, data.n_items)
    words = [
        {"name": name, "kind": "words", "values": len(column.values),
         "share": round(float((np.diff(column.indptr) > 0).sum()) / n, 4)}
        for name, column in data.items.words.items()
    ]  # fmt: skip
    numbers = [
        {"name": name, "kind": "number", "values": len(np.unique(column[~np.isnan(column)])),
         "share": round(float((~np.isnan(column)).sum()) / n, 4)}
        for name, column in data.items.numbers.items()
    ]  # fmt: skip
    return words + numbers


def _histogram(lengths: NDArray[np.int64]) -> list[dict[str, int]]:
    """Users by how much they did."""
    edges = [1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1 << 60]
    return [
        {"from": low, "to": high - 1, "users": int(((lengths >= low) & (lengths < high)).sum())}
        for low, high in pairwise(edges)
    ]


def lorenz(counts: NDArray[Any]) -> list[list[float]]:
    """[share of items, share of events] from the least to the most popular, at most `N_CURVE` points."""
    ordered = np.sort(np.asarray(counts, np.float64))
    total = ordered.sum()
    if not total:
        return []
    share = np.concatenate([[0.0], np.cumsum(ordered) / total])
    places = np.unique(np.linspace(0, len(ordered), N_CURVE + 1).round().astype(int))
    return [[round(place / len(ordered), 5), round(float(share[place]), 5)] for place in places.tolist()]


def gini(counts: NDArray[Any]) -> float | None:
    """0 = all equal, 1 = one has everything; None where there is nothing."""
    ordered = np.sort(np.asarray(counts, np.float64))
    n, total = len(ordered), float(ordered.sum())
    if not total:
        return None
    return round(float((2 * np.arange(1, n + 1) - n - 1) @ ordered / (n * total)), 5)
