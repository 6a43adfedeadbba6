"""A second opinion on the first few of a ranking: it may permute them, and do nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zhiyin.types import Candidates, FloatArray

__all__ = ["blended", "spread"]


def blended(ranking: Candidates, opinion: FloatArray, weight: float) -> Candidates:
    """The ranking with its first `len(opinion)` ordered by score + weight * opinion, both in units of spread.

    What is NaN or infinite in the opinion counts as its middle. The scores stay in their places, so that they
    still fall; whatever the opinion says, every item stays on its side of the window's end.
    """
    n = min(len(opinion), len(ranking))
    if n < 2 or not weight:
        return ranking
    own = _standard(np.linspace(1, 0, n) if not ranking.score.size else ranking.score[:n])
    order = np.argsort(-(own + weight * _standard(opinion[:n])), kind="stable")
    moved = ranking.take(np.concatenate([order, np.arange(n, len(ranking))]))
    return replace(moved, score=ranking.score, propensity=ranking.propensity)


def spread(ranking: Candidates, n: int) -> float:
    """By how much the first of a window outscores its last; NaN where nothing was scored."""
    head = ranking.score[:n]
    return float(head[0] - head[-1]) if len(head) > 1 else float("nan")


def _standard(values: np.ndarray) -> np.ndarray:
    """(n,) float64 with mean 0 and deviation 1; zeros where all are alike or none is finite."""
    numbers = np.asarray(values, np.float64)
    finite = np.isfinite(numbers)
    if not finite.any():
        return np.zeros(len(numbers))
    numbers = np.where(finite, numbers, np.median(numbers[finite]))
    deviation = float(numbers.std())
    return (numbers - numbers.mean()) / deviation if deviation > 1e-9 else np.zeros(len(numbers))
