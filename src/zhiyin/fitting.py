"""One part learns: from nothing, or on from what it has just learnt of less."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zhiyin.contracts import Continuable, Trainable
from zhiyin.data.dataset import Dataset

__all__ = ["RANGES", "fit_part"]

RANGES: Mapping[str, tuple[float, float]] = {
    "n_each": (1, 1e6), "n_candidates": (1, 1e6), "n_history": (0, 1e6), "n_replay": (1, 1e6),
    "replay_share": (0, 1), "max_questions": (1, 1e9), "n_negatives": (1, 1e6), "cold_share": (0, 0.9),
}  # fmt: skip
"""What the numbers of a recommender may be."""


def fit_part(
    part: Trainable, data: Dataset, seed: int, watch: Callable[[int, int], None] | None, *, more: bool
) -> None:
    """Fits `part`. With `more` it has been fitted on a part of `data` a moment ago, and may go on from there.

    A part with an attribute `watch` is told whom to tell how far it is (done, of).
    """
    if not hasattr(part, "watch"):
        learn(part, data, seed, more)
        return
    part.watch = watch
    try:
        learn(part, data, seed, more)
    finally:
        part.watch = None


def learn(part: Trainable, data: Dataset, seed: int, more: bool) -> None:
    if more and isinstance(part, Continuable):
        part.fit_more(data, seed=seed)
    else:
        part.fit(data, seed=seed)
