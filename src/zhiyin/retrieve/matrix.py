"""The data as one sparse matrix: who liked what, how much."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from zhiyin.data.dataset import Dataset

__all__ = ["user_item_matrix"]


def user_item_matrix(data: Dataset) -> sparse.csr_matrix:
    """(n_users, n_items) the highest weight with which a user liked an item; dislikes are left out."""
    liked = data.weight > 0
    order = np.lexsort((data.weight[liked], data.item[liked], data.user[liked]))
    user, item, weight = data.user[liked][order], data.item[liked][order], data.weight[liked][order]
    last = np.ones(len(user), np.bool_)
    last[:-1] = (user[1:] != user[:-1]) | (item[1:] != item[:-1])
    shape = (data.n_users, data.n_items)
    return sparse.csr_matrix((weight[last].astype(np.float32), (user[last], item[last])), shape=shape)
