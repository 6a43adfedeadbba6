"""The composed thing: named slots, one flow, and what it remembers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Self

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from zhiyin.causes import reasons_of
from zhiyin.contracts import (
    Countable,
    Encoder,
    Explainer,
    LanguageModel,
    Persistent,
    Refreshable,
    Reranker,
    Retriever,
    State,
    Trainable,
    Updatable,
)
from zhiyin.data.catalogue import Catalogue, known
from zhiyin.data.dataset import Dataset
from zhiyin.data.events import check_time
from zhiyin.data.filters import Filter, parse_filter
from zhiyin.data.histories import Histories, history_of
from zhiyin.data.order import shuffled
from zhiyin.decide import Decision, Pipeline, replayed
from zhiyin.errors import ConfigError, DataError, NotFittedError, check_count, check_options
from zhiyin.fitting import fit_part
from zhiyin.page import plain_options, recommender_html
from zhiyin.rank.policies import bound
from zhiyin.rank.ranker import Ranker
from zhiyin.rank.rows import Rows, collect, cut_for_replay
from zhiyin.recommendations import Recommendations, lines_of
from zhiyin.represent.intent_reader import IntentReader
from zhiyin.represent.profile import stated
from zhiyin.retrieve.fuse import reciprocal_rank
from zhiyin.retrieve.understood import without_named
from zhiyin.saving import load_recommender, save_recommender
from zhiyin.types import (
    KINDS,
    Candidates,
    FloatArray,
    History,
    IntArray,
    Intent,
    Interaction,
    Interest,
    Item,
    Query,
    Reason,
    Trace,
)
from zhiyin.why_not import why_not

__all__ = ["Progress", "Recommender"]

log = logging.getLogger(__name__)

UNFITTED = "this recommender knows no {} yet: call fit(dataset), or Recommender.load(path)"

Progress = Callable[[str, int, int], None]
"""Called with the name of a stage, how much of it is done, and of how much."""


class Recommender:
    """Retrieve, rank, apply policies, explain: a fixed shape with named slots.

    `retrievers` propose (and the one called `fallback` fills lists that stay short), `ranker` orders
    (None: their fusion does), `rerankers` are policies after it, `explainer` gives reasons; `encoder` is
    the text encoder that the parts share, `llm` the language model, if there is one. Every source proposes
    `n_each`, fusion keeps `n_candidates`, the last `n_history` events of the asker count. The ranker learns
    from the last `replay_share` of every user's events (1 to `n_replay`, at most `max_questions` in all)
    against `n_negatives` other candidates each, with `cold_share` of the items hidden from the sources, so
    that it learns what to think of new items. With `repeats` items of a history may come back, as places do.
    Of a log that is not `ordered` the events of each user are mixed, so that their order says nothing.
    """

    def __init__(
        self,
        *,
        retrievers: Mapping[str, Retriever],
        ranker: Ranker | None = None,
        rerankers: Sequence[Reranker] = (),
        explainer: Explainer | None = None,
        encoder: Encoder | None = None,
        llm: LanguageModel | None = None,
        fallback: str = "popular",
        n_each: int = 50,
        n_candidates: int = 100,
        n_history: int = 50,
        n_replay: int = 3,
        replay_share: float = 0.1,
        max_questions: int = 24_000,
        n_negatives: int = 60,
        cold_share: float = 0.05,
        repeats: bool = False,
        ordered: bool = True,
    ) -> None:
        self.retrievers = retrievers
        self.ranker = ranker
        self.rerankers = rerankers
        self.explainer = explainer
        self.encoder = encoder
        self.llm = llm
        self.fallback = fallback
        self.n_each, self.n_candidates, self.n_history = n_each, n_candidates, n_history
        self.n_replay = n_replay
        self.replay_share = replay_share
        self.max_questions = max_questions
        self.n_negatives = n_negatives
        self.cold_share = cold_share
        self.repeats, self.ordered = repeats, ordered
        check_options(
            self, n_each=(1, 1e6), n_candidates=(1, 1e6), n_history=(0, 1e6), n_replay=(1, 1e6),
            replay_share=(0, 1), max_questions=(1, 1e9), n_negatives=(1, 1e6), cold_share=(0, 0.9),
        )  # fmt: skip
        self.items_: Catalogue | None = None
        self.histories_: Histories | None = None
        self.barred_: IntArray = np.empty(0, np.int32)
        self.timings_: dict[str, float] = {}
        """Seconds of the last fit by part."""
        self.version_, self.reader_ = "", IntentReader(self.encoder)

    @classmethod
    def default(
        cls, data: Dataset | None = None, *, encoder: Encoder | None = None, sequence: bool = False
    ) -> Recommender:
        """Unfitted, with parts that suit the shape of `data`; `sequence` adds a network (extra `train`)."""
        from zhiyin.defaults import default_recommender

        return default_recommender(data, encoder=encoder, sequence=sequence)

    # -- learning ----------------------------------------------------------------------------------

    def fit(self, data: Dataset, *, seed: int = 0, progress: Progress | None = None) -> Self:
        """Learns everything from `data`; what an earlier fit, event or removal told is gone.

        Where the ranker learns, the parts are fitted twice: on the log before a cut to collect what
        would have been seen at each later event, then on everything. Without any event, texts must do.
        """
        if not data.n_items:
            raise DataError("at least one item", value=f"{data.name!r} with none", hint="import some first")
        data, self.timings_, rows = data if self.ordered else shuffled(data, seed=seed), {}, None
        if self.ranker is not None and self.ranker.features and len(data):
            rows = self.replay(data, seed=seed, progress=progress)
        self._fit_parts(data, seed, progress, more=rows is not None)
        if self.ranker is not None and rows is not None:
            with self._timed("ranker", progress):
                self.ranker.fit_rows(rows, seed=seed)
        self.items_, self.histories_ = data.items, Histories(data)
        self.version_, self.reader_ = "", IntentReader(self.encoder)
        self.barred_ = np.empty(0, np.int32)
        return self

    def replay(self, data: Dataset, *, seed: int = 0, progress: Progress | None = None) -> Rows:
        """Training rows for the ranker: features as they would have been at each event after a cut."""
        assert self.ranker is not None
        n_last, n_most, cold = self.n_replay, self.max_questions, self.cold_share
        cut = cut_for_replay(
            data, n_last=n_last, share=self.replay_share, max_questions=n_most, seed=seed, cold_share=cold
        )
        self._fit_parts(cut.fit, seed, progress)
        n = len(cut.holdout) + int(np.isin(data.item[cut.holdout.start], cut.hidden).sum())
        # Queries are small: BLAS threads would wait for each other longer than they work.
        with self._timed("replay", progress), threadpool_limits(1, "blas"):
            return collect(
                replayed(self.pipeline(), cut, repeats=self.repeats),
                self.ranker.features,
                n_negatives=self.n_negatives,
                seed=seed,
                progress=progress and (lambda done: progress("replay", done, n)),
            )

    def _fit_parts(self, data: Dataset, seed: int, progress: Progress | None, *, more: bool = False) -> None:
        for name, part in self.parts().items():
            if isinstance(part, Trainable):
                with self._timed(name, progress):
                    fit_part(part, data, seed, progress and partial(progress, name), more=more)

    @contextmanager
    def _timed(self, name: str, progress: Progress | None) -> Iterator[None]:
        if progress:
            progress(name, 0, 1)
        start = perf_counter()
        yield
        self.timings_[name] = self.timings_.get(name, 0.0) + perf_counter() - start
        if progress:
            progress(name, 1, 1)

    def parts(self) -> dict[str, object]:
        """Every part that can learn, under the name of its folder in an artefact."""
        parts: dict[str, object] = {f"retriever.{name}": part for name, part in self.retrievers.items()}
        if self.ranker is not None:
            for place, feature in enumerate(self.ranker.features):
                parts[f"feature.{place}"] = feature
            parts["ranker"] = self.ranker
        for place, reranker in enumerate(self.rerankers):
            parts[f"reranker.{place}"] = reranker
        if self.explainer is not None:
            parts["explainer"] = self.explainer
        return parts

    def update(self, event: Interaction) -> None:
        """One more event: the next answer sees it. An item that is unknown still counts once it is added."""
        self._histories().append(event)
        for part in self.parts().values():
            if isinstance(part, Updatable):
                part.update(event)
        seen = history_of([event], self._items().ids, self._histories().weights)
        self.update_many(seen.items, seen.at, seen.weights, np.array([KINDS.index(event.kind)], np.int8))

    def update_many(
        self,
        items: IntArray,
        at: NDArray[np.float64],
        weights: FloatArray,
        kinds: NDArray[np.int8] | None = None,
    ) -> None:
        """Many events at once, for parts that learn from counts; histories are not touched.

        (e,) item codes (-1, unknown, counts nowhere), UTC seconds, weights, places in `KINDS` (None: clicks).
        Batches of any size and order lead to the same state. One thread at a time; others may ask meanwhile.
        """
        kinds = np.full(len(items), KINDS.index("click"), np.int8) if kinds is None else kinds
        known = (items >= 0) & (items < len(self._items()))
        if known.any():
            for part in self.parts().values():
                if isinstance(part, Countable):
                    part.update_many(items[known], at[known], weights[known], kinds[known])

    def add_items(self, items: Iterable[Item]) -> None:
        """New or changed items, recommendable on return. One thread at a time; others may ask meanwhile."""
        given = list(items)
        self.items_ = self._items().with_items(given)
        changed = np.unique(self.items_.ids.codes(item.id for item in given)).astype(np.int32)
        # What proposes comes last: nothing is proposed that another part does not know yet.
        for part in reversed(self.parts().values()):
            if isinstance(part, Refreshable):
                part.refresh(self.items_, changed)
        self.reader_.refresh(self.items_, changed)
        self.barred_ = np.setdiff1d(self.barred_, changed).astype(np.int32)

    def remove_items(self, ids: Iterable[str]) -> None:
        """Never proposed again, after `save` and `load` too, until they are added again."""
        gone = self._items().ids.codes(ids)
        self.barred_ = np.union1d(self.barred_, gone[gone >= 0]).astype(np.int32)

    def importances(self) -> dict[str, float]:
        """What the ranker looks at, as shares by feature, largest first."""
        ask = getattr(self.ranker, "importances", None)
        if ask is None:
            name = type(self.ranker).__name__
            raise ConfigError(f"{name} has no importances: use a ranker 'boosted', 'cross' or 'fusion'")
        found: dict[str, float] = ask()
        return found

    # -- answering ---------------------------------------------------------------------------------

    def query(
        self,
        user: str | None = None,
        *,
        history: Sequence[str | Interaction] | None = None,
        words: str = "",
        locale: str = "en",
        at: float | None = None,
        context: Mapping[str, str] | None = None,
        exclude: Iterable[str] = (),
        only: Iterable[str] | None = None,
        seen: bool | None = None,
        include: Iterable[str] = (),
        where: str | Filter = "",
        seed: int | None = None,
        intent: Intent | None = None,
        profile: Sequence[str | Interest] = (),
    ) -> Query:
        """A question in codes. Its history is that of `user`, or the one given (ids or events, oldest first).

        `seen` lets items of the history come back (None: as `repeats` says; disliked ones never do); `only`
        names all candidates, `include` some that must be among them, `where` is a filter (`data/filters.py`);
        `at` None means the time of the newest event known; `seed` is for policies that throw dice. `intent`
        stands in for what would be read from `words`; `profile` holds interests that the user has stated.
        """
        items = self._items()
        past = self._history(user, history)
        back = self.repeats if seen is None else seen
        hidden = past.items[past.weights < 0] if back else past.items
        codes = np.concatenate([hidden, items.ids.codes(exclude)])
        return Query(
            history=past,
            user=user,
            at=self._histories().latest(past) if at is None else check_time(at, "at"),
            words=words,
            locale=locale,
            context=dict(context or {}),
            exclude=known(codes),
            only=None if only is None else known(items.ids.codes(only)),
            include=known(items.ids.codes(include)),
            allowed=(parse_filter(where) if isinstance(where, str) else where).mask(items) if where else None,
            seed=seed,
            intent=intent,
            profile=stated(profile, self.reader_.vocabulary(items), items) if profile else (),
        )

    def _history(self, user: str | None, history: Sequence[str | Interaction] | None) -> History:
        items = self._items()
        if history is None:
            return History() if user is None else self._histories().of(user, items.ids)
        if isinstance(history, str):
            raise DataError("a list of ids or events", value=history, hint=f"Write [{history!r}]")
        events = [
            event if isinstance(event, Interaction) else Interaction(user or "", event) for event in history
        ]
        return history_of(events, items.ids, self._histories().weights)

    def rank(self, query: Query, n: int) -> Candidates:
        """The first `n` items with what every source says of them: the path of service and of evaluation."""
        return self.decide(query, n).ranking

    def decide(self, query: Query, n: int, policies: Sequence[Reranker] = (), *, depth: int = 0) -> Decision:
        """`rank` with its stages, under policies of this request; `depth` above `n` is for later pages."""
        check_count("n", n)
        query = self._without_removed(self.reader_.read(query, self._items()))
        if policies:
            policies = bound(policies, self._items(), (*self.rerankers, *self.retrievers.values()))
        return self.pipeline().decide(query, n, policies, depth=depth)

    def _without_removed(self, query: Query) -> Query:
        return replace(query, exclude=np.concatenate([query.exclude, self.barred_]))

    def pipeline(self) -> Pipeline:
        """The parts in the order in which they act now."""
        n_items = 0 if self.items_ is None else len(self.items_)
        return Pipeline(
            self.retrievers, self.ranker, self.rerankers, self.fallback,
            self.n_each, self.n_candidates, self.n_history, n_items, self.items_,
        )  # fmt: skip

    def recommend(
        self,
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
        include: Iterable[str] = (),
        where: str | Filter = "",
        seed: int | None = None,
        policies: Sequence[Reranker] = (),
    ) -> Recommendations:
        """What `user` (or whoever has this `history`) should see now, in order, with reasons. See `query`."""
        asked = self.query(
            user, history=history, words=words, locale=locale, at=at, context=context,
            exclude=exclude, only=only, seen=seen, include=include, where=where, seed=seed,
        )  # fmt: skip
        return self.answer(asked, n, policies)

    def answer(self, query: Query, n: int = 10, policies: Sequence[Reranker] = ()) -> Recommendations:
        """`recommend` for a question that is already in codes."""
        trace = self.explained(query, n, policies)
        return Recommendations(
            items=trace.recommendations,
            user=query.user,
            locale=query.locale,
            version=trace.version,
            timings={stage.name: stage.ms for stage in trace.stages},
            degraded=trace.degraded,
        )

    def trace(
        self,
        user: str | None = None,
        *,
        n: int = 10,
        history: Sequence[str | Interaction] | None = None,
        words: str = "",
        locale: str = "en",
        at: float | None = None,
    ) -> Trace:
        """The decision behind `recommend`, top to bottom: each stage with its time, what went in and out."""
        return self.explained(self.query(user, history=history, words=words, locale=locale, at=at), n)

    def explained(self, query: Query, n: int, policies: Sequence[Reranker] = ()) -> Trace:
        """A decision with its reasons."""
        return self.worded(self.decide(query, n, policies), n)

    def worded(self, decision: Decision, n: int, *, explain: bool = True, checked: bool = False) -> Trace:
        """The first `n` lines of a decision with their reasons; without, when the explainer fails.

        `checked` tries causes, at the price of a decision for each event that is cited (`causes.py`)."""
        ranking, degraded = decision.ranking, decision.degraded
        if len(ranking) > n:
            ranking = ranking.take(np.arange(n))
        start = perf_counter()
        reasons: list[tuple[Reason, ...]] = [()] * len(ranking)
        if explain and self.explainer is not None:
            try:
                query, seen = without_named(decision.query, ranking, self._items())
                told = replace(decision, query=query)
                reasons = reasons_of(self.explainer, self.pipeline(), told, seen, checked=checked)
                degraded += ("explainer",) if getattr(self.explainer, "degraded", False) else ()
            except Exception:
                log.exception("the explainer failed: the list is answered without reasons")
                degraded = (*degraded, "explainer")
        stages = (*decision.stages, decision.timed("explain", (perf_counter() - start) * 1e3))
        lines = lines_of(ranking, self._items(), reasons, self.n_each)
        return Trace(decision.query, stages, lines, self.version_, degraded)

    why_not = why_not

    def similar(self, item: str, n: int = 10) -> Recommendations:
        """Items that go with one item: what the sources that compare items say of it, fused by rank."""
        check_count("n", n)
        code = self._items().ids.code(item)
        if code < 0:
            raise DataError("an item of the catalogue", value=item, hint=self._items().ids.like(item))
        query = self._without_removed(self.query(history=[item], exclude=[item]))
        found, _ = self.pipeline().candidates(query)
        columns = [place for place, name in enumerate(found.sources) if name in found.evidence]
        if columns:
            found = found.only(columns)
        score = reciprocal_rank(found)
        best = found.scored(score).take(np.argsort(-score, kind="stable")[:n])
        lines = lines_of(best, self._items(), [()] * len(best), self.n_each)
        return Recommendations(lines, version=self.version_)

    def save(self, path: str | Path, *, created_at: str = "", histories: bool = True) -> str:
        """Writes an artefact directory: parts, settings, catalogue and histories. Returns its version.

        Items that came in by `add_items` are in it. Events that came in later are not: they belong to
        the store, not to the artefact. Without `histories` it names no user: for a server, whose store
        has them, and from which a person can be erased.
        """
        data = replace(self._histories().snapshot, items=self._items())
        self.version_ = save_recommender(self, path, data, created_at=created_at, histories=histories)
        return self.version_

    def states(self) -> dict[str, State]:
        """What every part has learnt, by its name in an artefact."""
        return {name: part.state() for name, part in self.parts().items() if isinstance(part, Persistent)}

    @classmethod
    def load(
        cls, path: str | Path, *, allow_import: Sequence[str] = (), histories: bool = True
    ) -> Recommender:
        """What `save` wrote, checked file by file; answers are the same as before.

        Without `histories` no user is known and no event of the log stays in memory: for a server that brings
        the history with every question.
        """
        return load_recommender(path, allow_import=allow_import, histories=histories)

    def __repr__(self) -> str:
        return f"Recommender({', '.join(self.retrievers)}; {type(self.ranker).__name__}; {self._status()})"

    def _repr_html_(self) -> str:
        policies = [("reranker", part) for part in self.rerankers]
        others = [("ranker", self.ranker), *policies, ("explainer", self.explainer)]
        slots = [("retrievers", [(name, plain_options(part)) for name, part in self.retrievers.items()])]
        slots += [(name, [(type(part).__name__, plain_options(part))]) for name, part in others if part]
        return recommender_html(slots, self._status())

    def _status(self) -> str:
        if self.histories_ is None:
            return "not fitted"
        data = self.histories_.snapshot
        size = f"{data.n_users:,} users, {len(self._items()):,} items, {len(data):,} interactions"
        return f"fitted on {data.name}: {size}"

    def _items(self) -> Catalogue:
        if self.items_ is None:
            raise NotFittedError(UNFITTED.format("items"))
        return self.items_

    def _histories(self) -> Histories:
        if self.histories_ is None:
            raise NotFittedError(UNFITTED.format("users"))
        return self.histories_
