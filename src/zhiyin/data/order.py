"""Whether the rows of a user stand in the order in which things happened, and how to mix them where not."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from zhiyin.data.dataset import Dataset

__all__ = ["is_ordered", "shuffled"]

LATER = 0.1
"""So many of the steps of a log go on in time, or it says nothing of when."""
SORTED = 0.98
"""So many of the steps go one way in a table that was sorted."""
FEWEST, ENOUGH, MOST = 100, 500, 5_000
"""Users from whom a sorted table can be told, from whom a shuffled one can be, and who are looked at."""
SHORTEST = 4
"""Events of a user who tells something."""
SURE = 2.5
"""Standard errors by which neighbours in a log are more alike than other pairs of the same user."""


def is_ordered(data: Dataset, *, seed: int = 0) -> bool:
    """True for a log with times, and for one whose order shows by itself: what stands side by side goes
    together more often than what does not. False for a table without times that is sorted by item or by value
    (as a sum per user and item is) or shuffled. Where little can be told, the order of the rows is believed.
    """
    step = data.user[1:] == data.user[:-1]
    if not step.any():
        return True
    with np.errstate(invalid="ignore"):
        later = data.at[1:] > data.at[:-1]
    if float(later[step].mean()) >= LATER:
        return True
    users = np.flatnonzero(np.diff(data.indptr) >= SHORTEST)
    if len(users) < FEWEST:
        return True
    if _is_sorted(data, step):
        return False
    users = np.random.default_rng(seed).permutation(users)[:MOST]
    gain = _gain_of_neighbours(data, users, seed)
    if len(gain) < ENOUGH:
        return True
    return bool(gain.mean() > SURE * gain.std() / len(gain) ** 0.5)


def shuffled(data: Dataset, *, seed: int = 0) -> Dataset:
    """The same rows, those of each user in an order that says nothing."""
    return data.take(np.lexsort((np.random.default_rng(seed).random(len(data)), data.user)))


def _is_sorted(data: Dataset, step: NDArray[np.bool_]) -> bool:
    """By item (as codes, numbers or words) or by value."""
    ids = list(data.items.ids)
    keys = [np.arange(len(ids)), np.argsort(np.argsort(np.array(ids, dtype=np.str_), kind="stable"))]
    if all(name.isdecimal() and len(name) < 16 for name in ids):
        keys.append(np.array(ids, dtype=np.int64))
    columns = [key[data.item] for key in keys] + [data.value]
    return any(_one_way(column, step) for column in columns)


def _one_way(column: NDArray[Any], step: NDArray[np.bool_]) -> bool:
    up, down = (column[1:] > column[:-1])[step], (column[1:] < column[:-1])[step]
    changes = int(up.sum() + down.sum())
    return changes >= 0.2 * len(up) and max(int(up.sum()), int(down.sum())) >= SORTED * changes


def _gain_of_neighbours(data: Dataset, users: NDArray[np.intp], seed: int) -> NDArray[np.float64]:
    """(u,) of each user one event: how alike it is to the one before it, less how alike to an earlier one.

    Alike is the cosine of who has both, without the user himself.
    """
    rng = np.random.default_rng(seed)
    length, begin = np.diff(data.indptr)[users], data.indptr[users]
    place = 3 + (rng.random(len(users)) * (length - 3)).astype(np.int64)
    other = (rng.random(len(users)) * (place - 1)).astype(np.int64)
    late, near, far = (data.item[begin + spot] for spot in (place, place - 1, other))
    known = (late != near) & (late != far)
    late, near, far = late[known], near[known], far[known]
    shape = (data.n_items, data.n_users)
    fans = sparse.csr_matrix((np.ones(len(data), np.float32), (data.item, data.user)), shape=shape)
    fans.data[:] = 1.0
    n = np.diff(fans.indptr)

    def alike(one: NDArray[np.int32], two: NDArray[np.int32]) -> NDArray[np.float64]:
        both = np.asarray(fans[one].multiply(fans[two]).sum(axis=1), np.float64).ravel() - 1
        found: NDArray[np.float64] = both / np.sqrt(np.maximum(n[one] - 1, 1) * np.maximum(n[two] - 1, 1))
        return found

    return alike(late, near) - alike(late, far)
