"""Why an item is not in a list: the decision is made again, and every stage is asked for the item."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from zhiyin.contracts import Relevance, Reranker
from zhiyin.data.catalogue import Catalogue
from zhiyin.data.filter_terms import Term, term_mask
from zhiyin.data.filters import Filter, parse_filter
from zhiyin.decide import Decision, Pipeline
from zhiyin.errors import LlmError
from zhiyin.explain.absence import Absence, absence_of
from zhiyin.retrieve.fuse import gather
from zhiyin.types import NO_ITEMS, History, IntArray, Interaction, Query

if TYPE_CHECKING:
    from zhiyin.recommender import Recommender

__all__ = ["absence", "why_not"]

N_TRIED = 8
"""So many neighbours of the item are tried as one more event, to see whether that would bring it in."""
N_HELPFUL = 2
N_TOGETHER = 3
DEEPEST = 2_000
"""Places of a source's own order that are looked through."""

Facts = Mapping[str, int | str | Sequence[str]]


def why_not(
    self: Recommender,
    item: str,
    user: str | None = None,
    *,
    n: int = 10,
    history: Sequence[str | Interaction] | None = None,
    words: str = "",
    locale: str = "en",
    at: float | None = None,
    context: Mapping[str, str] | None = None,
    exclude: Iterable[str] = (),
    only: Iterable[str] | None = None,
    seen: bool | None = None,
    where: str | Filter = "",
    policies: Sequence[Reranker] = (),
) -> Absence:
    """Which stage keeps `item` out of the list that `recommend` gives for the same question."""
    named = None if only is None else list(only)
    query = self.query(
        user, history=history, words=words, locale=locale, at=at, context=context,
        exclude=exclude, only=named, seen=seen, where=where,
    )  # fmt: skip
    filtered = parse_filter(where) if isinstance(where, str) and where else where or None
    return absence(self, query, item, n, policies, filtered if isinstance(filtered, Filter) else None)


def absence(
    recommender: Recommender,
    query: Query,
    item: str,
    n: int,
    policies: Sequence[Reranker] = (),
    where: Filter | None = None,
    *,
    barred: str = "removed",
    seen: IntArray = NO_ITEMS,
    hidden: IntArray = NO_ITEMS,
) -> Absence:
    """The same for a question in codes; `where` is the filter that `query.allowed` was made from.

    `barred` is the stage of an item that may not be proposed: "removed", "unavailable", or "unknown". `seen`
    and `hidden` are what the asker has seen and hidden beside the events of the query's history.
    """
    items = recommender.items_
    code = -1 if items is None else items.ids.code(item)
    gone = code in recommender.barred_
    if items is None or code < 0 or (gone and barred == "unknown"):
        return absence_of("unknown", item, item, locale=query.locale)
    search = _Search(
        recommender, items, query, code, n, policies, where, barred if gone else "", seen, hidden
    )
    return search.answer()


@dataclass(frozen=True)
class _Search:
    """One question about one item."""

    recommender: Recommender
    items: Catalogue
    query: Query
    code: int
    n: int
    policies: Sequence[Reranker]
    where: Filter | None
    barred: str
    """The stage that says why it may not be proposed; empty where it may."""
    seen: IntArray
    hidden: IntArray

    def answer(self) -> Absence:
        stage, facts = self._ruled_out() or self._decided()
        could_enter = stage in ("silent", "far", "cut", "ranked")
        return absence_of(
            stage,
            self.items.ids[self.code],
            self.items.titles[self.code],
            locale=self.query.locale,
            facts=facts,
            after=self._helpful() if could_enter else (),
            sources=self._places if could_enter or stage == "policy" else {},
        )

    # -- what the request rules out ----------------------------------------------------------------

    def _ruled_out(self) -> tuple[str, Facts] | None:
        query, code = self.query, self.code
        if self.barred:
            return self.barred, {}
        if query.only is not None and code not in query.only:
            return "unnamed", {}
        if code in query.exclude:
            events = query.history.weights[query.history.items == code]
            if code in self.hidden or (events < 0).any():
                return "disliked", {}
            return "seen" if len(events) or code in self.seen else "excluded", {}
        if not query.passing(np.array([code], np.int32))[0]:
            return "filter", {"terms": self._terms()}
        return None

    def _terms(self) -> list[str]:
        """The terms that the item fails, where each must hold; else the whole filter."""
        if self.where is None:
            return ["…"]
        terms = [step for step in self.where.program if isinstance(step, Term)]
        if any(step in ("or", "not") for step in self.where.program if isinstance(step, str)):
            return [self.where.text]
        return [
            f"{term.name} {term.does} {', '.join(value.text for value in term.values)}".strip()
            for term in terms
            if not term_mask(term, self.items, self.where.text)[self.code]
        ]

    # -- what the decision did ---------------------------------------------------------------------

    def _decided(self) -> tuple[str, Facts]:
        decision = self._decision(self.query)
        place = self._place(decision)
        if 0 < place <= self.n:
            return "listed", {"place": place}
        if not place:
            return self._not_proposed()
        before, policy = self._moved(decision, place)
        if policy:
            return "policy", {"place": place, "before": before, "policy": policy}
        return "ranked", {"place": place, "of": len(decision.ranking), "n": self.n}

    def _decision(self, query: Query) -> Decision:
        return self.recommender.decide(query, self.n, self.policies, depth=self._pipeline.n_candidates)

    def _place(self, decision: Decision) -> int:
        """From 1; 0 = not a candidate, and also what only fills up the end of the order."""
        found = np.flatnonzero(decision.ranking.items == self.code)
        silent = len(found) and not np.isfinite(decision.ranking.scores[found[0]]).any()
        return 0 if not len(found) or (silent and found[0] >= self.n) else int(found[0]) + 1

    def _moved(self, decision: Decision, place: int) -> tuple[int, str]:
        """The place in the order of the ranker where that was good enough, and who moved it away."""
        barred = np.concatenate([self.query.exclude, self.recommender.barred_])
        order = replace(self._pipeline, rerankers=()).decide(replace(self.query, exclude=barred), self.n)
        found = np.flatnonzero(order.ranking.items == self.code)
        if not len(found):
            return place, ""
        acted = [stage.name for stage in decision.stages if stage.name not in ("retrieve", "rank", "cut")]
        return int(found[0]) + 1, ", ".join(acted)

    def _not_proposed(self) -> tuple[str, Facts]:
        each, places = self._pipeline.n_each, self._places
        if not places:
            return "silent", {}
        proposing = sorted(name for name, place in places.items() if place <= each)
        if proposing:
            whole, _ = gather(self._pipeline.retrievers, self._asked, n_each=each, n=len(self.items))
            return "cut", {"sources": proposing, "limit": self._pipeline.n_candidates, "of": len(whole)}
        best = min(places, key=lambda name: places[name])
        return "far", {"each": each, "best": places[best], "source": best}

    @cached_property
    def _pipeline(self) -> Pipeline:
        return self.recommender.pipeline()

    @cached_property
    def _asked(self) -> Query:
        """The query as the sources see it."""
        return replace(self.query, history=self.query.history.tail(self._pipeline.n_history))

    @cached_property
    def _places(self) -> dict[str, int]:
        """source -> place of the item in its own order, from 1."""
        return dict(self._found())

    def _found(self) -> Iterator[tuple[str, int]]:
        depth = min(DEEPEST, len(self.items))
        for name, retriever in self._pipeline.retrievers.items():
            try:
                order = _top(retriever.relevance(self._asked), self._asked, depth)
            except LlmError:
                continue
            place = np.flatnonzero(order == self.code)
            if len(place):
                yield name, int(place[0]) + 1

    # -- what would help ---------------------------------------------------------------------------

    def _helpful(self) -> list[tuple[tuple[str, ...], int]]:
        """Neighbours of the item that, as newest events, bring it into the list: (their titles, place then).

        One alone where that is enough, else the nearest few together.
        """
        near = self.recommender.similar(self.items.ids[self.code], N_TRIED)
        codes = [self.items.ids.code(line.item) for line in near]
        fresh = [code for code in codes if code not in self.query.history.items]
        alone = [((code,), place) for code in fresh if (place := self._after((code,)))]
        together = tuple(reversed(fresh[:N_TOGETHER]))
        if not alone and len(together) > 1 and (place := self._after(together)):
            return [(tuple(self.items.titles[code] for code in together), place)]
        return [((self.items.titles[code],), place) for (code,), place in alone[:N_HELPFUL]]

    def _after(self, codes: tuple[int, ...]) -> int:
        """The item's place in the list if these had just been chosen; 0 = it would still not be there."""
        more = np.array(codes, np.int32)
        chosen = History(more, np.ones(len(more), np.float32), np.full(len(more), self.query.at))
        history = self.query.history.joined(chosen)
        exclude = np.concatenate([self.query.exclude, more])
        place = self._place(self._decision(replace(self.query, history=history, exclude=exclude)))
        return place if place <= self.n else 0


def _top(relevance: Relevance, query: Query, n: int) -> IntArray:
    if query.allowed is None:
        return relevance.top(n, query.exclude)
    return relevance.top(n, query.exclude, query.allowed)
