"""Item tags: a few words of what an item is about, from one vocabulary that grows under control (R4)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from zhiyin.contracts import Encoder
from zhiyin.data.catalogue import Catalogue
from zhiyin.page import plain
from zhiyin.represent.intent_words import cues
from zhiyin.represent.units import SIGN, folded, is_cjk, key_of, units
from zhiyin.types import FloatArray

__all__ = ["Keywords", "TagBook", "tags_of"]

MOST = 8
LONGEST = 40
"""Characters of a tag."""
MAX_TEXT = 4000


def tags_of(
    items: Catalogue, code: int, keywords: Keywords | None = None, most: int = MOST
) -> tuple[str, ...]:
    """Tags without any model: the attribute words of an item, then words that mark its text."""
    words = (word for column in items.words.values() for word in column.words(code))
    found = [plain(word, LONGEST) for word in words if not word.isdecimal()]
    if keywords is not None:
        found += keywords.of(items, code)
    return tuple(dict.fromkeys(filter(None, found)))[:most]


@dataclass(frozen=True, slots=True)
class Keywords:
    """How many items have each word in their texts; a word is a keyword where few have it, but some do."""

    carried: Counter[str]
    n: int
    least: int = 2

    @classmethod
    def learnt(cls, items: Catalogue, least: int = 2) -> Keywords:
        carried: Counter[str] = Counter()
        for code in range(len(items)):
            carried.update(set(_words(items.texts[code])))
        return cls(carried, len(items), least)

    def of(self, items: Catalogue, code: int, most: int = 3) -> list[str]:
        """The words of one item's text that say most, by TF-IDF."""
        counts = Counter(_words(items.texts[code]))
        weights = {
            word: n * math.log(self.n / self.carried[word])
            for word, n in counts.items()
            if self.least <= self.carried[word] <= max(self.n / 5, self.least)
        }
        return sorted(weights, key=lambda word: (-weights[word], word))[:most]


def _words(text: str) -> list[str]:
    """Words of at least two characters; Chinese as the segmenter cuts it, without what only asks."""
    import rjieba

    found, chinese = [], []
    for unit, start, end in units(folded(text[:MAX_TEXT])):
        if is_cjk(unit):
            chinese.append((unit, start, end))
        elif len(unit) > 2 and not SIGN.fullmatch(unit) and not unit.isdecimal():
            found.append(unit)
    run = "".join(unit for unit, _, _ in chinese)
    found += [word for word in rjieba.cut(run, False) if len(word) > 1]
    return [word for word in found if "skip" not in cues().get(key_of(word), ())]


@dataclass(slots=True)
class TagBook:
    """The vocabulary of tags: a proposal joins a tag that is spelt alike or means the same, or waits.

    A new tag is admitted when `least` items have proposed it, so that the vocabulary stays one that items
    share; at most `most` are kept. `alike` is the cosine from which two tags are one.
    """

    encoder: Encoder | None = None
    least: int = 2
    most: int = 2000
    alike: float = 0.9
    tags: dict[str, str] = field(default_factory=dict)
    """Key -> the tag as it is spelt."""
    waiting: Counter[str] = field(default_factory=Counter)
    """Key -> how many items have proposed it."""
    _vectors: dict[str, FloatArray] = field(default_factory=dict)

    @classmethod
    def of(cls, items: Catalogue, encoder: Encoder | None = None, least: int = 2) -> TagBook:
        """Begins with the attribute words that at least `least` items have."""
        book = cls(encoder, least)
        for column in items.words.values():
            counts = np.bincount(column.codes, minlength=len(column.values))
            for word, n in zip(column.values, counts.tolist()):
                if n >= least and not word.isdecimal():
                    book._admit(key_of(word), plain(word, LONGEST))
        return book

    def take(self, proposals: Iterable[Sequence[str]]) -> list[tuple[str, ...]]:
        """The tags of each item from what was proposed for it; what is not admitted yet is left out."""
        rows = [[plain(tag, LONGEST) for tag in row if key_of(tag)][:MOST] for row in proposals]
        self.waiting.update(key for row in rows for key in {self._known(tag) for tag in row})
        for row in rows:
            for tag in row:
                key = self._known(tag)
                if key not in self.tags and self.waiting[key] >= self.least:
                    self._admit(key, tag)
        return [
            tuple(dict.fromkeys(self.tags[key] for tag in row if (key := self._known(tag)) in self.tags))
            for row in rows
        ]

    def _known(self, tag: str) -> str:
        """The key of the tag that this one is, or its own."""
        key = key_of(tag)
        if key in self.tags or self.encoder is None or not self.tags:
            return key
        vector = self._vector(key)
        keys = list(self.tags)
        rows = np.stack([self._vector(known) for known in keys])
        best = int(np.argmax(rows @ vector))
        return keys[best] if float(rows[best] @ vector) >= self.alike else key

    def _vector(self, key: str) -> FloatArray:
        if key not in self._vectors:
            assert self.encoder is not None
            self._vectors[key] = self.encoder.encode([key])[0]
        return self._vectors[key]

    def _admit(self, key: str, tag: str) -> None:
        if key and len(self.tags) < self.most:
            self.tags.setdefault(key, tag)
