"""The weighted hybrid: one weight per source, chosen on questions from the past."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from zhiyin.contracts import Feature, State
from zhiyin.errors import check_options
from zhiyin.rank.features import SourceFeature
from zhiyin.rank.rows import Rows
from zhiyin.types import Candidates, FloatArray, Query

__all__ = ["FusionRanker"]

STEPS = (0.0, 0.25, 0.5, 2.0, 4.0)
"""What a weight is multiplied with in one step of the search (and 0 -> 0.5 to bring a source back)."""


class FusionRanker:
    """Weighted reciprocal rank fusion. Weights that are not given are learnt by coordinate search.

    The search climbs the mean NDCG@10 of the replay questions, one source at a time, until a full
    round changes nothing: few numbers, no gradient, no overfitting to speak of.
    """

    def __init__(self, *, weights: Mapping[str, float] | None = None, offset: float = 20.0) -> None:
        self.weights = weights
        self.offset = offset
        self.features: Sequence[Feature] = (SourceFeature(),)
        self.weights_: dict[str, float] = dict(weights or {})
        check_options(self, offset=(1e-6, 1e6))

    @property
    def fitted(self) -> bool:
        return bool(self.weights_)

    def fit_rows(self, rows: Rows, *, seed: int = 0) -> Self:
        """Chooses the weights; given ones stay."""
        sources = [name.removesuffix(".rank") for name in rows.names if name.endswith(".rank")]
        if self.weights is not None or not len(rows.group):
            self.weights_ = dict(self.weights or dict.fromkeys(sources, 1.0))
            return self
        columns = [rows.names.index(f"{source}.rank") for source in sources]
        shares = _shares(rows.values[:, columns], self.offset)
        weights = _climb(shares, rows)
        self.weights_ = {source: float(weight) for source, weight in zip(sources, weights, strict=True)}
        return self

    def score(self, query: Query, candidates: Candidates) -> FloatArray:
        weights = np.array([self.weights_.get(source, 0.0) for source in candidates.sources], np.float32)
        score: FloatArray = _shares(candidates.ranks, self.offset) @ weights
        return score

    def importances(self) -> dict[str, float]:
        """The weights as shares, largest first."""
        total = max(sum(self.weights_.values()), 1e-12)
        return {name: w / total for name, w in sorted(self.weights_.items(), key=lambda pair: -pair[1])}

    def state(self) -> State:
        return {"weights": json.dumps(self.weights_)}

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        self.weights_ = {
            str(name): float(weight) for name, weight in json.loads(str(state["weights"])).items()
        }
        return self


def _shares(ranks: FloatArray, offset: float) -> FloatArray:
    """(c, s) what each source gives each candidate: nothing where it has no opinion."""
    shares: FloatArray = np.nan_to_num(1.0 / (offset + ranks), nan=0.0).astype(np.float32)
    return shares


def _climb(shares: FloatArray, rows: Rows) -> NDArray[np.float64]:
    weights = np.ones(shares.shape[1])
    best = _mean_ndcg(shares @ weights, rows)
    for _ in range(10):
        before = best
        for source in range(len(weights)):
            for step in STEPS:
                trial = weights.copy()
                trial[source] = weights[source] * step if weights[source] else 0.5
                if not trial.any():
                    continue
                value = _mean_ndcg(shares @ trial, rows)
                if value > best + 1e-6:
                    best, weights = value, trial
        if best - before < 1e-5:
            break
    return weights


def _mean_ndcg(score: NDArray[np.floating], rows: Rows, k: int = 10) -> float:
    """Mean over the questions of the discounted gain of the chosen items (one per question as a rule)."""
    question = np.repeat(np.arange(len(rows.group)), rows.group)
    order = np.lexsort((-score, question))
    place = np.arange(len(order)) - np.repeat(np.cumsum(rows.group) - rows.group, rows.group)
    hit = (rows.label[order] > 0) & (place < k)
    return float((1.0 / np.log2(place[hit] + 2.0)).sum() / len(rows.group))
