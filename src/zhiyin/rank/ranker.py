"""What a ranker must be able to do: learn from replay rows, then score."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol, Self, runtime_checkable

from zhiyin.contracts import Feature
from zhiyin.rank.rows import Rows, features_of
from zhiyin.types import Candidates, FloatArray, Query

__all__ = ["Ranker", "RowsRanker"]


@runtime_checkable
class Ranker(Protocol):
    """A scorer over all sources that learns from questions of the past."""

    features: Sequence[Feature]

    @property
    def fitted(self) -> bool:
        """False: the sources' own fusion orders the candidates."""
        ...

    def fit_rows(self, rows: Rows, *, seed: int = 0) -> Self: ...
    def score(self, query: Query, candidates: Candidates) -> FloatArray: ...


class RowsRanker(ABC):
    """A ranker that looks at rows of feature values only: what it saw can be kept beside the answer."""

    features: Sequence[Feature]
    names_: tuple[str, ...]
    """(f,) of the columns."""

    def score(self, query: Query, candidates: Candidates) -> FloatArray:
        return self.score_rows(self.rows(query, candidates))

    def rows(self, query: Query, candidates: Candidates) -> FloatArray:
        """(c, len(names_)) what it looks at."""
        return features_of(self.features, query, candidates, self.names_)

    @abstractmethod
    def score_rows(self, rows: FloatArray) -> FloatArray:
        """(c,) scores of such rows."""
