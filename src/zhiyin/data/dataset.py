"""A data set: who did what with which item, in the user's order, as columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhiyin.data.catalogue import Catalogue, Categories, Ids
from zhiyin.data.events import check_event
from zhiyin.data.saved import load_dataset, save_dataset
from zhiyin.data.summary import card, summary
from zhiyin.data.weights import KindWeights
from zhiyin.types import KINDS, FloatArray, History, IntArray, Interaction, Item, TimeArray

__all__ = ["Dataset"]


@dataclass(frozen=True, slots=True, repr=False)
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
    user_words: Mapping[str, Categories] = field(default_factory=dict)
    """Word attributes of the users (occupation …) by name; row u belongs to the user with code u."""
    user_numbers: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    """Number attributes of the users (age …) by name; NaN = missing."""
    kind_weights: KindWeights = field(default_factory=KindWeights)
    """What made `weight` of `kind` and `value`: live events are weighed by the same rule."""

    @classmethod
    def of(
        cls,
        interactions: Iterable[Interaction],
        items: Iterable[Item] = (),
        *,
        weights: KindWeights | None = None,
        name: str = "data",
    ) -> Dataset:
        """From objects. Items that only the interactions name get a bare entry in the catalogue.

        DataError for an interaction of an unknown kind, with an id that is no text or a value that is none.
        """
        rows = list(interactions)
        for row in rows:
            check_event(row)
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
        user_words: Mapping[str, Categories] | None = None,
        user_numbers: Mapping[str, NDArray[np.float64]] | None = None,
    ) -> Dataset:
        """From unsorted columns; sorts them (stable) and computes the weights."""
        order = np.lexsort((at, user)) if not np.isnan(at).all() else np.argsort(user, kind="stable")
        user = user[order].astype(np.int32)
        columns = {key: column[order] for key, column in (context or {}).items()}
        weight = (weights or KindWeights()).weigh(kind[order], value[order], columns)
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
            context=columns,
            name=name,
            user_words=user_words or {},
            user_numbers=user_numbers or {},
            kind_weights=weights or KindWeights(),
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
        context = {name: words[rows] for name, words in self.context.items()}
        return History(self.item[rows], self.weight[rows], self.at[rows], context)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Dataset:
        """The same users and items with the rows of a mask, or with rows by position, users ascending."""
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

    def describe(self) -> dict[str, Any]:
        """Users, items, interactions by kind, span, density, long tail: ready for JSON."""
        return summary(self)

    def save(self, path: str | Path) -> None:
        """Write a directory of Parquet files; it takes the place of `path` at once or not at all."""
        save_dataset(self, path)

    @classmethod
    def load(cls, path: str | Path) -> Dataset:
        """Read what `save` wrote."""
        return load_dataset(path)

    def __repr__(self) -> str:
        size = f"{self.n_users:,} users, {self.n_items:,} items, {len(self):,} interactions"
        return f"Dataset({self.name!r}: {size})"

    def _repr_html_(self) -> str:
        return card(self)
