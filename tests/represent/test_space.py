"""The space takes off what all items share, and leaves a small catalogue alone."""

from __future__ import annotations

import numpy as np

from zhiyin.represent import Space
from zhiyin.represent.user import attention, unit_rows, user_vector


def cone(n: int, dim: int = 16, seed: int = 0) -> np.ndarray:
    """Unit rows that all lean the same way."""
    lean = np.zeros(dim)
    lean[0] = 5
    return unit_rows((np.random.default_rng(seed).normal(size=(n, dim)) + lean).astype(np.float32))


def test_the_common_part_is_gone() -> None:
    vectors = cone(2000)
    before, after = (
        (vectors @ vectors.T).mean(),
        (Space.of(vectors).put(vectors) @ Space.of(vectors).put(vectors).T).mean(),
    )
    assert before > 0.5 and abs(after) < 0.05


def test_a_handful_of_items_hardly_moves() -> None:
    vectors = cone(3)
    placed = Space.of(vectors).put(vectors)
    assert (placed * vectors).sum(axis=1).min() > 0.99


def test_rows_are_units_and_blank_rows_stay_blank() -> None:
    vectors = cone(200)
    vectors[7] = 0
    placed = Space.of(vectors).put(vectors)
    assert not placed[7].any()
    np.testing.assert_allclose(np.linalg.norm(np.delete(placed, 7, axis=0), axis=1), 1, atol=1e-5)


def test_no_items_at_all() -> None:
    space = Space.of(np.zeros((0, 8), np.float32))
    assert space.put(np.ones((2, 8), np.float32)).shape == (2, 8)


def test_equal_items_do_not_divide_by_zero() -> None:
    vectors = np.tile(cone(1), (50, 1))
    assert np.isfinite(Space.of(vectors).put(vectors)).all()


def test_long_vectors_are_only_centred() -> None:
    vectors = cone(50, dim=2000)
    space = Space.of(vectors)
    assert space.turn.size == 0 and space.put(vectors).shape == vectors.shape


def test_a_user_is_the_weighted_sum_of_the_history() -> None:
    vectors = np.eye(3, dtype=np.float32)
    np.testing.assert_allclose(
        user_vector(vectors[:2], np.array([3, 4], np.float32)), [0.6, 0.8, 0], atol=1e-6
    )
    assert not user_vector(vectors[:0], np.zeros(0, np.float32)).any()


def test_attention_hears_the_event_that_is_like_the_candidate() -> None:
    cosine = np.array([[0.9, 0.1], [0.5, 0.5]], np.float32)
    near, far = attention(cosine, 0.1).sum(axis=0)
    assert near > 20 * far  # the sums of the cosines are 1.4 and 0.6
    np.testing.assert_allclose(attention(cosine, 1e6), cosine, atol=1e-4)
    np.testing.assert_array_equal(attention(cosine, 0), cosine)


def test_attention_keeps_recency() -> None:
    cosine = np.array([[0.9, 0.0], [0.0, 0.9]], np.float32)
    older, newer = np.array([0.5, 1], np.float32) @ attention(cosine, 0.1)
    assert newer == 2 * older
