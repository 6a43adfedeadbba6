"""What goes over the wire, as types: decoding checks it, OpenAPI document and client are made of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from zhiyin.serve.ingest import LATEST, Context
from zhiyin.serve.meaning_messages import IntentIn, Understood
from zhiyin.store.records import MOST_VALUE, AuditRow, ItemRecord, Outcome, UserRecord

__all__ = [
    "ArtefactList",
    "ArtefactState",
    "AuditPage",
    "Boost",
    "Cap",
    "EventAnswer",
    "ExplainRequest",
    "Explained",
    "ExplainedItem",
    "Exploration",
    "FoundItem",
    "FoundItems",
    "Health",
    "HistoryEvent",
    "HistoryLine",
    "HistoryPage",
    "IdList",
    "ItemIn",
    "ItemPage",
    "ItemPatch",
    "KeyList",
    "KeyMade",
    "KeyRequest",
    "KeyShown",
    "Line",
    "LineReason",
    "ListAnswer",
    "Meta_",
    "Pin",
    "RankRequest",
    "RecommendRequest",
    "Removed",
    "RollbackRequest",
    "SessionState",
    "SignIn",
    "SimilarAnswer",
    "SlateList",
    "SlateShown",
    "TraceAnswer",
    "UserIn",
    "UserPage",
    "UserPatch",
    "WhatIf",
    "WhyNotAnswer",
    "WhyNotRequest",
    "Written",
]

Name = Annotated[str, Meta(min_length=1, max_length=512)]
Attributes = dict[str, float | str | list[str]]


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A request: an unknown field is a mistake, and the answer says where."""


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer: every field is always there."""


# -- asking ------------------------------------------------------------------------------------------


class HistoryEvent(_Strict, frozen=True, kw_only=True):
    """One event of a history that comes with the request."""

    item: Name
    kind: str = "click"
    value: Annotated[float, Meta(gt=-MOST_VALUE, lt=MOST_VALUE)] | None = None
    at: Annotated[float, Meta(ge=0, le=LATEST, description="UTC seconds")] | None = None
    context: Context = {}


class Pin(_Strict, frozen=True, kw_only=True):
    """An item at a fixed place, whatever the ranking says."""

    item: Name
    position: Annotated[int, Meta(ge=1, le=1000, description="From 1")]


class Boost(_Strict, frozen=True, kw_only=True):
    """Items that are moved up (`by` above 1) or down (below 1): named, or found by a filter."""

    items: list[Name] = []
    filter: str = ""
    by: Annotated[float, Meta(gt=0, le=100)] = 2.0


class Cap(_Strict, frozen=True, kw_only=True):
    """At most so many items of the list share a word of this attribute; pins are not counted."""

    attribute: Name
    at_most: Annotated[int, Meta(ge=1, le=1000)]


class Exploration(_Strict, frozen=True, kw_only=True):
    """Places of the list that are given to items of which little is known."""

    method: Literal["epsilon", "thompson"] = "epsilon"
    slots: Annotated[int, Meta(ge=1, le=100, description="How many places, from the end of the list")] = 1
    epsilon: Annotated[float, Meta(ge=0, le=1, description="Chance of exploring in each slot")] = 0.1


class WhatIf(_Strict, frozen=True, kw_only=True):
    """A question about another past: nothing is written, no slate is kept."""

    add: list[HistoryEvent] = []
    """Events that are taken as the newest of the history, unless they say when."""
    remove: list[Name] = []
    """Items whose events are taken out."""
    at: Annotated[float, Meta(ge=0, le=LATEST, description="Another moment, UTC seconds")] | None = None


class _Asking(_Strict, frozen=True, kw_only=True):
    user: Annotated[str, Meta(max_length=512, description="Whose history counts")] = ""
    session: Annotated[str, Meta(max_length=512, description="For a visitor without a name")] = ""
    history: Annotated[
        list[HistoryEvent | Name] | None,
        Meta(description="Instead of the stored one: item ids or events, oldest first"),
    ] = None
    words: Annotated[str, Meta(max_length=2000, description="What is looked for, in any words")] = ""
    intent: Annotated[
        IntentIn | None, Meta(description="What is asked for, instead of what would be read from the words")
    ] = None
    locale: Annotated[str, Meta(max_length=35, description="Language of the reasons: en or zh")] = "en"
    context: Context = {}
    surface: Annotated[str, Meta(max_length=128, description="Where the list is shown")] = ""
    reasons: bool = True
    diversity: Annotated[float, Meta(ge=0, le=1, description="0 = by score alone")] = 0.0
    boosts: Annotated[list[Boost], Meta(max_length=100)] = []
    caps: Annotated[list[Cap], Meta(max_length=20)] = []
    pins: Annotated[list[Pin], Meta(max_length=100)] = []
    exploration: Exploration | None = None
    seed: Annotated[int, Meta(ge=0, le=2**53, description="Of exploration; None = new dice")] | None = None
    deadline_ms: Annotated[float, Meta(gt=0, le=60_000)] | None = None
    dry_run: Annotated[bool, Meta(description="Answer, but keep no slate")] = False
    what_if: WhatIf | None = None


class RecommendRequest(_Asking, frozen=True, kw_only=True):
    """What should this person see now?"""

    n: Annotated[int, Meta(ge=1, le=1000, description="How many items")] = 10
    include: Annotated[list[Name], Meta(max_length=1000, description="Must be among the candidates")] = []
    exclude: Annotated[list[Name], Meta(max_length=10_000)] = []
    filter: Annotated[str, Meta(description='On attributes: price < 30 and genre in ("Comedy", "Drama")')] = (
        ""
    )
    seen: Annotated[
        bool | None, Meta(description="Items of the history may come back; null: where people return to them")
    ] = None
    cursor: Annotated[str, Meta(max_length=200, description="meta.next_cursor of the page before")] = ""


class WhyNotRequest(RecommendRequest, frozen=True, kw_only=True):
    """Why would this item not be in the list that such a request gets?"""

    item: Name


class RankRequest(_Asking, frozen=True, kw_only=True):
    """In what order should this person see these items?"""

    items: Annotated[list[Name], Meta(min_length=1, max_length=10_000)]
    n: Annotated[int, Meta(ge=1, le=10_000, description="None = all of them")] | None = None


class ExplainRequest(_Strict, frozen=True, kw_only=True):
    """Why would these items suit this person?"""

    items: Annotated[list[Name], Meta(min_length=1, max_length=100)]
    user: Annotated[str, Meta(max_length=512)] = ""
    session: Annotated[str, Meta(max_length=512)] = ""
    history: list[HistoryEvent | Name] | None = None
    words: Annotated[str, Meta(max_length=2000)] = ""
    locale: Annotated[str, Meta(max_length=35)] = "en"
    context: Context = {}


# -- answering ---------------------------------------------------------------------------------------


class LineReason(_Answer, frozen=True, kw_only=True):
    """Why an item is there: words, and the items of the history that they rest on."""

    text: str
    kind: str
    share: float
    items: list[str] = []


class Line(_Answer, frozen=True, kw_only=True):
    """One line of a list."""

    rank: int
    id: str
    title: str
    score: float | None
    reasons: list[LineReason] = []
    sources: dict[str, int] = {}
    """source -> place in its own order, from 1"""
    propensity: float = 1.0
    """Chance that it stands here; below 1 only where exploration had a say."""


class Meta_(_Answer, frozen=True, kw_only=True):  # noqa: N801  (msgspec.Meta has the name)
    """How the answer came about."""

    slate_id: str = ""
    """To name in impressions and clicks; empty for a dry run."""
    next_cursor: str = ""
    versions: dict[str, str] = {}
    timings_ms: dict[str, float] = {}
    degraded: list[str] = []
    """Parts that failed or were too slow and were done without."""
    warnings: list[str] = []
    understood: Understood | None = None
    """Of the words, where there were any."""


class ListAnswer(_Answer, frozen=True, kw_only=True):
    """A list with how it came about."""

    items: list[Line]
    meta: Meta_


class SimilarAnswer(_Answer, frozen=True, kw_only=True):
    """Items that go with one item."""

    items: list[Line]
    meta: Meta_


class ExplainedItem(_Answer, frozen=True, kw_only=True):
    id: str
    title: str
    reasons: list[LineReason]


class Explained(_Answer, frozen=True, kw_only=True):
    """Reasons in the order of the items asked for."""

    items: list[ExplainedItem]
    meta: Meta_


class WhyNotAnswer(_Answer, frozen=True, kw_only=True):
    """Which stage of the decision dropped the item, and what would have to be different."""

    item: str
    title: str
    stage: Annotated[str, Meta(description="unknown, removed, seen, excluded, filter, far, ranked …, listed")]
    text: str
    changes: list[str] = []
    place: Annotated[int, Meta(description="In the whole order, from 1; 0 = not in it")] = 0
    sources: dict[str, int] = {}
    meta: Meta_


class TraceAnswer(_Answer, frozen=True, kw_only=True):
    """One decision from top to bottom, as it was served."""

    slate_id: str
    at: float
    user: str
    session: str
    surface: str
    version: str
    request: dict[str, Any]
    stages: list[dict[str, Any]]
    shown: list[Line]
    features: list[dict[str, float | None]]
    """One row per line of the first page: what the ranker saw."""
    degraded: list[str]


# -- events ------------------------------------------------------------------------------------------


class EventAnswer(_Answer, frozen=True, kw_only=True):
    """What became of each event, in order. Accepted means on disk."""

    results: list[Outcome]
    accepted: int
    duplicates: int
    rejected: int


# -- catalogue, users --------------------------------------------------------------------------------


class ItemIn(_Strict, frozen=True, kw_only=True):
    """An item of the catalogue. An attribute is a number, a word, or several words."""

    id: Annotated[str, Meta(max_length=512)] = ""
    title: str = ""
    text: str = ""
    attributes: Attributes = {}
    available: Annotated[bool, Meta(description="False: known, but not to be recommended")] = True


class UserIn(_Strict, frozen=True, kw_only=True):
    """What is known of a user besides behaviour."""

    id: Annotated[str, Meta(max_length=512)] = ""
    attributes: Attributes = {}
    personalise: Annotated[
        bool | None, Meta(description="False: the history is not used (opt-out); null: as it was")
    ] = None


class ItemPatch(_Strict, frozen=True, kw_only=True):
    """Only what is given changes; an attribute set to null goes."""

    title: str | None = None
    text: str | None = None
    attributes: dict[str, float | str | list[str] | None] = {}
    available: bool | None = None


class UserPatch(_Strict, frozen=True, kw_only=True):
    attributes: dict[str, float | str | list[str] | None] = {}
    personalise: bool | None = None


class FoundItem(_Answer, frozen=True, kw_only=True):
    id: str
    title: str
    score: float


class FoundItems(_Answer, frozen=True, kw_only=True):
    """Items that fit the words, best first."""

    items: list[FoundItem]


class SlateShown(_Answer, frozen=True, kw_only=True):
    """A decision in one line."""

    slate_id: str
    at: float
    user: str
    session: str
    surface: str
    version: str
    n: int
    titles: list[str]
    """Of the first three items."""
    ms: float
    degraded: list[str]


class SlateList(_Answer, frozen=True, kw_only=True):
    """Decisions, newest first."""

    slates: list[SlateShown]


class ItemPage(_Answer, frozen=True, kw_only=True):
    """Items by id; `next` goes into `after`, empty at the end."""

    items: list[ItemRecord]
    next: str


class UserPage(_Answer, frozen=True, kw_only=True):
    users: list[UserRecord]
    next: str


class HistoryLine(_Answer, frozen=True, kw_only=True):
    item: str
    title: str
    kind: str
    value: float | None
    at: float


class HistoryPage(_Answer, frozen=True, kw_only=True):
    """What a user did, newest first."""

    events: list[HistoryLine]


class Written(_Answer, frozen=True, kw_only=True):
    """How many were written; on disk when this is answered."""

    written: int
    revision: int
    """Of the catalogue; grows with every change. 0 where there is none."""


class IdList(_Strict, frozen=True, kw_only=True):
    ids: Annotated[list[Name], Meta(min_length=1, max_length=10_000)]


class Removed(_Answer, frozen=True, kw_only=True):
    removed: int
    missing: list[str]


# -- running it --------------------------------------------------------------------------------------


class Health(_Answer, frozen=True, kw_only=True):
    """`status` is ok, or why not."""

    status: str
    reasons: list[str] = []
    version: str = ""


class KeyRequest(_Strict, frozen=True, kw_only=True):
    name: Annotated[str, Meta(min_length=1, max_length=100)]
    scopes: Annotated[list[Literal["read", "ingest", "admin", "erase", "widget"]], Meta(min_length=1)]
    days: Annotated[float, Meta(gt=0, le=3650, description="Until it expires; None = never")] | None = None


class SignIn(_Strict, frozen=True, kw_only=True):
    """With a key, or with the secret of a one-time link."""

    key: Annotated[str, Meta(max_length=200)] = ""
    link: Annotated[str, Meta(max_length=200)] = ""


class SessionState(_Answer, frozen=True, kw_only=True):
    """Who is signed in with this browser; `csrf` goes into the header X-CSRF-Token of what changes things."""

    signed_in: bool
    key_id: str = ""
    name: str = ""
    scopes: list[str] = []
    expires_at: float | None = None
    csrf: str = ""
    version: str = ""


class KeyShown(_Answer, frozen=True, kw_only=True):
    id: str
    name: str
    scopes: list[str]
    created_at: float
    expires_at: float | None
    revoked_at: float | None
    last_used_at: float | None
    kind: str = "key"
    """key | link | session"""


class KeyList(_Answer, frozen=True, kw_only=True):
    keys: list[KeyShown]


class KeyMade(_Answer, frozen=True, kw_only=True):
    """The only time that the secret is shown."""

    id: str
    secret: str


class ArtefactState(_Answer, frozen=True, kw_only=True):
    version: str
    state: str
    """serving | previous | kept | refused"""
    at: float
    detail: str = ""


class ArtefactList(_Answer, frozen=True, kw_only=True):
    current: str
    artefacts: list[ArtefactState]


class RollbackRequest(_Strict, frozen=True, kw_only=True):
    to: Annotated[str, Meta(max_length=64, description="A version; empty = the one before")] = ""


class AuditPage(_Answer, frozen=True, kw_only=True):
    """`next` goes into `after`; 0 at the end."""

    rows: list[AuditRow]
    next: int
