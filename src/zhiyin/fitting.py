"""One part learns: from nothing, or on from what it has just learnt of less."""

from __future__ import annotations

from collections.abc import Callable

from zhiyin.contracts import Continuable, Trainable
from zhiyin.data.dataset import Dataset

__all__ = ["fit_part"]


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
