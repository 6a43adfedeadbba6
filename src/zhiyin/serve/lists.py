"""Routes that answer with lists: recommend, rank, similar, explain, trace."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from starlette.responses import Response

from zhiyin.errors import nearest, shorten
from zhiyin.recommendations import Recommendations
from zhiyin.serve.call import Call, json_answer
from zhiyin.serve.messages import (
    ExplainRequest,
    HistoryEvent,
    Line,
    ListAnswer,
    RankRequest,
    RecommendRequest,
    SimilarAnswer,
    WhatIf,
    WhyNotRequest,
)
from zhiyin.serve.problems import Problem
from zhiyin.serve.settings import ServeSettings
from zhiyin.serve.understanding import read_words
from zhiyin.types import KINDS, Reason, Recommendation

__all__ = [
    "admitted", "computed", "explain", "rank", "recommend", "recommend_asked", "similar", "told", "trace",
    "until_of", "why_not", "written",
]  # fmt: skip

T = TypeVar("T")

PAGE_HEADERS = {
    "vary": "accept",
    "content-security-policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; "
        "base-uri 'none'; form-action 'none'"
    ),
}
"""Of a list as a page: it brings its own style, which the policy of all other answers would forbid."""
PAGE_WAIT_S = 0.5
"""How long a page waits for its slate, when another worker has answered and not yet written it."""


async def recommend(call: Call) -> Response:
    """POST: everything can be said."""
    return await _recommend(call, call.take(RecommendRequest))


async def recommend_asked(call: Call) -> Response:
    """GET: what fits into an address."""
    return await _recommend(call, call.asked(RecommendRequest))


async def _recommend(call: Call, request: RecommendRequest) -> Response:
    if request.cursor:
        return _shown(call, await _page(call, request.cursor), request.locale, request.user)
    _check(request, call.ground.settings)
    until, missed, ask = until_of(call, request.deadline_ms), False, call.ground.service.recommend
    if request.words and request.intent is None:
        intent, missed = await read_words(call, request.words, request.locale, until)
        ask = partial(ask, intent=intent)
    answer = await admitted(call, partial(ask, request, until=until), until)
    if missed:
        answer.meta.degraded.append("intent")
    _tell_later(call, answer)
    if not all(line.sources for line in answer.items):
        call.ground.metrics.fell_back("popular")
    return _shown(call, answer, request.locale, request.user)


async def rank(call: Call) -> Response:
    """The caller's own candidates in order."""
    request = call.take(RankRequest)
    _check(request, call.ground.settings)
    answer = await computed(call, call.ground.service.rank, request, request.deadline_ms)
    _tell_later(call, answer)
    return _shown(call, answer, request.locale, request.user)


async def similar(call: Call) -> Response:
    """Items that go with one item."""
    service, item = call.ground.service, call.path("item")
    n = call.number("n", 10, high=call.ground.settings.max_n)
    answer = await _run(call, partial(service.similar, item, n), "similar")
    return _shown(call, answer, call.text("locale", 35) or "en", "")


async def explain(call: Call) -> Response:
    """Reasons for items that the caller names."""
    request = call.take(ExplainRequest)
    _history(request.history, call.ground.settings)
    return json_answer(await _run(call, partial(call.ground.service.explain, request), "explain"))


async def why_not(call: Call) -> Response:
    """Why one item is not in the list."""
    request = call.take(WhyNotRequest)
    _check(request, call.ground.settings)
    return json_answer(await _run(call, partial(call.ground.service.why_not, request), "explain"))


async def trace(call: Call) -> Response:
    """One decision as it was served."""
    name = call.path("slate_id")
    await written(call, name)
    return json_answer(await _read(call, partial(call.ground.service.trace, name)))


# -- parts -------------------------------------------------------------------------------------------


async def _page(call: Call, cursor: str) -> ListAnswer:
    await written(call, cursor.partition(".")[0])
    return await _run(call, partial(call.ground.service.page, cursor), "page")


async def written(call: Call, slate_id: str) -> None:
    """Waits a moment for a slate that another worker has just answered with."""
    loop = asyncio.get_running_loop()
    until = loop.time() + PAGE_WAIT_S
    while await _read(call, partial(call.ground.service.slate, slate_id)) is None and loop.time() < until:
        await asyncio.sleep(0.02)


async def _read(call: Call, fn: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(call.ground.readers, fn)


async def computed(
    call: Call,
    fn: Callable[..., ListAnswer],
    request: RecommendRequest | RankRequest,
    deadline_ms: float | None,
) -> ListAnswer:
    until = until_of(call, deadline_ms)
    return await admitted(call, partial(fn, request, until=until), until)


def until_of(call: Call, deadline_ms: float | None) -> float:
    """The deadline on the clock of the service; a request can only shorten it."""
    longest = call.ground.settings.deadline_ms
    return call.ground.service.clock() + min(deadline_ms or longest, longest) / 1e3


async def _run(call: Call, fn: Callable[[], T], kind: str) -> T:
    return await admitted(call, fn, until_of(call, None), kind)


async def admitted(call: Call, fn: Callable[[], T], until: float, kind: str = "recommend") -> T:
    ground, here = call.ground, contextvars.copy_context()

    def traced() -> T:
        """In the compute thread, as a child of the request's span."""
        with ground.tracing.span(kind):
            return fn()

    gone = call.request.scope.get("zhiyin.gone")
    return await ground.admission.run(partial(here.run, traced), deadline=until, kind=kind, gone=gone)


def _check(request: RecommendRequest | RankRequest, settings: ServeSettings) -> None:
    """The limits that are settings; those of the wire format were checked on decoding."""
    _history(request.history, settings)
    what_if = request.what_if or WhatIf()
    _history(what_if.add, settings, "$.what_if.add")
    sizes: Sequence[tuple[str, int, str]] = (
        ("n", request.n or 0, "max_n"),
        ("boosts", sum(len(boost.items) for boost in request.boosts), "max_rules"),
        ("what_if.remove", len(what_if.remove), "max_rules"),
    )
    if isinstance(request, RankRequest):
        sizes = [("items", len(request.items), "max_candidates"), *sizes[1:]]
    else:
        rules = len(request.include) + len(request.exclude)
        sizes = [*sizes, ("exclude", rules, "max_rules")]
    for path, size, setting in sizes:
        limit = getattr(settings, setting)
        if size > limit:
            raise Problem("limit_exceeded", f"{size}, the setting {setting} allows {limit}", path=f"$.{path}")


def _history(
    history: Sequence[HistoryEvent | str] | None, settings: ServeSettings, path: str = "$.history"
) -> None:
    if history is not None and len(history) > settings.max_history:
        raise Problem(
            "limit_exceeded",
            f"{len(history)} events, the setting max_history allows {settings.max_history}",
            path=path,
        )
    for place, event in enumerate(history or ()):
        if isinstance(event, HistoryEvent) and event.kind not in KINDS:
            said = (
                f"expected a kind of behaviour, got {shorten(repr(event.kind))}; {nearest(event.kind, KINDS)}"
            )
            raise Problem("invalid_value", said, path=f"{path}[{place}].kind")


def _tell_later(call: Call, answer: ListAnswer) -> None:
    """Counts when the answer is on its way: whoever waits for it need not wait for that."""
    asyncio.get_running_loop().call_soon(told, call, answer)


def told(call: Call, answer: ListAnswer) -> None:
    metrics = call.ground.metrics
    for stage, ms in answer.meta.timings_ms.items():
        metrics.stage(stage, ms / 1e3)
    for part in answer.meta.degraded:
        metrics.degraded(part)
    if not answer.items:
        metrics.empty()


def _shown(call: Call, answer: ListAnswer | SimilarAnswer, locale: str, user: str) -> Response:
    if not call.wants_html:
        return json_answer(answer, headers={"vary": "accept"})
    page = Recommendations(
        items=tuple(_recommendation(line) for line in answer.items),
        user=user or None,
        locale=locale,
        version=answer.meta.versions.get("artefact", ""),
        timings=answer.meta.timings_ms,
        degraded=tuple(answer.meta.degraded),
    )
    return Response(page.to_html(), media_type="text/html; charset=utf-8", headers=PAGE_HEADERS)


def _recommendation(line: Line) -> Recommendation:
    reasons = tuple(Reason(r.text, r.kind, r.share, tuple(r.items)) for r in line.reasons)
    score = float("nan") if line.score is None else line.score
    return Recommendation(line.id, line.title, score, line.rank, line.sources, reasons)
