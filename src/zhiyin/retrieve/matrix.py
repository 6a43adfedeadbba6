"""The data as one sparse matrix: who liked what, how much."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from zhiyin.data.dataset import Dataset

__all__ = ["fitting_penalty", "user_item_matrix"]


def user_item_matrix(data: Dataset) -> sparse.csr_matrix:
    """(n_users, n_items) the highest weight with which a user liked an item; dislikes are left out."""
    liked = data.weight > 0
    order = np.lexsort((data.weight[liked], data.item[liked], data.user[liked]))
    user, item, weight = data.user[liked][order], data.item[liked][order], data.weight[liked][order]
    last = np.ones(len(user), np.bool_)
    last[:-1] = (user[1:] != user[:-1]) | (item[1:] != item[:-1])
    shape = (data.n_users, data.n_items)
    return sparse.csr_matrix((weight[last].astype(np.float32), (user[last], item[last])), shape=shape)


def fitting_penalty(data: Dataset) -> float:
    """An L2 penalty for a regression on histories: four times the mean number of liked events per user.

    Near the best on validation where users have 9, 106 and 165 (30, 400 to 1000 and 500).
    """
    liked = data.user[data.weight > 0]
    return 4.0 * len(liked) / max(1, len(np.unique(liked)))
