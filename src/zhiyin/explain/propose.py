"""Claims that could be made about each item of a ranking, the best first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from zhiyin.explain.claim import Claim
from zhiyin.explain.request_words import matched, request_words
from zhiyin.explain.shared import SharedWord, clear_decades, shared_words
from zhiyin.explain.verify import LARGEST, NEAR_PRICE, Witness

__all__ = ["Proposals"]

TIERS = (10, 20, 50, 100, 200, 500, 1000)
"""'Among the 50 most chosen': the smallest tier that holds, if it is at most a tenth of the catalogue."""
SEEN_ENOUGH = 5
"""Fewer choices than this are no reason for anybody."""


@dataclass(slots=True)
class Proposals:
    """Asked for one item after the other, it cites what it has cited least among equally good things."""

    witness: Witness
    n_cited: int
    words: tuple[str, ...] = field(init=False)
    shared: list[list[SharedWord]] = field(init=False)
    decades: list[int | None] = field(init=False)
    columns: list[list[float]] = field(init=False)
    """(c, k) the shares that may be cited, as numbers of Python: they are read one by one."""
    order: list[list[int]] = field(init=False)
    """Per item the rows of the history, the largest share first, among equals the most recent."""
    codes: list[int] = field(init=False)
    """The item of each row of the history."""
    cited: Counter[int] = field(init=False)
    """How often each row of the history was cited so far."""

    def __post_init__(self) -> None:
        history = self.witness.history
        self.words = request_words(self.witness.query.words)
        self.shared = shared_words(self.witness)
        self.decades = clear_decades(self.witness)
        share = self.witness.share
        self.columns = share.T.tolist()
        ascending = np.argsort(share, axis=0, kind="stable")
        self.order = ascending[::-1].T.tolist()
        self.codes = history.items.tolist()
        self.cited = Counter()

    def of(self, position: int) -> Iterator[Claim]:
        """Claims about the item at one position."""
        item = int(self.witness.items[position])
        goes = self._goes(position, item)
        yield from self._words(item)
        yield from self._again(item)
        yield from goes
        yield from self._interests(item)
        yield from self._attribute(position, item, goes[0].cited if goes else ())
        yield from self._price(position, item)
        yield Claim("new", item)
        yield from self._popular(item)

    def _words(self, item: int) -> list[Claim]:
        """What was understood first: it is why the item is here, where a word may only happen to be in it."""
        witness = self.witness
        if not (self.words or witness.wished):
            return []
        met = witness.meets(item, interest=False)
        found = (*met, *(word for word in matched(self.words, witness.facts.items, item) if word not in met))
        asked = {*self.words, *witness.wished} - witness.interests
        return [Claim("words", item, matched=found, share=len(found) / len(asked))] if found else []

    def _interests(self, item: int) -> list[Claim]:
        met = self.witness.meets(item, interest=True) if self.witness.wished else ()
        share = len(met) / max(1, len(self.witness.interests))
        return [Claim("interest", item, matched=met, share=share)] if met else []

    def _again(self, item: int) -> list[Claim]:
        row = self.witness.row.get(item)
        return [] if row is None else [Claim("again", item, count=int(self.witness.history.times[row]))]

    def causes(self, position: int, is_cause: Callable[[int, int], bool]) -> list[Claim]:
        """A "because" of the large contributions without which the item's score is lower, if any."""
        item, chosen = int(self.witness.items[position]), list[int]()
        share = self._large(position)
        for row in sorted(share, key=lambda row: -share[row]):
            if len(chosen) < self.n_cited and is_cause(item, self.codes[row]):
                chosen.append(row)
        return self._citing("because", item, chosen, sum(share[row] for row in chosen))

    def _goes(self, position: int, item: int) -> list[Claim]:
        """The largest contributions; among those that are nearly as large, the ones not yet cited."""
        share = self._large(position)
        weary = {row: part / (1 + 0.5 * self.cited[row]) for row, part in share.items()}
        fresh = sorted(weary, key=weary.__getitem__, reverse=True)[: self.n_cited]
        chosen = sorted(fresh, key=share.__getitem__, reverse=True)
        return self._citing("goes", item, chosen, sum(share[row] for row in chosen))

    def _large(self, position: int) -> dict[int, float]:
        """Row of the history -> its share, for the few that are at least half as large as the largest."""
        column, first = self.columns[position], self.order[position][:LARGEST]
        least = column[first[0]] / 2 if first else 0.0
        return {row: column[row] for row in first if column[row] > 0 and column[row] >= least}

    def _attribute(self, position: int, item: int, told: tuple[int, ...]) -> Iterator[Claim]:
        """The best word with its decade, without it, the next word, the decade alone.

        By turns with a count and with examples, so that ten reasons do not read alike.
        """
        decade = self.decades[position]
        for word in self.shared[position][:2]:
            if decade:
                yield from self._examples(position, item, word, decade, told)
            if position % 2:
                yield self._counted(item, word)
            yield from self._examples(position, item, word, None, told)
            yield self._counted(item, word)
        if decade:
            yield from self._examples(position, item, None, decade, told)

    def _examples(
        self, position: int, item: int, word: SharedWord | None, decade: int | None, told: tuple[int, ...]
    ) -> list[Claim]:
        attribute, value = (word.attribute, word.value) if word else ("", "")
        fit = self.witness.having(attribute, value, decade)
        column = self.columns[position]
        whole = word.share if word and decade is None else sum(column[row] for row in fit)
        free = fit.difference(self.witness.row.get(code, -1) for code in (item, *told))
        best = list(islice((row for row in self.order[position] if row in free), 3 * self.n_cited))
        chosen = sorted(best, key=lambda row: self.cited[row])[: self.n_cited]
        return self._citing("like", item, chosen, whole, attribute, value, decade)

    def _counted(self, item: int, word: SharedWord) -> Claim:
        of, share = len(self.witness.citable), min(word.share, 1.0)
        return Claim("count", item, (), word.attribute, word.value, None, word.support, of, share=share)

    def _price(self, position: int, item: int) -> list[Claim]:
        """Only when at most a quarter of the catalogue would fit as well."""
        history, prices = self.witness.history, self.witness.facts.prices
        price = float(prices[item])
        if not price > 0 or self.witness.facts.about_the_price(price, NEAR_PRICE) > 0.25:
            return []
        near = np.abs(prices[history.items] - price) <= NEAR_PRICE * price
        rows = np.flatnonzero(near & self.witness.liked & (history.items != item))
        share = self.witness.share[rows, position]
        chosen = rows[np.argsort(-share, kind="stable")][: self.n_cited]
        return self._citing("price", item, chosen.tolist(), float(share.sum())) if len(rows) >= 2 else []

    def _popular(self, item: int) -> list[Claim]:
        popularity, n = self.witness.facts.popularity, len(self.witness.facts.items)
        claims = []
        for form, rank in (("now", popularity.rank(item, lately=True)), ("among", popularity.rank(item))):
            tier = next((tier for tier in TIERS if rank <= tier <= n / 10), 0)
            claims += [Claim(form, item, count=tier)] if tier else []
        count = popularity.count(item)
        return claims + ([Claim("times", item, count=count)] if count >= SEEN_ENOUGH else [])

    def _citing(
        self, form: str, item: int, rows: list[int], share: float,
        attribute: str = "", value: str = "", decade: int | None = None,
    ) -> list[Claim]:  # fmt: skip
        """One claim, or none where there is nothing to cite."""
        if not rows:
            return []
        for row in rows:
            self.cited[row] += 1
        codes = tuple(self.codes[row] for row in rows)
        return [Claim(form, item, codes, attribute, value, decade, share=min(share, 1.0))]
