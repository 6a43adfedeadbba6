"""What kind of log this is: what the default recommender chooses its parts by."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Self

import numpy as np

from zhiyin.data.context_table import TOLD, told_by_items
from zhiyin.data.dataset import Dataset
from zhiyin.data.order import is_ordered
from zhiyin.data.places import coordinates

__all__ = ["Shape", "return_share"]

log = logging.getLogger(__name__)

HOUR = 3600.0
RETURNS = 0.3
"""Above this share of events that come back to a known item, coming back is what people do here."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Read off the data alone; the shape of no data is that of a plain log."""

    repeats: bool = False
    """People come back to the same items, as to places and songs."""
    contexts: tuple[str, ...] = ()
    """Context columns that describe situations."""
    clock: bool = False
    """Events have times that are more than an order: they spread over the day."""
    places: bool = False
    """Items have latitude and longitude."""
    ordered: bool = True
    """The events of a user stand in the order in which they happened."""

    @classmethod
    def of(cls, data: Dataset | None) -> Self:
        if data is None or not len(data):
            return cls()
        contexts = told_by_items(data)
        for name in (name for name, told in contexts.items() if told >= TOLD):
            log.warning("the context %r goes with the item, and is no situation: left out", name)
        return cls(
            repeats=return_share(data) > RETURNS,
            contexts=tuple(name for name, told in contexts.items() if told < TOLD),
            clock=_has_hours(data),
            places=_has_places(data),
            ordered=is_ordered(data),
        )


def return_share(data: Dataset) -> float:
    """Share of the events by which a user comes back to an item, an hour or more after the last one with it.

    Without a clock every further event counts, but not one that follows at once: that is the same visit.
    """
    order = np.lexsort((np.arange(len(data)), data.item, data.user))
    user, item, at = data.user[order], data.item[order], data.at[order]
    again = (user[1:] == user[:-1]) & (item[1:] == item[:-1])
    apart = np.where(np.isnan(at[1:] - at[:-1]), np.diff(order) > 1, at[1:] - at[:-1] >= HOUR)
    return float((again & apart).sum()) / max(len(data), 1)


def _has_hours(data: Dataset) -> bool:
    """False where times are days or mere counters: then every event is at the same time of day."""
    at = data.at[~np.isnan(data.at)]
    return len(np.unique(np.floor(at / HOUR) % 24)) >= 6 and bool(at.max() - at.min() >= 48 * HOUR)


def _has_places(data: Dataset) -> bool:
    found = coordinates(data.items)
    return found is not None and bool((~np.isnan(found).any(axis=1)).mean() >= 0.2)
