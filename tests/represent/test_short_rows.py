"""Rows in 16 bits: near, exact in 32 bits, and the same when done again."""

from __future__ import annotations

import numpy as np

from zhiyin.represent.short_rows import in_16_bits, in_32_bits, rounded


def test_rows_of_all_sizes_come_back_within_half_a_step_and_doing_it_again_changes_nothing() -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(5000, 16)) * 10.0 ** random.uniform(-12, 6, (5000, 1))
    given = rows.astype(np.float32)
    given[0], given[1], given[2], given[3] = 0, 1, -1, 2.0**15
    given[4, 0] = 32_767
    numbers, scales = in_16_bits(given)
    wide = in_32_bits(numbers, scales)
    assert (np.abs(wide.astype(np.float64) - given) <= scales[:, None] / 2).all()
    assert (np.abs(numbers).max(axis=1)[1:] >= 2**14 - 1).all() and not numbers[0].any()
    again, same = in_16_bits(wide)
    assert np.array_equal(again, numbers) and np.array_equal(same, scales)
    assert np.array_equal(rounded(wide), wide)


def test_the_smallest_the_largest_and_none() -> None:
    assert rounded(np.full((1, 2), 1e-44, np.float32)).tolist() == [[0, 0]]
    largest = np.full((1, 2), 1e38, np.float32)
    np.testing.assert_allclose(rounded(largest), largest, rtol=1e-4)
    assert rounded(np.empty((0, 3), np.float32)).shape == (0, 3)
