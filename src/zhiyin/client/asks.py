"""What can be asked, once for both clients: a method for each route, with arguments that have types.

Each returns what is to be sent (`Ask`), to be walked through (`Walk`), or to be sent in parts (`Parts`).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import msgspec

from zhiyin.client.bodies import encoded, listed
from zhiyin.client.exchange import Ask
from zhiyin.client.insight import InsightAsks
from zhiyin.client.meaning_asks import MeaningAsks, id_in_path
from zhiyin.serve.ingest import EventIn
from zhiyin.serve.meaning_messages import IntentIn
from zhiyin.serve.messages import (
    ArtefactList,
    ArtefactState,
    AuditPage,
    Boost,
    Cap,
    EventAnswer,
    Explained,
    ExplainRequest,
    Exploration,
    FoundItems,
    Health,
    HistoryEvent,
    HistoryPage,
    IdList,
    ItemIn,
    ItemPage,
    ItemPatch,
    KeyList,
    KeyMade,
    KeyRequest,
    ListAnswer,
    Pin,
    RankRequest,
    RecommendRequest,
    Removed,
    RollbackRequest,
    SimilarAnswer,
    SlateList,
    TraceAnswer,
    UserIn,
    UserPage,
    UserPatch,
    WhatIf,
    WhyNotAnswer,
    WhyNotRequest,
    Written,
)
from zhiyin.store.records import AuditRow, ItemRecord, Receipt, UserRecord

__all__ = ["Asks", "Parts", "Walk", "named"]

T = TypeVar("T")
R = TypeVar("R")
Attributes = Mapping[str, float | str | list[str]]
Changes = Mapping[str, float | str | list[str] | None]
History = Sequence[HistoryEvent | str]
Scope = Literal["read", "ingest", "admin", "erase", "widget"]

MOST_BYTES = 4 << 20
"""Of one body; half of what the service takes unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Walk(Generic[T, R]):
    """Pages one after the other: how to ask for the first, how for the one after, what a page holds."""

    first: Ask[T] | None
    following: Callable[[T], Ask[T] | None]
    rows: Callable[[T], Sequence[R]]
    before: tuple[R, ...] = ()
    """What is there already and comes first."""


@dataclass(frozen=True, slots=True)
class Parts(Generic[T]):
    """Requests that are sent one after the other, and how their answers become one."""

    asks: Iterable[Ask[T]]
    joined: Callable[[Sequence[T]], T]


def named(events: Iterable[EventIn]) -> list[EventIn]:
    """The same events, each with an `event_id`: sent twice, they count once.

    `send` does this itself. Do it before, and keep the list, to send the same events again after an error.
    """
    return [_named(event) for event in events]


class Asks(InsightAsks, MeaningAsks):
    """One method for each thing that the service can be asked."""

    def __init__(self, *, max_batch: int = 1000) -> None:
        self.max_batch = max_batch

    # -- lists -------------------------------------------------------------------------------------

    def recommend(
        self,
        user: str = "",
        *,
        session: str = "",
        history: History | None = None,
        n: int = 10,
        words: str = "",
        intent: IntentIn | None = None,
        locale: str = "en",
        filter: str = "",
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        seen: bool | None = None,
        context: Mapping[str, str] | None = None,
        surface: str = "",
        reasons: bool = True,
        diversity: float = 0.0,
        boosts: Sequence[Boost] = (),
        caps: Sequence[Cap] = (),
        pins: Sequence[Pin] = (),
        exploration: Exploration | None = None,
        seed: int | None = None,
        deadline_ms: float | None = None,
        dry_run: bool = False,
        what_if: WhatIf | None = None,
        cursor: str = "",
    ) -> Ask[ListAnswer]:
        """What this person should see now, in what order, and why.

        `history`, as ids or events and oldest first, stands in for the stored one. `filter` is on attributes:
        `price < 30 and genre in (Comedy, Drama)`. `intent`, an earlier answer's
        `meta.understood.intent` corrected, stands in for what would be read from the `words`. `what_if` and
        `dry_run` leave nothing behind.
        """
        request = RecommendRequest(
            user=user, session=session, history=_history(history), n=n, words=words,
            intent=intent, locale=locale, filter=filter, include=listed(include, "include"),
            exclude=listed(exclude, "exclude"), seen=seen, context=dict(context or {}), surface=surface,
            reasons=reasons, diversity=diversity,
            boosts=list(boosts), caps=list(caps), pins=list(pins), exploration=exploration, seed=seed,
            deadline_ms=deadline_ms, dry_run=dry_run, what_if=what_if, cursor=cursor,
        )  # fmt: skip
        return _sent("POST", "/v1/recommend", request, ListAnswer)

    def pages(self, first: ListAnswer) -> Walk[ListAnswer, ListAnswer]:
        """An answer of `recommend` and the pages that follow it, one by one; no item stands on two."""

        def following(page: ListAnswer) -> Ask[ListAnswer] | None:
            return self.recommend(cursor=page.meta.next_cursor) if page.meta.next_cursor else None

        return Walk(following(first), following, lambda page: [page], (first,))

    def rank(
        self,
        items: Sequence[str],
        user: str = "",
        *,
        session: str = "",
        history: History | None = None,
        n: int | None = None,
        words: str = "",
        locale: str = "en",
        context: Mapping[str, str] | None = None,
        surface: str = "",
        reasons: bool = True,
        diversity: float = 0.0,
        boosts: Sequence[Boost] = (),
        caps: Sequence[Cap] = (),
        pins: Sequence[Pin] = (),
        exploration: Exploration | None = None,
        seed: int | None = None,
        deadline_ms: float | None = None,
        dry_run: bool = False,
        what_if: WhatIf | None = None,
    ) -> Ask[ListAnswer]:
        """The order of your own candidates for this person, seen or not; `n` None = all of them."""
        request = RankRequest(
            items=listed(items, "items"), user=user, session=session, history=_history(history), n=n,
            words=words, locale=locale, context=dict(context or {}), surface=surface, reasons=reasons,
            diversity=diversity, boosts=list(boosts), caps=list(caps), pins=list(pins),
            exploration=exploration, seed=seed, deadline_ms=deadline_ms, dry_run=dry_run, what_if=what_if,
        )  # fmt: skip
        return _sent("POST", "/v1/rank", request, ListAnswer)

    def similar(self, item: str, *, n: int = 10, locale: str = "en") -> Ask[SimilarAnswer]:
        """Items that go with one item."""
        query = (("n", str(n)), ("locale", locale))
        return Ask("GET", f"/v1/similar/{id_in_path(item)}", SimilarAnswer, query=query)

    def search(self, words: str, *, n: int = 20) -> Ask[FoundItems]:
        """Items by words, as somebody types them: beginnings of titles first."""
        return Ask("GET", "/v1/search", FoundItems, query=(("words", words), ("n", str(n))))

    def slates(self, user: str = "", *, n: int = 20) -> Ask[SlateList]:
        """The newest decisions, of all or of one user; `trace` shows one of them whole."""
        whose = (("user", user),) if user else ()
        return Ask("GET", "/v1/slates", SlateList, query=(*whose, ("n", str(n))))

    def explain(
        self,
        items: Sequence[str],
        user: str = "",
        *,
        session: str = "",
        history: History | None = None,
        words: str = "",
        locale: str = "en",
        context: Mapping[str, str] | None = None,
    ) -> Ask[Explained]:
        """Why these items would suit this person."""
        request = ExplainRequest(
            items=listed(items, "items"),
            user=user,
            session=session,
            history=_history(history),
            words=words,
            locale=locale,
            context=dict(context or {}),
        )
        return _sent("POST", "/v1/explain", request, Explained)

    def why_not(
        self,
        item: str,
        user: str = "",
        *,
        n: int = 10,
        session: str = "",
        history: History | None = None,
        words: str = "",
        locale: str = "en",
        filter: str = "",
        exclude: Sequence[str] = (),
        seen: bool | None = None,
    ) -> Ask[WhyNotAnswer]:
        """Why an item is not among the first `n` of such a question, and what would have to be different."""
        request = WhyNotRequest(
            item=item, user=user, n=n, session=session, history=_history(history), words=words,
            locale=locale, filter=filter, exclude=listed(exclude, "exclude"), seen=seen,
        )  # fmt: skip
        return _sent("POST", "/v1/why-not", request, WhyNotAnswer)

    def trace(self, slate_id: str) -> Ask[TraceAnswer]:
        """One decision from top to bottom, as it was served."""
        return Ask("GET", f"/v1/trace/{id_in_path(slate_id)}", TraceAnswer)

    # -- events ------------------------------------------------------------------------------------

    def send(self, events: EventIn | Iterable[EventIn]) -> Parts[EventAnswer]:
        """What became of each event, in order: accepted means on disk.

        An event without an `event_id` gets one, so that a repeat cannot count it twice. More than `max_batch`
        events go in several requests; when one of them fails, those before are written (see `named`).
        """
        many = [events] if isinstance(events, EventIn) else events
        bodies = _bodies(
            (encoded(_named(event), f"$[{place}]") for place, event in enumerate(many)), self.max_batch
        )
        asks = (_posted("POST", "/v1/events", body, EventAnswer) for body in bodies)
        return Parts(asks, _all_events)

    # -- items -------------------------------------------------------------------------------------

    def put_item(
        self,
        id: str,
        *,
        title: str = "",
        text: str = "",
        attributes: Attributes | None = None,
        available: bool = True,
    ) -> Ask[Written]:
        """Insert or replace an item: recommendable within a second."""
        item = ItemIn(title=title, text=text, attributes=dict(attributes or {}), available=available)
        return _sent("PUT", f"/v1/items/{id_in_path(id)}", item, Written)

    def put_items(self, items: Iterable[ItemIn]) -> Parts[Written]:
        """Insert or replace many items; of each request (at most `max_batch` items) all or none."""
        return _in_parts("/v1/items", items, self.max_batch)

    def patch_item(
        self,
        id: str,
        *,
        title: str | None = None,
        text: str | None = None,
        attributes: Changes | None = None,
        available: bool | None = None,
    ) -> Ask[Written]:
        """Change what is given; an attribute that is None goes."""
        patch = ItemPatch(title=title, text=text, attributes=dict(attributes or {}), available=available)
        return _sent("PATCH", f"/v1/items/{id_in_path(id)}", patch, Written)

    def get_item(self, id: str) -> Ask[ItemRecord]:
        """One item as it was sent."""
        return Ask("GET", f"/v1/items/{id_in_path(id)}", ItemRecord)

    def delete_item(self, id: str) -> Ask[Removed]:
        """Never recommended again, unless it is put again."""
        gone = Removed(removed=0, missing=[id])
        return Ask("DELETE", f"/v1/items/{id_in_path(id)}", Removed, gone=(gone,))

    def delete_items(self, ids: Sequence[str]) -> Ask[Removed]:
        """Many at once; which of them there were not is said."""
        names = listed(ids, "ids")
        gone = Removed(removed=0, missing=names)
        body = encoded(IdList(ids=names))
        return Ask("DELETE", "/v1/items", Removed, body=body, gone=(gone,))

    def items(self, *, after: str = "", limit: int = 1000) -> Walk[ItemPage, ItemRecord]:
        """All items by id, beginning behind `after`; `limit` of them are fetched at a time."""
        return _walk("/v1/items", ItemPage, after, limit, lambda page: page.next, lambda page: page.items)

    # -- users -------------------------------------------------------------------------------------

    def put_user(
        self, id: str, *, attributes: Attributes | None = None, personalise: bool | None = None
    ) -> Ask[Written]:
        """Insert or replace what is known of a user besides behaviour; `personalise` None: as it was."""
        user = UserIn(attributes=dict(attributes or {}), personalise=personalise)
        return _sent("PUT", f"/v1/users/{id_in_path(id)}", user, Written)

    def put_users(self, users: Iterable[UserIn]) -> Parts[Written]:
        """Insert or replace many users; of each request (at most `max_batch` users) all or none."""
        return _in_parts("/v1/users", users, self.max_batch)

    def patch_user(
        self, id: str, *, attributes: Changes | None = None, personalise: bool | None = None
    ) -> Ask[Written]:
        """Change what is given; `personalise` False is the opt-out."""
        patch = UserPatch(attributes=dict(attributes or {}), personalise=personalise)
        return _sent("PATCH", f"/v1/users/{id_in_path(id)}", patch, Written)

    def get_user(self, id: str) -> Ask[UserRecord]:
        """One user's record."""
        return Ask("GET", f"/v1/users/{id_in_path(id)}", UserRecord)

    def users(self, *, after: str = "", limit: int = 1000) -> Walk[UserPage, UserRecord]:
        """All users by id, beginning behind `after`."""
        return _walk("/v1/users", UserPage, after, limit, lambda page: page.next, lambda page: page.users)

    def history(self, user: str, *, n: int = 100) -> Ask[HistoryPage]:
        """What a user did, newest first."""
        return Ask("GET", f"/v1/users/{id_in_path(user)}/history", HistoryPage, query=(("n", str(n)),))

    def export(self, user: str) -> Ask[dict[str, Any]]:
        """Everything that is held on a user."""
        return Ask("GET", f"/v1/users/{id_in_path(user)}/export", dict[str, Any])

    def erase(self, user: str) -> Ask[Receipt]:
        """Erase a person: record, events, answers. The answer is a receipt.

        Not repeated when its answer was lost: a second receipt would count nothing.
        """
        return Ask("DELETE", f"/v1/users/{id_in_path(user)}", Receipt, repeatable=False)

    # -- running -----------------------------------------------------------------------------------

    def live(self) -> Ask[Health]:
        """The process answers."""
        return Ask("GET", "/health/live", Health)

    def ready(self) -> Ask[Health]:
        """Whether requests may come: `status` is ok, else `reasons` says why not."""
        return Ask("GET", "/health/ready", Health, answered_by=(200, 503))

    def metrics(self) -> Ask[str]:
        """The page for Prometheus."""
        return Ask("GET", "/metrics", str)

    def openapi(self) -> Ask[dict[str, Any]]:
        """The OpenAPI document."""
        return Ask("GET", "/openapi.json", dict[str, Any])

    def keys(self) -> Ask[KeyList]:
        """All keys, without their secrets."""
        return Ask("GET", "/v1/keys", KeyList)

    def make_key(self, name: str, scopes: Sequence[Scope], *, days: float | None = None) -> Ask[KeyMade]:
        """A new key; its secret is shown this once."""
        request = KeyRequest(name=name, scopes=listed(scopes, "scopes"), days=days)
        return _sent("POST", "/v1/keys", request, KeyMade, repeatable=False)

    def revoke_key(self, key_id: str) -> Ask[None]:
        """Refuse a key from now on, in every worker within a second."""
        return Ask("DELETE", f"/v1/keys/{id_in_path(key_id)}", None, gone=(None,))

    def audit(self, *, after: int = 0, limit: int = 1000) -> Walk[AuditPage, AuditRow]:
        """Who changed what, oldest first."""
        return _walk(
            "/v1/audit", AuditPage, after or "", limit, lambda page: page.next, lambda page: page.rows
        )

    def artefacts(self) -> Ask[ArtefactList]:
        """What serves, what served before, what was refused and why."""
        return Ask("GET", "/v1/artefacts", ArtefactList)

    def rollback(self, *, to: str = "") -> Ask[ArtefactState]:
        """Let the artefact before serve again, or the one named."""
        request = RollbackRequest(to=to)
        return _sent("POST", "/v1/artefacts/rollback", request, ArtefactState, repeatable=bool(to))


# -- parts -------------------------------------------------------------------------------------------


def _sent(method: str, path: str, request: Any, kind: type[T], *, repeatable: bool = True) -> Ask[T]:
    return _posted(method, path, encoded(request), kind, repeatable)


def _posted(method: str, path: str, body: bytes, kind: type[T], repeatable: bool = True) -> Ask[T]:
    return Ask(method, path, kind, body=body, repeatable=repeatable)


def _walk(
    path: str,
    kind: type[T],
    after: str | int,
    limit: int,
    following: Callable[[T], str | int],
    rows: Callable[[T], Sequence[R]],
) -> Walk[T, R]:
    def ask(start: str | int) -> Ask[T]:
        begin = (("after", str(start)),) if start else ()
        return Ask("GET", path, kind, query=(*begin, ("limit", str(limit))))

    def behind(page: T) -> Ask[T] | None:
        return ask(following(page)) if following(page) else None

    return Walk(ask(after), behind, rows)


def _in_parts(path: str, records: Iterable[ItemIn] | Iterable[UserIn], most: int) -> Parts[Written]:
    bodies = _bodies((encoded(record, f"$[{place}]") for place, record in enumerate(records)), most)
    return Parts((_posted("PUT", path, body, Written) for body in bodies), _all_written)


def _bodies(pieces: Iterable[bytes], most: int) -> Iterable[bytes]:
    """JSON arrays of at most `most` pieces and about MOST_BYTES."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        if held and (len(held) == most or size + len(piece) > MOST_BYTES):
            yield b"[" + b",".join(held) + b"]"
            held, size = [], 0
        held.append(piece)
        size += len(piece) + 1
    if held:
        yield b"[" + b",".join(held) + b"]"


def _all_events(answers: Sequence[EventAnswer]) -> EventAnswer:
    return EventAnswer(
        results=[result for answer in answers for result in answer.results],
        accepted=sum(answer.accepted for answer in answers),
        duplicates=sum(answer.duplicates for answer in answers),
        rejected=sum(answer.rejected for answer in answers),
    )


def _all_written(answers: Sequence[Written]) -> Written:
    return Written(
        written=sum(answer.written for answer in answers),
        revision=max((answer.revision for answer in answers), default=0),
    )


def _named(event: EventIn) -> EventIn:
    return event if event.event_id else msgspec.structs.replace(event, event_id=f"ev_{secrets.token_hex(16)}")


def _history(given: History | None) -> list[HistoryEvent | str] | None:
    return None if given is None else listed(given, "history")
