"""User vectors: attention over the history (R2, R6), made anew for every query."""

from __future__ import annotations

import numpy as np

from zhiyin.types import FloatArray

__all__ = ["attend", "unit_rows", "user_vector"]


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


def attend(similarity: FloatArray, weights: FloatArray, temperature: float) -> FloatArray:
    """(c,) what a history says of c candidates when it looks most at the events that are like each.

    `similarity` is (h, c). Every candidate gets its own softmax over the events, of
    similarity / temperature + log |weight|; dislikes keep their sign. A small temperature looks at
    the nearest event only, a large one gives the weighted mean (the local activation of Deep
    Interest Network, Zhou et al. 2018, without learnt parameters).
    """
    logits = similarity / np.float32(temperature)
    logits -= logits.max(axis=0, initial=-np.inf, keepdims=True)
    attention = np.exp(logits) * np.abs(weights)[:, None]
    attention /= np.maximum(attention.sum(axis=0, keepdims=True), np.float32(1e-12))
    scores: FloatArray = (attention * similarity * np.sign(weights)[:, None]).sum(axis=0)
    return scores
