"""What a request means where it names nothing: the catalogue's words whose meaning is nearest to its own."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from zhiyin.contracts import Encoder
from zhiyin.data.catalogue import Catalogue
from zhiyin.errors import ZhiyinError
from zhiyin.represent.intent_words import cues
from zhiyin.represent.units import words_of
from zhiyin.represent.vocabulary import Value
from zhiyin.types import FloatArray, Intent, Wish

__all__ = ["NearWords"]

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
class _Space:
    """Attribute words as vectors. A word is as near as its likeness stands above that of the titles."""

    values: tuple[Value, ...]
    vectors: FloatArray
    """(v, d) of length 1."""
    mean: FloatArray
    """(v,) likeness to the titles."""
    spread: FloatArray
    """(v,)"""


NOWHERE = _Space((), *(np.zeros(shape, np.float32) for shape in ((0, 1), 0, 0)))


class NearWords:
    """Encodes a few hundred words and titles when first asked, and again when the words have changed."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self._space: _Space | None = None
        self._named: set[str] = set()
        self._n_read = 0

    def added(self, intent: Intent, items: Catalogue) -> Intent:
        """The intent with wishes for the words nearest to what was said, clause by clause.

        As it was where no word is near, or the encoder fails. What titles are made of is no meaning but a
        search for them, which other parts answer. Of words with a "not" that names nothing here
        only what is left to search by is read.
        """
        said = intent.text if intent.unmet else intent.said[:LONGEST]
        parts = map(str.strip, CLAUSES.split(f" {said} "))
        clauses = [part for part in parts if len(part) > 1 and not self._in_titles(part, items)]
        if not clauses:
            return intent
        try:
            space = self._of(items)
            if not space.values:
                return intent
            likeness = self.encoder.encode(clauses[:MOST_CLAUSES]) @ space.vectors.T
        except ZhiyinError:
            return intent
        wishes: dict[Value, Wish] = {}
        for clause, row in zip(clauses, (likeness - space.mean) / space.spread):
            for place, by in zip(np.argsort(-row, kind="stable").tolist(), WEIGHTS):
                value = space.values[place]
                if row[place] >= LEAST and (value not in wishes or wishes[value].by < by):
                    wishes[value] = Wish(value.filter, by, clause)
        return replace(intent, wishes=tuple(wishes.values()), source="vectors") if wishes else intent

    def _in_titles(self, clause: str, items: Catalogue) -> bool:
        """Whether most of its words stand in some title."""
        if self._n_read < len(items):
            self._named |= words_of("\n".join(items.titles[self._n_read :]))
            self._n_read = len(items)
        words = [word for word in words_of(clause) if "skip" not in cues().get(word, ())]
        return 2 * sum(word in self._named for word in words) > len(words)

    def _of(self, items: Catalogue) -> _Space:
        values = tuple(
            Value(name, word)
            for name, column in items.words.items()
            if len(column.values) <= MOST_WORDS
            for word in column.values
            if not word.isdecimal()
        )
        if not values:
            return NOWHERE
        if self._space is None or self._space.values != values:
            titles = [items.titles[code] for code in range(0, len(items), max(1, len(items) // N_TITLES))]
            vectors = self.encoder.encode([value.word for value in values])
            likeness = self.encoder.encode(titles) @ vectors.T
            spread = np.maximum(likeness.std(axis=0), 1e-3)
            self._space = _Space(values, vectors, likeness.mean(axis=0), spread)
        return self._space
