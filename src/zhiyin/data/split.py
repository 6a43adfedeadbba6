"""Splits: what a model may learn from, and which later events it must then foresee."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from zhiyin.data.dataset import Dataset
from zhiyin.types import History, IntArray

__all__ = ["Holdout", "LeaveOneOut", "Split", "Splitter"]


@dataclass(frozen=True, slots=True)
class Holdout:
    """Questions with known answers: for each, a user's history up to `start` and the events from there to `end`."""

    data: Dataset
    """The rows that the positions refer to."""
    user: IntArray
    """(q,) user codes."""
    start: NDArray[np.int64]
    """(q,) absolute row of the first target; the history is everything of the user before it."""
    end: NDArray[np.int64]
    """(q,) absolute row after the last target."""

    def __len__(self) -> int:
        return len(self.user)

    def history(self, position: int) -> History:
        """The history of one question."""
        return self.data.history(int(self.user[position]), int(self.start[position]))

    def targets(self, position: int) -> IntArray:
        """The item codes that one question asks for."""
        return self.data.item[self.start[position] : self.end[position]]

    def at(self, position: int) -> float:
        """The moment of one question: that of its first target; NaN without a clock."""
        return float(self.data.at[self.start[position]])

    def __iter__(self) -> Iterator[tuple[int, History, IntArray]]:
        for position in range(len(self)):
            yield int(self.user[position]), self.history(position), self.targets(position)


@dataclass(frozen=True, slots=True)
class Split:
    """`fit` is all that a model may learn from; `holdout` is asked afterwards."""

    fit: Dataset
    holdout: Holdout


class Splitter(Protocol):
    """A named way to split; `part` says whether settings are chosen or the final number is made."""

    def split(self, data: Dataset, part: Literal["validation", "test"] = "test") -> Split: ...


@dataclass(frozen=True, slots=True)
class LeaveOneOut:
    """The last event of each user tests, the one before validates (users with fewer than three events only train).

    Regime "T": the model that is tested has not seen the validation event (its history has).
    Regime "T+V": it has.
    """

    regime: Literal["T", "T+V"] = "T"

    def split(self, data: Dataset, part: Literal["validation", "test"] = "test") -> Split:
        start, end = data.indptr[:-1], data.indptr[1:]
        users = np.flatnonzero(end - start >= 3)
        target = end[users] - (1 if part == "test" else 2)
        rows = np.ones(len(data), np.bool_)
        rows[end[users] - 1] = False
        if part == "validation" or self.regime == "T":
            rows[end[users] - 2] = False
        return Split(data.take(rows), Holdout(data, users.astype(np.int32), target, target + 1))
