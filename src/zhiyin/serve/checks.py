"""Is a new artefact fit to serve? Asked before it does, and again by nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zhiyin.data.dataset import Dataset
from zhiyin.data.split import LeaveOneOut
from zhiyin.recommender import Recommender

__all__ = ["Checks"]


@dataclass(frozen=True, slots=True)
class Checks:
    """What must hold; the defaults stop accidents, not small changes of quality."""

    min_items: float = 0.5
    """Share of the catalogue of the artefact that serves now."""
    max_empty: float = 0.01
    """Share of canary users whose list may be empty."""
    min_quality: float = 0.5
    """Share of the popularity order's recall on the canary users that the new one must reach."""
    n_canaries: int = 200
    n: int = 20

    def faults(
        self, new: Recommender, data: Dataset, old: Recommender | None = None, *, seed: int = 0
    ) -> list[str]:
        """Everything that speaks against it; empty = it may serve. `data` is what it was fitted on."""
        found = list(_numbers(new))
        if new.items_ is None or not len(new.items_):
            return [*found, "it knows no items"]
        if old is not None and old.items_ is not None and len(new.items_) < self.min_items * len(old.items_):
            found.append(f"it knows {len(new.items_):,} items, the one that serves {len(old.items_):,}")
        if not found:
            found += self._canaries(new, data, seed)
        return found

    def _canaries(self, new: Recommender, data: Dataset, seed: int) -> Iterator[str]:
        """Real users are asked about: lists must be there, finite, and not worse than an order by popularity.

        The events asked for were fitted on, so the recall says "not broken", never "good".
        """
        holdout = LeaveOneOut().split(data).holdout
        chosen = np.random.default_rng(seed).permutation(len(holdout))[: self.n_canaries]
        popular = np.argsort(-data.counts(), kind="stable")[: self.n]
        empty = hits = floor = broken = 0
        for place in chosen:
            history, targets = holdout.history(int(place)), holdout.targets(int(place))
            query = new.query(history=[data.items.ids[int(code)] for code in history.items if code >= 0])
            ranking = new.decide(query, self.n).ranking
            empty += not len(ranking)
            broken += bool(len(ranking) and not np.isfinite(ranking.score).all())
            hits += bool(np.isin(targets, ranking.items).any())
            floor += bool(np.isin(targets, popular).any())
        if broken:
            yield f"{broken} of {len(chosen)} canary lists have scores that are no numbers"
        if empty > self.max_empty * len(chosen):
            yield f"{empty} of {len(chosen)} canary lists are empty"
        if hits < self.min_quality * floor:
            said = f"its lists hold the next item of {hits} of {len(chosen)} canary users"
            yield f"{said}, popularity alone of {floor}"


def _numbers(recommender: Recommender) -> Iterator[str]:
    """Weights and matrices that are not finite. Short and long columns may say NaN: not known."""
    for name, state in recommender.states().items():
        for key, array in _floats(state):
            learnt = array.ndim > 1 or key.rpartition(".")[2] in ("weights", "data")
            if learnt and not np.isfinite(array).all():
                yield f"{name}: the array {key!r} holds values that are no numbers"


def _floats(state: Mapping[str, NDArray[np.generic] | str]) -> Iterator[tuple[str, NDArray[np.floating]]]:
    for key, value in state.items():
        if isinstance(value, np.ndarray) and np.issubdtype(value.dtype, np.floating):
            yield key, value.astype(np.float64, copy=False)
