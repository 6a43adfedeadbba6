"""Whether a cited event is a cause: the decision is made once more without it, and the score must fall.

What the history gave an item (`explain/evidence.py`) is exact for the sources, but the learned ranker between
them and the list may not care. So a reason says "because" only of what was tried; the rest "goes with".
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from zhiyin.contracts import Explainer
from zhiyin.decide import Decision, Pipeline
from zhiyin.explain.evidence_explainer import EvidenceExplainer
from zhiyin.explain.phrased import PhrasedExplainer
from zhiyin.types import Candidates, FloatArray, IntArray, Query, Reason

__all__ = ["Causes", "reasons_of"]

MOST_TRIED = 24
"""Events of one history that are tried; each costs about as much as a list."""


def reasons_of(
    explainer: Explainer, pipeline: Pipeline, decision: Decision, ranking: Candidates, *, checked: bool
) -> list[tuple[Reason, ...]]:
    """What the explainer says of the ranking; `checked`: with causes, each of which was tried."""
    if checked and isinstance(explainer, (EvidenceExplainer, PhrasedExplainer)):
        return explainer.caused(decision.query, ranking, Causes(pipeline, decision.query).holds)
    return explainer.explain(decision.query, ranking)


@dataclass(frozen=True)
class Causes:
    """Tries events of one query's history; remembers what it has tried."""

    pipeline: Pipeline
    query: Query
    tried: dict[int, FloatArray] = field(default_factory=dict)
    """Item of the history -> (c,) scores of the candidates without its events."""

    def holds(self, item: int, cited: int) -> bool:
        """Whether the score of `item` is lower when the events with `cited` had not been; both are codes."""
        found = np.flatnonzero(self.items == item)
        if not len(found):
            return False
        without = self.without(cited)
        return without is not None and bool(without[found[0]] < self.score[found[0]])

    def without(self, cited: int) -> FloatArray | None:
        """(c,) scores of the same candidates after a history without an item; None = too many were tried."""
        if cited not in self.tried:
            if len(self.tried) >= MOST_TRIED:
                return None
            past = self.query.history
            history = past.take(past.items != cited)
            self.tried[cited] = self.pipeline.scores(replace(self.query, history=history), self.items)
        return self.tried[cited]

    @cached_property
    def items(self) -> IntArray:
        """(c,) the candidates of the query, ascending."""
        return np.sort(self.pipeline.candidates(self.query)[0].items)

    @cached_property
    def score(self) -> FloatArray:
        """(c,) their scores as they are."""
        return self.pipeline.scores(self.query, self.items)
