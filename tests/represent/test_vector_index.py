"""Reading every list is exact, reading a few finds nearly all, and nothing old is overwritten."""

from __future__ import annotations

import numpy as np
import pytest

from zhiyin.represent.short_rows import rounded
from zhiyin.represent.vector_index import VectorIndex
from zhiyin.types import FloatArray

ROWS = 2000


def vectors(seed: int = 0) -> FloatArray:
    """Forty clusters."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(40, 16))
    return (centres[random.integers(0, 40, ROWS)] + 0.3 * random.normal(size=(ROWS, 16))).astype(np.float32)


def first(index: VectorIndex, vector: FloatArray, n: int, n_read: int = ROWS, allowed=None) -> list[int]:
    codes, scores = index.search(vector, n_read, allowed)
    assert len(set(codes.tolist())) == len(codes)
    return codes[np.lexsort((codes, -scores))[:n]].tolist()


@pytest.mark.parametrize("max_exact", [ROWS, 0])
def test_reading_everything_is_exact(max_exact: int) -> None:
    rows = vectors()
    index = VectorIndex.of(rows, max_exact=max_exact)
    for query in vectors(1)[:20]:
        assert first(index, query, 50) == np.argsort(-(rows @ query), kind="stable")[:50].tolist()
    np.testing.assert_array_equal(index.take(np.array([3, -1, 7, ROWS], np.int32))[::2], rows[[3, 7]])


def test_reading_a_tenth_finds_nearly_all() -> None:
    rows = vectors()
    index = VectorIndex.of(rows, max_exact=0)
    found = [
        len({*first(index, query, 20, ROWS // 10)} & {*np.argsort(-(rows @ query))[:20].tolist()}) / 20
        for query in rows[:100]
    ]
    assert np.mean(found) > 0.95


@pytest.mark.parametrize("max_exact", [ROWS, 0])
def test_new_and_altered_rows_are_found_and_the_old_index_stays(max_exact: int) -> None:
    rows, query = vectors(), vectors(1)[0]
    old = VectorIndex.of(rows, max_exact=max_exact)
    before = first(old, query, 10, 100)
    worst = int(np.argmin(rows @ query))
    codes = np.array([worst, ROWS + 1, ROWS], np.int32)
    new = old.with_rows(codes, np.stack((9 * query, 8 * query, 7 * query)), ROWS + 2)
    assert first(new, query, 3, 100) == [worst, ROWS + 1, ROWS]
    assert first(old, query, 10, 100) == before and len(old) == ROWS
    again = new.with_rows(np.array([worst], np.int32), -query[None], ROWS + 2)
    assert first(again, query, 2, 100) == [ROWS + 1, ROWS] and first(new, query, 1, 100) == [worst]
    back = VectorIndex.saved(again.state(), max_exact=max_exact)
    assert first(back, query, 30) == first(again, query, 30)


def test_what_is_allowed_is_found_however_far_away() -> None:
    rows, query = vectors(), vectors(1)[0]
    index, order = VectorIndex.of(rows, max_exact=0), np.argsort(-(rows @ query), kind="stable")
    allowed = np.zeros(ROWS, np.bool_)
    allowed[order[-5:]] = True
    assert first(index, query, 5, 100, allowed) == order[-5:].tolist()


def test_rows_in_16_bits_answer_nearly_as_in_32_and_stay_so_when_saved() -> None:
    rows, queries = vectors(), vectors(1)[:20]
    for lists in (True, False):
        short = VectorIndex.of(rows, max_exact=0, short=True, lists=lists)
        assert short.rows.dtype == np.int16 and (len(short.starts) > 2) == lists
        codes = np.array([7, -1, ROWS], np.int32)
        np.testing.assert_allclose(short.take(codes)[0], rows[7], atol=2e-4)
        assert not short.take(codes)[1:].any()
        more = short.with_rows(np.array([ROWS, 3], np.int32), 1e4 * queries[:2], ROWS + 1)
        np.testing.assert_allclose(more.take(codes)[2], 1e4 * queries[0], atol=2)
        for index in (short, more):
            back = VectorIndex.saved(index.state(), max_exact=0)
            for query in queries:
                codes, scores = index.search(query, ROWS)
                np.testing.assert_allclose(scores, index.take(codes) @ query, rtol=1e-4, atol=1e-4)
                assert first(back, query, 50) == first(index, query, 50)
        best = [np.argsort(-(rows @ query))[:20].tolist() for query in queries]
        found = [first(short, query, 20) for query in queries]
        assert np.mean([len({*a} & {*b}) for a, b in zip(best, found, strict=True)]) > 19.8
    wide = VectorIndex.saved(VectorIndex.of(rows, max_exact=ROWS).state(short=True), max_exact=ROWS)
    assert wide.rows.dtype == np.float32
    np.testing.assert_array_equal(wide.take(np.arange(ROWS, dtype=np.int32)), rounded(rows))


def test_an_index_without_rows() -> None:
    rows = vectors()
    empty = VectorIndex.of(rows[:0], max_exact=0)
    assert len(empty) == 0 and first(empty, rows[0], 5) == []
    assert first(empty.with_rows(np.zeros(1, np.int32), rows[:1], 1), rows[0], 5) == [0]


def test_neighbourhoods_name_every_item_once() -> None:
    for max_exact in (ROWS, 0):
        index = VectorIndex.of(vectors(), max_exact=max_exact)
        parts = list(index.neighbourhoods(200, 64))
        assert sorted(np.concatenate([mine for mine, _ in parts]).tolist()) == list(range(ROWS))
        assert all(np.isin(mine, near).all() and len(mine) <= 64 for mine, near in parts)
        longer = index.with_rows(np.array([ROWS], np.int32), vectors(1)[:1], ROWS + 1)
        assert [ROWS] in [mine.tolist() for mine, _ in longer.neighbourhoods(200, 1)]
