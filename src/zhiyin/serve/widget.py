"""The widget of a user's own site: its script, and the two narrow questions that its key may ask.

Everybody who opens the site can read that key. So it sees lists and reasons for a visitor whom only his own
browser can name, writes impressions and clicks on what was shown to him, and nothing else; and only from
pages of the origins in `serve.cors_origins`, which is empty unless somebody fills it.
"""

from __future__ import annotations

import asyncio
import hashlib
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Place

from zhiyin.serve.call import Call, Param, Route, json_answer
from zhiyin.serve.lists import computed, told, written
from zhiyin.serve.messages import RecommendRequest
from zhiyin.serve.problems import Problem
from zhiyin.store.records import Event

__all__ = ["WIDGET_ROUTES", "WidgetEvents", "WidgetList", "script_place"]

SCRIPT = Path(__file__).parents[1] / "console" / "widget.js"
VISITOR = "w:"
"""Sessions of widgets begin so: a widget cannot ask for a session that the site itself has sent."""
MOST_ITEMS = 24
MOST_EVENTS = 50
MOST_ID = 128
"""Characters of an event's id."""


class WidgetLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line: nothing of how it came about."""

    rank: int
    id: str
    title: str
    reason: str


class WidgetList(msgspec.Struct, frozen=True, kw_only=True):
    """A list for a page of the site."""

    slate_id: str
    items: list[WidgetLine]


class WidgetEvent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the visitor saw or followed."""

    item: Annotated[str, Meta(min_length=1, max_length=512)]
    kind: Literal["impression", "click"]


class WidgetEvents(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Events on one list that this visitor was given."""

    session: Annotated[str, Meta(min_length=16, max_length=64)]
    slate_id: Annotated[str, Meta(min_length=1, max_length=64)]
    events: Annotated[list[WidgetEvent], Meta(min_length=1, max_length=MOST_EVENTS)]


class WidgetTaken(msgspec.Struct, frozen=True, kw_only=True):
    """How many were written; what was written before counts once."""

    accepted: int


async def widget_list(call: Call) -> Response:
    """What this visitor should see on this place of the site."""
    _from_an_allowed_page(call)
    session = call.text("session", 64)
    if len(session) < 16:
        raise Problem("invalid_value", "expected 16 to 64 characters that nobody can guess", path="session")
    request = RecommendRequest(
        session=VISITOR + session, n=call.number("n", 6, high=MOST_ITEMS), surface=call.text("surface", 128),
        locale=call.text("locale", 35) or "en", exclude=[call.text("item")] if call.text("item") else [],
    )  # fmt: skip
    answer = await computed(call, call.ground.service.recommend, request, None)
    told(call, answer)
    lines = [
        WidgetLine(
            rank=line.rank, id=line.id, title=line.title, reason=line.reasons[0].text if line.reasons else ""
        )
        for line in answer.items
    ]
    return json_answer(WidgetList(slate_id=answer.meta.slate_id, items=lines))


async def widget_events(call: Call) -> Response:
    """Only on items of a list that was given to this very visitor."""
    _from_an_allowed_page(call)
    given, ground = call.take(WidgetEvents), call.ground
    loop = asyncio.get_running_loop()
    await written(call, given.slate_id)
    slate = await loop.run_in_executor(ground.readers, ground.service.slate, given.slate_id)
    session = VISITOR + given.session
    if slate is None or slate.session != session:
        raise Problem("not_found", "no list of this id was given to this visitor", path="$.slate_id")
    shown = {line.item for line in slate.shown[: slate.n]}
    events = [
        Event(
            user="", session=session, item=event.item, kind=event.kind, slate_id=slate.id,
            event_id=_event_id(slate.id, event),
        )
        for event in given.events
        if event.item in shown
    ]  # fmt: skip
    if call.grant is not None:
        ground.gate.count_events(call.request, call.grant, len(given.events))
    with ground.admission.ingest():
        outcomes = await asyncio.wrap_future(ground.store.append(events, at=ground.now())) if events else []
    for event, outcome in zip(events, outcomes):
        ground.metrics.ingested(event.kind, outcome.status)
    return json_answer(WidgetTaken(accepted=sum(outcome.status == "accepted" for outcome in outcomes)))


def _event_id(slate: str, event: WidgetEvent) -> str:
    """One for each item: ids that begin alike and are too long for it are told apart by their hash."""
    name = f"{slate}.{event.kind}.{event.item}"
    if len(name) <= MOST_ID:
        return name
    return f"{slate}.{event.kind}.{hashlib.blake2b(event.item.encode(), digest_size=16).hexdigest()}"


def _from_an_allowed_page(call: Call) -> None:
    """A key of this scope alone works on the pages that the owner has named, at the pace of one visitor."""
    call.ground.gate.anonymous(call.request)
    if call.grant is not None and call.grant.may("read"):
        return
    origin = call.request.headers.get("origin", "").lower()
    if origin not in {allowed.lower() for allowed in call.ground.settings.cors_origins}:
        raise Problem("origin_refused")


@cache
def _script() -> bytes:
    return SCRIPT.read_bytes()


async def _widget_script(request: Request) -> Response:
    """Any site may load it: it holds no secret."""
    headers = {"cache-control": "public, max-age=3600", "cross-origin-resource-policy": "cross-origin"}
    return Response(_script(), media_type="text/javascript; charset=utf-8", headers=headers)


def script_place() -> Place:
    """Where the script lies."""
    return Place("/widget.js", _widget_script, methods=["GET"])


WIDGET_ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/v1/widget",
        "widget",
        widget_list,
        "A list for a visitor of your site, for the script widget.js",
        None,
        WidgetList,
        (
            Param("session", "16 to 64 characters that only this visitor's browser knows"),
            Param("n", "1 to 24", "integer"),
            Param("locale", "en or zh"),
            Param("surface", "The place on the site"),
            Param("item", "The item of this page, which does not come"),
        ),
        tag="widget",
        problems=("invalid_value", "origin_refused", "overloaded", "not_ready"),
    ),
    Route(
        "POST",
        "/v1/widget/events",
        "widget",
        widget_events,
        "Impressions and clicks on a list that this visitor was given",
        WidgetEvents,
        WidgetTaken,
        tag="widget",
        example={
            "session": "0b9f6c0e-5a35-4a62-9c55-1f5b7b0a2d11",
            "slate_id": "slate_01j…",
            "events": [{"item": "film-2", "kind": "click"}],
        },
        problems=("not_found", "origin_refused", "overloaded", "store_busy", "store_unavailable"),
    ),
)
