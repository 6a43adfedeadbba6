"""The space in which items are compared: an encoder's, without what all items have in common."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zhiyin.represent.user import unit_rows
from zhiyin.types import FloatArray

__all__ = ["Space"]

CENTRE_PRIOR = 100
"""Imagined items at zero: the mean of a handful of items says nothing of what all have in common."""
SPREAD_PRIOR = 512
"""Imagined items that spread evenly."""
POWER = 0.15
"""How far loud directions are damped: 0 not at all, 0.5 until all are equal (whitening)."""
MAX_DIM = 1024
"""Vectors that are longer are only centred: the damping costs dim^3 operations and dim^2 numbers."""
MAX_ROWS = 20_000
"""Items that a space is learnt from; more do not change it."""


@dataclass(frozen=True, slots=True)
class Space:
    """Where vectors of one catalogue are put before their cosines are taken.

    A text encoder keeps all texts of one shop in a narrow cone, and a few directions (language, length,
    kind of text) outvoice the others. The mean is taken off and the loud directions are damped, as in
    Mu and Viswanath (2018), softly. For unseen items of MovieLens 1M this lifts recall@20 of a decayed
    history from .27 to .35, more than any other setting does.
    """

    centre: FloatArray
    """(dim,) taken off."""
    turn: FloatArray
    """(dim, dim) then multiplied; (0, 0) = nothing to multiply."""

    @classmethod
    def of(cls, vectors: FloatArray) -> Space:
        """Learnt from the unit rows of a catalogue; close to the encoder's own for a small one."""
        filled = vectors[vectors.any(axis=1)]
        filled = filled[:: max(1, -(-len(filled) // MAX_ROWS))].astype(np.float64)
        n, dim = len(filled), vectors.shape[1]
        centre = filled.sum(axis=0) / (n + CENTRE_PRIOR)
        if dim > MAX_DIM or not n:
            return cls(centre.astype(np.float32), np.zeros((0, 0), np.float32))
        spread = filled - centre
        evenly = float((spread**2).sum()) / (n * dim)
        covariance = (spread.T @ spread + SPREAD_PRIOR * evenly * np.eye(dim)) / (n + SPREAD_PRIOR)
        variances, directions = np.linalg.eigh(covariance)
        loudness = (np.maximum(variances, 0) + evenly) / max(2 * evenly, 1e-12)
        turn = (directions * loudness**-POWER) @ directions.T
        return cls(centre.astype(np.float32), turn.astype(np.float32))

    def put(self, vectors: FloatArray) -> FloatArray:
        """(n, dim) the rows in this space, at length one; zeros stay zeros."""
        moved = vectors - self.centre
        if self.turn.size:
            moved = moved @ self.turn
        return unit_rows(np.where(vectors.any(axis=-1, keepdims=True), moved, np.float32(0)))
