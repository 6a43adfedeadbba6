"""A data set: who did what with which item, in the user's order, as columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from zhiyin.data.catalogue import Catalogue, Ids
from zhiyin.data.weights import KindWeights
from zhiyin.types import KINDS, FloatArray, History, IntArray, Interaction, Item, TimeArray

__all__ = ["Dataset"]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Interactions sorted by user, within a user by time; equal times keep the order they came in.

    All columns have one row per interaction. The rows of user u are `indptr[u]:indptr[u+1]`, oldest first.
    """

    users: Ids
    items: Catalogue
    user: IntArray
    item: IntArray
    kind: NDArray[np.int8]
    """Position in `zhiyin.types.KINDS`."""
    value: FloatArray
    """Rating, seconds played, price paid …, as `kind` says; NaN = none."""
    weight: FloatArray
    """Preference that the interaction stands for: 1 a plain click, below 0 a dislike."""
    at: TimeArray
    """UTC seconds; NaN everywhere when only the order is known."""
    indptr: NDArray[np.int64]
    context: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    """Further columns (place, device …), one word per row, "" = unknown."""
    name: str = "data"

    @classmethod
    def of(
        cls,
        interactions: Iterable[Interaction],
        items: Iterable[Item] = (),
        *,
        weights: KindWeights | None = None,
        name: str = "data",
    ) -> Dataset:
        """From objects. Items that only the interactions name get a bare entry in the catalogue."""
        rows = list(interactions)
        known = {item.id: item for item in items}
        for row in rows:
            known.setdefault(row.item, Item(row.item))
        contexts = sorted({key for row in rows for key in row.context})
        catalogue = Catalogue.of(known.values())
        users = Ids(dict.fromkeys(row.user for row in rows))
        return cls.build(
            users=users,
            items=catalogue,
            user=users.codes(row.user for row in rows),
            item=catalogue.ids.codes(row.item for row in rows),
            kind=np.array([KINDS.index(row.kind) for row in rows], np.int8),
            value=np.array([np.nan if row.value is None else row.value for row in rows], np.float32),
            at=np.array([np.nan if row.at is None else row.at for row in rows], np.float64),
            context={key: np.array([row.context.get(key, "") for row in rows], np.str_) for key in contexts},
            weights=weights,
            name=name,
        )

    @classmethod
    def build(
        cls,
        *,
        users: Ids,
        items: Catalogue,
        user: IntArray,
        item: IntArray,
        kind: NDArray[np.int8],
        value: FloatArray,
        at: TimeArray,
        context: Mapping[str, NDArray[np.str_]] | None = None,
        weights: KindWeights | None = None,
        name: str = "data",
    ) -> Dataset:
        """From unsorted columns; sorts them (stable) and computes the weights."""
        order = np.lexsort((at, user)) if not np.isnan(at).all() else np.argsort(user, kind="stable")
        user = user[order].astype(np.int32)
        weight = (weights or KindWeights()).of(kind[order], value[order])
        return cls(
            users=users,
            items=items,
            user=user,
            item=item[order].astype(np.int32),
            kind=kind[order],
            value=value[order].astype(np.float32),
            weight=weight,
            at=at[order].astype(np.float64),
            indptr=np.searchsorted(user, np.arange(len(users) + 1)).astype(np.int64),
            context={key: column[order] for key, column in (context or {}).items()},
            name=name,
        )

    def __len__(self) -> int:
        return len(self.item)

    @property
    def n_users(self) -> int:
        return len(self.users)

    @property
    def n_items(self) -> int:
        return len(self.items)

    @property
    def has_clock(self) -> bool:
        """False when only the order of events is known."""
        return bool(len(self.at)) and not bool(np.isnan(self.at).all())

    def history(self, user: int, end: int | None = None) -> History:
        """What a user (code) did up to row `end` (exclusive, absolute), oldest first."""
        rows = slice(int(self.indptr[user]), int(self.indptr[user + 1]) if end is None else end)
        return History(self.item[rows], self.weight[rows], self.at[rows])

    def take(self, rows: NDArray[np.bool_]) -> Dataset:
        """The same users and items with only the rows of a mask."""
        user = self.user[rows]
        return replace(
            self,
            user=user,
            item=self.item[rows],
            kind=self.kind[rows],
            value=self.value[rows],
            weight=self.weight[rows],
            at=self.at[rows],
            indptr=np.searchsorted(user, np.arange(self.n_users + 1)).astype(np.int64),
            context={key: column[rows] for key, column in self.context.items()},
        )

    def counts(self) -> NDArray[np.int64]:
        """(n_items,) interactions per item."""
        return np.bincount(self.item, minlength=self.n_items)
