"""Reads the words of questions against a catalogue that changes."""

from __future__ import annotations

from dataclasses import replace

from zhiyin.contracts import Encoder
from zhiyin.data.catalogue import Catalogue
from zhiyin.represent.intent_rules import read_intent
from zhiyin.represent.near_words import NearWords
from zhiyin.represent.vocabulary import Vocabulary
from zhiyin.types import IntArray, Query

__all__ = ["IntentReader"]


class IntentReader:
    """Makes the vocabulary for the first question in words, and follows the catalogue from then on."""

    def __init__(self, encoder: Encoder | None = None) -> None:
        self._near = None if encoder is None else NearWords(encoder)
        self._vocabulary: Vocabulary | None = None

    def vocabulary(self, items: Catalogue) -> Vocabulary:
        """What the catalogue can be asked for."""
        if self._vocabulary is None:
            self._vocabulary = Vocabulary.of(items, self._near)
        return self._vocabulary

    def refresh(self, items: Catalogue, changed: IntArray) -> None:
        """New and changed items can be named; one assignment, so that questions meanwhile see old or new."""
        if self._near is not None:
            self._near.refresh(items, changed)
        if self._vocabulary is not None:
            self._vocabulary = self._vocabulary.with_items(items, changed)

    def read(self, query: Query, items: Catalogue) -> Query:
        """The same question with what its words ask for; what the caller has understood stands."""
        if query.intent is not None or not query.words.strip():
            return query
        return replace(query, intent=read_intent(query.words, self.vocabulary(items), items))
