"""Windows that move are windows that are counted anew."""

from __future__ import annotations

import numpy as np
import pytest

from zhiyin.data.time_log import TimeLog, Windows

N = 6
EVERY = np.arange(N, dtype=np.int32)


def plainly(items: np.ndarray, at: np.ndarray, end: float, seconds: float) -> list[int]:
    inside = (at > end - seconds) & (at < end)
    return np.bincount(items[inside], minlength=N).tolist()


@pytest.mark.parametrize("seed", range(8))
def test_counts_are_right_whatever_came_before(seed: int) -> None:
    """Batches in order and out of order, moments forward, backward and beyond both ends."""
    random = np.random.default_rng(seed)
    items, at = random.integers(0, N, 40).astype(np.int32), random.integers(0, 100, 40).astype(float)
    windows = Windows(TimeLog(items, at), (3.0, 20.0, 1e9), N)
    for _ in range(60):
        if random.random() < 0.3:
            more = random.integers(0, N, 3).astype(np.int32)
            late = np.round(random.uniform(0, at.max() + 5, 3))
            windows.append(more, late, N)
            items, at = np.concatenate((items, more)), np.concatenate((at, late))
        end = float(random.choice([random.uniform(-5, at.max() + 30), at.max() + 1, random.choice(at)]))
        found = windows.of(EVERY, end)
        for counts, seconds in zip(found, windows.seconds, strict=True):
            assert counts.tolist() == plainly(items, at, end, seconds)


def test_new_items_are_counted_too() -> None:
    windows = Windows(TimeLog(EVERY[:0], np.empty(0)), (10.0,), 0)
    windows.append(np.array([2], np.int32), np.array([5.0]), 3)
    assert windows.of(EVERY[:3], 6.0)[0].tolist() == [0, 0, 1]


def test_the_log_stays_in_order() -> None:
    log = TimeLog(np.array([1, 2], np.int32), np.array([5.0, 3.0]))
    assert log.append(np.array([3], np.int32), np.array([9.0]))
    assert not log.append(np.array([4], np.int32), np.array([4.0]))
    assert log.times.tolist() == [3, 4, 5, 9] and log.items.tolist() == [2, 4, 1, 3]


def test_a_batch_larger_than_all_before_fits() -> None:
    log = TimeLog(np.arange(3, dtype=np.int32), np.arange(3.0))
    assert log.append(np.arange(50_000, dtype=np.int32), np.arange(50_000.0) + 3)
    assert not log.append(np.zeros(90_000, np.int32), np.full(90_000, 1.5))
    assert len(log) == 140_003 and (np.diff(log.times) >= 0).all() and log.items[-1] == 49_999
