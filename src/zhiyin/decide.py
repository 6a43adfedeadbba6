"""One decision, stage by stage, with a stopwatch: what `rank`, `recommend` and `trace` share."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from zhiyin.contracts import Reranker, Retriever
from zhiyin.errors import LlmError
from zhiyin.rank.ranker import Ranker
from zhiyin.retrieve.fuse import competition_ranks, gather, reciprocal_rank
from zhiyin.types import Candidates, FloatArray, IntArray, Query, Stage

__all__ = ["Decision", "Pipeline"]

WORDS_OFFSET = 10.0
"""Of reciprocal rank fusion where words were given: few first places are worth more than many middle ones."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The ranking, and how it came about."""

    query: Query
    ranking: Candidates
    stages: tuple[Stage, ...] = ()
    degraded: tuple[str, ...] = ()

    def timed(self, name: str, ms: float) -> Stage:
        """One more stage that leaves the ranking as it is."""
        return Stage(name, ms, len(self.ranking), len(self.ranking))


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The parts in the order in which they act."""

    retrievers: Mapping[str, Retriever]
    ranker: Ranker | None = None
    rerankers: Sequence[Reranker] = field(default_factory=tuple)
    fallback: str = "popular"
    n_each: int = 100
    n_candidates: int = 200
    n_history: int = 100

    def decide(self, query: Query, n: int) -> Decision:
        """At most `n` items. Never fewer because a source was silent: the fallback fills up."""
        query = replace(query, history=query.history.tail(self.n_history))
        watch = _Watch()
        found, failed = self.candidates(query)
        watch.stage("retrieve", 0, len(found), sources=found.sources, failed=failed)
        ranking = self._order(query, found, n)
        watch.stage("rank", len(found), len(ranking), by=type(self.ranker).__name__)
        for reranker in self.rerankers:
            before = len(ranking)
            try:
                ranking = _same_items(ranking, reranker.rerank(query, ranking, n))
            except LlmError:
                failed = (*failed, type(reranker).__name__)
            watch.stage(type(reranker).__name__, before, len(ranking))
        ranking = self._fill(query, ranking, n)
        watch.stage("cut", len(found), len(ranking))
        return Decision(query, ranking, tuple(watch.stages), failed)

    def candidates(self, query: Query) -> tuple[Candidates, tuple[str, ...]]:
        """What the retrievers propose, and which of them failed."""
        return gather(self.retrievers, query, n_each=self.n_each, n=self.n_candidates)

    def _order(self, query: Query, found: Candidates, n: int) -> Candidates:
        """Best first. What the ranker cannot score comes last; equals keep the order of fusion.

        Without policies that may still move something up, only the first `n` are carried on.
        """
        score = self._score(query, found)
        if query.words.strip() and len(found):
            score = self._heard(query, found, score)
        order = np.lexsort((-reciprocal_rank(found), -np.nan_to_num(score, nan=-np.inf)))
        return found.scored(score).take(order if self.rerankers else order[:n])

    def _score(self, query: Query, found: Candidates) -> FloatArray:
        if not len(found):
            return np.empty(0, np.float32)
        if self.ranker is not None and self.ranker.fitted:
            return self.ranker.score(query, found)
        if len(found.sources) == 1:
            return found.scores[:, 0]
        return reciprocal_rank(found)

    def _heard(self, query: Query, found: Candidates, score: FloatArray) -> FloatArray:
        """What the words ask for comes first: rank fusion of the sources that hear them and the order so far.

        The ranker learns from questions without words, so it has half a voice here, and none for a
        stranger, of whom it knows nothing.
        """
        hearing = [
            place
            for place, name in enumerate(found.sources)
            if getattr(self.retrievers.get(name), "hears_words", False)
        ]
        if not hearing:
            return score
        fused = np.nansum(1.0 / (WORDS_OFFSET + found.ranks[:, hearing]), axis=1)
        if len(query.history):
            fused += 0.5 * np.nan_to_num(1.0 / (WORDS_OFFSET + competition_ranks(score[:, None])[:, 0]))
        heard: FloatArray = fused.astype(np.float32)
        return heard

    def _fill(self, query: Query, ranking: Candidates, n: int) -> Candidates:
        """Cut to `n`, or filled up to `n` with what the fallback proposes."""
        missing = n - len(ranking)
        if missing <= 0 or self.fallback not in self.retrievers or query.only is not None:
            return ranking.take(np.arange(min(n, len(ranking))))
        taken = np.concatenate([query.exclude, ranking.items]).astype(np.int32)
        extra = self.retrievers[self.fallback].relevance(query).top(missing, taken)
        return _append(ranking, extra) if len(extra) else ranking


def _append(ranking: Candidates, extra: IntArray) -> Candidates:
    """More items at the end, of which no source says anything; their scores go on falling."""
    low = float(np.nanmin(ranking.score, initial=0.0)) if ranking.score.size else 0.0
    blank = np.full((len(extra), len(ranking.sources)), np.nan, np.float32)
    return Candidates(
        np.concatenate([ranking.items, extra]),
        ranking.sources,
        np.concatenate([ranking.scores.reshape(-1, len(ranking.sources)), blank]),
        np.concatenate([ranking.ranks.reshape(-1, len(ranking.sources)), blank]),
        {
            name: np.concatenate([block, np.zeros((len(block), len(extra)), np.float32)], axis=1)
            for name, block in ranking.evidence.items()
        },
        np.concatenate([ranking.score, low - 1e-3 * np.arange(1, len(extra) + 1)]).astype(np.float32),
    )


def _same_items(before: Candidates, after: Candidates) -> Candidates:
    """A reranker may permute and cut: items that it made up or repeated are taken out again."""
    _, first = np.unique(after.items, return_index=True)
    keep = np.zeros(len(after), np.bool_)
    keep[first] = True
    keep &= np.isin(after.items, before.items)
    return after if keep.all() else after.take(np.flatnonzero(keep))


class _Watch:
    def __init__(self) -> None:
        self.stages: list[Stage] = []
        self._last = time.perf_counter()

    def stage(self, name: str, n_in: int, n_out: int, **details: Any) -> None:
        now = time.perf_counter()
        self.stages.append(Stage(name, (now - self._last) * 1e3, n_in, n_out, details))
        self._last = now
