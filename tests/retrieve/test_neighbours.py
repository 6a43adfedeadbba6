"""The fast paths of a query say the same as plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import sparse

from zhiyin.retrieve.neighbours import Neighbours
from zhiyin.retrieve.relevance import top_n

ITEMS = 9
LEVELS = st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0, np.nan])
FIRST, ONE = np.zeros(1, np.int32), np.ones(1, np.float32)


def plain_top(scores: list[float], n: int, exclude: list[int], above: float) -> list[int]:
    found = [code for code, score in enumerate(scores) if score > above and code not in exclude]
    return sorted(found, key=lambda code: (-scores[code], code))[:n]


def matrix(seed: int, share: float = 0.4) -> np.ndarray:
    random = np.random.default_rng(seed)
    dense = random.normal(size=(ITEMS, ITEMS)) * (random.random((ITEMS, ITEMS)) < share)
    return dense.astype(np.float32)


def activated(neighbours: Neighbours, items: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(n,) what a history adds up to, as one array over all items."""
    codes, sums = neighbours.entries(items).added_up(weights)
    found = np.zeros(len(neighbours) + 1, np.float32)
    found[codes] = sums
    return found[:-1]


def both_ways(dense: np.ndarray, k: int) -> tuple[Neighbours, Neighbours]:
    return Neighbours.of_dense(dense, k), Neighbours.of_sparse(sparse.csr_matrix(dense), k)


@given(
    arrays.arrays(np.float32, st.integers(0, 30), elements=LEVELS),
    st.integers(0, 35),
    st.lists(st.integers(-2, 40), max_size=10),
    st.sampled_from([-np.inf, 0.0]),
)
def test_top_n_is_a_plain_sort(scores: np.ndarray, n: int, exclude: list[int], above: float) -> None:
    found = top_n(scores, n, np.array(exclude, np.int32), above=above)
    assert found.tolist() == plain_top(scores.tolist(), n, exclude, above)


@given(st.integers(0, 100), st.lists(st.tuples(st.integers(-1, ITEMS + 2), st.floats(-2, 2)), max_size=8))
def test_activate_is_a_sum_of_rows(seed: int, events: list[tuple[int, float]]) -> None:
    dense = matrix(seed)
    items = np.array([item for item, _ in events], np.int32)
    weights = np.array([weight for _, weight in events], np.float32)
    expected = np.zeros(ITEMS)
    for item, weight in events:
        if 0 <= item < ITEMS:
            expected += weight * dense[item]
    for neighbours in (
        Neighbours.of_dense(dense, ITEMS),
        Neighbours.of_sparse(sparse.csr_matrix(dense), ITEMS),
    ):
        np.testing.assert_allclose(activated(neighbours, items, weights), expected, atol=1e-5)


def test_only_the_strongest_of_a_row_are_kept_whatever_their_sign() -> None:
    dense = np.zeros((4, 4), np.float32)
    dense[0] = [0, -3, 1, 2]
    for neighbours in both_ways(dense, 2):
        np.testing.assert_array_equal(activated(neighbours, FIRST, ONE), [0, -3, 0, 2])
        np.testing.assert_array_equal(activated(neighbours, FIRST + 1, ONE), 0)


def test_a_matrix_in_blocks_is_the_same_matrix() -> None:
    whole = sparse.csr_matrix(matrix(1))
    once, parts = Neighbours.of_sparse(whole, 3), Neighbours.of_blocks([whole[:4], whole[4:]], ITEMS, 3)
    np.testing.assert_array_equal(once.ids, parts.ids)
    np.testing.assert_array_equal(once.weights, parts.weights)


def test_renamed_items_keep_their_weights() -> None:
    dense, codes = matrix(2), np.arange(ITEMS) * 2 + 1
    wide = Neighbours.of_dense(dense, ITEMS).renamed(codes, 20)
    row = activated(wide, np.array([codes[3]], np.int32), np.ones(1, np.float32))
    np.testing.assert_array_equal(row[codes], dense[3])
    assert not row[::2].any()


@pytest.mark.parametrize("history", [[0, 3, -1, 50], []])
def test_a_block_holds_the_single_weights(history: list[int]) -> None:
    dense, items = matrix(3), np.array([5, 0, -1, 99], np.int32)
    block = Neighbours.of_dense(dense, ITEMS).entries(np.array(history, np.int32)).block(items)
    assert block.shape == (len(history), 4)
    for row, source in enumerate(history):
        for column, target in enumerate(items):
            known = 0 <= source < ITEMS and 0 <= target < ITEMS
            assert block[row, column] == (dense[source, target] if known else 0)
