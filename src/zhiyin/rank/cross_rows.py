"""The ranker's rows as a network reads them: columns of one size, without gaps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from zhiyin.types import FloatArray

__all__ = ["Scaling"]

N_LOOKED_AT = 50_000
"""Rows, evenly drawn, that tell how large a column is."""
FAR = 5.0
"""Deviations beyond which a value is as far as any other: service meets what training did not."""
RARE = 1e-3
"""A gap in fewer rows than this share, or in all others, says nothing."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """Columns brought to one size: distance from the median in quartile ranges, its signed log, standardised.

    Columns that never vary are left out. A gap becomes the mean, and a flag where gaps come and go; columns
    with the same gaps share one.
    """

    column: NDArray[np.int64]
    """(k,) columns that vary."""
    middle: FloatArray
    width: FloatArray
    mean: FloatArray
    deviation: FloatArray
    """(k,) each: median, quartile range; of the signed log: mean, deviation."""
    flag: NDArray[np.int64]
    """(m,) columns whose gaps are flagged."""

    @classmethod
    def of(cls, values: FloatArray) -> Self:
        """From (r, f) rows; NaN and infinities are gaps."""
        some = values[:: -(-len(values) // N_LOOKED_AT)]
        gaps = ~np.isfinite(some)
        column, measures = [], []
        for place in range(some.shape[1]):
            known = some[~gaps[:, place], place].astype(np.float64)
            if len(known) and np.ptp(known) > 1e-6 * np.abs(known).max():
                column.append(place)
                measures.append(_measures(known))
        middle, width, mean, deviation = np.array(measures, np.float32).reshape(-1, 4).T
        first = np.sort(np.unique(gaps, axis=1, return_index=True)[1])
        share = gaps[:, first].mean(axis=0)
        flag = first[(share > RARE) & (share < 1 - RARE)].astype(np.int64)
        return cls(np.array(column, np.int64), middle, width, mean, deviation, flag)

    @property
    def n_inputs(self) -> int:
        return len(self.column) + len(self.flag)

    def inputs(self, values: FloatArray) -> FloatArray:
        """(r, n_inputs) float32 of (r, f) rows, without gaps."""
        found = np.empty((len(values), self.n_inputs), np.float32)
        far, gaps = found[:, : len(self.column)], ~np.isfinite(values)
        far[:] = signed_log((values[:, self.column] - self.middle) / self.width)
        far -= self.mean
        far /= self.deviation
        np.clip(far, -FAR, FAR, out=far)
        far[gaps[:, self.column]] = 0
        found[:, len(self.column) :] = gaps[:, self.flag]
        return found

    def state(self) -> dict[str, NDArray[np.generic]]:
        return {f"scaling.{name}": getattr(self, name) for name in self.__slots__}

    @classmethod
    def restored(cls, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        return cls(*(state[f"scaling.{name}"] for name in cls.__slots__))  # type: ignore[arg-type]


def _measures(known: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Median; quartile range, or the deviation where half are equal; mean and deviation of the log."""
    low, middle, high = np.percentile(known, (25, 50, 75))
    width = high - low if high - low > 1e-3 * known.std() else known.std()
    far = signed_log(((known - middle) / width).astype(np.float32))
    return float(middle), float(width), float(far.mean()), float(far.std()) or 1.0


def signed_log(values: FloatArray) -> FloatArray:
    """Like the values near 0, like their logarithm far from it."""
    found: FloatArray = np.copysign(np.log(np.abs(values) + np.float32(1)), values)
    return found
