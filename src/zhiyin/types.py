"""The nouns. Who has read this file and `contracts.py` knows the system.

Strings stand at the edges, integer codes inside: a *code* is the position of an item in the
catalogue (or of a user in the data set). Arrays hold codes; only the edges turn them into ids.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "KINDS",
    "Candidates",
    "FloatArray",
    "History",
    "IntArray",
    "Intent",
    "Interaction",
    "Interest",
    "Item",
    "Prompt",
    "Query",
    "Reason",
    "Recommendation",
    "Stage",
    "Trace",
    "Wish",
]

FloatArray: TypeAlias = NDArray[np.float32]
IntArray: TypeAlias = NDArray[np.int32]
TimeArray: TypeAlias = NDArray[np.float64]

KINDS: tuple[str, ...] = (
    "view", "search", "click", "cart", "purchase", "rating", "review",
    "like", "share", "comment", "follow", "play", "hide",
)  # fmt: skip
"""Every kind of behaviour that counts; its position is its code in arrays."""

NO_ITEMS: IntArray = np.empty(0, np.int32)
NO_MATRIX: FloatArray = np.empty((0, 0), np.float32)
NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Item:
    """One thing of the catalogue. An attribute is a number, a word, or several words."""

    id: str
    title: str = ""
    text: str = ""
    attributes: Mapping[str, float | str | tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Interaction:
    """What one user did with one item. `at` is in UTC seconds; None means "only the order is known"."""

    user: str
    item: str
    kind: str = "click"
    value: float | None = None
    at: float | None = None
    id: str = ""
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class History:
    """What a user did, oldest first, as arrays of one length `h`."""

    items: IntArray = field(default_factory=lambda: NO_ITEMS)
    """(h,) item codes; -1 stands for an item that the catalogue does not know."""
    weights: FloatArray = field(default_factory=lambda: np.empty(0, np.float32))
    """(h,) preference, by kind and value: 1 is a plain click, below 0 is a dislike."""
    at: TimeArray = field(default_factory=lambda: np.empty(0, np.float64))
    """(h,) UTC seconds; NaN where only the order is known."""
    context: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    """name -> (h,) word of the situation (place, device …) of each event; "" = unknown."""

    def __len__(self) -> int:
        return len(self.items)

    def tail(self, n: int) -> History:
        """The last `n` events."""
        return self if len(self.items) <= n else self.take(np.arange(len(self.items) - n, len(self.items)))

    def take(self, events: NDArray[np.integer] | NDArray[np.bool_]) -> History:
        """Some of the events, by position or by mask, or all of them in another order."""
        context = {name: words[events] for name, words in self.context.items()}
        return History(self.items[events], self.weights[events], self.at[events], context)

    def joined(self, later: History) -> History:
        """These events, then others."""
        n, m = len(self), len(later)
        names = dict.fromkeys((*self.context, *later.context))
        blank = np.zeros(max(n, m), np.str_)
        return History(
            np.concatenate([self.items, later.items]),
            np.concatenate([self.weights, later.weights]),
            np.concatenate([self.at, later.at]),
            {
                name: np.concatenate([self.context.get(name, blank[:n]), later.context.get(name, blank[:m])])
                for name in names
            },
        )

    def decayed(self, decay: float) -> FloatArray:
        """(h,) weights that lose the factor `decay` per step back from the newest event."""
        return self.weights * _powers(decay, len(self.items))


@lru_cache(maxsize=1024)
def _powers(decay: float, h: int) -> FloatArray:
    """(h,) decay ** steps back from the newest event. Not to be written to."""
    steps = np.arange(h - 1, -1, -1, dtype=np.float32)
    powers: FloatArray = np.float32(decay) ** steps
    return powers


@dataclass(frozen=True, slots=True)
class Wish:
    """Something that would be good, or rather not: items are moved by it, never ruled out."""

    filter: str
    """Which items meet it (`data/filters.py`)."""
    by: float = 1.0
    """How much it counts, below 0 = rather not. From 1 on it was named outright, below that it is guessed."""
    said: str = ""
    """The words that it was read from; of a word that is only near in meaning, that word."""


@dataclass(frozen=True, slots=True)
class Intent:
    """What the words of a request ask for, in terms of the catalogue."""

    said: str = ""
    """The words as they came."""
    require: tuple[str, ...] = ()
    """Filters that were stated firmly; the later ones are given up first when nothing is left."""
    wishes: tuple[Wish, ...] = ()
    like: tuple[str, ...] = ()
    """Ids of items that were named as examples."""
    unlike: tuple[str, ...] = ()
    """Ids of items that were named as what is not wanted."""
    text: str = ""
    """What is left for search by text, and for text vectors."""
    mood: tuple[str, ...] = ()
    fresh: float = 0.0
    """1 = new things, -1 = old ones."""
    popular: float = 0.0
    """1 = what many know, -1 = what few know."""
    quality: float = 0.0
    """1 = what is well rated."""
    n: int | None = None
    """How many items were asked for."""
    language: str = ""
    """Of the words: en or zh; empty when it cannot be told."""
    unmet: tuple[str, ...] = ()
    """What was understood, but about which the catalogue says nothing."""
    source: str = "rules"
    """rules | vectors | llm | caller"""


@dataclass(frozen=True, slots=True)
class Interest:
    """One thing that a user cares for, in words."""

    words: str
    weight: float = 1.0
    """Below 0: not interested."""
    filter: str = ""
    """The items that it is about, where the catalogue has a word for it."""
    items: tuple[str, ...] = ()
    """Ids of the history's items that it rests on, newest first."""
    source: str = "history"
    """history | user | llm"""


@dataclass(frozen=True, slots=True)
class Query:
    """Who asks, with which past, when, in which words. Codes refer to the asked recommender."""

    history: History = field(default_factory=History)
    user: str | None = None
    at: float = math.nan
    """UTC seconds; NaN where the data has no clock."""
    words: str = ""
    intent: Intent | None = None
    """What the words mean; None = they are read when the question is decided."""
    profile: tuple[Interest, ...] = ()
    """What the user has said of own interests; what the history says of them is not repeated here."""
    locale: str = "en"
    context: Mapping[str, str] = field(default_factory=dict)
    exclude: IntArray = field(default_factory=lambda: NO_ITEMS)
    """Codes that must not come back: what was seen or hidden, what the caller forbids."""
    only: IntArray | None = None
    """When set, nothing else may come back: the caller brought the candidates."""
    include: IntArray = field(default_factory=lambda: NO_ITEMS)
    """Codes that are among the candidates whatever the sources say. What is excluded, not among `only` or
    not `allowed` stays out all the same."""
    allowed: NDArray[np.bool_] | None = None
    """(n_items,) when set, only items that are True may come back; a code beyond its end may not."""
    seed: int | None = None
    """For policies that throw dice; None: the rest of the query is the seed, so that it has one answer."""

    def passing(self, items: IntArray) -> NDArray[np.bool_]:
        """(c,) which of these items `allowed` lets through."""
        if self.allowed is None:
            return np.ones(len(items), np.bool_)
        through = (items >= 0) & (items < len(self.allowed))
        through[through] = self.allowed[items[through]]
        return through


@dataclass(frozen=True, slots=True)
class Candidates:
    """Some items of the catalogue, with what every source says of each of them."""

    items: IntArray
    """(c,) item codes, each once."""
    sources: tuple[str, ...] = ()
    """(s,) names of the retrievers that were asked."""
    scores: FloatArray = field(default_factory=lambda: NO_MATRIX)
    """(c, s) score by source; NaN = this source cannot score this item."""
    ranks: FloatArray = field(default_factory=lambda: NO_MATRIX)
    """(c, s) place of the item in each source's order of these candidates, from 0; NaN as in scores."""
    evidence: Mapping[str, FloatArray] = field(default_factory=dict)
    """source -> (h, c): how much each event of the query's history gave each candidate, before decay."""
    score: FloatArray = field(default_factory=lambda: np.empty(0, np.float32))
    """(c,) the score that stands for the present order, once a scorer has spoken."""
    propensity: FloatArray = field(default_factory=lambda: np.empty(0, np.float32))
    """(c,) probability with which each item got its place, seen before the dice fell: 1 = no chance took
    part. Empty = nobody threw dice yet; a finished decision always says it."""
    features: FloatArray = field(default_factory=lambda: NO_MATRIX)
    """(c, f) what the learned ranker saw, in the order of its `names_`; empty where none has looked."""

    def __len__(self) -> int:
        return len(self.items)

    def take(self, order: NDArray[np.intp]) -> Candidates:
        """These candidates in another order, or fewer of them; `order` holds positions, not codes."""
        return Candidates(
            items=self.items[order],
            sources=self.sources,
            scores=self.scores[order] if self.scores.size else self.scores,
            ranks=self.ranks[order] if self.ranks.size else self.ranks,
            evidence={name: block[:, order] for name, block in self.evidence.items()},
            score=self.score[order] if self.score.size else self.score,
            propensity=self.propensity[order] if self.propensity.size else self.propensity,
            features=self.features[order] if self.features.size else self.features,
        )

    def joined(self, more: Candidates) -> Candidates:
        """These, then `more`, both seen by the same sources."""
        n, s = len(self), len(self.sources)
        return Candidates(
            items=np.concatenate([self.items, more.items]),
            sources=self.sources,
            scores=np.concatenate([self.scores.reshape(n, s), more.scores.reshape(len(more), s)]),
            ranks=np.concatenate([self.ranks.reshape(n, s), more.ranks.reshape(len(more), s)]),
            evidence={
                name: np.concatenate([block, more.evidence[name]], axis=1)
                for name, block in self.evidence.items()
            },
            score=np.concatenate([self.score, more.score]),
            propensity=np.concatenate([self.chances(), more.chances()]),
            features=self._features_with(more),
        )

    def _features_with(self, more: Candidates) -> FloatArray:
        if not self.features.size:
            return self.features
        blank = np.full((len(more), self.features.shape[1]), np.nan, np.float32)
        return np.concatenate([self.features, more.features if more.features.size else blank])

    def chances(self) -> FloatArray:
        """(c,) `propensity`, with 1 where nobody threw dice."""
        return self.propensity if self.propensity.size else np.ones(len(self.items), np.float32)

    def scored(self, score: FloatArray) -> Candidates:
        """The same candidates under a new `score`."""
        return replace(self, score=score)

    def only(self, columns: list[int]) -> Candidates:
        """The same candidates as seen by some of the sources."""
        names = tuple(self.sources[column] for column in columns)
        return replace(
            self,
            sources=names,
            scores=self.scores[:, columns],
            ranks=self.ranks[:, columns],
            evidence={name: block for name, block in self.evidence.items() if name in names},
        )

    def column(self, source: str) -> FloatArray:
        """(c,) scores of one source; NaN everywhere when it was not asked."""
        if source not in self.sources:
            return np.full(len(self.items), np.nan, np.float32)
        return self.scores[:, self.sources.index(source)]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an item is in the list: the words, and the facts that they rest on."""

    text: str
    kind: str = "popular"
    """history | attribute | words | profile | popular | recent"""
    share: float = 0.0
    """Part of the item's evidence that this reason stands for, 0 to 1."""
    items: tuple[str, ...] = ()
    """Ids of the history items that the reason cites."""
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One line of an answer."""

    item: str
    title: str
    score: float
    rank: int
    sources: Mapping[str, int] = field(default_factory=dict)
    """source -> place of the item in that source's own order, from 1; only sources that proposed it."""
    reasons: tuple[Reason, ...] = ()
    propensity: float = 1.0
    """Probability with which the item got this place; below 1 only where exploration took part."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a decision."""

    name: str
    ms: float
    n_in: int
    n_out: int
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trace:
    """A decision from top to bottom; every stage can be seen."""

    query: Query
    stages: tuple[Stage, ...]
    recommendations: tuple[Recommendation, ...]
    version: str = ""
    degraded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question to a language model. What many questions share stands first, so that prefix caches work."""

    task: str
    """The use: tags, profile, intent, order, reason, chat … Budgets, the cache and the ledger go by it."""
    version: str
    """Of the wording: another one never gets an answer that was kept for this one."""
    system: str
    """The same text for every question of a task and locale."""
    user: str
    """This question's own text. Words of items, users and models in it are data, never instructions."""
    locale: str = "en"
    max_tokens: int = 256
    """At most so many in the answer."""
