from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest

from zhiyin.data.catalogue import Catalogue
from zhiyin.evaluate.beyond import (
    attribute_distances,
    coverage,
    diversity,
    exposure,
    gini,
    lorenz,
    novelty,
    self_information,
    serendipity,
    share_of,
    vector_distances,
)  # fmt: skip
from zhiyin.types import Item

LISTS = np.array([[0, 1, 2], [0, 3, -1]], np.int32)


def test_coverage_counts_items_once_and_padding_never():
    counts = exposure(LISTS, 8)
    assert counts.tolist() == [2, 1, 1, 1, 0, 0, 0, 0]
    assert coverage(counts) == 0.5


def test_coverage_of_a_cold_protocol_is_over_its_candidates():
    assert coverage(exposure(LISTS, 8, np.array([1, 7], np.int32))) == 0.5


def test_gini_by_hand():
    assert gini(np.array([1, 3])) == pytest.approx(0.25)
    assert math.isnan(gini(np.zeros(4, int)))


def test_gini_is_twice_the_area_over_the_lorenz_curve():
    counts = np.random.default_rng(0).integers(0, 50, 400)
    curve = lorenz(counts, points=401)
    assert curve[0].tolist() == [0, 0] and curve[-1].tolist() == [1, 1]
    assert gini(counts) == pytest.approx(1 - 2 * np.trapezoid(curve[:, 1], curve[:, 0]), abs=1e-9)


def test_tail_share_ignores_padding():
    tail = np.array([False, True, True, True])
    assert share_of(LISTS, tail) == pytest.approx([2 / 3, 1 / 2])


def test_novelty_is_bits_of_popularity():
    information = self_information(np.array([8, 4, 2, 0]), 8)
    assert information == pytest.approx([0, 1, 2, 3])
    assert novelty(LISTS, information) == pytest.approx([1, 1.5])


def test_serendipity_needs_a_hit_that_popularity_misses():
    hits = np.array([[True, True, False], [False, True, False]])
    popular = np.array([[0, 4, 5], [6, 7, 8]], np.int32)
    assert serendipity(hits, LISTS, popular) == pytest.approx([1 / 3, 1 / 3])


def test_an_empty_list_has_no_novelty_and_no_diversity():
    empty = np.full((1, 3), -1, np.int32)
    assert np.isnan(novelty(empty, np.ones(4))).all()
    assert np.isnan(diversity(empty, vector_distances(empty, np.eye(4, dtype=np.float32)), 3)).all()


def test_attribute_diversity_is_one_minus_jaccard_over_pairs():
    words = [("a", "b"), ("b", "c"), ("a", "b"), ()]
    items = Catalogue.of([Item(f"i{i}", attributes={"tag": w}) for i, w in enumerate(words)])
    distances = attribute_distances(LISTS, items)
    # pairs (0,1) and (1,2) share one of three words, (0,2) are alike; item 3 has no word at all
    assert diversity(LISTS, distances, 3) == pytest.approx([(2 / 3 + 0 + 2 / 3) / 3, 1.0])
    assert diversity(LISTS, distances, 2)[0] == pytest.approx(2 / 3)


def test_without_words_there_is_no_attribute_diversity():
    assert attribute_distances(LISTS, Catalogue.of([Item("a")])) is None


def test_vector_diversity_is_one_minus_cosine_whatever_the_length_of_vectors():
    vectors = np.array([[2, 0], [0, 3], [1, 0], [-5, 0]], np.float32)
    assert diversity(LISTS, vector_distances(LISTS, vectors), 3) == pytest.approx([(1 + 0 + 1) / 3, 2.0])


def test_long_lists_are_compared_in_their_first_places_only():
    lists = np.tile(np.arange(400, dtype=np.int32), (3, 1))
    vectors = np.eye(400, dtype=np.float32)
    vectors[1] = vectors[0]
    distances = vector_distances(lists, vectors)
    assert distances.shape == (3, 50 * 49 // 2)
    pairs = 50 * 49 / 2
    assert diversity(lists, distances, 400) == pytest.approx([(pairs - 1) / pairs] * 3)
    assert diversity(lists, distances, 2) == pytest.approx([0.0] * 3, abs=1e-6)


def test_lists_in_blocks_are_lists_at_once(monkeypatch):
    lists = np.random.default_rng(0).integers(0, 30, (40, 6)).astype(np.int32)
    vectors = np.random.default_rng(1).normal(size=(30, 4)).astype(np.float32)
    whole = vector_distances(lists, vectors)
    monkeypatch.setattr("zhiyin.evaluate.beyond.CELLS_AT_ONCE", 31)
    np.testing.assert_array_equal(vector_distances(lists, vectors), whole)
    assert vector_distances(lists[:0], vectors).shape == (0, 15)


def test_serendipity_of_long_lists_needs_no_square_of_memory():
    n = 4_000
    lists = np.tile(np.arange(n, dtype=np.int32), (4, 1))
    hits = np.zeros((4, n), np.bool_)
    hits[:, :4] = True
    popular = np.full((4, n), -1, np.int32)
    popular[0, :2], popular[1, 0] = (0, 1), 5
    tracemalloc.start()
    found = serendipity(hits, lists, popular)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.tolist() == [2 / n, 4 / n, 4 / n, 4 / n]
    assert peak < n * n
