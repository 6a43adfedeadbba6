"""Head, middle and tail of a catalogue, by what the fit has seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zhiyin.evaluate.questions import Questions
from zhiyin.types import IntArray

__all__ = ["TIERS", "popular_lists", "tiers"]

TIERS: tuple[str, ...] = ("head", "mid", "tail", "1-4 events", "cold (0)")
"""Popularity of an item at fit time; the position is the code of `tiers`."""

RARE = 5


def tiers(counts: NDArray[np.int64]) -> NDArray[np.int8]:
    """(n,) tier of each item.

    Terciles of behaviour, not of items: the head is the fewest items that gather a third of all
    events, the middle the next third, the tail the rest. Items with fewer than five events and with
    none are told apart, since nothing can be learnt from their behaviour.

    >>> tiers(np.array([30, 20, 10, 6, 6, 6, 6, 6, 2, 0])).tolist()
    [0, 0, 1, 1, 2, 2, 2, 2, 3, 4]
    """
    order = np.argsort(-counts, kind="stable")
    before = np.cumsum(counts[order]) - counts[order]
    found = np.empty(len(counts), np.int8)
    found[order] = np.minimum(3 * before // max(1, int(counts.sum())), 2)
    found[counts < RARE] = 3
    found[counts == 0] = 4
    return found


def popular_lists(questions: Questions, n: int) -> IntArray:
    """(q, n) the most chosen allowed items: the list that anybody could have made. -1 padded."""
    counts = questions.split.fit.counts()
    order = np.argsort(-counts, kind="stable").astype(np.int32)
    if questions.only is not None:
        order = order[np.isin(order, questions.only)]
    out = np.full((len(questions), n), -1, np.int32)
    for row, query in enumerate(questions.queries()):
        first = order[: n + len(query.exclude)]
        first = first[~np.isin(first, query.exclude)][:n]
        out[row, : len(first)] = first
    return out
