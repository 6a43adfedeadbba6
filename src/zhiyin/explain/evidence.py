"""What each event of the history gave each item of a ranking, over all sources that can tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from zhiyin.types import Candidates, FloatArray, History, IntArray

__all__ = ["DECAYS", "Contributions", "contributions"]

FINE = np.arange(0.99, 0.695, -0.01)
DECAYS: NDArray[np.float64] = np.array([0.9, 1.0, *FINE, 0.65, 0.6, 0.55, 0.5, 0.4, 0.3, 0.2])
"""Decays per step that are tried; the first stands where nothing can be told."""

RANK_OFFSET = 10.0
"""A source counts 1 / (10 + its rank of the item): to put it first says more than to put it hundredth."""


@dataclass(frozen=True, slots=True)
class Contributions:
    """Per distinct item of the history (k, the least recent first) and per item of the ranking (c)."""

    items: IntArray
    """(k,) item codes."""
    share: FloatArray
    """(k, c) part of the evidence, signed; the sum of the absolute values of a column is at most 1."""
    loss: FloatArray
    """(k, c) what the evidence would lose without the item, in the unit of `share`: its share, less what the
    older events would gain because they would be a step less old."""
    liking: FloatArray
    """(k,) sum of the weights of the item's events; only above 0 may it be cited as a liking."""
    times: IntArray
    """(k,) number of the item's events."""
    decays: Mapping[str, float] = field(default_factory=dict)
    """source -> the decay that was recovered."""

    def citable(self, items: IntArray) -> FloatArray:
        """(k, c) the shares that may be cited for the items of the ranking.

        0 for what was not liked, for what the item does not need, and for the item itself.
        """
        fit = (self.liking > 0)[:, None] & (self.share > 0) & (self.loss > 0) & (self.items[:, None] != items)
        return np.where(fit, self.share, np.float32(0))


def contributions(history: History, ranking: Candidates, n_items: int) -> Contributions:
    """The evidence of all sources as one table of shares.

    For a linear source the term of event t is decay ** steps * weight * block, and the terms add up to
    its score. A block comes before decay and the decay is the source's own affair, so it is recovered:
    the one of `DECAYS` under which the terms give the source's scores. Then the terms of each source are
    divided by the sum of their absolute values per item, so that no source's scale drowns another, and
    the shares are averaged with the weights of `RANK_OFFSET`.

    Events of unknown items count in the steps of the decay and are then left out.
    """
    shares, losses, decays = _shares(history, ranking)
    h, known = len(history), (history.items >= 0) & (history.items < n_items)
    items, weights = history.items[known], history.weights[known]
    if not len(items):
        nothing = np.empty(0, np.float32)
        return Contributions(items, shares[:0], losses[:0], nothing, np.empty(0, np.int32), decays)
    if len(items) < h:
        shares, losses = shares[known], losses[known]
    order = np.argsort(items, kind="stable")
    new = items[order[1:]] != items[order[:-1]]
    if new.all():
        return Contributions(items, shares, losses, weights, np.ones(len(items), np.int32), decays)
    starts = np.flatnonzero(np.concatenate(([True], new)))
    ends = np.append(starts[1:], len(items))
    recency = np.argsort(order[ends - 1], kind="stable")
    return Contributions(
        items=items[order][starts][recency],
        share=np.add.reduceat(shares[order], starts, axis=0)[recency],
        loss=np.add.reduceat(losses[order], starts, axis=0)[recency],
        liking=np.add.reduceat(weights[order], starts)[recency],
        times=(ends - starts)[recency].astype(np.int32),
        decays=decays,
    )


def _shares(history: History, ranking: Candidates) -> tuple[FloatArray, FloatArray, dict[str, float]]:
    """(h, c) shares and losses per event, and the decays."""
    h, c = len(history), len(ranking)
    names = [name for name, block in ranking.evidence.items() if block.shape[1] == c]
    if not names or not h or not c:
        return np.zeros((h, c), np.float32), np.zeros((h, c), np.float32), {}
    blocks = np.zeros((len(names), h, c))
    for block, name in zip(blocks, names):
        told = ranking.evidence[name][-h:]  # a source may look at fewer of the newest events, or at more
        block[h - len(told) :] = told
    if np.isnan(blocks).any():
        blocks = np.nan_to_num(blocks)
    columns = [ranking.sources.index(name) for name in names]
    scores = ranking.scores[:, columns].T.astype(np.float64)
    powers = _powers(h) * history.weights
    best = _best_decay(powers @ blocks, scores)
    terms = powers[best][:, :, None] * blocks
    size = np.abs(terms).sum(axis=1)
    voices = _voices(ranking, columns) * (size > 0)
    voices /= np.maximum(voices.sum(axis=0), 1e-12) * np.where(size > 0, size, 1)
    terms *= voices[:, None, :]  # of each term its share, as much as its source counts
    older = np.cumsum(terms, axis=1) - terms
    losses = terms - (1 / DECAYS[best] - 1)[:, None, None] * older
    mean, loss = (part.sum(axis=0).astype(np.float32) for part in (terms, losses))
    return mean, loss, {name: round(float(DECAYS[place]), 2) for name, place in zip(names, best)}


@lru_cache(maxsize=256)
def _powers(h: int) -> NDArray[np.float64]:
    """(d, h) decay ** steps back from the newest event."""
    powers: NDArray[np.float64] = DECAYS[:, None] ** np.arange(h - 1, -1, -1.0)
    return powers


def _best_decay(sums: NDArray[np.float64], scores: NDArray[np.float64]) -> NDArray[np.intp]:
    """(s,) position in `DECAYS`; `sums` is (s, d, c), `scores` (s, c).

    Where no decay makes the sums equal to the scores, the source has scaled them by a factor of the
    query's own: then the decay counts whose sums point the same way.
    """
    known = np.isfinite(scores)
    if not known.all():
        scores = np.where(known, scores, 0)
        sums = np.where(known[:, None], sums, 0)
    length = np.sqrt((scores**2).sum(axis=1))[:, None]
    loss = np.sqrt(((sums - scores[:, None]) ** 2).sum(axis=2)) / np.maximum(length, 1e-12)
    scaled = loss.min(axis=1) >= 0.05
    if scaled.any():
        sums, scores, length = sums[scaled], scores[scaled], length[scaled]
        lengths = np.sqrt((sums**2).sum(axis=2)) * length
        angle = 1 - (sums @ scores[:, :, None])[:, :, 0] / np.maximum(lengths, 1e-12)
        loss[scaled] = np.round(angle, 6)
    best: NDArray[np.intp] = np.argmin(loss, axis=1)
    return best


def _voices(ranking: Candidates, columns: list[int]) -> NDArray[np.float64]:
    """(s, c) how much each source counts for each item."""
    if ranking.ranks.shape != ranking.scores.shape:
        return np.ones((len(columns), len(ranking)))
    ranks = ranking.ranks[:, columns].T
    voices: NDArray[np.float64] = 1 / (RANK_OFFSET + np.where(np.isnan(ranks), 1e6, ranks).astype(np.float64))
    return voices
