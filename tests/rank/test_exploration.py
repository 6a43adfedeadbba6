"""Exploration: chance falls where it may, and the propensities say how often it really does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zhiyin.rank.counters import Counters
from zhiyin.rank.exploration import EpsilonGreedyReranker, ThompsonReranker, dice
from zhiyin.testing import candidates, history_of
from zhiyin.types import Candidates, Query

Policy = EpsilonGreedyReranker | ThompsonReranker
N = 4
GIVEN = candidates(9)


def frequencies(policy: Policy, runs: int) -> tuple[np.ndarray, list[Candidates]]:
    """(items, places) how often each item stood in each place, and the rankings."""
    found = [policy.rerank(Query(seed=seed), GIVEN, N) for seed in range(runs)]
    seen = np.zeros((9, 9))
    for ranking in found:
        assert sorted(ranking.items.tolist()) == list(range(9))
        seen[ranking.items, np.arange(9)] += 1
    return seen / runs, found


@pytest.mark.parametrize(
    ("epsilon", "slots", "pool"), [(0.4, (2, 4), 3), (1.0, (1,), 9), (0.3, (1, 2, 3, 4), 2)]
)
def test_epsilon_greedy_says_its_true_propensity_in_every_place(
    epsilon: float, slots: tuple[int, ...], pool: int
) -> None:
    policy = EpsilonGreedyReranker(epsilon=epsilon, slots=slots, pool=pool)
    often, found = frequencies(policy, 3000)
    for ranking in found[:200]:
        said = ranking.propensity
        assert said.dtype == np.float32 and said.shape == (9,)
        np.testing.assert_allclose(said, often[ranking.items, np.arange(9)], atol=0.05)


def test_epsilon_greedy_leaves_everything_but_its_slots_alone() -> None:
    policy = EpsilonGreedyReranker(epsilon=1.0, slots=(3,), pool=2)
    for seed in range(20):
        found = policy.rerank(Query(seed=seed), GIVEN, N)
        assert found.items[[0, 1, 3]].tolist() == [0, 1, 3] and found.items[2] in (4, 5)
        assert found.propensity[:4].tolist() == [1, 1, 0.5, 1]


@pytest.mark.parametrize(
    "policy",
    [
        EpsilonGreedyReranker(epsilon=1, slots=(9, 0, -2)),
        EpsilonGreedyReranker(epsilon=1, pool=0),
        EpsilonGreedyReranker(epsilon=1, slots=()),
        ThompsonReranker(slots=(9,)),
        ThompsonReranker(pool=0),
    ],
)
def test_without_a_slot_or_a_pool_nothing_happens(policy: Policy) -> None:
    found = policy.rerank(Query(seed=1), GIVEN, N)
    assert found.items.tolist() == list(range(9)) and (found.chances() == 1).all()
    whole = EpsilonGreedyReranker(epsilon=1, slots=(1,)).rerank(Query(seed=1), GIVEN, 9)
    assert whole.items.tolist() == list(range(9)), "nobody stands behind the list"


def test_dice_fall_alike_for_one_query_and_otherwise_for_another() -> None:
    query = Query(history_of(1, 2), user="u", at=5.0, words="x")

    def fall(query: Query, seed: int = 0) -> list[int]:
        return dice(query, seed).integers(10**9, size=2).tolist()

    assert fall(query) == fall(query)
    others = [
        replace(query, user="v"), replace(query, at=6.0), replace(query, words="y"),
        replace(query, history=history_of(1)), replace(query, seed=0), replace(query, seed=-1),
    ]  # fmt: skip
    assert len({tuple(fall(one)) for one in [query, *others]}) == 7 and fall(query, 1) != fall(query)


def test_thompson_says_its_true_propensity() -> None:
    counters = Counters()
    counters.shown(np.repeat(np.arange(9), 40).astype(np.int32))
    counters.clicked(np.repeat([1, 5, 6], [6, 12, 9]).astype(np.int32))
    policy = ThompsonReranker(slots=(2, 4), pool=3, n_samples=300).watch(counters)
    often, found = frequencies(policy, 800)
    said = np.mean([np.abs(r.propensity - often[r.items, np.arange(9)]).max() for r in found[:200]])
    assert said < 0.08
    assert often[5, 1] > 0.5 > 0.1 > often[1, 1], "the item with the highest rate gets the first slot"
    for ranking in found[:50]:
        assert ranking.items[[0, 2]].tolist() == [0, 2] and (ranking.propensity[[0, 2]] == 1).all()


def test_thompson_never_says_less_than_the_least() -> None:
    counters = Counters()
    counters.shown(np.repeat(np.arange(9), 5000).astype(np.int32))
    counters.clicked(np.repeat([3, 8], [4000, 3990]).astype(np.int32))
    policy = ThompsonReranker(slots=(4,), pool=5, n_samples=50, least=0.1).watch(counters)
    for seed in range(30):
        assert policy.rerank(Query(seed=seed), GIVEN, N).propensity.min() >= np.float32(0.1)
