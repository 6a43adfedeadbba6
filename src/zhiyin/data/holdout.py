"""What a split leaves: the rows to learn from, and questions with known answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from zhiyin.data.dataset import Dataset
from zhiyin.types import History, IntArray

__all__ = ["Holdout", "Part", "Split", "Splitter"]

Part: TypeAlias = Literal["validation", "test"]


@dataclass(frozen=True, slots=True)
class Holdout:
    """Questions with known answers: a user's history up to `start`, and the events from there to `end`."""

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
    hidden: IntArray = field(default_factory=lambda: np.empty(0, np.int32))
    """Items that were taken out of `fit` on purpose: they can be asked about apart from the others."""


class Splitter(Protocol):
    """A named way to split; `part` says whether settings are chosen or the final number is made."""

    def split(self, data: Dataset, part: Literal["validation", "test"] = "test") -> Split: ...
