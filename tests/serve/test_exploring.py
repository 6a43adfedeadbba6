"""Exploration stays within the caps, takes the places that pins leave, and says its true propensities."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from small_project import make_project, serving

from zhiyin.data.dataset import Dataset
from zhiyin.rank import exploration
from zhiyin.rank.caps import CapReranker
from zhiyin.rank.counters import Counters
from zhiyin.serve.exploring import Bounds, EpsilonGreedyReranker, ThompsonReranker
from zhiyin.testing import candidates
from zhiyin.types import Interaction, Item, Query

N, LENGTH = 4, 14
GENRES = ("tea", "jazz", "film", "book")
GIVEN = candidates(LENGTH)


def bounds(at_most=1, **where):
    """Item k has the genre k modulo 4; every fifth one has a second genre."""
    items = [
        Item(f"i{k}", attributes={"genre": [GENRES[k % 4], *([GENRES[0]] if k % 5 == 4 else [])]})
        for k in range(LENGTH)
    ]
    catalogue = Dataset.of([Interaction("u", item.id) for item in items], items).items
    cap = CapReranker(attribute="genre", at_most=at_most)
    cap.refresh(catalogue)
    return Bounds(catalogue, (cap,), **where)


def counted(within, ranking):
    """How often the most frequent word stands among the first N."""
    table, found = within.items.words["genre"], Counter()
    for code in ranking.items[:N]:
        found.update(set(table.codes[table.indptr[code] : table.indptr[code + 1]].tolist()))
    return max(found.values())


def told_and_true(policy, runs):
    """Rankings, and how far what each of the first ones says is from how often it came so."""
    found = [policy.rerank(Query(seed=seed), GIVEN, N) for seed in range(runs)]
    often = np.zeros((LENGTH, LENGTH))
    for ranking in found:
        assert sorted(ranking.items.tolist()) == list(range(LENGTH))
        often[ranking.items, np.arange(LENGTH)] += 1 / runs
    return found, [np.abs(r.propensity - often[r.items, np.arange(LENGTH)]).max() for r in found[:200]]


@pytest.mark.parametrize("at_most", [1, 2])
@pytest.mark.parametrize(
    ("epsilon", "where"), [(0.4, {"slots": (2, 4)}), (1.0, {"last": 3}), (0.7, {"last": 9})]
)
def test_epsilon_greedy_within_caps_says_its_true_propensity(epsilon, where, at_most):
    within = bounds(at_most, **where)
    found, off = told_and_true(EpsilonGreedyReranker(bounds=within, epsilon=epsilon, pool=8), 3000)
    assert max(off) < 0.05
    assert all(counted(within, ranking) <= at_most for ranking in found)
    assert len({tuple(ranking.items[:N]) for ranking in found}) > 5, "chance has a choice"


def test_thompson_within_caps_says_its_true_propensity():
    counters = Counters()
    counters.shown(np.repeat(np.arange(LENGTH), 40).astype(np.int32))
    counters.clicked(np.repeat([1, 5, 6], [6, 12, 9]).astype(np.int32))
    within = bounds(last=3)
    policy = ThompsonReranker(bounds=within, pool=8, n_samples=300).watch(counters)
    found, off = told_and_true(policy, 1500)
    assert np.mean(off) < 0.08
    assert all(counted(within, ranking) <= 1 for ranking in found)
    assert np.mean([ranking.items[1] == 5 for ranking in found]) > 0.5, "the best of its genre gets the slot"


def test_a_list_that_has_to_break_a_cap_gets_no_more_of_the_word():
    within = bounds(0, last=4)
    for seed in range(50):
        found = EpsilonGreedyReranker(bounds=within, epsilon=1.0).rerank(Query(seed=seed), GIVEN, N)
        assert counted(within, found) <= counted(within, GIVEN)


# -- over HTTP ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serving(make_project(tmp_path_factory.mktemp("exploring") / "shop")) as (client, _):
        yield client


def listed(served, method="epsilon", **asked):
    rule = {"method": method, "slots": 3, "epsilon": 1.0}
    body = {"user": "u1", "seen": True, "reasons": False, "dry_run": True, "exploration": rule, **asked}
    answer = served.post("/v1/recommend", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("method", ["epsilon", "thompson"])
def test_caps_of_a_request_hold_for_what_it_explores(served, method):
    lists = [
        listed(served, method, n=6, seed=seed, caps=[{"attribute": "side", "at_most": 3}])["items"]
        for seed in range(30)
    ]
    for lines in lists:
        assert Counter(int(line["id"][1:]) % 2 for line in lines) == {0: 3, 1: 3}
    assert len({tuple(line["id"] for line in lines) for lines in lists}) > 5


def test_what_is_configured_is_bound_by_the_caps_of_a_request(served):
    recommender = served.app.state.ground.live.serving.recommender
    recommender.rerankers = [exploration.EpsilonGreedyReranker(epsilon=1.0, slots=(4, 5, 6))]
    try:
        asked = {"exploration": None, "n": 6, "caps": [{"attribute": "side", "at_most": 3}]}
        for seed in range(20):
            lines = listed(served, seed=seed, **asked)["items"]
            assert Counter(int(line["id"][1:]) % 2 for line in lines) == {0: 3, 1: 3}
            assert sum(line["propensity"] < 1 for line in lines) == 3
    finally:
        recommender.rerankers = []


@pytest.mark.parametrize(
    "pins",
    [
        [{"item": "strange", "position": 1}, {"item": "stranger", "position": 2}],
        [{"item": "i2", "position": 1}, {"item": "i4", "position": 2}],
        [{"item": "i8", "position": 5}] * 3,
    ],
)
def test_pins_without_a_place_take_none_of_explorations(served, pins):
    lines = listed(served, n=3, seed=3, pins=pins, filter="price > 4")["items"]
    assert [line["propensity"] < 1 for line in lines] == [True, True, True]


def test_an_item_pinned_three_times_takes_one_place(served):
    pins = [{"item": "i8", "position": place} for place in (1, 2, 3)]
    lines = listed(served, n=3, seed=3, pins=pins)["items"]
    assert [line["propensity"] < 1 for line in lines] == [True, True, False] and lines[2]["id"] == "i8"
