"""How sure a mean is: bootstrap over users."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Interval", "bootstrap", "resampled_means"]

Values = NDArray[np.float64]
CHUNK_CELLS = 4_000_000
"""Resampled users held in memory at once (as counts): 32 MB."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its 95 % interval; NaN bounds where none is defined (figures of all lists together)."""

    value: float
    low: float = float("nan")
    high: float = float("nan")
    error: float = float("nan")
    """Standard error."""

    def __str__(self) -> str:
        if np.isnan(self.low):
            return f"{self.value:.4f}"
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"


def resampled_means(
    values: Values, weights: Values, *, seed: int = 0, n_resamples: int = 1000
) -> NDArray[np.float64]:
    """(n_resamples, m) weighted means of (q, m) values over users drawn with replacement.

    A resample is a row of counts, so all columns are answered by one matrix product, and all columns
    see the same users: differences of columns are paired. NaN where a resample has no weight at all.
    """
    rng = np.random.default_rng(seed)
    q = len(values)
    weighted = np.where(weights > 0, values, 0.0) * weights
    step = max(1, CHUNK_CELLS // max(q, 1))
    out = np.empty((n_resamples, values.shape[1]))
    for start in range(0, n_resamples, step):
        rows = min(step, n_resamples - start)
        drawn = rng.integers(0, q, (rows, q)) + np.arange(rows)[:, None] * q
        counts = np.bincount(drawn.ravel(), minlength=rows * q).reshape(rows, q).astype(np.float64)
        with np.errstate(invalid="ignore"):
            out[start : start + rows] = (counts @ weighted) / (counts @ weights)
    return out


def bootstrap(
    values: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    seed: int = 0,
    n_resamples: int = 1000,
    level: float = 0.95,
) -> list[Interval]:
    """One interval per column of (q, m) values: percentiles of the means of resampled users (Efron 1979).

    NaN values (a question that has no such value) take no part. `weights` turn means into ratios of
    sums, as an error per rating needs. Users are resampled, not list places: answers to one user are
    not independent of each other.
    """
    v = np.asarray(values, np.float64)
    v = v[:, None] if v.ndim == 1 else v
    w = np.ones_like(v) if weights is None else np.asarray(weights, np.float64).reshape(v.shape)
    w = np.where(np.isnan(v), 0.0, w)
    v = np.where(np.isnan(v), 0.0, v)
    with np.errstate(invalid="ignore"):
        means = ((v * w).sum(0) / w.sum(0)).round(12)
    if len(v) < 2:
        return [Interval(float(mean)) for mean in means]
    drawn = resampled_means(v, w, seed=seed, n_resamples=n_resamples)
    found = []
    for mean, column in zip(means, drawn.T):
        column = column[np.isfinite(column)]
        if not len(column):
            found.append(Interval(float(mean)))
            continue
        # means of equal values differ in the last bits from product to product
        low, high = np.quantile(column, [(1 - level) / 2, (1 + level) / 2]).round(12)
        found.append(Interval(float(mean), float(low), float(high), float(column.std(ddof=1))))
    return found
