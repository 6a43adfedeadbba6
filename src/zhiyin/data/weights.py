"""How much an interaction says about preference, by its kind and its value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from zhiyin.errors import ConfigError, nearest
from zhiyin.types import KINDS, FloatArray

__all__ = ["DEFAULT_KIND_WEIGHTS", "KindWeights"]

DEFAULT_KIND_WEIGHTS: Mapping[str, float] = {
    "view": 0.5, "search": 0.5, "click": 1.0, "cart": 1.5, "purchase": 2.0, "rating": 1.0, "review": 1.0,
    "like": 1.5, "share": 1.5, "comment": 1.0, "follow": 1.5, "play": 1.0, "hide": -1.0,
}  # fmt: skip
"""A click is 1; a purchase says twice as much, a view half; a hide is a dislike."""


@dataclass(frozen=True, slots=True)
class KindWeights:
    """Weight of each kind; names left out keep their default."""

    kinds: Mapping[str, float] = field(default_factory=dict)

    def of(self, kind: NDArray[np.int8], value: FloatArray) -> FloatArray:
        """(n,) weights. Values scale a kind: see the helper notes in the data room."""
        for name in self.kinds:
            if name not in KINDS:
                raise ConfigError(f"kind {name!r} has no weight: {nearest(name, KINDS)}")
        table = {**DEFAULT_KIND_WEIGHTS, **self.kinds}
        weights: FloatArray = np.array([table[name] for name in KINDS], np.float32)[kind]
        return weights
