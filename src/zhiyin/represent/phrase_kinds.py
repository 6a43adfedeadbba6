"""Everything that one phrase of a request can be: a word of the catalogue, a guess, a mood, a cue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from zhiyin.represent.intent_words import MOODS, concepts, cues
from zhiyin.represent.units import key_of
from zhiyin.represent.vocabulary import Value, Vocabulary

__all__ = ["Kinds", "kinds_of", "standing_alone"]


@dataclass(frozen=True, slots=True)
class Kinds:
    """Of one phrase."""

    values: tuple[Value, ...] = ()
    guessed: tuple[Value, ...] = ()
    moods: tuple[str, ...] = ()
    cues: tuple[str, ...] = ()
    known: bool = False
    """A concept that this catalogue may not name."""

    def __bool__(self) -> bool:
        return bool(self.means or self.cues)

    @property
    def means(self) -> bool:
        """Whether it says what items are about."""
        return bool(self.values or self.guessed or self.moods or self.known)


def kinds_of(key: str, vocabulary: Vocabulary) -> Kinds:
    """Of a phrase in units."""
    named, asked = concepts()
    values = vocabulary.values.get(key, ())
    for name in named.get(key, ()):
        values = (*values, *(v for v in vocabulary.concept_values.get(name, ()) if v not in values))
    guessed = tuple(value for name in asked.get(key, ()) for value in vocabulary.concept_values.get(name, ()))
    return Kinds(values, guessed, moods().get(key, ()), cues().get(key, ()), key in named or key in asked)


@cache
def moods() -> Mapping[str, tuple[str, ...]]:
    """Phrase in units -> moods."""
    found: dict[str, tuple[str, ...]] = {}
    for mood, (phrases, _, _) in MOODS.items():
        for phrase in phrases.split("|"):
            found[key_of(phrase)] = (*found.get(key_of(phrase), ()), mood)
    return found


def standing_alone(text: str) -> frozenset[int]:
    """Where the segmenter lets a single character be a word."""
    import rjieba

    places, at = [], 0
    for word in rjieba.cut(text, False):
        if len(word) == 1:
            places.append(at)
        at += len(word)
    return frozenset(places)
