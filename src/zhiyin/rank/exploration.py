"""Places of the list that chance may fill, and how likely it was to fill them as it did.

Without these probabilities (propensities) nobody could later say from the log what another policy would have
brought. They are those of an item in its place before the dice fell, all other stages being as they were.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from zhiyin.errors import check_options
from zhiyin.types import Candidates, IntArray, Query

__all__ = ["EpsilonGreedyReranker", "ThompsonReranker", "dice"]


def dice(query: Query, seed: int = 0) -> np.random.Generator:
    """Chance that falls the same way for the same query: seeded by its seed, else by what it asks."""
    if query.seed is not None:
        return np.random.default_rng([seed, query.seed & (2**64 - 1)])
    digest = hashlib.blake2b(digest_size=8)
    for part in (query.user or "", query.words, query.locale, str(query.at)):
        digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
    digest.update(query.history.items.tobytes())
    return np.random.default_rng([seed, int.from_bytes(digest.digest(), "little")])


class Beliefs(Protocol):
    """Who tells what is believed of items: `Counters`, or a view of them."""

    def posterior(self, items: IntArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...


class EpsilonGreedyReranker:
    """Gives some places of the list to chance: with probability `epsilon` a later candidate stands there.

    `slots` are positions from 1; a slot that explores swaps its item for one of the `pool` candidates behind
    the first n, all alike. So an item of the pool stands in a slot with probability epsilon / pool, the item
    that was there stays with 1 - epsilon, and every other item of the first n is certain. `seed` is one part
    of the dice, the query the other.
    """

    def __init__(
        self, *, epsilon: float = 0.1, slots: Sequence[int] = (5, 10), pool: int = 50, seed: int = 0
    ) -> None:
        self.epsilon = epsilon
        self.slots = slots
        self.pool = pool
        self.seed = seed
        check_options(self, epsilon=(0, 1), pool=(0, 1e6))

    def rerank(self, query: Query, ranking: Candidates, n: int) -> Candidates:
        pool = np.arange(min(n, len(ranking)), min(n + self.pool, len(ranking)))
        slots = _slots(self.slots, n, len(ranking))[: len(pool)]
        if not len(slots):
            return ranking
        chance = dice(query, self.seed)
        explores = chance.random(len(slots)) < self.epsilon
        # One place of a permutation for each slot, used or not: so every slot sees the whole pool alike.
        drawn = chance.permutation(pool)[: len(slots)]
        order, propensity = np.arange(len(ranking)), ranking.chances().copy()
        order[slots[explores]], order[drawn[explores]] = drawn[explores], slots[explores]
        swap = self.epsilon / len(pool)
        propensity[pool] = 1 - swap * len(slots)
        propensity[slots] = np.where(explores, swap, 1 - self.epsilon)
        propensity[drawn[explores]] = swap
        return replace(ranking.take(order), propensity=propensity)


class ThompsonReranker:
    """Fills some places by Thompson sampling: who may turn out best, given how little is known, gets them.

    The items in the `slots` (positions from 1) and the `pool` candidates behind the first n each draw a rate
    from Beta(clicks + a, impressions - clicks + b), where a and b come from all items (`Counters.prior`); the
    highest draws take the slots, in order (Thompson 1933; Chapelle and Li, NIPS 2011). Propensities are the
    shares of `n_samples` further draws and the one that counted, and never below `least`. `seed` is one part
    of the dice, the query the other.
    """

    def __init__(
        self,
        *,
        slots: Sequence[int] = (5, 10),
        pool: int = 20,
        n_samples: int = 400,
        least: float = 0.005,
        seed: int = 0,
    ) -> None:
        self.slots = slots
        self.pool = pool
        self.n_samples = n_samples
        self.least = least
        self.seed = seed
        self.counters_: Beliefs | None = None
        check_options(self, pool=(0, 1e6), n_samples=(1, 1e7), least=(0, 1))

    def watch(self, counters: Beliefs) -> Self:
        """From now on draws by these counts; before, every item is as good as any other."""
        self.counters_ = counters
        return self

    def rerank(self, query: Query, ranking: Candidates, n: int) -> Candidates:
        slots = _slots(self.slots, n, len(ranking))
        pool = np.arange(min(n, len(ranking)), min(n + self.pool, len(ranking)))
        if not len(slots) or not len(pool):
            return ranking
        arms = np.concatenate([slots, pool])
        a, b = self._beliefs(ranking, arms)
        draws = dice(query, self.seed).beta(a, b, size=(self.n_samples + 1, len(arms)))
        places = _places(draws, len(slots))
        standing = np.argsort(places[0])
        order, propensity = np.arange(len(ranking)), ranking.chances().copy()
        order[arms] = arms[standing]
        share = (places[:, standing] == np.arange(len(arms))).mean(axis=0)
        propensity[arms] = np.maximum(share, self.least)
        return replace(ranking.take(order), propensity=propensity)

    def _beliefs(
        self, ranking: Candidates, arms: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Parameters of the Beta distribution of each arm."""
        if self.counters_ is None:
            return np.ones(len(arms)), np.ones(len(arms))
        return self.counters_.posterior(ranking.items[arms])


def _slots(positions: Sequence[int], n: int, length: int) -> NDArray[np.intp]:
    """Places from 0 that exist, each once."""
    inside = sorted({position - 1 for position in positions if 1 <= position <= min(n, length)})
    return np.array(inside, np.intp)


def _places(draws: NDArray[np.float64], n: int) -> NDArray[np.intp]:
    """(draws, arms) the place of each arm in each draw: the `n` best, then the others in their own order."""
    best = np.argsort(-draws, axis=1, kind="stable")[:, :n]
    places = np.full(draws.shape, -1, np.intp)
    np.put_along_axis(places, best, np.arange(n)[None, :], axis=1)
    lost = places < 0
    return np.where(lost, n - 1 + np.cumsum(lost, axis=1), places)
