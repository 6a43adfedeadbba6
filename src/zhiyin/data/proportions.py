"""Proportions of words (genres, categories) in a history and in a list, and how far apart they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zhiyin.data.catalogue import Catalogue, Categories
from zhiyin.types import IntArray

__all__ = ["main_attribute", "miscalibration", "word_table"]

MAX_WORDS = 300
"""An attribute of more words (people, brands) has no proportions that anybody would notice."""
BLUR = 0.01
"""Share of the wanted proportions that is mixed into those of a list, so that no logarithm is infinite."""

Shares = NDArray[np.float64]


def main_attribute(items: Catalogue) -> str:
    """The word attribute that most items have, among those of few words; "" where there is none."""
    best, most = "", 0
    for name, table in items.words.items():
        n = int((np.diff(table.indptr) > 0).sum())
        if 2 <= len(table.values) <= MAX_WORDS and n > most:
            best, most = name, n
    return best


def word_table(table: Categories, items: IntArray) -> Shares:
    """(c, g) share of each word in each item; a row sums to 1, or is 0 where the item has no word.

    The g columns are the words that some of the items have.
    """
    starts, ends = table.indptr[items], table.indptr[items + 1]
    owner = np.repeat(np.arange(len(items)), ends - starts)
    codes = np.concatenate([table.codes[a:b] for a, b in zip(starts, ends)]) if len(items) else owner
    words, column = np.unique(codes, return_inverse=True)
    shares = np.zeros((len(items), len(words)))
    shares[owner, column] = 1.0 / np.maximum(ends - starts, 1)[owner]
    return shares


def miscalibration(wanted: Shares, told: Shares) -> Shares:
    """(c,) Kullback-Leibler divergence of the proportions of lists, told (c, g), from the wanted ones (g,).

    0 means in proportion (Steck, RecSys 2018). A list without any word is as far as one of other words alone.
    """
    total = told.sum(axis=1, keepdims=True)
    found = np.divide(told, total, out=np.zeros_like(told), where=total > 0)
    mixed = (1 - BLUR) * found + BLUR * wanted
    there = wanted > 0
    off: Shares = (wanted[there] * np.log(wanted[there] / mixed[:, there])).sum(axis=1)
    return off
