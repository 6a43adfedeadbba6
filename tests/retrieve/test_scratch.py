"""Borrowed arrays give plain answers, and are clean for the next request and the next thread."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from zhiyin.retrieve.scratch import added_up, marked, placed


def test_sums_are_those_of_bincount_again_and_again() -> None:
    random = np.random.default_rng(0)

    def ask(seed: int) -> bool:
        mine = np.random.default_rng(seed)
        n = int(mine.integers(1, 3000))
        codes, terms = mine.integers(0, n, 200).astype(np.int32), mine.normal(size=200).astype(np.float32)
        once, sums = added_up(codes, terms, n)
        assert sorted(once.tolist()) == sorted(set(codes.tolist()))
        whole = np.bincount(codes, terms, minlength=n).astype(np.float32)
        return bool((whole[once] == sums).all())

    assert all(ask(seed) for seed in random.integers(0, 10**6, 30))
    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(ask, range(200)))


def test_places_and_marks() -> None:
    codes, asked = np.array([7, 2, 5], np.int32), np.array([5, 0, 7, 5], np.int32)
    for _ in range(2):
        assert placed(codes, asked, 8).tolist() == [2, -1, 0, 2]
        assert marked(np.array([5, -1, 99], np.int32), asked, 8).tolist() == [True, False, False, True]
    assert marked(codes[:0], asked, 8).tolist() == [False] * 4
