"""Questions: what every model is asked, and the answers that would have been right, as arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zhiyin.data.dataset import Dataset
from zhiyin.data.holdout import Split
from zhiyin.errors import DataError
from zhiyin.evaluate.protocol import Protocol
from zhiyin.types import KINDS, NO_ITEMS, IntArray, Query

__all__ = ["Questions"]

RATED = (KINDS.index("rating"), KINDS.index("review"))


@dataclass(frozen=True, slots=True)
class Questions:
    """The same for every model, so that models can be compared user by user."""

    split: Split
    protocol: Protocol
    positions: NDArray[np.int64]
    """(q,) positions in the holdout; questions without a relevant target are left out."""
    row: NDArray[np.int64]
    """(t,) question of each relevant target, rising."""
    target: IntArray
    """(t,) its item; each item once per question."""
    weight: NDArray[np.float32]
    """(t,) its preference weight."""
    value: NDArray[np.float32]
    """(t,) its rating; NaN where the target is no rating."""
    only: IntArray | None
    """The candidates of a cold protocol; None = the whole catalogue."""

    @classmethod
    def of(cls, data: Dataset, protocol: Protocol) -> Questions:
        """Split the data and collect the targets."""
        split = protocol.splitter.split(data, protocol.part)
        holdout, only = split.holdout, None
        if protocol.candidates == "cold":
            only = hidden_items(data, split)
        lengths = holdout.end - holdout.start
        row = np.repeat(np.arange(len(holdout)), lengths)
        place = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        at = holdout.start[row] + place
        item, weight = holdout.data.item[at], holdout.data.weight[at]
        rated = np.isin(holdout.data.kind[at], RATED)
        value = np.where(rated, holdout.data.value[at], np.float32(np.nan))
        keep = (item >= 0) & (weight > protocol.relevant_above)
        if only is not None:
            keep &= np.isin(item, only)
        kept = np.flatnonzero(keep)
        _, first = np.unique(row[kept] * data.n_items + item[kept], return_index=True)
        kept = kept[first]
        positions = np.unique(row[kept])
        if 0 < protocol.max_questions < len(positions):
            rng = np.random.default_rng(protocol.seed)
            positions = np.sort(rng.choice(positions, protocol.max_questions, replace=False))
            kept = kept[np.isin(row[kept], positions)]
        if not len(positions):
            raise DataError(
                "at least one user with something to test on",
                value=f"{len(data)} interactions of {data.n_users} users in {data.name!r}",
                hint=f"The protocol was: {protocol.describe()}",
            )
        return cls(
            split=split,
            protocol=protocol,
            positions=positions,
            row=np.searchsorted(positions, row[kept]),
            target=item[kept],
            weight=weight[kept],
            value=value[kept],
            only=only,
        )

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def n_targets(self) -> NDArray[np.int64]:
        """(q,) relevant items of each question."""
        return np.bincount(self.row, minlength=len(self))

    @property
    def n_negatives(self) -> NDArray[np.int64]:
        """(q,) items that could have been listed and are no targets."""
        whole = self.split.fit.n_items if self.only is None else len(self.only)
        starts = np.searchsorted(self.row, np.arange(len(self) + 1))
        out = np.empty(len(self), np.int64)
        for row, query in enumerate(self.queries()):
            targets = self.target[starts[row] : starts[row + 1]]
            out[row] = whole - len(np.union1d(query.exclude, targets))
        return out

    @property
    def history_length(self) -> NDArray[np.int64]:
        """(q,) events before each question."""
        holdout = self.split.holdout
        users = holdout.user[self.positions]
        return np.asarray(holdout.start[self.positions] - holdout.data.indptr[users], np.int64)

    def queries(self) -> Iterator[Query]:
        """The questions in order, made one at a time: a million of them need no memory."""
        holdout, protocol = self.split.holdout, self.protocol
        names, context = holdout.data.users, holdout.data.context
        for position in self.positions:
            history = holdout.history(position)
            exclude = NO_ITEMS
            if protocol.filter_seen:
                exclude = np.unique(history.items)
                exclude = exclude[exclude >= 0]
                if self.only is not None:
                    exclude = np.intersect1d(exclude, self.only)
            start = int(holdout.start[position])
            yield Query(
                history=history,
                user=names[int(holdout.user[position])] if protocol.known_users else None,
                at=holdout.at(position),
                context={key: str(column[start]) for key, column in context.items() if column[start]},
                exclude=exclude,
                only=self.only,
            )

    def hits(self, lists: IntArray) -> NDArray[np.bool_]:
        """(q, k) whether each listed item is a target of its question; -1 never is."""
        n = self.split.fit.n_items
        keys = np.arange(len(self))[:, None] * n + lists
        found: NDArray[np.bool_] = np.isin(keys, self.row * n + self.target) & (lists >= 0)
        return found


def hidden_items(data: Dataset, split: Split) -> IntArray:
    """Items that people chose but no fit has seen, as the split names them or else by counting."""
    if len(split.hidden):
        return np.sort(split.hidden)
    return np.flatnonzero((data.counts() > 0) & (split.fit.counts() == 0)).astype(np.int32)
