"""For whom a second opinion pays: a few limits, fitted on questions whose answers are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from zhiyin.rank.window import spread
from zhiyin.types import Candidates, Query

__all__ = ["CLOSED", "HISTORY_EDGES", "Gate", "fitted_gate"]

HISTORY_EDGES = (1, 6, 21, 101)
"""Where the groups of history lengths begin: 1-5, 6-20, 21-100, more."""
FEWEST = 30
"""Questions of a group from which something may be concluded."""
SURE = 3.4
"""Standard errors that a mean gain must be above zero. One look would need 2; the best is taken of four
groups and all of them together under four spreads, and callers try several weights and windows: with 1.6,
most opinions that are noise pass."""


class Gate(msgspec.Struct, frozen=True):
    """Open where the history is as long as one of `groups` says, scores lie close, and titles say much."""

    groups: tuple[int, ...] = (0, 1, 2, 3)
    """Places in `HISTORY_EDGES`."""
    max_spread: float = float("inf")
    """Of the window's scores: where the ranker is sure, nobody else is asked."""
    min_words: float = 1.0
    """Words of a title in the mean."""

    def opens(self, query: Query, ranking: Candidates, titles: Sequence[str]) -> bool:
        """Whether this query is worth a second opinion on `titles`, the window."""
        if group_of(len(query.history)) not in self.groups or len(titles) < 2:
            return False
        words = sum(len(title.split()) for title in titles) / len(titles)
        wide = spread(ranking, len(titles))
        return words >= self.min_words and not wide > self.max_spread


CLOSED = Gate(groups=())


def group_of(n: int) -> int:
    """The group of a history of `n` events; -1 for none."""
    return int(np.searchsorted(HISTORY_EDGES, n, side="right")) - 1


def fitted_gate(
    n_history: NDArray[np.integer], spreads: NDArray[np.floating], gains: NDArray[np.floating]
) -> Gate:
    """Open for the groups whose mean gain is surely above zero, or for all where they surely gain as one and
    none loses, under the spread that leaves most of it.

    (q,) per held-out question: events before it, spread of the window, and the metric with the opinion less
    the metric without. A group with fewer than 30 questions stays closed.
    """
    group = np.searchsorted(HISTORY_EDGES, n_history, side="right") - 1
    finite = spreads[np.isfinite(spreads)]
    limits = [float("inf"), *(np.quantile(finite, (0.75, 0.5, 0.25)).tolist() if len(finite) else ())]
    best, most = CLOSED, 0.0
    for limit in limits:
        inside = ~(spreads > limit)
        parts = {g: gains[inside & (group == g)] for g in range(len(HISTORY_EDGES))}
        alone = tuple(g for g, part in parts.items() if surely_pays(part))
        for groups in (alone, _together(parts)):
            gained = float(sum(parts[g].sum() for g in groups))
            if groups and gained > most:
                best, most = Gate(groups, float(limit)), gained
    return best


def _together(parts: Mapping[int, NDArray[np.floating]]) -> tuple[int, ...]:
    """All groups that can be judged, where none loses in the mean and all as one surely gain."""
    seen = {g: part for g, part in parts.items() if len(part) >= FEWEST}
    pays = bool(seen) and surely_pays(np.concatenate(list(seen.values())))
    return tuple(seen) if pays and all(float(part.mean()) >= 0 for part in seen.values()) else ()


def surely_pays(gains: NDArray[np.floating]) -> bool:
    """Whether the mean is above zero by more than chance explains."""
    if len(gains) < FEWEST:
        return False
    error = float(gains.std(ddof=1)) / len(gains) ** 0.5
    return bool(float(gains.mean()) > SURE * error)
