"""Whether a claim is true. Nothing is shown that has not passed here, whoever has made the claim."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from zhiyin.data.filters import parse_filter
from zhiyin.errors import FilterError
from zhiyin.explain.claim import Claim
from zhiyin.explain.evidence import Contributions
from zhiyin.explain.facts import Facet, Facts, words_of
from zhiyin.explain.request_words import matched, request_words
from zhiyin.types import FloatArray, IntArray, Query

__all__ = ["LARGEST", "NEAR_PRICE", "Witness", "is_true"]

LARGEST = 5
"""What is cited must be among so many largest contributions, and be half as large as the largest."""
NEAR_PRICE = 0.15
"""Prices that differ by less than this part count as about the same."""
NO_ROWS: Set[int] = frozenset()


@dataclass(frozen=True)
class Witness:
    """All that a claim about one ranking is checked against; it remembers what it has looked up."""

    facts: Facts
    query: Query
    items: IntArray
    """(c,) the items of the ranking."""
    history: Contributions

    seen: dict[tuple[str, str, int | None], frozenset[int]] = field(default_factory=dict, init=False)
    spoken: dict[str, dict[int, set[int]]] = field(default_factory=dict, init=False)
    """attribute -> code of a word -> rows of the liked items of the history that have it."""

    @cached_property
    def n(self) -> int:
        """Size of the catalogue."""
        return len(self.facts.items)

    @cached_property
    def liked(self) -> NDArray[np.bool_]:
        """(k,) which distinct items of the history were liked."""
        found: NDArray[np.bool_] = self.history.liking > 0
        return found

    @cached_property
    def row(self) -> dict[int, int]:
        """Code of an item -> its row in the history."""
        return {code: row for row, code in enumerate(self.history.items.tolist())}

    @cached_property
    def citable(self) -> frozenset[int]:
        """Codes of the liked items."""
        return frozenset(self.history.items[self.liked].tolist())

    @cached_property
    def position(self) -> dict[int, int]:
        """Code of an item -> its position in the ranking."""
        return {code: position for position, code in enumerate(self.items.tolist())}

    @cached_property
    def share(self) -> FloatArray:
        """(k, c) what may be cited, and how much it is."""
        return self.history.citable(self.items)

    @cached_property
    def large(self) -> list[float]:
        """(c,) the least share that is still among the largest of an item's evidence."""
        largest = np.sort(self.share, axis=0)[-LARGEST:]
        least: list[float] = np.maximum(largest[0], largest[-1] / 2).tolist()
        return least

    @cached_property
    def given(self) -> tuple[list[list[float]], list[list[float]]]:
        """(c, k) shares and losses as numbers of Python: claims are checked one by one."""
        return self.history.share.T.tolist(), self.history.loss.T.tolist()

    @cached_property
    def wished(self) -> Mapping[str, frozenset[int]]:
        """Words that were understood as a wish -> the items of the ranking that meet it. A limit that has no
        other words than its filter is none of them: all of a list keeps to it."""
        wishes = () if self.query.intent is None else self.query.intent.wishes
        found: dict[str, frozenset[int]] = {}
        for wish in wishes:
            if wish.by <= 0 or wish.said in ("", wish.filter):
                continue
            try:
                meets = parse_filter(wish.filter).mask(self.facts.items)[self.items]
            except FilterError:
                continue
            found[wish.said] = found.get(wish.said, frozenset()) | frozenset(self.items[meets].tolist())
        return found

    @cached_property
    def interests(self) -> frozenset[str]:
        """The words of the user's own profile; the other wishes come from the request."""
        return frozenset(one.words for one in self.query.profile)

    def meets(self, item: int, *, interest: bool) -> tuple[str, ...]:
        """Wishes of the request, or interests of the profile, that an item of the ranking meets."""
        own = self.interests
        met = [said for said, items in self.wished.items() if item in items]
        return tuple(said for said in met if (said in own) is interest)

    def having(self, attribute: str, value: str, decade: int | None) -> frozenset[int]:
        """Rows of the liked items of the history that have a word and are of a decade."""
        asked = (attribute, value, decade)
        if asked not in self.seen:
            rows: Set[int] = NO_ROWS
            if not value:
                rows = set(np.flatnonzero(self.liked).tolist())
            elif (facet := self.facts.facet(attribute)) is not None:
                rows = self.rows_with(facet).get(facet.code.get(value, -1), NO_ROWS)
            if decade is not None:
                rows = {row for row in rows if self.decades[row] == decade}
            self.seen[asked] = frozenset(rows)
        return self.seen[asked]

    @cached_property
    def decades(self) -> list[float]:
        """(k,) of the distinct items of the history."""
        decades: list[float] = self.facts.decades[self.history.items].tolist()
        return decades

    def rows_with(self, facet: Facet) -> dict[int, set[int]]:
        """Code of every word of an attribute that liked items have -> their rows."""
        found = self.spoken.get(facet.name)
        if found is None:
            found = self.spoken[facet.name] = {}
            rows = np.flatnonzero(self.liked)
            place, codes = words_of(facet.column, self.history.items[rows])
            for row, code in zip(rows[place].tolist(), codes.tolist()):
                found.setdefault(code, set()).add(row)
        return found


def is_true(claim: Claim, witness: Witness) -> bool:
    """Recounts the claim from the stored facts; an unknown form or item is not true.

    That a score falls without what "because" cites is not in the facts: who makes the claim has tried it.
    """
    check = CHECKS.get(claim.form)
    known = 0 <= claim.item < witness.n and 0 <= claim.share <= 1 + 1e-6
    return check is not None and known and _cited_is_liked(claim, witness) and check(claim, witness)


def _cited_is_liked(claim: Claim, witness: Witness) -> bool:
    """Cited items are in the history, were liked, are cited once, and are not the item itself."""
    return (
        len(set(claim.cited)) == len(claim.cited)
        and claim.item not in claim.cited
        and witness.citable.issuperset(claim.cited)
    )


def _because(claim: Claim, witness: Witness) -> bool:
    position = witness.position.get(claim.item)
    if position is None or not claim.cited:
        return False
    share, loss = (part[position] for part in witness.given)
    rows = [witness.row[item] for item in claim.cited]
    given = [share[row] for row in rows]
    least = min(given)
    needed = all(loss[row] > 0 for row in rows)
    return needed and 0 < least >= witness.large[position] and abs(sum(given) - claim.share) < 1e-4


def _again(claim: Claim, witness: Witness) -> bool:
    chosen = claim.item in witness.citable
    return chosen and int(witness.history.times[witness.row[claim.item]]) == claim.count


def _has(claim: Claim, witness: Witness, items: tuple[int, ...]) -> bool:
    says_something = bool(claim.value) or claim.decade is not None
    return says_something and all(
        witness.facts.has(item, claim.attribute, claim.value, claim.decade) for item in items
    )


def _like(claim: Claim, witness: Witness) -> bool:
    return bool(claim.cited) and _has(claim, witness, (claim.item, *claim.cited))


def _count(claim: Claim, witness: Witness) -> bool:
    having = len(witness.having(claim.attribute, claim.value, claim.decade))
    counted = claim.count == having > 0 and claim.of == len(witness.citable)
    return counted and _has(claim, witness, (claim.item,))


def _price(claim: Claim, witness: Witness) -> bool:
    price = witness.facts.prices[claim.item]
    others = witness.facts.prices[list(claim.cited)]
    return bool(claim.cited) and price > 0 and bool((np.abs(others - price) <= NEAR_PRICE * price).all())


def _words(claim: Claim, witness: Witness) -> bool:
    meets = set(witness.meets(claim.item, interest=False))
    asked = meets.union(request_words(witness.query.words))
    there = meets.union(matched(claim.matched, witness.facts.items, claim.item))
    return bool(claim.matched) and asked.issuperset(claim.matched) and there.issuperset(claim.matched)


def _interest(claim: Claim, witness: Witness) -> bool:
    meets = witness.meets(claim.item, interest=True)
    return bool(claim.matched) and set(meets).issuperset(claim.matched)


def _now(claim: Claim, witness: Witness) -> bool:
    popularity = witness.facts.popularity
    return popularity.is_current(witness.query.at) and popularity.rank(claim.item, lately=True) <= claim.count


def _among(claim: Claim, witness: Witness) -> bool:
    return witness.facts.popularity.rank(claim.item) <= claim.count


def _times(claim: Claim, witness: Witness) -> bool:
    return witness.facts.popularity.count(claim.item) == claim.count > 0


def _new(claim: Claim, witness: Witness) -> bool:
    return witness.facts.popularity.is_new(claim.item, witness.query.at)


CHECKS: Mapping[str, Callable[[Claim, Witness], bool]] = {
    "because": _because,
    "goes": _because,
    "again": _again,
    "like": _like,
    "count": _count,
    "price": _price,
    "words": _words,
    "interest": _interest,
    "now": _now,
    "among": _among,
    "times": _times,
    "new": _new,
}
