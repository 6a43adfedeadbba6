"""What a request means where it names nothing: the catalogue's words whose meaning is nearest to its own."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from zhiyin.contracts import Encoder
from zhiyin.data.catalogue import Catalogue
from zhiyin.represent.intent_words import cues
from zhiyin.represent.units import words_of
from zhiyin.represent.vocabulary import Value
from zhiyin.types import FloatArray, IntArray, Intent, Wish

__all__ = ["NearWords"]

PLACEHOLDERS = frozenset({"unknown", "other", "others", "misc", "none", "未知", "其他", "其它", "暂无"})
"""Words that stand where nothing is known: nobody asks for them, but a clause nearest to one says little."""
MOST_WORDS = 200
"""Of one attribute: one with more (brands, actors) holds names, whose meaning says little."""
N_TITLES = 200
"""Titles that tell how near a word is to anything."""
LEAST = 0.0
"""Standard deviations above the mean title, from which on a word is near."""
WEIGHTS = (0.8, 0.4)
"""Of the wishes for the nearest word of a clause and for the second."""
MOST_CLAUSES = 4
LONGEST = 400
"""Characters that are read."""
CLAUSES = re.compile(r"[,;，；、。.!?！？/]| or |或者|或|以及")


@dataclass(frozen=True, slots=True)
class _Words:
    """The attribute words of one state of the catalogue, as vectors."""

    items: Catalogue
    values: tuple[Value, ...]
    vectors: FloatArray
    """(v, d)"""
    mean: FloatArray
    """(v,) likeness to the titles."""
    spread: FloatArray
    """(v,)"""


class NearWords:
    """Encodes a few hundred words and titles when first asked, and words that come later when they are there.

    A word is as near as its likeness stands above that of the titles.
    """

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self._vectors: dict[str, FloatArray] = {}
        """Word -> (d,)"""
        self._titles: FloatArray | None = None
        """(t, d) a sample of them."""
        self._words: _Words | None = None
        self._named: set[str] = set()
        """What titles are made of."""
        self._n_read = 0

    def refresh(self, items: Catalogue, changed: IntArray) -> None:
        """Reads the titles of new and changed items; what titles no longer say stays known."""
        if self._n_read:
            self._named |= words_of("\n".join(items.titles[code] for code in changed.tolist()))
            self._n_read = len(items)

    def added(self, intent: Intent, items: Catalogue) -> Intent:
        """The intent with wishes for the words nearest to what was said, clause by clause.

        As it was where no word is near. What titles are made of is no meaning but a
        search for them, which other parts answer. Of words with a "not" that names nothing here only what is
        left to search by is read. Reasons name the near word: that an item fits what was said is a guess.
        Raises what the encoder raises.
        """
        said = intent.text if intent.unmet else intent.said[:LONGEST]
        clauses = [part for part in map(str.strip, CLAUSES.split(f" {said} ")) if self._means(part, items)]
        if not clauses:
            return intent
        words = self._of(items)
        if words is None:
            return intent
        likeness = self.encoder.encode(clauses[:MOST_CLAUSES]) @ words.vectors.T
        wishes: dict[Value, Wish] = {}
        for row in (likeness - words.mean) / words.spread:
            for place, by in zip(np.argsort(-row, kind="stable").tolist(), WEIGHTS):
                value = words.values[place]
                if value.word.casefold() in PLACEHOLDERS:
                    continue
                if row[place] >= LEAST and (value not in wishes or wishes[value].by < by):
                    wishes[value] = Wish(value.filter, by, value.word)
        return replace(intent, wishes=tuple(wishes.values()), source="vectors") if wishes else intent

    def _means(self, clause: str, items: Catalogue) -> bool:
        """Whether it says something, most of whose words stand in no title."""
        if not self._n_read:
            self._named = words_of("\n".join(items.titles))
            self._n_read = len(items)
        words = [word for word in words_of(clause) if "skip" not in cues().get(word, ())]
        return bool(words) and 2 * sum(word in self._named for word in words) <= len(words)

    def _of(self, items: Catalogue) -> _Words | None:
        """None where no item has a word."""
        if self._words is not None and self._words.items is items:
            return self._words
        values = _values(items)
        if not values:
            return None
        if self._titles is None:
            self._titles = self.encoder.encode(items.titles[:: max(1, len(items) // N_TITLES)])
        fresh = list(dict.fromkeys(value.word for value in values if value.word not in self._vectors))
        if fresh:
            self._vectors |= zip(fresh, self.encoder.encode(fresh))
        vectors = np.stack([self._vectors[value.word] for value in values])
        likeness = self._titles @ vectors.T
        spread = np.maximum(likeness.std(axis=0), 1e-3)
        self._words = _Words(items, values, vectors, likeness.mean(axis=0), spread)
        return self._words


def _values(items: Catalogue) -> tuple[Value, ...]:
    """The words that some item has, of attributes that do not hold names."""
    columns = {name: column for name, column in items.words.items() if len(column.values) <= MOST_WORDS}
    return tuple(
        Value(name, column.values[code])
        for name, column in columns.items()
        for code in np.unique(column.codes).tolist()
        if not column.values[code].isdecimal()
    )
