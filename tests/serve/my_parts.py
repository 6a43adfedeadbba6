"""A source of somebody's own: what was chosen last, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray

from zhiyin.data.dataset import Dataset
from zhiyin.retrieve.relevance import DenseRelevance
from zhiyin.types import FloatArray, Query


class BackwardsRetriever:
    """Items by their codes, the last first."""

    def __init__(self, *, by: float = 1.0) -> None:
        self.by = by
        self.scores_: FloatArray = np.empty(0, np.float32)

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        self.scores_ = (self.by * np.arange(1, data.n_items + 1)).astype(np.float32)
        return self

    def relevance(self, query: Query) -> DenseRelevance:
        return DenseRelevance(self.scores_)

    def state(self) -> Mapping[str, NDArray[np.generic]]:
        return {"scores": self.scores_}

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        self.scores_ = np.asarray(state["scores"], np.float32)
        return self
