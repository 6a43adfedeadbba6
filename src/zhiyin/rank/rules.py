"""The hybrid by rules: which sources speak, for which kind of query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from zhiyin.contracts import Feature
from zhiyin.errors import check_options
from zhiyin.rank.rows import Rows
from zhiyin.types import Candidates, FloatArray, Query

__all__ = ["Rule", "RulesRanker"]


@dataclass(frozen=True, slots=True)
class Rule:
    """When the query fits, these sources speak with these weights."""

    sources: Mapping[str, float]
    history_min: int = 0
    history_max: int | None = None
    words: bool | None = None
    """True: only queries with words; False: only those without; None: both."""
    context: Mapping[str, str] = field(default_factory=dict)
    """All of these must stand in the query's context."""

    def fits(self, query: Query) -> bool:
        """Whether this rule decides the query."""
        n = len(query.history)
        if n < self.history_min or (self.history_max is not None and n > self.history_max):
            return False
        if self.words is not None and self.words != bool(query.words):
            return False
        return all(query.context.get(key) == value for key, value in self.context.items())


NEWCOMERS = Rule({"popular": 1.0, "content": 2.0}, history_max=2)
SEARCHERS = Rule({"lexical": 3.0, "content": 2.0, "kernel": 1.0}, words=True)
EVERYBODY = Rule({"kernel": 2.0, "ease": 2.0, "content": 0.5})


class RulesRanker:
    """The first rule that fits decides; its sources are fused by reciprocal rank with its weights.

    A query that no rule fits is ordered by all sources alike.
    """

    def __init__(
        self, *, rules: Sequence[Rule] = (SEARCHERS, NEWCOMERS, EVERYBODY), offset: float = 20.0
    ) -> None:
        self.rules = rules
        self.offset = offset
        self.features: Sequence[Feature] = ()
        check_options(self, offset=(1e-6, 1e6))

    fitted = True

    def fit_rows(self, rows: Rows, *, seed: int = 0) -> RulesRanker:
        """Rules are written, not learnt: nothing changes."""
        return self

    def score(self, query: Query, candidates: Candidates) -> FloatArray:
        rule = next((rule for rule in self.rules if rule.fits(query)), None)
        weights = np.array(
            [1.0 if rule is None else rule.sources.get(source, 0.0) for source in candidates.sources],
            np.float32,
        )
        shares = np.nan_to_num(1.0 / (self.offset + candidates.ranks), nan=0.0)
        # Sources that the rule leaves out still break ties, so that no order is arbitrary.
        score: FloatArray = (shares @ (weights + 1e-4)).astype(np.float32)
        return score
