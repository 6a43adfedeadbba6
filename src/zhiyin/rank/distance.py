"""What the learned ranker looks at where items have a place."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray

from zhiyin.contracts import State
from zhiyin.data.catalogue import Catalogue
from zhiyin.data.dataset import Dataset
from zhiyin.data.places import coordinates, kilometres, place_of
from zhiyin.errors import check_options
from zhiyin.types import Candidates, FloatArray, IntArray, Query

__all__ = ["DistanceFeature"]

NAMES = ("here", "last", "home", "nearest", "own_reach")
THERE_KM = 0.02
"""Events whose position is mostly this near to their item were noted at the item, after the choice."""
N_LOOKED_AT = 2_000

log = logging.getLogger(__name__)


class DistanceFeature:
    """Log kilometres from a candidate to where the asker is and was; no column where items have no place.

    `here` is the context's latitude and longitude, `last` the place of the newest event, `home` the median of
    the history, `nearest` the nearest place of the last `n_recent` events; `own_reach` is how far the asker
    usually moves from one event to the next. Places are number attributes: see `data/places.py`. Where the
    positions of past events are those of their items, `here` would give the answer away and stays NaN.
    """

    def __init__(self, *, n_recent: int = 10) -> None:
        self.n_recent = n_recent
        self.places_: NDArray[np.float64] | None = None
        self.arrived_ = False
        """Whether events say where their item is, and not where somebody was who looked for it."""
        check_options(self, n_recent=(1, 1e6))

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        self.refresh(data.items)
        self.arrived_ = self._at_the_items(data)
        if self.arrived_:
            log.warning("the positions of events are those of their items: distances do not go by them")
        return self

    def _at_the_items(self, data: Dataset) -> bool:
        if self.places_ is None or not data.context:
            return False
        rows = np.arange(0, len(data), max(1, len(data) // N_LOOKED_AT))
        said = [place_of({name: str(words[row]) for name, words in data.context.items()}) for row in rows]
        km = kilometres(np.array(said).reshape(-1, 2), self.places_[data.item[rows]])
        km = km[~np.isnan(km)]
        return bool(len(km)) and float(np.median(km)) < THERE_KM

    def refresh(self, items: Catalogue, changed: IntArray | None = None) -> None:
        self.places_ = coordinates(items)

    def names(self, candidates: Candidates) -> tuple[str, ...]:
        return () if self.places_ is None else tuple(f"distance.{name}" for name in NAMES)

    def values(self, query: Query, candidates: Candidates) -> FloatArray:
        places = self.places_
        if places is None:
            return np.empty((len(candidates), 0), np.float32)
        found = np.full((len(candidates), len(NAMES)), np.nan, np.float32)
        known = candidates.items < len(places)
        there = np.where(known[:, None], places[np.where(known, candidates.items, 0)], np.nan)
        if not self.arrived_:
            found[:, 0] = _log(kilometres(there, place_of(query.context)))
        items = query.history.items
        past = places[items[(items >= 0) & (items < len(places))]]
        past = past[~np.isnan(past).any(axis=1)]
        if len(past):
            found[:, 1] = _log(kilometres(there, past[-1]))
            found[:, 2] = _log(kilometres(there, np.median(past, axis=0)))
            recent = past[-self.n_recent :]
            found[:, 3] = _log(kilometres(there[:, None, :], recent[None, :, :]).min(axis=1))
        if len(past) > 1:
            found[:, 4] = _log(np.median(kilometres(past[1:], past[:-1])))
        return found

    def state(self) -> State:
        return {"arrived": np.array(self.arrived_)}

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        self.arrived_ = bool(state.get("arrived", False))
        return self


def _log(km: NDArray[np.float64] | np.float64) -> NDArray[np.float64]:
    """Ten metres are nearly nothing, a kilometre from one to two is as much as from ten to twenty."""
    found: NDArray[np.float64] = np.log(np.asarray(km) + 0.05)
    return found
