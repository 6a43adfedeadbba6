"""From a request to a query in codes: whose history, what may come back, which policies follow."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from zhiyin.data.catalogue import Catalogue, known
from zhiyin.data.filters import FilterLimits, parse_filter
from zhiyin.data.histories import history_of
from zhiyin.data.weights import DURATION
from zhiyin.errors import DataError, nearest
from zhiyin.represent.profile import interest_of
from zhiyin.serve.meaning_messages import intent_of
from zhiyin.serve.messages import ExplainRequest, HistoryEvent, RankRequest, RecommendRequest, WhatIf
from zhiyin.serve.serving import Serving
from zhiyin.store.contract import Store
from zhiyin.store.records import PastRows, ProfileRecord
from zhiyin.types import KINDS, NO_ITEMS, History, IntArray, Interaction, Interest, Query

__all__ = ["Asked", "Asker"]

MOST_SEEN = 20_000
"""Events of one user that are looked through for what was seen: 11 ms for who has so many, 2 ms for 5,000."""

Request = RecommendRequest | RankRequest | ExplainRequest


@dataclass(slots=True)
class Asked:
    """A query, and what had to be said about the request."""

    query: Query
    warnings: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    """Ids of the request that the catalogue does not know."""
    seen: IntArray = field(default_factory=lambda: NO_ITEMS)
    """Codes of what the user has seen, beside those of the history."""
    hidden: IntArray = field(default_factory=lambda: NO_ITEMS)
    """Codes of what the user has disliked or hidden, beside those of the history."""
    is_longer: bool = False
    """Whether the store may hold more events than the history has."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Builds queries against one artefact and the store, at one moment."""

    store: Store
    serving: Serving
    at: float
    n_history: int = 500
    """Events that say what is liked. What was seen before them is looked up where there are more."""
    limits: FilterLimits = field(default_factory=FilterLimits)

    @property
    def items(self) -> Catalogue:
        """The live catalogue."""
        return self.serving.items

    def recommend(self, request: RecommendRequest) -> Asked:
        """Everything may come back but what was seen, what is excluded and what the filter stops."""
        asked = self._asked(request)
        if asked.is_longer:
            self._look_further(request, asked)
        query = asked.query
        back = self.serving.recommender.repeats if request.seen is None else request.seen
        hidden = [query.history.items[query.history.weights < 0], asked.hidden]
        if not back:
            hidden += [query.history.items, asked.seen]
        asked.query = Query(
            history=query.history,
            user=query.user,
            at=query.at,
            words=query.words,
            profile=query.profile,
            intent=query.intent,
            locale=query.locale,
            context=dict(request.context),
            exclude=known(np.concatenate([*hidden, self._codes(request.exclude, asked)])),
            include=known(self._codes([*request.include, *(pin.item for pin in request.pins)], asked)),
            allowed=self._allowed(request.filter),
            seed=_seed(request),
        )
        return asked

    def rank(self, request: RankRequest) -> Asked:
        """Only the items that the caller brings, seen or not."""
        asked = self._asked(request)
        codes = known(self._codes(request.items, asked))
        self._codes([pin.item for pin in request.pins], asked)
        asked.query = _with(asked.query, only=codes, context=request.context, seed=_seed(request))
        return asked

    def explain(self, request: ExplainRequest) -> Asked:
        """The same, for reasons."""
        asked = self._asked(request)
        asked.query = _with(
            asked.query, only=known(self._codes(request.items, asked)), context=request.context
        )
        return asked

    # -- parts -------------------------------------------------------------------------------------

    def _asked(self, request: Request) -> Asked:
        what_if = getattr(request, "what_if", None)
        at = self.at if what_if is None or what_if.at is None else what_if.at
        asked = Asked(Query())
        history, said = self._history(request, asked)
        if what_if is not None:
            history = self._other(history, what_if, asked, self._contexts(request))
        given = getattr(request, "intent", None)
        asked.query = Query(
            history=history,
            user=request.user or None,
            at=at,
            words=request.words,
            profile=self._profile(request.user, said),
            intent=None if given is None else intent_of(given, request.words, self.limits),
            locale=_locale(request),
        )
        return asked

    def _history(self, request: Request, asked: Asked) -> tuple[History, ProfileRecord | None]:
        """What the user did, and what the user has said of own interests."""
        names = self._contexts(request)
        if request.history is not None:
            said = self.store.profile(request.user) if request.user else None
            return self._given(request.history, asked, names), said
        if request.user:
            rows = self.store.history(request.user, self.n_history, context=names)
            asked.is_longer = len(rows.seqs) >= self.n_history
            return self._without_removed(rows.profile, self._from_store(rows), asked), rows.profile
        if request.session:
            rows = self.store.session_history(request.session, self.n_history, context=names)
            asked.is_longer = len(rows.seqs) >= self.n_history
            return self._from_store(rows), None
        return History(), None

    def _contexts(self, request: Request) -> list[str]:
        """Names of the contexts of past events that count for this request."""
        return self._weighing([name for name in self.serving.contexts if name in request.context])

    def _weighing(self, names: Sequence[str]) -> list[str]:
        """These names, with the duration of what was played where the log says it: weights go by it."""
        past = self.serving.recommender.histories_
        timed = past is not None and DURATION in past.snapshot.context
        return list(dict.fromkeys((*names, DURATION) if timed else names))

    def past(self, user: str, context: Sequence[str] = ()) -> History:
        """What the store knows of a user's behaviour, with the contexts of these names."""
        return self._from_store(self.store.history(user, self.n_history, context=self._weighing(context)))

    def _without_removed(self, said: ProfileRecord | None, past: History, asked: Asked) -> History:
        """Events behind interests that the user has taken out of the profile do not count; their items were
        seen all the same."""
        gone = [] if said is None else [name for one in said.removed for name in one.items]
        if not gone:
            return past
        asked.seen = known(self.items.ids.codes(gone))
        counts = ~np.isin(past.items, asked.seen)
        asked.hidden = known(past.items[~counts & (past.weights < 0)])
        return past.take(counts)

    def _look_further(self, request: RecommendRequest, asked: Asked) -> None:
        """What was seen and hidden in events older than the history, `MOST_SEEN` in all."""
        read = self.store.history if request.user else self.store.session_history
        rows = read(request.user or request.session, MOST_SEEN)
        codes = self.serving.codes(rows.items)
        if request.what_if is not None:
            codes[np.isin(codes, self.items.ids.codes(request.what_if.remove))] = -1
        disliked = self.serving.weights.of(rows.kinds, rows.values) < 0
        asked.seen = known(np.concatenate([asked.seen, codes]))
        asked.hidden = known(np.concatenate([asked.hidden, codes[disliked]]))

    def _profile(self, user: str, said: ProfileRecord | None) -> tuple[Interest, ...]:
        """What was said of a user's interests; nothing for who opted out."""
        if said is None or not said.interests:
            return ()
        record_of_user = self.store.user(user)
        if record_of_user is not None and not record_of_user.personalise:
            return ()
        book = self.serving.recommender.reader_.vocabulary(self.items)
        return tuple(interest_of(one.words, one.weight, book, self.items) for one in said.interests)

    def _from_store(self, rows: PastRows) -> History:
        weights = self.serving.weights.weigh(rows.kinds, rows.values, rows.context)
        return History(self.serving.codes(rows.items), weights, rows.at, rows.context)

    def _given(self, given: Sequence[HistoryEvent | str], asked: Asked, names: Sequence[str]) -> History:
        events = [HistoryEvent(item=event) if isinstance(event, str) else event for event in given]
        for place, event in enumerate(events):
            if event.kind not in KINDS:
                raise DataError(
                    "a kind of behaviour",
                    value=event.kind,
                    column=f"history[{place}].kind",
                    hint=nearest(event.kind, KINDS),
                )
        rows = [
            Interaction(
                "", event.item, event.kind, event.value, event.at,
                context={name: event.context[name] for name in names if name in event.context},
            )
            for event in events
        ]  # fmt: skip
        history = history_of(rows, self.items.ids, self.serving.weights)
        history = replace(history, items=self.serving.remembered(history.items))
        asked.missing += [row.item for row, code in zip(rows, history.items) if code < 0]
        return history

    def _other(self, history: History, what_if: WhatIf, asked: Asked, names: Sequence[str]) -> History:
        gone = self._codes(what_if.remove, asked)
        stays = ~np.isin(history.items, gone)
        added = self._given(what_if.add, asked, names)
        added = replace(added, at=np.where(np.isnan(added.at), self.at, added.at))
        whole = history.take(stays).joined(added)
        return whole if np.isnan(whole.at).any() else whole.take(np.argsort(whole.at, kind="stable"))

    def _codes(self, ids: Sequence[str], asked: Asked) -> IntArray:
        codes = self.serving.remembered(self.items.ids.codes(ids))
        if (codes < 0).any():
            asked.missing += [name for name, code in zip(ids, codes) if code < 0]
        return codes

    def _allowed(self, text: str) -> NDArray[np.bool_] | None:
        if not text.strip():
            return None
        return parse_filter(text, limits=self.limits).mask(self.items)


def _locale(request: Request) -> str:
    return "zh" if request.locale.lower().startswith("zh") else "en"


def _seed(request: RecommendRequest | RankRequest) -> int | None:
    """Chance falls anew with every answer, unless the request says how it falls."""
    if request.seed is not None or request.exploration is None:
        return request.seed
    return secrets.randbits(53)


def _with(query: Query, *, only: IntArray, context: dict[str, str], seed: int | None = None) -> Query:
    return replace(query, only=only, context=dict(context), seed=seed)
