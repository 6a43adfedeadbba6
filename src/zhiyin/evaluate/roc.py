"""ROC: how far targets stand before the rest, over every candidate and without sampling.

A list orders its own places; everything that is not listed stands behind it, all tied. With lists as
long as the catalogue this is the exact ROC; with shorter lists it is the ROC of what was shown. That
is why the name of the metric carries the list length: `auc@20` is not `auc@1682`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zhiyin.types import IntArray

__all__ = ["auc", "roc_points"]

Values = NDArray[np.float64]


def auc(
    lists: IntArray, hits: NDArray[np.bool_], n_targets: NDArray[np.int64], n_negatives: NDArray[np.int64]
) -> Values:
    """(q,) share of the (target, other candidate) pairs in the right order; a tie is half right.

    Equal to the Mann-Whitney statistic (Hanley & McNeil 1982) of the order described above. NaN for a
    question whose candidates are all targets.
    """
    missed = (lists >= 0) & ~hits
    above = np.cumsum(missed, 1)
    right = (hits * (n_negatives[:, None] - above)).sum(1)
    unlisted = n_targets - hits.sum(1)
    tied = n_negatives - missed.sum(1)
    pairs = (n_targets * n_negatives).astype(np.float64)
    out = np.full(len(lists), np.nan)
    np.divide(right + 0.5 * unlisted * tied, pairs, out=out, where=pairs > 0)
    return out


def roc_points(
    lists: IntArray, hits: NDArray[np.bool_], n_targets: NDArray[np.int64], n_negatives: NDArray[np.int64]
) -> Values:
    """(n + 2, 2) false and true positive rate when everybody is shown 0, 1 … n places, then everything.

    Every user is shown the same number of items, as a service would (customer ROC, Schein et al. 2002).
    """
    missed = np.cumsum((lists >= 0) & ~hits, 1) / np.maximum(n_negatives, 1)[:, None]
    found = np.cumsum(hits, 1) / n_targets[:, None]
    curve = np.column_stack([missed.mean(0), found.mean(0)])
    return np.vstack([[0.0, 0.0], curve, [1.0, 1.0]])
