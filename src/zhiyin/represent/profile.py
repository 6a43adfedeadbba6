"""Interest profiles: a few weighted interests in words, each with the events that it rests on (R3)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from zhiyin.data.catalogue import Catalogue
from zhiyin.represent.intent_rules import read_intent
from zhiyin.represent.vocabulary import Value, Vocabulary
from zhiyin.types import FloatArray, History, IntArray, Interest

__all__ = ["interest_of", "interests_of", "stated"]

MOST = 5
"""Interests of one profile."""
MOST_ITEMS = 50
LEAST = 2
"""Events that an interest rests on at least."""
DECAY = 0.97
"""What an event loses for each that came after it."""
PRIOR = 2.0
"""Imagined events of the average user: two chance hits are no interest."""


def interests_of(history: History, items: Catalogue, most: int = MOST) -> tuple[Interest, ...]:
    """What the history is about more than the catalogue is, strongest first; without any model.

    Each step takes the attribute word whose events outweigh most what chance would bring, and leaves these
    events out for the next; weights add up to at most 1.
    """
    known = (history.items >= 0) & (history.items < len(items)) & (history.weights > 0)
    codes, weights = history.items[known], history.decayed(DECAY)[known]
    if not len(codes) or not items.words:
        return ()
    left, whole = np.ones(len(codes), np.bool_), float(weights.sum())
    found: list[Interest] = []
    while len(found) < most and left.any():
        best = _strongest(codes, weights * left, items, {one.filter for one in found})
        if best is None:
            break
        value, has = best
        support = has & left
        if np.count_nonzero(support) < LEAST:
            break
        share = float(weights[support].sum()) / whole
        ids = dict.fromkeys(items.ids[code] for code in codes[has][::-1].tolist())
        found.append(Interest(value.word, round(share, 3), value.filter, tuple(ids)[:MOST_ITEMS]))
        left &= ~has
    return tuple(found)


def interest_of(words: str, weight: float, vocabulary: Vocabulary, items: Catalogue) -> Interest:
    """An interest that a user states: what the catalogue has a word for becomes a filter."""
    wishes = [wish.filter for wish in read_intent(words, vocabulary, items, near=False).wishes if wish.by > 0]
    return Interest(words, weight, " or ".join(dict.fromkeys(wishes)), source="user")


def stated(
    interests: Sequence[str | Interest], vocabulary: Vocabulary, items: Catalogue
) -> tuple[Interest, ...]:
    """Interests as words or whole, ready for a query."""
    return tuple(
        interest_of(one, 1.0, vocabulary, items)
        if isinstance(one, str)
        else one
        if one.filter
        else interest_of(one.words, one.weight, vocabulary, items)
        for one in interests
    )


def _strongest(
    codes: IntArray, weights: FloatArray, items: Catalogue, told: set[str]
) -> tuple[Value, NDArray[np.bool_]] | None:
    """The word with the largest excess over the catalogue's own share, and which events have it."""
    best: tuple[float, Value, NDArray[np.bool_]] | None = None
    whole = float(weights.sum())
    for name, column in items.words.items():
        starts, lengths = column.indptr[codes], column.indptr[codes + 1] - column.indptr[codes]
        rows = np.repeat(np.arange(len(codes)), lengths)
        places = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        words = column.codes[np.repeat(starts, lengths) + places]
        mass = np.bincount(words, weights[rows], len(column.values))
        usual = np.bincount(column.codes, minlength=len(column.values)) / max(len(items), 1)
        excess = mass - usual * (whole + PRIOR)
        for word in np.argsort(-excess, kind="stable")[:MOST].tolist():
            value = Value(name, column.values[word])
            if excess[word] <= 0 or value.filter in told:
                continue
            if best is None or excess[word] > best[0]:
                has = np.zeros(len(codes), np.bool_)
                has[rows[words == word]] = True
                best = (float(excess[word]), value, has)
            break
    return None if best is None else best[1:]
