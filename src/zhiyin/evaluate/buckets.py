"""The same metrics apart: by how long the history is, and by how popular the target is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zhiyin.evaluate.intervals import Interval, bootstrap
from zhiyin.evaluate.metrics import ACCURACY
from zhiyin.evaluate.popularity import TIERS, tiers
from zhiyin.evaluate.questions import Questions
from zhiyin.types import IntArray

__all__ = ["Bucket", "by_history", "by_popularity", "groups"]

HISTORY_EDGES = (5, 20, 100)
HISTORY_NAMES = ("0-5", "6-20", "21-100", "> 100")
METRICS = ("ndcg", "recall", "precision", "f1", "hit")


@dataclass(frozen=True, slots=True)
class Bucket:
    """Part of the questions, or of their targets."""

    kind: str
    """history | popularity"""
    name: str
    n: int
    """Questions in it."""
    metrics: dict[str, Interval]


def groups(questions: Questions) -> dict[str, NDArray[np.str_]]:
    """(q,) names of the bucket of each question; with several targets, the rarest one decides its tier."""
    tier = tiers(questions.split.fit.counts())[questions.target].astype(np.int64)
    rarest = np.zeros(len(questions), np.int64)
    np.maximum.at(rarest, questions.row, tier)
    return {
        "history": np.array(HISTORY_NAMES)[_history_place(questions)],
        "popularity": np.array(TIERS)[rarest],
    }


def by_history(questions: Questions, hits: NDArray[np.bool_], *, k: int, seed: int = 0) -> list[Bucket]:
    """Questions by the number of events before them; empty buckets are left out."""
    place = _history_place(questions)
    n_targets = questions.n_targets
    return [
        _bucket("history", name, hits[rows], n_targets[rows], k, seed)
        for code, name in enumerate(HISTORY_NAMES)
        if len(rows := np.flatnonzero(place == code))
    ]


def by_popularity(
    questions: Questions, hits: NDArray[np.bool_], lists: IntArray, *, k: int, seed: int = 0
) -> list[Bucket]:
    """Targets by their popularity at fit time: of the targets in a tier, how many were found?

    A question with targets in several tiers stands in each, judged by its targets there.
    """
    tier = tiers(questions.split.fit.counts())
    of_target, of_list = tier[questions.target], tier[lists]
    found = []
    for code, name in enumerate(TIERS):
        n_targets = np.bincount(questions.row[of_target == code], minlength=len(questions))
        rows = np.flatnonzero(n_targets)
        if len(rows):
            inside = hits[rows] & (of_list[rows] == code)
            found.append(_bucket("popularity", name, inside, n_targets[rows], k, seed))
    return found


def _history_place(questions: Questions) -> NDArray[np.intp]:
    return np.searchsorted(HISTORY_EDGES, questions.history_length, side="left")


def _bucket(
    kind: str, name: str, hits: NDArray[np.bool_], n_targets: NDArray[np.int64], k: int, seed: int
) -> Bucket:
    values = np.column_stack([ACCURACY[metric](hits, n_targets, k) for metric in METRICS])
    intervals = bootstrap(values, seed=seed)
    return Bucket(kind, name, len(hits), {f"{m}@{k}": i for m, i in zip(METRICS, intervals)})
