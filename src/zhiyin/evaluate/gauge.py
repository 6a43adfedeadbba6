"""Measures: from the lists of one recommender to its row of numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zhiyin.errors import ConfigError
from zhiyin.evaluate.beyond import (
    attribute_distances,
    coverage,
    diversity,
    exposure,
    gini,
    lorenz,
    novelty,
    self_information,
    serendipity,
    share_of,
    vector_distances,
)  # fmt: skip
from zhiyin.evaluate.buckets import by_history, by_popularity
from zhiyin.evaluate.evaluation import Row, Timing
from zhiyin.evaluate.intervals import Interval, bootstrap
from zhiyin.evaluate.metrics import ACCURACY
from zhiyin.evaluate.popularity import popular_lists, tiers
from zhiyin.evaluate.questions import Questions
from zhiyin.evaluate.ranks import Lists, Rankable
from zhiyin.evaluate.ratings import Predictor, rating_errors
from zhiyin.evaluate.roc import auc, roc_points
from zhiyin.types import FloatArray, IntArray

__all__ = ["Gauge"]

Values = NDArray[np.float64]

MAX_VARIED = 20_000
"""Lists whose diversity is measured."""
N_CURVE_POINTS = 201


@dataclass(frozen=True, slots=True)
class Gauge:
    """What measuring needs besides the lists: computed once, the same for every row."""

    questions: Questions
    n_targets: NDArray[np.int64]
    n_negatives: NDArray[np.int64]
    popular: IntArray
    """(q, n) the popular lists."""
    information: Values
    tail: NDArray[np.bool_]
    vectors: FloatArray | None

    @classmethod
    def of(cls, questions: Questions, vectors: FloatArray | None) -> Gauge:
        data = questions.split.fit
        if vectors is not None and len(vectors) != data.n_items:
            raise ConfigError(
                f"vectors of {len(vectors)} items: expected one row for each of {data.n_items} items"
            )
        pairs = np.unique(data.user.astype(np.int64) * data.n_items + data.item)
        users_per_item = np.bincount(pairs % data.n_items, minlength=data.n_items)
        return cls(
            questions=questions,
            n_targets=questions.n_targets,
            n_negatives=questions.n_negatives,
            popular=popular_lists(questions, questions.protocol.n),
            information=self_information(users_per_item, data.n_users),
            tail=tiers(data.counts()) >= 2,
            vectors=vectors,
        )

    def row(self, name: str, rankable: Rankable, lists: Lists, *, fit_s: float, floor: bool) -> Row:
        """All that can be said of one recommender."""
        q, protocol = self.questions, self.questions.protocol
        hits = q.hits(lists.items)
        values = {**self._accuracy(hits), **self._beyond(lists.items, hits)}
        values[f"auc@{protocol.n}"] = auc(lists.items, hits, self.n_targets, self.n_negatives)
        values = {metric: column for metric, column in values.items() if np.isfinite(column).any()}
        intervals = bootstrap(np.column_stack(list(values.values())), seed=protocol.seed)
        metrics = dict(zip(values, intervals)) | self._of_all_lists(lists.items)
        if isinstance(rankable, Predictor):
            errors, per_user = rating_errors(rankable, q, seed=protocol.seed)
            metrics |= errors
            values |= per_user
        k, seed = protocol.main_k, protocol.seed
        shown = exposure(lists.items[:, :k], q.split.fit.n_items, q.only)
        return Row(
            name=name,
            floor=floor,
            metrics=metrics,
            per_user={metric: column.astype(np.float32) for metric, column in values.items()},
            timing=Timing(fit_s, float(np.quantile(lists.ms, 0.5)), float(np.quantile(lists.ms, 0.99))),
            buckets=(
                *by_history(q, hits, k=k, seed=seed),
                *by_popularity(q, hits, lists.items, k=k, seed=seed),
            ),
            lorenz=lorenz(shown),
            roc=_thinned(roc_points(lists.items, hits, self.n_targets, self.n_negatives)),
        )

    def _accuracy(self, hits: NDArray[np.bool_]) -> dict[str, Values]:
        cuts = self.questions.protocol.k
        return {f"{m}@{k}": of(hits, self.n_targets, k) for k in cuts for m, of in ACCURACY.items()}

    def _beyond(self, lists: IntArray, hits: NDArray[np.bool_]) -> dict[str, Values]:
        out: dict[str, Values] = {}
        largest = lists[:, : self.questions.protocol.k[-1]]
        distances = self._distances(largest)
        for k in self.questions.protocol.k:
            cut = lists[:, :k]
            out[f"tail@{k}"] = share_of(cut, self.tail)
            if distances is not None and k > 1:
                out[f"diversity@{k}"] = diversity(largest, distances, k)
            out[f"novelty@{k}"] = novelty(cut, self.information)
            out[f"serendipity@{k}"] = serendipity(hits[:, :k], cut, self.popular[:, :k])
        return out

    def _distances(self, lists: IntArray) -> Values | None:
        """(q, pairs); of very many lists an even sample, NaN for the others: pairs are many."""
        sample = np.unique(np.linspace(0, len(lists) - 1, min(len(lists), MAX_VARIED)).astype(np.int64))
        some = lists[sample]
        if self.vectors is None:
            found = attribute_distances(some, self.questions.split.fit.items)
        else:
            found = vector_distances(some, self.vectors)
        if found is None or len(some) == len(lists):
            return found
        out = np.full((len(lists), found.shape[1]), np.nan)
        out[sample] = found
        return out

    def _of_all_lists(self, lists: IntArray) -> dict[str, Interval]:
        out = {}
        for k in self.questions.protocol.k:
            shown = exposure(lists[:, :k], self.questions.split.fit.n_items, self.questions.only)
            out[f"coverage@{k}"] = Interval(coverage(shown))
            out[f"gini@{k}"] = Interval(gini(shown))
        return out


def _thinned(points: Values) -> Values:
    """A curve cut to so many of its points, both ends kept."""
    kept = np.unique(np.linspace(0, len(points) - 1, min(len(points), N_CURVE_POINTS)).astype(np.int64))
    return points[kept]
