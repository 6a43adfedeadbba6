"""What the service can be asked, without HTTP: requests in, answers out. Runs in the compute thread."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import numpy as np

from zhiyin.data.filters import FilterLimits, parse_filter
from zhiyin.decide import Decision
from zhiyin.errors import shorten
from zhiyin.prepared import prepared
from zhiyin.serve.asking import Asked, Asker
from zhiyin.serve.left_out import left_out, not_proposed
from zhiyin.serve.live import Live
from zhiyin.serve.meaning_messages import intent_kept, understood_of
from zhiyin.serve.messages import (
    Explained,
    ExplainedItem,
    ExplainRequest,
    Line,
    LineReason,
    ListAnswer,
    Meta_,
    RankRequest,
    RecommendRequest,
    SimilarAnswer,
    TraceAnswer,
    WhyNotAnswer,
    WhyNotRequest,
)
from zhiyin.serve.policies import policies_of
from zhiyin.serve.problems import Problem
from zhiyin.serve.serving import Serving
from zhiyin.store.contract import Store
from zhiyin.store.records import Shown, Slate
from zhiyin.types import Intent, Reason, Recommendation
from zhiyin.why_not import absence

__all__ = ["Service", "new_id"]

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: ids sort by time and can be read aloud."""


def new_id(at: float, kind: str) -> str:
    """A name that nobody can guess and that sorts by time: 10 letters of milliseconds, 16 of chance."""
    number = int(at * 1000) << 80 | secrets.randbits(80)
    letters = (ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))
    return f"{kind}_{''.join(letters)}"


@dataclass
class Service:
    """Answers from the live recommender and the store. `now` gives UTC seconds, `clock` any seconds."""

    store: Store
    live: Live
    now: Callable[[], float]
    clock: Callable[[], float]
    depth: int = 100
    """Length of the order that pages are cut from."""
    n_history: int = 500
    limits: FilterLimits = field(default_factory=FilterLimits)
    versions: dict[str, str] = field(default_factory=dict)

    # -- lists -------------------------------------------------------------------------------------

    def recommend(
        self, request: RecommendRequest, *, until: float = float("inf"), intent: Intent | None = None
    ) -> ListAnswer:
        """The first page. `until` on `clock` is the deadline: reasons are left out when it has passed.
        `intent` is what a model has made of the words; without one, the rules read them."""
        serving, at = self.serving(), self.now()
        asked = self._asker(serving, at).recommend(request)
        if intent is not None:
            asked.query = replace(asked.query, intent=intent)
        return self._list(request, asked, serving, request.n, max(request.n, self.depth), at, until)

    def rank(self, request: RankRequest, *, until: float = float("inf")) -> ListAnswer:
        """The caller's own candidates in order."""
        serving, at = self.serving(), self.now()
        asked = self._asker(serving, at).rank(request)
        n = request.n or len(request.items)
        return self._list(request, asked, serving, n, n, at, until)

    def page(self, cursor: str) -> ListAnswer:
        """More of an answer: the same order, cut further down. An item that was deleted since is left out.
        The last page says so where the order was cut: there may be more items than are kept of it."""
        slate_id, _, start = cursor.partition(".")
        slate = self.slate(slate_id)
        if slate is None or not start.isdecimal():
            raise Problem("invalid_value", "this cursor belongs to no answer that is kept", path="$.cursor")
        if "items" in slate.request:
            said = "this answer ranks the items that were brought: it has one page"
            raise Problem("invalid_value", said, path="$.cursor")
        serving, at, first = self.serving(), self.now(), int(start)
        shown = slate.shown[first : first + slate.n]
        request = msgspec.convert(slate.request, prepared(RecommendRequest))
        items = [line.item for line in shown]
        explained = self._asker(serving, at).explain(
            ExplainRequest(items=items, user=slate.user, session=slate.session,
                           history=request.history, words=request.words, locale=request.locale,
                           context=request.context)
        )  # fmt: skip
        own = {one.words for one in explained.query.profile}
        if (intent := intent_kept(slate, own, self.limits)) is not None:
            explained.query = replace(explained.query, intent=intent)
        reasons = self._reasons(serving, explained, items) if request.reasons and items else {}
        lines = [
            Line(
                rank=first + place,
                id=line.item,
                title=serving.title(line.item),
                score=line.score,
                reasons=reasons.get(line.item, []),
                sources=line.sources,
                propensity=line.propensity,
            )
            for place, line in enumerate(shown, 1)
            if serving.proposes(line.item)
        ]
        following, n = first + slate.n, len(slate.shown)
        is_cut = following >= n >= self.depth
        meta = Meta_(
            slate_id=slate.id,
            next_cursor=f"{slate.id}.{following}" if following < n else "",
            versions={**self.versions, "artefact": slate.version},
            warnings=[f"the order ends here: {n} items of an answer are kept"] if is_cut else [],
        )
        return ListAnswer(items=lines, meta=meta)

    def similar(self, item: str, n: int) -> SimilarAnswer:
        """Items that go with one item."""
        serving, start = self.serving(), self.clock()
        if not serving.proposes(item):
            hint = serving.items.ids.like(item)
            raise Problem("not_found", f"no item has the id {item!r}", path="item", hint=hint)
        found = serving.recommender.similar(item, n)
        lines = [_line(line) for line in found]
        meta = Meta_(versions=self._versions(serving), timings_ms={"all": (self.clock() - start) * 1e3})
        return SimilarAnswer(items=lines, meta=meta)

    def explain(self, request: ExplainRequest) -> Explained:
        """Reasons for items that the caller names, in that order; causes are tried before they are said."""
        serving, start = self.serving(), self.clock()
        asked = self._asker(serving, self.now()).explain(request)
        reasons = self._reasons(serving, asked, request.items, checked=True)
        answers = [
            ExplainedItem(id=name, title=serving.title(name), reasons=reasons.get(name, []))
            for name in request.items
            if serving.code(name) >= 0
        ]
        meta = Meta_(
            versions=self._versions(serving),
            timings_ms={"all": (self.clock() - start) * 1e3},
            warnings=[*_warnings(asked), *not_proposed(serving, request.items)],
        )
        return Explained(items=answers, meta=meta)

    def why_not(self, request: WhyNotRequest) -> WhyNotAnswer:
        """Which stage keeps one item out of the list of such a request; no slate is kept."""
        serving, start = self.serving(), self.clock()
        asked = self._asker(serving, self.now()).recommend(request)
        policies = policies_of(request, serving, self.live.counters, self.limits)
        where = parse_filter(request.filter, limits=self.limits) if request.filter.strip() else None
        found = absence(
            serving.recommender, asked.query, request.item, request.n, policies, where,
            barred=self._barred(serving, request.item), seen=asked.seen, hidden=asked.hidden,
        )  # fmt: skip
        meta = Meta_(
            versions=self._versions(serving),
            timings_ms={"all": (self.clock() - start) * 1e3},
            warnings=_warnings(asked),
        )
        return WhyNotAnswer(
            item=found.item, title=found.title, stage=found.stage, text=found.text,
            changes=list(found.changes), place=found.place, sources=dict(found.sources), meta=meta,
        )  # fmt: skip

    def _barred(self, serving: Serving, item: str) -> str:
        """Why an item that may not be proposed may not; the same in every worker."""
        if serving.code(item) < 0:
            return "unknown"
        return "removed" if self.store.item(item) is None else "unavailable"

    # -- looking back ------------------------------------------------------------------------------

    def slate(self, slate_id: str) -> Slate | None:
        """An answer that was given."""
        return self.store.slate(slate_id)

    def trace(self, slate_id: str) -> TraceAnswer:
        """One decision as it was served."""
        slate = self.slate(slate_id)
        if slate is None:
            raise Problem("not_found", f"no answer with the id {slate_id!r} is kept", path="slate_id")
        serving = self.serving()
        lines = [
            Line(
                rank=place,
                id=line.item,
                title=serving.title(line.item, line.item),
                score=line.score,
                sources=line.sources,
                propensity=line.propensity,
            )
            for place, line in enumerate(slate.shown, 1)
        ]
        return TraceAnswer(
            slate_id=slate.id, at=slate.at, user=slate.user, session=slate.session, surface=slate.surface,
            version=slate.version, request=slate.request, stages=slate.stages, shown=lines,
            features=self._features(slate), degraded=slate.degraded,
        )  # fmt: skip

    def _features(self, slate: Slate) -> list[dict[str, float | None]]:
        """What the ranker saw, with the names that the columns had in that artefact."""
        names = msgspec.json.decode(self.store.setting(f"features.{slate.version}") or "[]")
        if not names or not slate.features:
            return []
        rows = np.frombuffer(slate.features, np.float32).reshape(-1, len(names)).astype(object)
        rows[~np.isfinite(rows.astype(np.float32))] = None
        return [dict(zip(names, row)) for row in rows.tolist()]

    # -- parts -------------------------------------------------------------------------------------

    def serving(self) -> Serving:
        serving = self.live.serving
        if serving is None:
            raise Problem("not_ready", "no artefact serves yet", retry_after_s=5)
        return serving

    def _asker(self, serving: Serving, at: float) -> Asker:
        return Asker(self.store, serving, at, self.n_history, self.limits)

    def _versions(self, serving: Serving) -> dict[str, str]:
        return {**self.versions, "artefact": serving.publication.version}

    def _list(
        self,
        request: RecommendRequest | RankRequest,
        asked: Asked,
        serving: Serving,
        n: int,
        depth: int,
        at: float,
        until: float,
    ) -> ListAnswer:
        slate_id = "" if request.dry_run or request.what_if is not None else new_id(at, "slate")
        policies = policies_of(request, serving, self.live.counters, self.limits)
        decision = serving.recommender.decide(asked.query, n, policies=policies, depth=depth)
        explain = request.reasons and self.clock() < until
        trace = serving.recommender.worded(decision, n, explain=explain)
        degraded = list(trace.degraded) + (["deadline"] if request.reasons and not explain else [])
        lines = [
            _line(line, chance) for line, chance in zip(trace.recommendations, decision.ranking.propensity)
        ]
        timings = {stage.name: round(stage.ms, 3) for stage in trace.stages}
        meta = Meta_(
            slate_id=slate_id,
            next_cursor=f"{slate_id}.{n}" if slate_id and len(decision.ranking) > n else "",
            versions=self._versions(serving),
            timings_ms=timings,
            degraded=degraded,
            warnings=[*_warnings(asked), *left_out(request, asked, serving, decision, n)],
            understood=understood_of(decision, serving.items),
        )
        if slate_id:
            slate = self._slate(slate_id, request, asked, decision, lines, n, at, degraded, serving)
            if not self.store.add_slate(slate):
                meta.warnings.append("the answer was not kept: too many writes wait")
        return ListAnswer(items=lines, meta=meta)

    def _slate(
        self,
        slate_id: str,
        request: RecommendRequest | RankRequest,
        asked: Asked,
        decision: Decision,
        lines: Sequence[Line],
        n: int,
        at: float,
        degraded: list[str],
        serving: Serving,
    ) -> Slate:
        ranking, ids = decision.ranking, serving.items.ids
        head = [
            Shown(item=line.id, score=line.score or 0.0, propensity=line.propensity, sources=line.sources)
            for line in lines
        ]
        tail = [
            Shown(item=item, score=score)
            for item, score in zip(ids.named(ranking.items[n:]), ranking.score[n:].tolist())
        ]
        return Slate(
            id=slate_id, user=request.user, session=request.session, surface=request.surface, at=at,
            version=serving.publication.version, n=n, shown=head + tail,
            request=msgspec.to_builtins(request),
            stages=[
                {"name": s.name, "ms": round(s.ms, 3), "n_in": s.n_in, "n_out": s.n_out,
                 "details": plain(s.details)}
                for s in decision.stages
            ],
            features=ranking.features[:n].tobytes(),
            degraded=degraded,
        )  # fmt: skip

    def _reasons(
        self, serving: Serving, asked: Asked, items: Sequence[str], *, checked: bool = False
    ) -> dict[str, list[LineReason]]:
        decision = serving.recommender.decide(asked.query, max(1, len(items)))
        trace = serving.recommender.worded(decision, len(items), checked=checked)
        return {line.item: [_reason(reason) for reason in line.reasons] for line in trace.recommendations}


def _line(line: Recommendation, propensity: float = 1.0) -> Line:
    return Line(
        rank=line.rank,
        id=line.item,
        title=line.title,
        score=line.score if np.isfinite(line.score) else None,
        reasons=[_reason(reason) for reason in line.reasons],
        sources=dict(line.sources),
        propensity=float(propensity),
    )


def _reason(reason: Reason) -> LineReason:
    return LineReason(
        text=reason.text, kind=reason.kind, share=round(reason.share, 4), items=list(reason.items)
    )


def _warnings(asked: Asked) -> list[str]:
    missing = list(dict.fromkeys(asked.missing))
    if not missing:
        return asked.warnings
    named = ", ".join(shorten(repr(name), 60) for name in missing[:5])
    more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
    return [*asked.warnings, f"the catalogue does not know {named}{more}"]


def plain(value: Any) -> Any:
    """A stage's details as JSON can hold them."""
    if isinstance(value, dict):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(inner) for inner in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
