"""User vectors: attention over the history (R2, R6), made anew for every query."""

from __future__ import annotations

import numpy as np

from zhiyin.types import FloatArray

__all__ = ["attention", "unit_rows", "user_vector"]


def unit_rows(vectors: FloatArray) -> FloatArray:
    """The same rows at length one; zeros stay zeros."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def user_vector(vectors: FloatArray, weights: FloatArray) -> FloatArray:
    """(dim,) the weighted sum of the (h, dim) history at length one; zeros for no history.

    This is attention with weights that depend on recency, kind and value only; it asks one
    product with the catalogue.
    """
    return unit_rows(weights @ vectors)


def attention(cosine: FloatArray, temperature: float) -> FloatArray:
    """(h, c) what each event says of each candidate when events are heard the more, the more they are alike.

    It is cosine x exp((cosine - 1) / temperature), and the cosine itself at temperature 0 (no attention).
    A low temperature hears only events that are very like the candidate. The attention is not divided by
    its sum, so that several or recent events say more than one: the local activation of Deep Interest
    Network (Zhou et al. 2018) without learnt parameters. With the division recall of unseen items falls.
    """
    if temperature <= 0:
        return cosine
    heard: FloatArray = cosine * np.exp((cosine - 1) / np.float32(temperature))
    return heard
