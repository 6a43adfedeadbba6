"""Exploration of a request: on the last places of the list that pins leave, and within its caps.

Each slot that caps bind has candidates of its own: whatever chance does in the other slots, any of them fits.
So every place is drawn by itself, and its propensities are exact. The classes are called as those that they
bound, because the trace names a stage by its class.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from zhiyin.contracts import Reranker
from zhiyin.data.catalogue import Catalogue
from zhiyin.rank import exploration
from zhiyin.rank.caps import CapReranker
from zhiyin.rank.exploration import Beliefs, dice
from zhiyin.serve.messages import Exploration
from zhiyin.types import Candidates, Query

__all__ = ["Bounds", "EpsilonGreedyReranker", "ThompsonReranker", "exploring"]

Word = tuple[int, float]
"""Which cap, and the word or number that it counts."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where chance may fall: on these positions from 1 (or the `last` so many), as the `caps` allow."""

    items: Catalogue
    caps: tuple[CapReranker, ...] = ()
    slots: Sequence[int] = ()
    last: int = 0

    def places(self, n: int, length: int) -> list[int]:
        """The slots within the first `n`, from 0."""
        slots = range(max(1, n - self.last + 1), n + 1) if self.last else self.slots
        return sorted({slot - 1 for slot in slots if 1 <= slot <= min(n, length)})

    def choices(self, ranking: Candidates, n: int, pool: int) -> list[NDArray[np.intp]]:
        """For each slot the places of the candidates behind the first `n` that may come there: `pool` in all.

        A candidate is the choice of one slot, that with the fewest. It fits if each of its words is one that
        the slot counts already, or can be counted once more beside everything that all the slots may hold.
        """
        codes = ranking.items.tolist()
        first = [self._words(code) for code in codes[:n]]
        counted = Counter(word for one in first for word in one)
        slots = self.places(n, len(codes))
        holds = [set(first[slot]) for slot in slots]
        found: list[list[int]] = [[] for _ in slots]
        for place in range(n, len(codes)):
            if sum(map(len, found)) == pool:
                break
            words = self._words(codes[place])
            full = {word for word in words if counted[word] >= self.caps[word[0]].at_most}
            fitting = [spot for spot, held in enumerate(holds) if full <= held]
            if fitting:
                spot = min(fitting, key=lambda spot: len(found[spot]))
                counted.update(words - holds[spot])
                holds[spot] |= words
                found[spot].append(place)
        return [np.array(some, np.intp) for some in found]

    def _words(self, code: int) -> set[Word]:
        return {(number, word) for number, cap in enumerate(self.caps) for word in self._of(cap, code)}

    def _of(self, cap: CapReranker, code: int) -> Iterable[float]:
        if code < len(self.items) and cap.attribute in self.items.words:
            table = self.items.words[cap.attribute]
            return table.codes[table.indptr[code] : table.indptr[code + 1]].tolist()  # type: ignore[no-any-return]
        if code < len(self.items) and cap.attribute in self.items.numbers:
            number = float(self.items.numbers[cap.attribute][code])
            return () if np.isnan(number) else (number,)
        return ()


class EpsilonGreedyReranker(exploration.EpsilonGreedyReranker):
    """The same within bounds: an item that may come into a slot stands there with epsilon / its choices."""

    def __init__(self, *, bounds: Bounds, epsilon: float = 0.1, pool: int = 50, seed: int = 0) -> None:
        super().__init__(epsilon=epsilon, slots=bounds.slots, pool=pool, seed=seed)
        self.bounds = bounds

    def rerank(self, query: Query, ranking: Candidates, n: int) -> Candidates:
        slots = self.bounds.places(n, len(ranking))
        if not self.bounds.caps:
            free = copy.copy(self)
            free.slots = [slot + 1 for slot in slots]
            return super(EpsilonGreedyReranker, free).rerank(query, ranking, n)
        chance, places = dice(query, self.seed), _Places(ranking)
        for slot, choices in zip(slots, self.bounds.choices(ranking, n, self.pool)):
            explores, drawn = chance.random() < self.epsilon, int(chance.integers(max(1, len(choices))))
            if len(choices):
                share = np.full(len(choices), self.epsilon / len(choices))
                places.fill(slot, choices, share, drawn if explores else None)
        return places.ranking()


class ThompsonReranker(exploration.ThompsonReranker):
    """The same within bounds: the highest draw among a slot's item and its choices takes the slot."""

    def __init__(
        self, *, bounds: Bounds, pool: int = 20, n_samples: int = 400, least: float = 0.005, seed: int = 0
    ) -> None:
        super().__init__(slots=bounds.slots, pool=pool, n_samples=n_samples, least=least, seed=seed)
        self.bounds = bounds

    def rerank(self, query: Query, ranking: Candidates, n: int) -> Candidates:
        slots = self.bounds.places(n, len(ranking))
        if not self.bounds.caps:
            free = copy.copy(self)
            free.slots = [slot + 1 for slot in slots]
            return super(ThompsonReranker, free).rerank(query, ranking, n)
        chance, places = dice(query, self.seed), _Places(ranking)
        for slot, choices in zip(slots, self.bounds.choices(ranking, n, self.pool)):
            arms = np.concatenate([[slot], choices]).astype(np.intp)
            a, b = self._beliefs(ranking, arms)
            best = chance.beta(a, b, size=(self.n_samples + 1, len(arms))).argmax(axis=1)
            share = np.bincount(best, minlength=len(arms)) / len(best)
            places.fill(slot, choices, share[1:], int(best[0]) - 1 if best[0] else None)
        return places.ranking(self.least)


class _Places:
    """A ranking in the making: what stands where, and how likely that was."""

    def __init__(self, ranking: Candidates) -> None:
        self.given = ranking
        self.order = np.arange(len(ranking))
        self.propensity = ranking.chances().copy()

    def fill(
        self, slot: int, choices: NDArray[np.intp], share: NDArray[np.float64], taken: int | None
    ) -> None:
        """`share` is the chance of each choice to come into the slot; the one `taken` does."""
        self.propensity[choices] = 1 - share
        self.propensity[slot] = 1 - share.sum()
        if taken is not None:
            place = choices[taken]
            self.order[slot], self.order[place] = place, slot
            self.propensity[[slot, place]] = share[taken]

    def ranking(self, least: float = 0.0) -> Candidates:
        return replace(self.given.take(self.order), propensity=np.maximum(self.propensity, np.float32(least)))


def exploring(
    wish: Exploration | None,
    configured: Sequence[Reranker],
    caps: Sequence[CapReranker],
    items: Catalogue,
    counters: Beliefs,
) -> Reranker | None:
    """What the request wishes, or what is configured within the caps; None: what is there stays as it is.

    `caps` are all that act in this answer.
    """
    if wish is not None:
        bounds = Bounds(items, tuple(caps), last=wish.slots)
        if wish.method == "epsilon":
            return EpsilonGreedyReranker(bounds=bounds, epsilon=wish.epsilon)
        return ThompsonReranker(bounds=bounds).watch(counters)
    for part in reversed(configured if caps else ()):
        if isinstance(part, exploration.EpsilonGreedyReranker):
            bounds = Bounds(items, tuple(caps), slots=part.slots)
            return EpsilonGreedyReranker(bounds=bounds, epsilon=part.epsilon, pool=part.pool, seed=part.seed)
        if isinstance(part, exploration.ThompsonReranker):
            bounds = Bounds(items, tuple(caps), slots=part.slots)
            found = ThompsonReranker(
                bounds=bounds, pool=part.pool, n_samples=part.n_samples, least=part.least, seed=part.seed
            )
            found.counters_ = part.counters_
            return found
    return None
