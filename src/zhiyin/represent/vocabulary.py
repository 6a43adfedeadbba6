"""What a catalogue can be asked for: its words, numbers and titles, under the phrases that people use."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import numpy as np

from zhiyin.data.catalogue import Catalogue
from zhiyin.represent.intent_words import MOODS, NUMBER_ROLES, concepts, cues
from zhiyin.represent.units import key_of
from zhiyin.types import IntArray, Intent

if TYPE_CHECKING:
    from zhiyin.represent.near_words import NearWords

__all__ = ["Value", "Vocabulary", "mood_values", "number_roles", "quoted"]

MAX_VALUES = 50_000
"""Words of one attribute that are known by name; an attribute with more is as good as free text."""
MAX_UNITS = 12
"""Of a phrase."""
N_KEPT = 500
YEAR_AT_END = re.compile(r"\s*[(（]\d{4}[)）]\s*$")


@dataclass(frozen=True, slots=True)
class Value:
    """One word of one attribute."""

    attribute: str
    word: str

    @property
    def filter(self) -> str:
        return f"{quoted(self.attribute)} = {quoted(self.word)}"


def quoted(name: str) -> str:
    """A name or word as a filter takes it, whatever it holds."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Made of a catalogue once; `with_items` takes in what came later without reading the rest again."""

    values: Mapping[str, tuple[Value, ...]]
    """Phrase in units -> the attribute words that it names."""
    concept_values: Mapping[str, tuple[Value, ...]]
    """Concept -> the attribute words by which this catalogue names it."""
    titles: Mapping[str, int]
    """Title in units, without a year at its end -> item code; the first of equal ones."""
    later: Mapping[str, int]
    """Titles that came after the vocabulary was made."""
    roles: Mapping[str, str]
    """price, year, rating … -> the number attribute that holds it."""
    numbers: tuple[str, ...]
    """All number attributes."""
    spoken: Mapping[str, str]
    """Phrase in units -> the number attribute that it names."""
    near: NearWords | None = None
    """Finds words by their meaning, for requests that name nothing."""
    kept: OrderedDict[tuple[str, str], Intent] = field(default_factory=OrderedDict, compare=False, repr=False)
    """Requests that were read last, for they are asked again page by page."""

    @classmethod
    def of(cls, items: Catalogue, near: NearWords | None = None) -> Self:
        """Reads every attribute word and title: about a second for 200,000 items."""
        values = _values(items)
        return cls(
            values,
            _concept_values(values),
            _titles(items, range(len(items))),
            {},
            number_roles(items),
            tuple(items.numbers),
            _spoken(items),
            near,
        )

    def with_items(self, items: Catalogue, changed: IntArray) -> Vocabulary:
        """With titles and attribute words of new and changed items."""
        later = {**self.later, **_titles(items, changed.tolist())}
        if len(later) > max(1000, len(self.titles) // 10):
            return Vocabulary.of(items, self.near)
        values = dict(self.values)
        for value in _without_items(items):
            key = key_of(value.word)
            if value in values.get(key, ()):
                values[key] = tuple(one for one in values[key] if one != value)
        for value in _values_of(items, changed):
            key = key_of(value.word)
            if _can_be_asked(key) and value not in values.get(key, ()):
                values[key] = (*values.get(key, ()), value)
        return Vocabulary(
            values, _concept_values(values), self.titles, later, number_roles(items), tuple(items.numbers),
            _spoken(items), self.near,
        )  # fmt: skip

    def title(self, key: str) -> int:
        """The item of a title; -1 when there is none."""
        return self.later.get(key, self.titles.get(key, -1))

    def keep(self, key: tuple[str, str], intent: Intent) -> Intent:
        self.kept[key] = intent
        if len(self.kept) > N_KEPT:
            with suppress(RuntimeError):  # several threads read words
                self.kept.pop(next(iter(self.kept)), None)
        return intent


def _values(items: Catalogue) -> dict[str, tuple[Value, ...]]:
    found: dict[str, list[Value]] = {}
    for name, column in items.words.items():
        if len(column.values) > MAX_VALUES:
            continue
        for word in column.values:
            key = key_of(word)
            if _can_be_asked(key):
                found.setdefault(key, []).append(Value(name, word))
    return {key: tuple(rows) for key, rows in found.items()}


def _values_of(items: Catalogue, codes: Iterable[int]) -> list[Value]:
    known = [name for name, column in items.words.items() if len(column.values) <= MAX_VALUES]
    return [Value(name, word) for code in codes for name in known for word in items.words[name].words(code)]


def _without_items(items: Catalogue) -> Iterator[Value]:
    """Words that no item has any longer, but whose codes stay."""
    for name, column in items.words.items():
        if len(column.values) <= MAX_VALUES:
            n_items = np.bincount(column.codes, minlength=len(column.values))
            for code in np.flatnonzero(n_items == 0).tolist():
                yield Value(name, column.values[code])


def _can_be_asked(key: str) -> bool:
    """Not for bare numbers (ids), single letters, and words that only ask."""
    plain = key.replace(" ", "")
    return (
        len(plain) > 1
        and len(key.split()) <= MAX_UNITS
        and not plain.isdecimal()
        and "skip" not in cues().get(key, ())
    )


def _concept_values(values: Mapping[str, tuple[Value, ...]]) -> dict[str, tuple[Value, ...]]:
    found: dict[str, list[Value]] = {}
    for phrase, names in concepts()[0].items():
        for name in names:
            for value in values.get(phrase, ()):
                if value not in found.setdefault(name, []):
                    found[name].append(value)
    return {name: tuple(_of_broadest(rows)) for name, rows in found.items() if rows}


def _of_broadest(rows: list[Value]) -> list[Value]:
    """At most four words: a concept that a catalogue names twenty times is named by the first."""
    return rows[:4]


def _titles(items: Catalogue, codes: Iterable[int]) -> dict[str, int]:
    found: dict[str, int] = {}
    for code in codes:
        title = items.titles[code]
        if title and title != items.ids[code]:
            key = key_of(YEAR_AT_END.sub("", title)[:200])
            if key and len(key.split()) <= MAX_UNITS + 8:
                found.setdefault(key, code)
    return found


def number_roles(items: Catalogue) -> dict[str, str]:
    """price, year, rating … -> the number attribute that is called so and holds a number."""
    found: dict[str, str] = {}
    for name, column in items.numbers.items():
        key = key_of(name.replace("_", " "))
        role = next((role for role, names in NUMBER_ROLES.items() if key in names), "")
        if role and role not in found and bool(np.isfinite(column).any()):
            found[role] = name
    return found


def _spoken(items: Catalogue) -> dict[str, str]:
    named = {key_of(name.replace("_", " ")): name for name in items.numbers}
    for role, name in number_roles(items).items():
        named |= {key_of(phrase): name for phrase in NUMBER_ROLES[role]}
    return {key: name for key, name in named.items() if key}


def mood_values(vocabulary: Vocabulary, mood: str) -> tuple[tuple[Value, ...], tuple[Value, ...]]:
    """Attribute words that often have a mood, and those that seldom do."""
    _, often, seldom = MOODS[mood]
    return tuple(
        tuple(value for name in names for value in vocabulary.concept_values.get(name, ()))
        for names in (often, seldom)
    )  # type: ignore[return-value]
