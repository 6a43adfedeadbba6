"""Where things are: coordinates of a catalogue and of a question, and distances on the globe."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from zhiyin.data.catalogue import Catalogue

__all__ = ["coordinates", "kilometres", "place_of"]

LATITUDE = ("latitude", "lat")
LONGITUDE = ("longitude", "lon", "lng", "long")
EARTH_KM = 6371.0


def coordinates(items: Catalogue) -> NDArray[np.float64] | None:
    """(n_items, 2) latitude and longitude in degrees, NaN where unknown; None where the catalogue has none.

    They are the number attributes called latitude or lat, and longitude, lon, lng or long.
    """
    names = {name.casefold(): name for name in items.numbers}
    north = next((names[name] for name in LATITUDE if name in names), None)
    east = next((names[name] for name in LONGITUDE if name in names), None)
    if north is None or east is None:
        return None
    found = np.stack((items.numbers[north], items.numbers[east]), axis=1)
    found[~((np.abs(found[:, 0]) <= 90) & (np.abs(found[:, 1]) <= 360))] = np.nan
    return found


def place_of(context: Mapping[str, str]) -> NDArray[np.float64]:
    """(2,) where a question is asked, as its context says; NaN where it does not or no number can be read."""
    low = {name.casefold(): word for name, word in context.items()}
    return np.array([_number(low, LATITUDE), _number(low, LONGITUDE)])


def _number(words: Mapping[str, str], names: tuple[str, ...]) -> float:
    for name in names:
        try:
            found = float(words.get(name, ""))
        except ValueError:
            continue
        if math.isfinite(found) and abs(found) <= 360:
            return found
    return math.nan


def kilometres(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Great-circle distances of (…, 2) points in degrees, by the haversine formula; shapes are broadcast."""
    a, b = np.radians(a), np.radians(b)
    half = np.sin((b - a) / 2) ** 2
    inside = half[..., 0] + np.cos(a[..., 0]) * np.cos(b[..., 0]) * half[..., 1]
    found: NDArray[np.float64] = 2 * EARTH_KM * np.arcsin(np.sqrt(np.clip(inside, 0, 1)))
    return found
