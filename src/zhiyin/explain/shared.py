"""Which attributes the items of a ranking share with the history, and which of them say most."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from zhiyin.explain.facts import Facet
from zhiyin.explain.verify import Witness

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


def shared_words(witness: Witness) -> list[list[SharedWord]]:
    """Per item of the ranking the best word of every attribute, the most telling first.

    A word weighs (its rate in the history + its share of the item's evidence) times the logarithm of how
    much more frequent it is there than in the catalogue: pointwise mutual information, so that what
    everything has is not offered as a reason. Two items of the history must have it (one, if that is all).
    """
    found: list[list[SharedWord]] = [[] for _ in witness.items]
    liked = len(witness.citable)
    for facet in witness.facts.facets:
        rows_with, telling = witness.rows_with(facet), dict[int, float]()
        starts, ends = (facet.column.indptr[witness.items + more].tolist() for more in (0, 1))
        for position, (start, end) in enumerate(zip(starts, ends)):
            best, share = None, witness.given[0][position]
            for code in facet.column.codes[start:end].tolist():
                rows = rows_with.get(code)
                if rows is None:
                    continue
                if code not in telling:
                    telling[code] = _telling(facet, code, len(rows), witness)
                if telling[code] > 0:
                    part = sum([share[row] for row in rows if share[row] > 0])
                    weight = (len(rows) / liked + part) * telling[code]
                    if best is None or weight > best.weight:
                        value = facet.column.values[code]
                        best = SharedWord(facet.name, value, len(rows), part, weight)
            if best is not None:
                found[position].append(best)
    for words in found:
        words.sort(key=lambda word: -word.weight)
    return found


def _telling(facet: Facet, code: int, support: int, witness: Witness) -> float:
    """The logarithm of how much more frequent a word is in the history; 0 for one that may not be said."""
    liked = len(witness.citable)
    if support < min(2, liked) or not facet.speakable[code]:
        return 0.0
    return math.log(support / liked * witness.n / int(facet.counts[code]))


def clear_decades(witness: Witness) -> list[int | None]:
    """Per item of the ranking its decade where the history is clearly fond of it, else None."""
    facts = witness.facts
    past = facts.decades[witness.history.items[witness.liked]]
    known = past[~np.isnan(past)]
    every = facts.decade_order
    if len(known) < 3:
        return [None] * len(witness.items)
    own = facts.decades[witness.items]
    rate = (own[:, None] == known).mean(axis=1)
    base = np.searchsorted(every, own + 1) - np.searchsorted(every, own)
    clear = (rate >= CLEAR_RATE) & (rate * len(every) >= CLEAR_LIFT * base) & ~np.isnan(own)
    return [int(decade) if fond else None for decade, fond in zip(own, clear)]
