"""What the learned ranker looks at, part one: the sources and their evidence."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from zhiyin.errors import check_options
from zhiyin.types import Candidates, FloatArray, Query

__all__ = ["AgreementFeature", "EvidenceFeature", "HistoryFeature", "SourceFeature"]


class SourceFeature:
    """Of every source: its score, the score relative to its best candidate, and its rank."""

    def names(self, candidates: Candidates) -> tuple[str, ...]:
        return _source_names(candidates.sources)

    def values(self, query: Query, candidates: Candidates) -> FloatArray:
        scores = candidates.scores
        best = np.nanmax(np.where(np.isnan(scores), -np.inf, scores), axis=0, initial=-np.inf)
        scale = np.where(np.isfinite(best) & (best > 0), best, 1.0)
        return np.hstack([scores, scores / scale, candidates.ranks]).astype(np.float32)


class AgreementFeature:
    """How far the sources agree: best rank, sum of reciprocal ranks, counts in the first 10 and 50."""

    def names(self, candidates: Candidates) -> tuple[str, ...]:
        return ("agreement.best_rank", "agreement.reciprocal", "agreement.first_10", "agreement.first_50")

    def values(self, query: Query, candidates: Candidates) -> FloatArray:
        ranks = np.where(np.isnan(candidates.ranks), np.inf, candidates.ranks)
        best = ranks.min(axis=1, initial=np.inf)
        columns = (
            np.where(np.isinf(best), np.nan, best),
            (1.0 / (10.0 + ranks)).sum(axis=1),
            (ranks < 10).sum(axis=1),
            (ranks < 50).sum(axis=1),
        )
        return np.stack(columns, axis=1).astype(np.float32)


class EvidenceFeature:
    """What the history says of each candidate, by source, under several decays and from its last events."""

    def __init__(self, *, decays: tuple[float, ...] = (0.5, 0.8, 0.95, 1.0), n_last: int = 3) -> None:
        self.decays = decays
        self.n_last = n_last
        check_options(self, n_last=(0, 1000))

    def names(self, candidates: Candidates) -> tuple[str, ...]:
        return _evidence_names(tuple(candidates.evidence), tuple(self.decays), self.n_last)

    def values(self, query: Query, candidates: Candidates) -> FloatArray:
        names, h = list(candidates.evidence), len(query.history)
        if not names:
            return np.empty((len(candidates), 0), np.float32)
        blocks = np.stack([candidates.evidence[name] for name in names])
        s, n_last = len(names), self.n_last
        found = np.full((s, len(self.decays) + n_last + 2, len(candidates)), np.nan, np.float32)
        found[:, : len(self.decays)] = np.stack([query.history.decayed(d) for d in self.decays]) @ blocks
        newest = blocks[:, : -n_last - 1 : -1] if h else blocks[:, :0]
        found[:, len(self.decays) : len(self.decays) + newest.shape[1]] = newest
        found[:, -2] = blocks.max(axis=1, initial=0.0)
        found[:, -1] = np.count_nonzero(blocks > 0, axis=1)
        return np.ascontiguousarray(found.reshape(-1, len(candidates)).T)


class HistoryFeature:
    """How much is known of who asks: it tells the ranker which source to trust, and when."""

    def names(self, candidates: Candidates) -> tuple[str, ...]:
        return ("history.length", "history.distinct", "history.hours_since_last")

    def values(self, query: Query, candidates: Candidates) -> FloatArray:
        history = query.history
        since = (query.at - history.at[-1]) / 3600.0 if len(history) else np.nan
        row = np.array([len(history), len(set(history.items.tolist())), since], np.float32)
        return np.broadcast_to(row, (len(candidates), 3)).astype(np.float32)


# Names are the same for nearly every request: they are put together once.


@lru_cache(maxsize=256)
def _source_names(sources: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{source}.{what}" for what in ("score", "relative", "rank") for source in sources)


@lru_cache(maxsize=256)
def _evidence_names(sources: tuple[str, ...], decays: tuple[float, ...], n_last: int) -> tuple[str, ...]:
    kinds = [f"decay_{decay:g}" for decay in decays]
    kinds += [f"last_{back + 1}" for back in range(n_last)] + ["max", "support"]
    return tuple(f"{source}.{kind}" for source in sources for kind in kinds)
