"""Accuracy of ranked lists, per question. Values agree with trec_eval (binary relevance).

Every function takes `hits`, (q, n) booleans saying which places of each list hold a target, and
`n_targets`, (q,) relevant items per question (at least 1), and returns (q,) values between 0 and 1.
Places that a short list leaves empty are misses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ACCURACY", "average_precision", "f1", "hit", "ndcg", "precision", "recall", "reciprocal_rank",
]  # fmt: skip

Hits: TypeAlias = NDArray[np.bool_]
Counts: TypeAlias = NDArray[np.int64]
Values: TypeAlias = NDArray[np.float64]


def _found(hits: Hits, k: int) -> Values:
    """(q,) hits among the first k."""
    return np.asarray(hits[:, :k].sum(1), np.float64)


def precision(hits: Hits, n_targets: Counts, k: int) -> Values:
    """Hits among the first k, divided by k, also when fewer than k were listed.

    >>> precision(np.array([[True, False, True, False]]), np.array([3]), 4)
    array([0.5])
    """
    return _found(hits, k) / float(k)


def recall(hits: Hits, n_targets: Counts, k: int) -> Values:
    """Targets found among the first k, divided by all targets."""
    return _found(hits, k) / n_targets


def f1(hits: Hits, n_targets: Counts, k: int) -> Values:
    """Harmonic mean of precision and recall of each question: 2 hits / (k + targets)."""
    return 2.0 * _found(hits, k) / (k + n_targets)


def hit(hits: Hits, n_targets: Counts, k: int) -> Values:
    """1 when at least one target is among the first k (hit rate); recall, if there is one target."""
    return np.minimum(_found(hits, k), 1.0)


def reciprocal_rank(hits: Hits, n_targets: Counts, k: int) -> Values:
    """1 / place of the first hit, 0 when there is none among the first k; its mean is MRR (Voorhees 1999)."""
    found = hits[:, :k]
    return np.where(found.any(1), 1.0 / (1.0 + found.argmax(1)), 0.0)


def average_precision(hits: Hits, n_targets: Counts, k: int) -> Values:
    """Sum of precision@place over the hits among the first k, divided by *all* targets (trec_eval's map_cut).

    Some libraries divide by min(k, targets) instead and so report higher values.
    """
    found = hits[:, :k]
    places = np.arange(1, found.shape[1] + 1)
    summed: Values = (found * (np.cumsum(found, 1) / places)).sum(1)
    return summed / n_targets


def ndcg(hits: Hits, n_targets: Counts, k: int) -> Values:
    """Gain 1 per hit, over log2(place + 1), divided by the best possible sum (Järvelin & Kekäläinen 2002)."""
    found = hits[:, :k]
    best = np.concatenate(([0.0], np.cumsum(1.0 / np.log2(np.arange(2, k + 2)))))
    gained: Values = found @ (1.0 / np.log2(np.arange(2, found.shape[1] + 2)))
    return gained / best[np.minimum(n_targets, k)]


ACCURACY: Mapping[str, Callable[[Hits, Counts, int], Values]] = {
    "ndcg": ndcg,
    "recall": recall,
    "hit": hit,
    "precision": precision,
    "f1": f1,
    "mrr": reciprocal_rank,
    "map": average_precision,
}
"""Name in tables (before `@k`) -> function."""
