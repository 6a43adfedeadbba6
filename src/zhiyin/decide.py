"""One decision, stage by stage, with a stopwatch: what `rank`, `recommend` and `trace` share."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from zhiyin.contracts import Reranker, Retriever
from zhiyin.data.catalogue import Catalogue
from zhiyin.data.holdout import Split
from zhiyin.errors import LlmError
from zhiyin.rank.pins import PinReranker
from zhiyin.rank.policies import in_order
from zhiyin.rank.ranker import Ranker, RowsRanker
from zhiyin.rank.rows import Question
from zhiyin.retrieve.fuse import competition_ranks, gather, reciprocal_rank
from zhiyin.retrieve.understood import Understood, understood
from zhiyin.retrieve.wish import WishRetriever
from zhiyin.types import NO_MATRIX, Candidates, FloatArray, IntArray, Query, Stage

__all__ = ["Decision", "Pipeline", "replayed"]

log = logging.getLogger(__name__)

WORDS_OFFSET = 10.0
"""Of reciprocal rank fusion where words were given: few first places are worth more than many middle ones."""
FAR_BEHIND = 40.0
"""The best place of what does not meet the words beside something that does, however little that is."""
EVERY = 5
"""One in so many replayed questions comes without its context, for so will some that are asked."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The ranking, and how it came about."""

    query: Query
    ranking: Candidates
    stages: tuple[Stage, ...] = ()
    degraded: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    """Of the columns of `ranking.features`."""

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
    n_each: int = 50
    n_candidates: int = 100
    n_history: int = 100
    n_items: int = 0
    """Size of the catalogue, for places that neither sources nor fallback can fill; 0 = they stay empty."""
    items: Catalogue | None = None
    """For what was understood of words: without it, they are only words."""

    def decide(self, query: Query, n: int, policies: Sequence[Reranker] = (), *, depth: int = 0) -> Decision:
        """At most `n` items. Never fewer because a source was silent: the fallback fills up.

        `policies` act in this decision beside the configured rerankers, all in the order of
        `rank/policies.py`. `depth` above `n` keeps that much of the order, for the pages after the first.
        """
        whole = max(n, depth)
        acting = in_order(self.rerankers, policies)
        query = _with_pins(replace(query, history=query.history.tail(self.n_history)), acting)
        watch = _Watch()
        meant = self._meant(query, n)
        query = meant.query
        if query.intent is not None:
            watch.stage("understand", 0, 0, **meant.details())
        found, failed = self.candidates(query)
        watch.stage("retrieve", 0, len(found), sources=found.sources, failed=failed)
        ranking = self._order(query, found, len(found) if acting else whole)
        watch.stage("rank", len(found), len(ranking), by=type(self.ranker).__name__)
        if acting:
            ranking, fell = self._apply(acting, query, ranking, n, whole, watch)
            failed = (*failed, *fell)
        ranking = self._fill(meant.wide, ranking, whole)
        ranking = replace(ranking, propensity=ranking.chances())
        watch.stage("cut", len(found), len(ranking))
        names = getattr(self.ranker, "names_", ()) if ranking.features.size else ()
        return Decision(query, ranking, tuple(watch.stages), failed, names)

    def _meant(self, query: Query, n: int) -> Understood:
        if self.items is None:
            return Understood(query)
        wishing = any(isinstance(part, WishRetriever) for part in self.retrievers.values())
        return understood(query, self.items, n, wishing=wishing)

    def candidates(self, query: Query) -> tuple[Candidates, tuple[str, ...]]:
        """What the retrievers propose, and which of them failed."""
        return gather(self.retrievers, query, n_each=self.n_each, n=self.n_candidates)

    def scores(self, query: Query, items: IntArray) -> FloatArray:
        """(c,) what the ranker gives these items (ascending codes, none ruled out) if they alone compete."""
        found, _ = self.candidates(replace(query, only=items))
        score, _ = self._score(query, found)
        return self._heard(query, found, score) if query.words.strip() and len(found) else score

    def _apply(
        self, acting: Sequence[Reranker], query: Query, ranking: Candidates, n: int, whole: int, watch: _Watch
    ) -> tuple[Candidates, tuple[str, ...]]:
        """The ranking after all policies, and the names of those that failed: they cost only themselves.

        What an editor pins stands aside until the pins act, so that no other policy counts it, moves it, or
        places something where the pins would push it out of the list.
        """
        failed: tuple[str, ...] = ()
        aside, room = ranking.take(np.empty(0, np.intp)), n
        pins = [policy for policy in acting if isinstance(policy, PinReranker)]
        if pins:
            pinned = np.logical_or.reduce([pin.pinned(ranking, whole) for pin in pins])
            room -= int(np.logical_or.reduce([pin.pinned(ranking, n) for pin in pins]).sum())
            ranking, aside = ranking.take(np.flatnonzero(~pinned)), ranking.take(np.flatnonzero(pinned))
        for policy in acting:
            if policy in pins and len(aside):
                ranking, aside, room = ranking.joined(aside), aside.take(np.empty(0, np.intp)), n
            before, name = ranking, type(policy).__name__
            try:
                ranking = _same_items(before, policy.rerank(query, before, room))
                failed = (*failed, name) if getattr(policy, "degraded", False) else failed
            except Exception as error:
                failed = (*failed, name)
                if not isinstance(error, LlmError):
                    log.exception("%s failed: the list is answered without it", name)
            watch.stage(name, len(before), len(ranking), **_moves(before, ranking, room))
        return ranking, failed

    def _order(self, query: Query, found: Candidates, n: int) -> Candidates:
        """The first `n`. What the ranker cannot score comes last; equals keep the order of fusion."""
        score, rows = self._score(query, found)
        if (query.words.strip() or query.intent is not None) and len(found):
            score = self._heard(query, found, score)
        order = np.lexsort((-reciprocal_rank(found), -np.nan_to_num(score, nan=-np.inf)))
        seen = replace(found, score=score, features=rows)
        return seen.take(order[:n])

    def _score(self, query: Query, found: Candidates) -> tuple[FloatArray, FloatArray]:
        """(c,) scores, and (c, f) what a learned ranker saw; the second is empty where there is none."""
        if not len(found):
            return np.empty(0, np.float32), NO_MATRIX
        if isinstance(self.ranker, RowsRanker) and self.ranker.fitted:
            rows = self.ranker.rows(query, found)
            return self.ranker.score_rows(rows), rows
        if self.ranker is not None and self.ranker.fitted:
            return self.ranker.score(query, found), NO_MATRIX
        return (found.scores[:, 0] if len(found.sources) == 1 else reciprocal_rank(found)), NO_MATRIX

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
        voices = [getattr(self.retrievers[found.sources[place]], "voice", 1.0) for place in hearing]
        said, ranks = found.scores[:, hearing], found.ranks[:, hearing]
        if len(query.history):  # or what the ranker likes best would be carried past what was asked for
            beside = (said <= 0) & (said > 0).any(axis=0)
            ranks = np.where(beside, np.maximum(ranks, FAR_BEHIND), ranks)
        fused = np.nansum(np.array(voices) / (WORDS_OFFSET + ranks), axis=1)
        if len(query.history):
            voice = 1.0 if query.intent is not None and query.intent.source == "profile" else 0.5
            fused += voice * np.nan_to_num(1.0 / (WORDS_OFFSET + competition_ranks(score[:, None])[:, 0]))
        heard: FloatArray = fused.astype(np.float32)
        return heard

    def _fill(self, query: Query, ranking: Candidates, n: int) -> Candidates:
        """Cut to `n`, or filled up to `n` with what the fallback proposes."""
        missing = n - len(ranking)
        if missing <= 0 or self.fallback not in self.retrievers or query.only is not None:
            return ranking if missing >= 0 else ranking.take(np.arange(n))
        taken = np.concatenate([query.exclude, ranking.items]).astype(np.int32)
        proposed = self.retrievers[self.fallback].relevance(query)
        if query.allowed is None:
            extra = proposed.top(missing, taken)
        else:
            extra = proposed.top(missing, taken, query.allowed)
            extra = extra[query.passing(extra)]
        if len(extra) < missing and self.n_items:
            extra = np.concatenate([extra, self._newest(query, np.concatenate([taken, extra]))])[:missing]
        return _append(ranking, extra) if len(extra) else ranking

    def _newest(self, query: Query, taken: IntArray) -> IntArray:
        """What is left, the newest first: better than an empty place, where nobody has chosen anything."""
        codes = np.arange(self.n_items - 1, -1, -1, dtype=np.int32)
        return codes[~np.isin(codes, taken) & query.passing(codes)]


def replayed(pipeline: Pipeline, split: Split, *, repeats: bool) -> Iterator[Question]:
    """Questions of the past with the candidates of now: what a ranker learns from.

    With `repeats` seen items are candidates too, as they are for such a recommender when it serves. Where a
    hidden item was chosen, the question comes once more with hidden items alone as candidates: which of
    several new items is the better one can hardly be learnt among old ones, which leave them all behind.
    """
    holdout, context = split.holdout, split.holdout.data.context
    for position, (_, history, targets) in enumerate(holdout):
        ruled_out = history.items[history.weights < 0] if repeats else history.items
        row = int(holdout.start[position])
        told = context if position % EVERY else {}
        query = Query(
            history.tail(pipeline.n_history),
            at=holdout.at(position),
            context={name: str(words[row]) for name, words in told.items() if words[row]},
            exclude=np.unique(ruled_out),
        )
        yield Question(query, pipeline.candidates(query)[0], targets)
        if np.isin(targets, split.hidden).any():
            among = replace(query, only=split.hidden)
            yield Question(among, pipeline.candidates(among)[0], targets)


def _append(ranking: Candidates, extra: IntArray) -> Candidates:
    """More items at the end, of which no source says anything; their scores go on falling."""
    low = float(np.nanmin(ranking.score, initial=0.0)) if ranking.score.size else 0.0
    n, s = len(extra), len(ranking.sources)
    blank = np.full((n, s), np.nan, np.float32)
    none = {name: np.zeros((len(block), n), np.float32) for name, block in ranking.evidence.items()}
    score = (low - 1e-3 * np.arange(1, n + 1)).astype(np.float32)
    return ranking.joined(Candidates(extra.astype(np.int32), ranking.sources, blank, blank, none, score))


def _with_pins(query: Query, policies: Sequence[Reranker]) -> Query:
    """The query that makes what is pinned a candidate."""
    pinned = [policy.include for policy in policies if isinstance(policy, PinReranker)]
    return replace(query, include=np.concatenate([query.include, *pinned])) if pinned else query


def _moves(before: Candidates, after: Candidates, n: int) -> dict[str, Any]:
    """What changed in the first `n`: code -> (place before, place after) from 1, and where dice fell."""
    place = {code: spot for spot, code in enumerate(before.items.tolist(), 1)}
    head = enumerate(after.items[:n].tolist(), 1)
    moved = {code: (place[code], spot) for spot, code in head if place[code] != spot}
    details: dict[str, Any] = {"moved": moved} if moved else {}
    if after.propensity.size and (len(before) != len(after) or (before.chances() != after.propensity).any()):
        chance = after.propensity[:n]
        details["propensity"] = {
            int(after.items[spot]): float(chance[spot]) for spot in np.flatnonzero(chance < 1)
        }
    return details


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
