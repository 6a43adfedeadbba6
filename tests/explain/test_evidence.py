from __future__ import annotations

import numpy as np
import pytest

from zhiyin.explain.evidence import contributions
from zhiyin.types import Candidates, History, Query


def blocks(h, c, seed=0):
    return np.random.default_rng(seed).random((h, c)).astype(np.float32)


@pytest.mark.parametrize("decay", [1.0, 0.9, 0.88, 0.8, 0.5])
@pytest.mark.parametrize("scale", [1.0, 0.01])
def test_the_decay_is_recovered_from_the_scores(past, ranking, decay, scale):
    history = past(*range(20))
    found = ranking(Query(history), [20, 21, 22, 23], ease=(decay, blocks(20, 4)))
    scaled = Candidates(found.items, found.sources, found.scores * scale, found.ranks, found.evidence)
    assert contributions(history, scaled, 30).decays["ease"] == pytest.approx(decay)


def test_shares_are_the_decayed_terms_of_the_score(past, ranking):
    history = past(0, 1, 2)
    block = np.array([[4, 0], [2, 1], [1, 0]], np.float32)
    found = contributions(history, ranking(Query(history), [5, 6], ease=(0.5, block)), 9)
    terms = np.array([[1, 0], [1, 0.5], [1, 0]])
    np.testing.assert_allclose(found.share, terms / terms.sum(axis=0), atol=1e-6)


def test_a_loud_source_does_not_drown_a_quiet_one(past, ranking):
    """Both put the same items first, one because of event 0, the other, far louder, of event 1."""
    history = past(0, 1)
    quiet, loud = np.array([[2, 1], [0, 0]], np.float32), np.array([[0, 0], [2e6, 1e6]], np.float32)
    found = contributions(history, ranking(Query(history), [5, 6], quiet=(1.0, quiet), loud=(1.0, loud)), 9)
    np.testing.assert_allclose(found.share[0], found.share[1], rtol=1e-5)


def test_a_source_that_ranks_an_item_low_says_less_of_it(past):
    history = past(0, 1)
    evidence = {"fond": np.array([[1.0], [0]], np.float32), "cold": np.array([[0], [1.0]], np.float32)}
    ranks = np.array([[0, 90]], np.float32)
    found = Candidates(
        np.array([5], np.int32), ("fond", "cold"), np.ones((1, 2), np.float32), ranks, evidence
    )
    share = contributions(history, found, 9).share[:, 0]
    np.testing.assert_allclose(share, [100 / 110, 10 / 110], rtol=1e-5)


def test_what_speaks_against_an_item_counts_below_zero(past, ranking):
    history = past(0, 1)
    block = np.array([[3], [-1]], np.float32)
    found = contributions(history, ranking(Query(history), [5], ease=(1.0, block)), 9)
    np.testing.assert_allclose(found.share[:, 0], [0.75, -0.25], atol=1e-6)


def test_a_dislike_turns_the_sign_and_cannot_be_cited(past, ranking):
    history = past(0, 1, weights=(-1.0, 1.0))
    block = np.array([[-3], [1]], np.float32)
    found = contributions(history, ranking(Query(history), [5], ease=(1.0, block)), 9)
    assert found.share[0, 0] > 0
    np.testing.assert_array_equal(found.citable(np.array([5]))[:, 0] > 0, [False, True])


def test_events_of_one_item_are_added_and_the_latest_gives_its_place(past, ranking):
    history = past(3, 1, 3, 2)
    found = contributions(history, ranking(Query(history), [5], ease=(1.0, np.ones((4, 1)))), 9)
    assert found.items.tolist() == [1, 3, 2]
    assert found.times.tolist() == [1, 2, 1]
    np.testing.assert_allclose(found.share[:, 0], [0.25, 0.5, 0.25], atol=1e-6)


def test_unknown_items_age_the_others_and_are_not_in_the_table(past, ranking):
    history = past(0, -1, 99, 1)
    block = np.array([[1, 2], [0, 0], [0, 0], [1, 3]], np.float32)
    found = contributions(history, ranking(Query(history), [5, 6], ease=(0.8, block)), 9)
    assert found.items.tolist() == [0, 1]
    assert found.decays["ease"] == pytest.approx(0.8)
    assert found.share[0, 0] / found.share[1, 0] == pytest.approx(0.8**3, rel=1e-4)


def test_a_source_that_saw_only_the_newest_events_is_aligned_at_the_end(past):
    history = past(0, 1, 2)
    found = Candidates(
        np.array([5], np.int32), ("s",), np.ones((1, 1), np.float32), evidence={"s": np.eye(2)[:, :1]}
    )
    np.testing.assert_allclose(contributions(history, found, 9).share[:, 0], [0, 1, 0], atol=1e-6)


def test_a_source_that_saw_more_events_than_the_query_has_is_cut_at_the_start(past):
    block = np.array([[9], [1], [3]], np.float32)
    found = Candidates(np.array([5], np.int32), ("s",), np.full((1, 1), 4, np.float32), evidence={"s": block})
    np.testing.assert_allclose(contributions(past(0, 1), found, 9).share[:, 0], [0.25, 0.75], atol=1e-6)


def test_the_loss_is_what_the_score_loses_without_the_event(past):
    """Without event 1, event 0 is a step less old: it counts 1 instead of .5."""
    history = past(0, 1)
    block = np.array([[4.0], [1.0]], np.float32)
    before = history.decayed(0.5) @ block
    found = Candidates(
        np.array([5], np.int32), ("s",), before[:, None].astype(np.float32), evidence={"s": block}
    )
    after = np.array([block[1, 0], block[0, 0]])
    loss = contributions(history, found, 9).loss[:, 0] * before
    np.testing.assert_allclose(loss, before - after, atol=1e-5)


@pytest.mark.parametrize(
    "history", [History(), History(np.array([-1], np.int32), np.ones(1, np.float32), np.ones(1))]
)
def test_without_a_past_there_is_nothing_to_cite(history):
    found = contributions(history, Candidates(np.array([1, 2], np.int32)), 9)
    assert found.items.size == 0 and found.share.shape == (0, 2)


def test_without_evidence_the_history_is_there_with_no_share(past):
    found = contributions(past(0, 1), Candidates(np.array([2], np.int32)), 9)
    assert found.items.tolist() == [0, 1] and not found.share.any()
