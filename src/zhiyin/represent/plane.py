"""Vectors in two dimensions: a plane on which what is alike stays close, for a map of the catalogue."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from zhiyin.represent.vector_index import MAX_EXACT, VectorIndex
from zhiyin.types import FloatArray, IntArray

__all__ = ["NOWHERE", "SIDE", "near_places", "neighbours", "plane", "principal"]

SIDE = 65_535
"""Places are whole numbers from 0 to this, in both directions."""
NOWHERE = -1
"""Both coordinates of an item that has no vector."""
DIM = 32
"""Directions that neighbours are looked for in."""
N_READ = 2_000
"""Vectors that each search for neighbours reads."""
BLOCK = 1024
N_PUSHES = 4
"""Strangers that each point is pushed away from, per round."""
CLIP = 4.0
OUTSIDE = 0.002
"""Share of the points on each side that may be drawn in to the edge, so that a few do not shrink the rest."""


def plane(
    vectors: FloatArray,
    *,
    k: int = 12,
    rounds: int = 300,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.int32]:
    """(n, 2) places from 0 to `SIDE`; `NOWHERE` for rows of zeros. The same seed gives the same plane.

    Starts from the two strongest directions, then moves every point towards its neighbours and away from
    strangers, by stochastic gradient descent on the graph of the `k` nearest (LargeVis, Tang et al. 2016;
    UMAP, McInnes et al. 2018): every round each point is drawn to one neighbour and pushed from a few
    strangers, all at once.
    """
    n = len(vectors)
    places = np.full((n, 2), NOWHERE, np.int32)
    rows = np.flatnonzero(vectors.any(axis=1))
    if len(rows) < 3:
        places[rows] = SIDE // 2
        return places
    reduced = principal(np.asarray(vectors[rows], np.float32), DIM)
    graph = neighbours(reduced, min(k, len(rows) - 1), seed=seed)
    start = reduced[:, :2] * np.float32(10 / max(float(np.abs(reduced[:, :2]).max()), 1e-9))
    if start.shape[1] < 2:
        start = np.column_stack([start, np.zeros(len(start), np.float32)])
    moved = _settled(start, graph, rounds, np.random.default_rng(seed), progress)
    places[rows] = _on_grid(moved)
    return places


def principal(vectors: FloatArray, dim: int) -> FloatArray:
    """(n, at most dim) the vectors in their strongest directions, strongest first; signs are fixed."""
    centred = vectors - vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    covariance = (centred.T @ centred).astype(np.float64)
    _, directions = np.linalg.eigh(covariance)
    strongest = directions[:, ::-1][:, :dim]
    largest = strongest[np.abs(strongest).argmax(axis=0), np.arange(strongest.shape[1])]
    return np.asarray(centred @ (strongest * np.where(largest < 0, -1, 1)).astype(np.float32), np.float32)


def neighbours(vectors: FloatArray, k: int, *, seed: int = 0) -> IntArray:
    """(n, k) the nearest other rows by cosine, in no order; nearly exact above 20,000 rows."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.asarray(vectors / np.maximum(length, 1e-9), np.float32)
    index = VectorIndex.of(unit, max_exact=MAX_EXACT, seed=seed)
    found = np.empty((len(unit), k), np.int32)
    for some, near in index.neighbourhoods(max(N_READ, 8 * k), BLOCK):
        closeness = unit[some] @ unit[near].T
        closeness[some[:, None] == near[None, :]] = -np.inf
        best = np.argpartition(-closeness, min(k, len(near) - 1) - 1, axis=1)[:, :k]
        found[some] = near[best]
    return found


def near_places(places: NDArray[np.int32], near: IntArray) -> NDArray[np.int32]:
    """(m, 2) places of newcomers: the median of those of their neighbours, (m, k) rows of `places`."""
    theirs = places[near].astype(np.float64)
    theirs[(theirs == NOWHERE).all(axis=2)] = np.nan
    out = np.full((len(near), 2), NOWHERE, np.int32)
    known = np.isfinite(theirs[:, :, 0]).any(axis=1)
    out[known] = np.nanmedian(theirs[known], axis=1).round().astype(np.int32)
    return out


def _settled(
    start: FloatArray,
    graph: IntArray,
    rounds: int,
    random: np.random.Generator,
    progress: Callable[[int, int], None] | None,
) -> FloatArray:
    n, k = graph.shape
    at = np.array(start, np.float32)
    for number in range(rounds):
        step = np.float32(1.0 - number / rounds)
        towards = graph[np.arange(n), random.integers(0, k, n)]
        apart = at[towards] - at
        squares = (apart**2).sum(axis=1, keepdims=True)
        pull = apart * (2 / (1 + squares))
        push = np.zeros_like(at)
        for _ in range(N_PUSHES):
            apart = at - at[random.integers(0, n, n)]
            squares = (apart**2).sum(axis=1, keepdims=True)
            push += np.clip(apart * (2 / ((0.01 + squares) * (1 + squares))), -CLIP, CLIP)
        back = np.column_stack([np.bincount(towards, pull[:, side], n) for side in (0, 1)])
        at += step * (pull + push - np.clip(back, -CLIP, CLIP).astype(np.float32))
        if progress and number % 20 == 0:
            progress(number, rounds)
    return at


def _on_grid(at: FloatArray) -> NDArray[np.int32]:
    low, high = np.quantile(at, [OUTSIDE, 1 - OUTSIDE], axis=0)
    side = max(float((high - low).max()), 1e-9)
    middle = (low + high) / 2
    grid = ((at - middle) / side + 0.5) * SIDE
    found: NDArray[np.int32] = np.clip(grid.round(), 0, SIDE).astype(np.int32)
    return found
