"""A linear sequence model in closed form: from the decayed past to the next few items.

After Choi, Kim, Lee, Shim and Lee, "Session-aware linear item-item models" (WWW 2021), part SLIT.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from zhiyin.data.dataset import Dataset
from zhiyin.errors import ConfigError, check_options
from zhiyin.retrieve.linear import LinearRetriever
from zhiyin.retrieve.matrix import fitting_penalty
from zhiyin.retrieve.neighbours import Neighbours
from zhiyin.types import FloatArray, IntArray

__all__ = ["SlitRetriever"]


class SlitRetriever(LinearRetriever):
    """Ridge regression with one row per event of the log: its past, decayed by `decay` a step, against the
    next `next_items` items.

    Only the `max_items` most frequent items take part: the solution needs 8 n^2 bytes and 7/3 n^3 steps.
    """

    def __init__(
        self,
        *,
        regularisation: float | None = None,
        decay: float = 0.85,
        window: int = 20,
        next_items: int = 1,
        k: int = 100,
        max_items: int = 15_000,
    ) -> None:
        self.regularisation = regularisation
        self.decay = decay
        self.window = window
        self.next_items = next_items
        self.k = k
        self.max_items = max_items
        check_options(
            self, regularisation=(1e-6, 1e9), decay=(0, 1), window=(1, 1e6), next_items=(1, 1000),
            k=(1, 1e6), max_items=(1, 1e9),
        )  # fmt: skip

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        count = np.bincount(data.item[data.weight > 0], minlength=data.n_items)
        active = np.sort(np.argsort(-count, kind="stable")[: min(self.max_items, np.count_nonzero(count))])
        place = np.full(data.n_items, -1, np.int32)
        place[active] = np.arange(len(active))
        rows = (data.weight > 0) & (place[data.item] >= 0)
        gram, target = self.moments(data.user[rows], place[data.item[rows]], len(active))
        penalty = fitting_penalty(data) if self.regularisation is None else self.regularisation
        gram[np.diag_indices_from(gram)] += np.float32(penalty)
        try:
            solution = linalg.solve(gram, target, assume_a="pos", overwrite_a=True, overwrite_b=True)
        except linalg.LinAlgError as error:
            raise ConfigError(
                f"slit has no solution with regularisation = {penalty:g}, decay = {self.decay:g} and "
                f"window = {self.window}: raise regularisation or window, or lower decay"
            ) from error
        self.neighbours_ = Neighbours.of_dense(solution, self.k).renamed(active, data.n_items)
        return self

    def moments(self, user: IntArray, item: IntArray, n: int) -> tuple[FloatArray, FloatArray]:
        """(n, n) X'X and X'Y, without making X or Y: both only depend on how far two events are apart.

        Events a <= b, d steps apart, meet in every row p from b to the end of the sequence, with
        decay ** (p - a) * decay ** (p - b); and b is a target of the rows b - next_items ... b - 1.
        """
        gram = np.zeros((n, n), np.float32, order="F")
        target = np.zeros((n, n), np.float32, order="F")
        flat_gram, flat_target = gram.reshape(-1, order="F"), target.reshape(-1, order="F")
        left = remaining(user)
        tail = left if self.decay == 1 else (1 - self.decay ** (2 * left)) / (1 - self.decay**2)
        tail = tail.astype(np.float32)
        np.add.at(flat_gram, flat(item, item, n), tail)
        for distance in range(1, min(self.window, len(user) - 1) + 1):
            together = user[distance:] == user[:-distance]
            earlier, later = item[:-distance][together], item[distance:][together]
            both = tail[distance:][together] * np.float32(self.decay**distance)
            np.add.at(flat_gram, flat(earlier, later, n), both)
            np.add.at(flat_gram, flat(later, earlier, n), both)
            steps = distance - np.arange(1, min(self.next_items, distance) + 1)
            np.add.at(flat_target, flat(earlier, later, n), np.float32(np.sum(self.decay**steps)))
        return gram, target


def flat(row: IntArray, column: IntArray, n: int) -> NDArray[np.int64]:
    """Places in a flat, column-major (n, n) array: numpy adds there seven times as fast as by pairs."""
    return column.astype(np.int64) * n + row


def remaining(user: IntArray) -> FloatArray:
    """(rows,) events of the same user from this one to the last, this one included; `user` is sorted."""
    last = np.searchsorted(user, user, side="right")
    return (last - np.arange(len(user))).astype(np.float32)
