"""Beyond accuracy: what the lists show of the catalogue, and how varied and unexpected they are.

`lists` are (q, n) item codes, -1 where a list was shorter. Per-question values are NaN where a list
is too short to have them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from zhiyin.data.catalogue import Catalogue
from zhiyin.types import FloatArray, IntArray

__all__ = [
    "attribute_distances", "coverage", "diversity", "exposure", "gini", "lorenz", "novelty",
    "self_information", "serendipity", "share_of", "vector_distances",
]  # fmt: skip

Values = NDArray[np.float64]
PAIRS_AT_ONCE = 500_000
FIRST_VARIED = 50
"""Places whose pairs are compared: k places have k² / 2, and nobody sees far ones together."""
CELLS_AT_ONCE = 4_000_000


def exposure(lists: IntArray, n_items: int, only: IntArray | None = None) -> NDArray[np.int64]:
    """How often each candidate item was listed: (n_items,), or (len(only),)."""
    counts = np.bincount(lists[lists >= 0], minlength=n_items)
    return counts if only is None else counts[only]


def coverage(counts: NDArray[np.int64]) -> float:
    """Share of the candidates that were listed at least once (Ge, Delgado-Battenfeld & Jannach 2010)."""
    return float((counts > 0).mean())


def gini(counts: NDArray[np.int64]) -> float:
    """Inequality of exposure: 0 all items alike, towards 1 a few items get all (Fleder & Hosanagar 2009).

    >>> gini(np.array([5, 5, 5, 5])), gini(np.array([0, 0, 0, 8]))
    (0.0, 0.75)
    """
    x = np.sort(counts).astype(np.float64)
    n, total = len(x), x.sum()
    if not total:
        return float("nan")
    return float(2.0 * (np.arange(1, n + 1) @ x) / (n * total) - (n + 1) / n)


def lorenz(counts: NDArray[np.int64], points: int = 51) -> Values:
    """(points, 2) share of the items, least shown first, and share of exposure they get together."""
    x = np.sort(counts).astype(np.float64)
    summed = np.concatenate(([0.0], np.cumsum(x)))
    at = np.linspace(0, 1, points)
    share = np.interp(at, np.linspace(0, 1, len(summed)), summed / max(summed[-1], 1.0))
    return np.column_stack([at, share])


def share_of(lists: IntArray, inside: NDArray[np.bool_]) -> Values:
    """(q,) share of each list that falls into a set of items; for the tail: its share of exposure."""
    listed = lists >= 0
    return _ratio((inside[lists] & listed).sum(1), listed.sum(1))


def self_information(users_per_item: NDArray[np.int64], n_users: int) -> Values:
    """(n_items,) -log2 of the share of users who chose the item; never chosen counts as chosen once."""
    return np.asarray(-np.log2(np.maximum(users_per_item, 1) / max(n_users, 1)), np.float64)


def novelty(lists: IntArray, information: Values) -> Values:
    """(q,) mean self-information of a list, in bits: 1 more = items half as popular (Zhou et al. 2010)."""
    listed = lists >= 0
    return _ratio((information[lists] * listed).sum(1), listed.sum(1))


def serendipity(hits: NDArray[np.bool_], lists: IntArray, popular: IntArray) -> Values:
    """(q,) share of the k places that hold a hit which the popular list of the same length has not.

    After Ge et al. 2010, with popularity as the primitive recommender: useful and not obvious.
    """
    row = np.arange(len(lists))[:, None] * (int(max(lists.max(initial=0), popular.max(initial=0))) + 2)
    obvious = np.isin(lists + row, popular + row, kind="sort")
    found: Values = (hits & ~obvious).sum(1) / float(lists.shape[1])
    return found


def diversity(lists: IntArray, distances: Values, k: int) -> Values:
    """(q,) mean distance of the pairs within the first k (intra-list distance, Smyth & McClave 2001).

    At most the first `FIRST_VARIED` places count. `distances`: (q, pairs) in the order of
    `np.triu_indices(n, 1)`, NaN where a place is empty or an item has nothing to be compared by.
    """
    left, right = _pairs(lists)
    block = distances[:, (left < k) & (right < k)]
    there = ~np.isnan(block)
    return _ratio(np.where(there, block, 0.0).sum(1), there.sum(1))


def attribute_distances(lists: IntArray, items: Catalogue) -> Values | None:
    """1 - Jaccard overlap of the word attributes of every pair in a list; None without word attributes."""
    if not items.words:
        return None
    columns = [
        sparse.csr_matrix(
            (np.ones(len(c.codes), np.float32), c.codes, c.indptr), shape=(len(items), len(c.values))
        )
        for c in items.words.values()
    ]
    table = sparse.hstack(columns, format="csr")
    table.sum_duplicates()
    table.data[:] = 1.0
    size = np.asarray(table.sum(axis=1)).ravel()

    def overlap(a: IntArray, b: IntArray) -> Values:
        both = np.asarray(table[a].multiply(table[b]).sum(axis=1)).ravel()
        return 1.0 - _ratio(both, size[a] + size[b] - both)

    return _pairwise(lists, overlap)


def vector_distances(lists: IntArray, vectors: FloatArray) -> Values:
    """1 - cosine of every pair in a list; `vectors` are (n_items, dim), zero rows have no distance."""
    norms = np.linalg.norm(vectors, axis=1)

    def cosine(a: IntArray, b: IntArray) -> Values:
        dots = np.einsum("pd,pd->p", vectors[a], vectors[b], dtype=np.float64)
        return 1.0 - _ratio(dots, norms[a].astype(np.float64) * norms[b])

    return _pairwise(lists, cosine)


def _pairwise(lists: IntArray, distance) -> Values:  # type: ignore[no-untyped-def]
    """(q, pairs); each distinct pair of items is computed once for many lists."""
    left, right = _pairs(lists)
    at_once = max(1, CELLS_AT_ONCE // max(1, len(left)))
    blocks = [
        _distances(lists[start : start + at_once], left, right, distance)
        for start in range(0, len(lists), at_once)
    ]
    return np.concatenate(blocks) if blocks else np.empty((0, len(left)))


def _pairs(lists: IntArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Left and right places of all pairs."""
    left, right = np.triu_indices(min(lists.shape[1], FIRST_VARIED), 1)
    return left, right


def _distances(lists: IntArray, left: NDArray[np.int64], right: NDArray[np.int64], distance) -> Values:  # type: ignore[no-untyped-def]
    a, b = lists[:, left].astype(np.int64), lists[:, right].astype(np.int64)
    low, high = np.minimum(a, b), np.maximum(a, b)
    n = int(lists.max(initial=0)) + 1
    keys, place = np.unique(np.where(low < 0, -1, low * n + high), return_inverse=True)
    values = np.full(len(keys), np.nan)
    first = int(keys[0] < 0) if len(keys) else 0
    for start in range(first, len(keys), PAIRS_AT_ONCE):
        block = keys[start : start + PAIRS_AT_ONCE]
        values[start : start + len(block)] = distance(block // n, block % n)
    return np.asarray(values[place.reshape(a.shape)])


def _ratio(above: NDArray[np.generic], below: NDArray[np.generic]) -> Values:
    """Quotients in float64, NaN where there is nothing to divide by."""
    out = np.full(np.shape(above), np.nan)
    np.divide(above, below, out=out, where=np.asarray(below) > 0)
    return out
