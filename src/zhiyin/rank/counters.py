"""Live counts of what people do with items: windows of hours, and how often what was shown was clicked.

Everything is a sum over (hour, group, item), so the order in which events arrive changes nothing, and a log
that is replayed with its receipt times leaves what the live process had.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray

from zhiyin.contracts import State
from zhiyin.errors import ConfigError, nearest
from zhiyin.rank.hours import Hours
from zhiyin.types import KINDS, IntArray

__all__ = ["GROUPS", "WINDOWS", "Counters"]

GROUPS: Mapping[str, tuple[str, ...]] = {
    "look": ("view", "search"),
    "choose": ("click", "like", "share", "comment", "follow", "play", "rating", "review"),
    "buy": ("cart", "purchase"),
    "hide": ("hide",),
}
"""Kinds of behaviour that are counted together."""
WINDOWS: Mapping[str, int] = {"1h": 1, "1d": 24, "7d": 168}
"""Name -> hours."""
HOUR = 3600.0
OF_KIND = np.array([next(p for p, kinds in enumerate(GROUPS.values()) if kind in kinds) for kind in KINDS])
DEFAULT_PRIOR = (1.0, 19.0)
"""Beta prior while nothing is known: one click in twenty, worth twenty impressions."""
STRENGTH = (2.0, 10_000.0)
"""Least and greatest a + b: a prior is never flatter than even odds, nor beyond learning."""


class Counters:
    """Per item: events by group in the last hour, day and week; impressions and clicks since ever."""

    def __init__(self) -> None:
        self.hours_ = Hours(len(GROUPS))
        self.shown_: NDArray[np.int64] = np.zeros(0, np.int64)
        self.clicked_: NDArray[np.int64] = np.zeros(0, np.int64)
        self._sums = np.zeros(5)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many items there is room for; it grows by itself."""
        return len(self.shown_)

    # -- learning ----------------------------------------------------------------------------------

    def update(
        self,
        items: IntArray,
        kinds: NDArray[np.int8],
        at: NDArray[np.float64] | float,
        received: NDArray[np.float64] | float,
    ) -> None:
        """A batch of events: (b,) codes (below 0 = unknown, left out), kinds as places in KINDS, UTC seconds.

        An event counts in the hour when it happened, however late it comes. One that claims to be from more
        than an hour after it was `received`, or says no time (NaN), counts when it was received: nobody can
        stay recent by a wrong clock.
        """
        known = items >= 0
        when = np.broadcast_to(np.asarray(at, np.float64), items.shape)[known]
        receipt = np.broadcast_to(np.asarray(received, np.float64), items.shape)[known]
        when = np.where((when <= receipt + HOUR) & np.isfinite(when), when, receipt)
        with self._lock:
            self.hours_.add(items[known], OF_KIND[kinds[known]], np.floor(when / HOUR).astype(np.int64))

    def shown(self, items: IntArray) -> None:
        """A batch of impressions, an item as often as it was shown."""
        self._count(items, shown=True)

    def clicked(self, items: IntArray) -> None:
        """A batch of clicks that belong to an impression."""
        self._count(items, shown=False)

    def _count(self, items: IntArray, *, shown: bool) -> None:
        codes, n = np.unique(items[items >= 0], return_counts=True)
        if not len(codes):
            return
        with self._lock:
            self._grow(int(codes[-1]) + 1)
            self._sums -= self._terms(codes)
            (self.shown_ if shown else self.clicked_)[codes] += n
            self._sums += self._terms(codes)

    def _grow(self, n: int) -> None:
        if n > len(self.shown_):
            more = max(n, 2 * len(self.shown_)) - len(self.shown_)
            self.shown_ = np.concatenate([self.shown_, np.zeros(more, np.int64)])
            self.clicked_ = np.concatenate([self.clicked_, np.zeros(more, np.int64)])

    # -- answering ---------------------------------------------------------------------------------

    def counts(self, items: IntArray, window: str, at: float, group: str = "choose") -> NDArray[np.float64]:
        """(c,) events of a group in the window that ends at `at`, UTC seconds.

        The hour in which the window begins counts by the part of it that lies inside. `at` is to the present:
        what happened more than a week before the newest event is forgotten.
        """
        totals = self._totals(window, at, group)
        inside = (items >= 0) & (items < len(totals))
        return np.where(inside, totals[np.where(inside, items, 0)] if len(totals) else 0.0, 0.0)

    def trending(self, n: int, at: float, group: str = "choose") -> IntArray:
        """At most `n` items whose last day is furthest above their week, in standard deviations, best first.

        The score is (day - expected) / sqrt(expected + 1) with a sixth of the six days before as what was
        expected: a Poisson count is known to about its square root.
        """
        totals = [self._totals(window, at, group) for window in ("1d", "7d")]
        n_items = max(map(len, totals))
        day, week = (np.pad(total, (0, n_items - len(total))) for total in totals)
        expected = np.maximum(week - day, 0.0) / 6.0
        score = (day - expected) / np.sqrt(expected + 1.0)
        rising = np.flatnonzero(score > 0)
        return rising[np.lexsort((rising, -score[rising]))[:n]].astype(np.int32)

    def _totals(self, window: str, at: float, group: str) -> NDArray[np.float64]:
        if window not in WINDOWS:
            raise ConfigError(f"window {window!r}: {nearest(window, WINDOWS)}")
        if group not in GROUPS:
            raise ConfigError(f"group {group!r}: {nearest(group, GROUPS)}")
        with self._lock:
            return self.hours_.total(list(GROUPS).index(group), WINDOWS[window], at / HOUR)

    def rate(self, items: IntArray) -> NDArray[np.float64]:
        """(c,) clicks per impression, drawn towards the mean of all items where little was shown."""
        a, b = self.posterior(items)
        return a / (a + b)

    def posterior(self, items: IntArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(c,) a and (c,) b of the Beta distribution of each item's rate."""
        a, b = self.prior()
        inside = (items >= 0) & (items < len(self.shown_))
        codes = items[inside]
        shown, clicked = np.zeros(len(items)), np.zeros(len(items))
        shown[inside], clicked[inside] = self.shown_[codes], self._clicks(codes)
        return clicked + a, shown - clicked + b

    def prior(self) -> tuple[float, float]:
        """a and b of the Beta distribution of the rates of all items, by moments.

        With k items, n_i impressions, x_i clicks, N and X their sums, p = X / N and rho = 1 / (a + b + 1):
        Var(x_i / n_i) = p (1 - p) (1 + (n_i - 1) rho) / n_i, so that S = sum n_i (x_i / n_i - p)² has the
        expectation p (1 - p) ((1 - rho) (k - 1) + rho (N - sum n_i² / N)); solved for rho. The method is that
        of Kleinman (JASA 68, 1973) with the weights n_i. `DEFAULT_PRIOR` while there are too few to tell.
        """
        k, n, n_squared, x, x_by_n = self._sums.tolist()
        if k < 2 or x <= 0 or x >= n:
            return DEFAULT_PRIOR
        p = x / n
        spread = x_by_n - x * x / n
        room = n - n_squared / n - (k - 1)
        rho = (spread / (p * (1 - p)) - (k - 1)) / room if room > 1e-9 else 0.0
        strength = 1 / rho - 1 if rho > 0 else STRENGTH[1]
        strength = min(max(strength, STRENGTH[0]), STRENGTH[1])
        return p * strength, (1 - p) * strength

    def _clicks(self, codes: NDArray[np.integer]) -> NDArray[np.int64]:
        """Clicks, at most one for each impression: a second click, or one whose slate is lost, is no rate."""
        clicks: NDArray[np.int64] = np.minimum(self.clicked_[codes], self.shown_[codes])
        return clicks

    def _terms(self, codes: NDArray[np.integer]) -> NDArray[np.float64]:
        """What some items add to: k, N, sum n², X, sum x² / n."""
        n, x = self.shown_[codes].astype(np.float64), self._clicks(codes).astype(np.float64)
        there = n > 0
        square = np.divide(x * x, n, out=np.zeros_like(x), where=there)
        return np.array([there.sum(), n.sum(), (n * n).sum(), x.sum(), square.sum()])

    # -- keeping -----------------------------------------------------------------------------------

    def state(self) -> State:
        with self._lock:
            end = int(np.max(np.flatnonzero(self.shown_ + self.clicked_), initial=-1)) + 1
            return {
                **self.hours_.state(),
                "shown": self.shown_[:end].copy(),
                "clicked": self.clicked_[:end].copy(),
            }

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        with self._lock:
            self.hours_.restore(state)
            self.shown_ = np.array(state["shown"], np.int64)
            self.clicked_ = np.array(state["clicked"], np.int64)
            self._sums = self._terms(np.arange(len(self.shown_)))
        return self
