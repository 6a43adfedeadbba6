"""How much an interaction says about preference, by its kind and its value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from zhiyin.errors import ConfigError, nearest
from zhiyin.types import KINDS, FloatArray

__all__ = ["DEFAULT_KIND_WEIGHTS", "DURATION", "KindWeights"]

DEFAULT_KIND_WEIGHTS: Mapping[str, float] = {
    "view": 0.5, "search": 0.5, "click": 1.0, "cart": 1.5, "purchase": 2.0, "rating": 1.0, "review": 1.0,
    "like": 1.5, "share": 1.5, "comment": 1.0, "follow": 1.5, "play": 1.0, "hide": -1.0,
}  # fmt: skip
"""A click is 1; a purchase says twice as much, a view half; a hide is a dislike."""

RATED = [KINDS.index("rating"), KINDS.index("review")]
PLAY = KINDS.index("play")
DURATION = "duration"
"""The context that says how long the whole item is, in the units of the value of a play."""


@dataclass(frozen=True, slots=True)
class KindWeights:
    """Weight of each kind, scaled by the value where the options say so.

    Every option is a constant, none is measured on the data: the weight of one live event is the
    weight that it would have had in a batch.
    """

    kinds: Mapping[str, float] = field(default_factory=dict)
    """Kind -> weight; names left out keep their default."""
    rating_low: float = 1.0
    """Share of its weight that the lowest rating keeps; shares grow linearly to 1 at the highest. The
    default 1 counts every rating alike, as published protocols do: that somebody rated it says most."""
    rating_scale: tuple[float, float] = (1.0, 5.0)
    """Lowest and highest rating; what lies outside counts as the nearer end."""
    rating_dislike_below: float | None = None
    """Ratings under it are dislikes of full weight; None = a rating of any height is a positive signal."""
    play_full_seconds: float = 180.0
    """A play of s seconds of an unknown whole counts log(1 + s) / log(1 + play_full_seconds)."""
    play_range: tuple[float, float] = (0.1, 2.0)
    """Least and greatest share of its weight that a play can count."""
    purchase_by_value: bool = False
    """Scale a purchase by log2(1 + value), so that a value (quantity, price) of 1 counts once, of 3 twice."""

    def weigh(
        self, kind: NDArray[np.int8], value: FloatArray, context: Mapping[str, NDArray[np.str_]]
    ) -> FloatArray:
        """`of`, with the durations that the events' own contexts name: live events and batches alike.

        `context` holds name -> (n,) words; a duration that is no number is unknown.
        """
        words = context.get(DURATION)
        if words is None:
            return self.of(kind, value)
        said, place = np.unique(words, return_inverse=True)
        return self.of(kind, value, np.array([_number(word) for word in said.tolist()])[place])

    def of(
        self, kind: NDArray[np.int8], value: FloatArray, duration: NDArray[np.floating] | None = None
    ) -> FloatArray:
        """(n,) weights. A value that is missing leaves its kind's weight as it is.

        `duration` is the item's full length in the units of `value`; where it is given and above 0,
        a play counts the share that was played.
        """
        weights = self.table()[kind]
        self._rate(weights, kind, value)
        self._play(weights, kind, value, duration)
        if self.purchase_by_value:
            bought = (kind == KINDS.index("purchase")) & (value > 0)
            weights[bought] *= np.log2(1 + value[bought].astype(np.float64))
        return weights.astype(np.float32)

    def table(self) -> NDArray[np.float64]:
        """(len(KINDS),) the weight of each kind before any value scales it."""
        for name, weight in self.kinds.items():
            if name not in KINDS:
                raise ConfigError(f"kind {name!r} has no weight: {nearest(name, KINDS)}")
            if not np.isfinite(weight):
                raise ConfigError(
                    f"the weight of {name!r} is {weight}: give a finite number, below 0 for a dislike"
                )
        weights = {**DEFAULT_KIND_WEIGHTS, **self.kinds}
        return np.array([weights[name] for name in KINDS], np.float64)

    def _rate(self, weights: NDArray[np.float64], kind: NDArray[np.int8], value: FloatArray) -> None:
        """Scales the weights of ratings."""
        low, high = self.rating_scale
        if not low < high:
            raise ConfigError(f"rating_scale is {self.rating_scale}: the first number must be the lower one")
        if self.rating_low == 1 and self.rating_dislike_below is None:
            return
        rated = np.isin(kind, RATED) & ~np.isnan(value)
        height = (np.clip(value[rated].astype(np.float64), low, high) - low) / (high - low)
        share = self.rating_low + (1 - self.rating_low) * height
        if self.rating_dislike_below is not None:
            share[value[rated] < self.rating_dislike_below] = -1.0
        weights[rated] *= share

    def _play(
        self,
        weights: NDArray[np.float64],
        kind: NDArray[np.int8],
        value: FloatArray,
        duration: NDArray[np.floating] | None,
    ) -> None:
        """Scales the weights of plays."""
        if self.play_full_seconds <= 0:
            raise ConfigError(f"play_full_seconds is {self.play_full_seconds}: give a number above 0")
        played = (kind == PLAY) & (value >= 0)
        if not played.any():
            return
        length = np.log1p(value[played].astype(np.float64)) / np.log1p(self.play_full_seconds)
        if duration is not None:
            whole = duration[played].astype(np.float64)
            length = np.divide(value[played], whole, out=length, where=whole > 0)
        weights[played] *= np.clip(length, *self.play_range)


def _number(word: str) -> float:
    """NaN where it is none."""
    try:
        return float(word)
    except ValueError:
        return float("nan")
