"""The fast rows say what the plain matrix says."""

import numpy as np
from scipy import sparse

from zhiyin.retrieve.sparse_rows import activate, block


def test_rows_equal_the_dense_matrix_and_strangers_add_nothing():
    rng = np.random.default_rng(0)
    dense = np.where(rng.random((30, 30)) < 0.2, rng.normal(size=(30, 30)), 0).astype(np.float32)
    dense[7] = 0  # an item without any entry
    matrix = sparse.csr_matrix(dense)
    history = np.array([3, -1, 7, 12, 99, 3], np.int32)
    weights = np.array([1.0, 5.0, 2.0, -0.5, 7.0, 0.25], np.float32)
    known = np.array([3, 12, 3])
    expected = np.array([1.0, -0.5, 0.25], np.float32) @ dense[known]
    np.testing.assert_allclose(activate(matrix, history, weights), expected, rtol=1e-5, atol=1e-6)
    items = np.array([5, 29, -1, 0, 40], np.int32)
    found = block(matrix, history, items)
    plain = np.zeros((6, 5), np.float32)
    plain[np.ix_([0, 2, 3, 5], [0, 1, 3])] = dense[np.ix_([3, 7, 12, 3], [5, 29, 0])]
    np.testing.assert_array_equal(found, plain)
    assert block(matrix, history[:0], items).shape == (0, 5)
    assert activate(matrix, history[:0], weights[:0]).tolist() == [0.0] * 30
