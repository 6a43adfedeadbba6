"""Which attributes the items of a ranking share with the history, and which of them say most."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from zhiyin.explain.evidence import Contributions
from zhiyin.explain.facts import Facet, Facts, words_of
from zhiyin.types import IntArray

__all__ = ["SharedWord", "clear_decades", "shared_words"]

CLEAR_RATE, CLEAR_LIFT = 0.4, 1.5
"""A decade is worth a word when so much of the history is from it, so much more than of the catalogue."""


class SharedWord(msgspec.Struct, frozen=True):
    """A word that an item has in common with the history."""

    attribute: str
    value: str
    support: int
    """Liked items of the history that have it."""
    share: float
    """Part of the item's evidence that comes from those."""
    weight: float
    """How much it says: see `shared_words`."""


def shared_words(facts: Facts, items: IntArray, history: Contributions) -> list[list[SharedWord]]:
    """Per item the best word of every attribute, the most telling first.

    A word weighs (its rate in the history + its share of the item's evidence) times the logarithm of how
    much more frequent it is there than in the catalogue: pointwise mutual information, so that what
    everything has is not offered as a reason. Two items of the history must have it (one, if that is all).
    """
    liked = history.liking > 0
    past = history.items[liked]
    found: list[list[SharedWord]] = [[] for _ in items]
    if not len(past):
        return found
    share = np.maximum(history.share[liked], 0)
    for facet in facts.facets:
        for position, word in _best_words(facet, items, past, share, len(facts.items)):
            found[position].append(word)
    for words in found:
        words.sort(key=lambda word: -word.weight)
    return found


def _best_words(
    facet: Facet, items: IntArray, past: IntArray, share: NDArray[np.floating], n: int
) -> list[tuple[int, SharedWord]]:
    """(position, word) for each item that shares a word of this facet worth telling."""
    row, code = words_of(facet.column, items)
    keep = facet.speakable[code]
    vocabulary, place = np.unique(code[keep], return_inverse=True)
    if not len(vocabulary):
        return []
    has = np.zeros((len(items), len(vocabulary)), np.bool_)
    has[row[keep], place] = True
    row, code = words_of(facet.column, past)
    place = np.minimum(np.searchsorted(vocabulary, code), len(vocabulary) - 1)
    same = vocabulary[place] == code
    had = np.zeros((len(past), len(vocabulary)), np.float32)
    had[row[same], place[same]] = 1
    support = had.sum(axis=0)
    rate = support / len(past)
    lift = np.log(np.maximum(rate, 1e-9) * n / facet.counts[vocabulary])
    mass = share.T @ had
    weight = has * (rate + mass) * np.where(support >= min(2, len(past)), lift, 0)
    best = weight.argmax(axis=1)
    row = np.flatnonzero(weight[np.arange(len(items)), best] > 0)
    best = best[row]
    told = zip(
        row.tolist(), vocabulary[best].tolist(), support[best].tolist(), mass[row, best].tolist(),
        weight[row, best].tolist(),
    )  # fmt: skip
    values = facet.column.values
    return [
        (i, SharedWord(facet.name, values[word], int(liked), part, heavy))
        for i, word, liked, part, heavy in told
    ]


def clear_decades(facts: Facts, items: IntArray, history: Contributions) -> list[int | None]:
    """Per item its decade where the history is clearly fond of it, else None."""
    past = facts.decades[history.items[history.liking > 0]]
    known = past[~np.isnan(past)]
    every = facts.decade_order
    if len(known) < 3:
        return [None] * len(items)
    own = facts.decades[items]
    rate = (own[:, None] == known).mean(axis=1)
    base = np.searchsorted(every, own + 1) - np.searchsorted(every, own)
    clear = (rate >= CLEAR_RATE) & (rate * len(every) >= CLEAR_LIFT * base) & ~np.isnan(own)
    return [int(decade) if fond else None for decade, fond in zip(own, clear)]
