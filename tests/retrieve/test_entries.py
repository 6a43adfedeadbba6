"""What a history leads to, read from rows of weights, says what the plain matrix says."""

import numpy as np
from scipy import sparse

from zhiyin.retrieve.entries import Entries
from zhiyin.types import FloatArray, IntArray


def summed(entries: Entries, said: FloatArray) -> FloatArray:
    """(n,) the sums as one array over all items."""
    codes, sums = entries.added_up(said)
    whole = np.zeros(entries.n_items + 1, np.float32)
    assert len(np.unique(codes)) == len(codes)
    whole[codes] = sums
    assert whole[-1] == 0
    return whole[:-1]


def some_matrix() -> tuple[np.ndarray, sparse.csr_matrix]:
    rng = np.random.default_rng(0)
    dense = np.where(rng.random((30, 30)) < 0.2, rng.normal(size=(30, 30)), 0).astype(np.float32)
    dense[7] = 0  # an item without any entry
    return dense, sparse.csr_matrix(dense)


HISTORY: IntArray = np.array([3, -1, 7, 12, 99, 3], np.int32)
SAID: FloatArray = np.array([1.0, 5.0, 2.0, -0.5, 7.0, 0.25], np.float32)


def test_rows_equal_the_dense_matrix_and_strangers_add_nothing() -> None:
    dense, matrix = some_matrix()
    entries = Entries.of(matrix, HISTORY)
    expected = np.array([1.0, -0.5, 0.25], np.float32) @ dense[[3, 12, 3]]
    np.testing.assert_allclose(summed(entries, SAID), expected, rtol=1e-5, atol=1e-6)
    items = np.array([5, 29, -1, 0, 40], np.int32)
    plain = np.zeros((6, 5), np.float32)
    plain[np.ix_([0, 2, 3, 5], [0, 1, 3])] = dense[np.ix_([3, 7, 12, 3], [5, 29, 0])]
    np.testing.assert_array_equal(entries.block(items), plain)
    nobody = Entries.of(matrix, HISTORY[:0])
    assert nobody.block(items).shape == (0, 5)
    assert summed(nobody, SAID[:0]).tolist() == [0.0] * 30


def test_tables_that_are_joined_are_asked_as_one() -> None:
    """What came later names items that the first table does not know."""
    dense, matrix = some_matrix()
    later = np.zeros((40, 40), np.float32)
    later[3, 35], later[35, 3] = 2.0, 1.5
    both = Entries.joined([Entries.of(matrix, HISTORY), Entries.of(sparse.csr_matrix(later), HISTORY)])
    whole = later.copy()
    whole[:30, :30] += dense
    expected = np.array([1.0, -0.5, 0.25], np.float32) @ whole[[3, 12, 3]]
    np.testing.assert_allclose(summed(both, SAID), expected, rtol=1e-5, atol=1e-6)
    items = np.array([35, 5, 39], np.int32)
    np.testing.assert_array_equal(both.block(items)[[0, 3, 5]], whole[np.ix_([3, 12, 3], items)])
