"""What the store keeps: events as they arrive, items, users, slates, keys, audit rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from zhiyin.types import KINDS, Item

__all__ = [
    "EVENT_KINDS",
    "IMPRESSION",
    "MOST_VALUE",
    "Attributes",
    "AuditRow",
    "Event",
    "EventRows",
    "InterestRecord",
    "ItemChange",
    "ItemRecord",
    "KeyRecord",
    "Outcome",
    "PastRows",
    "ProfileRecord",
    "Receipt",
    "RecentEvent",
    "Shown",
    "Slate",
    "TagsRecord",
    "UserRecord",
    "as_item",
]

IMPRESSION = "impression"
EVENT_KINDS: tuple[str, ...] = (*KINDS, IMPRESSION)
"""Kinds of behaviour, and that something was shown, which is no preference. The position is the code."""

MOST_VALUE = 3e38
"""The value of an event is smaller than this, so that a float32 holds it."""

Attributes: TypeAlias = Mapping[str, float | str | list[str]]


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An interaction as it arrives."""

    user: str
    item: str = ""
    """Empty only for a search, whose words stand in `words`."""
    kind: str = "click"
    value: float | None = None
    """A rating, a price paid, a number of seconds played: by kind."""
    at: float | None = None
    """When it happened, UTC seconds; None = when it was received."""
    event_id: str = ""
    """The sender's name for it: the same id twice is one event. Empty = made here."""
    words: str = ""
    """What was searched for, or the text of a review or a comment."""
    slate_id: str = ""
    """The answer that it goes back to."""
    session: str = ""
    context: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Place, device, and whatever else is known of the moment."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one event."""

    status: str
    """accepted | duplicate | rejected"""
    event_id: str = ""
    seq: int = 0
    """Its place in the log, from 1; for a duplicate the place of the first."""
    code: str = ""
    path: str = ""
    detail: str = ""


class ItemRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An item as it is sent and kept."""

    id: str
    title: str = ""
    text: str = ""
    attributes: dict[str, float | str | list[str]] = msgspec.field(default_factory=dict)
    available: bool = True
    """False: known, but not to be recommended."""
    updated_at: float = 0.0
    """UTC seconds; set by the store."""


class UserRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a user besides behaviour."""

    id: str
    attributes: dict[str, float | str | list[str]] = msgspec.field(default_factory=dict)
    personalise: bool = True
    """False: answers do not use the history, and nothing is learnt from it (opt-out)."""
    updated_at: float = 0.0


class InterestRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One interest of a profile, in words."""

    words: str
    weight: float = 1.0
    """Below 0: not interested."""
    items: list[str] = msgspec.field(default_factory=list)
    """Ids of the history's items that it rests on, newest first."""
    source: str = "user"
    """history | user | llm"""


class ProfileRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a user, or somebody for the user, has said of the user's interests."""

    interests: list[InterestRecord] = msgspec.field(default_factory=list)
    removed: list[InterestRecord] = msgspec.field(default_factory=list)
    """Interests that the history shows and the user does not want: the events behind them no longer count."""
    updated_at: float = 0.0


class TagsRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an item is about, in the words of one vocabulary."""

    tags: list[str] = msgspec.field(default_factory=list)
    line: str = ""
    """The item in one line."""
    source: str = "rules"
    """rules | llm | user"""
    listed: bool = False
    """Whether they are the item's attribute `tags` though no person said them."""
    updated_at: float = 0.0

    @property
    def in_lists(self) -> bool:
        """Whether lists, searches, filters and reasons know them."""
        return self.source == "user" or self.listed


def as_item(record: ItemRecord, tags: TagsRecord | None = None) -> Item:
    """An item of the store as the recommender knows it; tags stand behind those that it has of its own."""
    attributes: dict[str, float | str | tuple[str, ...]] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in record.attributes.items()
    }
    own = attributes.get("tags", ())
    if tags is not None and tags.in_lists and tags.tags and not isinstance(own, float | int):
        words = (own,) if isinstance(own, str) else own
        said = {word.casefold() for word in words}
        attributes["tags"] = (*words, *(tag for tag in tags.tags if tag.casefold() not in said))
    return Item(record.id, record.title, record.text, attributes)


class ItemChange(msgspec.Struct, frozen=True):
    """One step of the catalogue; `revision` grows with every change."""

    revision: int
    key: int
    """The store's number of the item: stays the same for ever."""
    id: str
    record: ItemRecord | None
    """None: deleted, or only named by events so far."""
    tags: TagsRecord | None = None

    @property
    def at(self) -> float:
        """UTC seconds of the newest thing said of it; 0 where nothing is."""
        tagged = self.tags.updated_at if self.tags is not None and self.tags.in_lists else 0.0
        return max(tagged, self.record.updated_at if self.record is not None else 0.0)


class PastRows(msgspec.Struct, frozen=True):
    """Events of one user, oldest first, as arrays of one length."""

    items: NDArray[np.int64]
    """(h,) item keys; 0 = no item (a search)."""
    kinds: NDArray[np.int8]
    """(h,) positions in EVENT_KINDS."""
    values: NDArray[np.float32]
    at: NDArray[np.float64]
    seqs: NDArray[np.int64]
    context: Mapping[str, NDArray[np.str_]] = {}
    """name -> (h,) words, for the names that were asked for; "" = the event does not say it."""
    profile: ProfileRecord | None = None
    """What the user has said of own interests: read in the same step, so that both are of one moment."""


class EventRows(msgspec.Struct, frozen=True):
    """A piece of the log, in the order of `seq`."""

    seqs: NDArray[np.int64]
    users: NDArray[np.int64]
    items: NDArray[np.int64]
    kinds: NDArray[np.int8]
    values: NDArray[np.float32]
    at: NDArray[np.float64]
    attributed: NDArray[np.bool_]
    """True where the event names a slate."""
    opted_out: NDArray[np.bool_]
    """True where the user has opted out: nothing is learnt from it."""
    context: Mapping[str, NDArray[np.str_]] = {}
    """Name -> (n,) words, of the contexts that were asked for."""


class RecentEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event as a person reads it."""

    seq: int
    at: float | None
    received_at: float
    user: str
    """Empty for a visitor without a name, and for who was erased."""
    session: str
    item: str
    kind: str
    value: float | None
    slate_id: str


class Shown(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, array_like=True):
    """One line of a slate."""

    item: str
    score: float
    propensity: float = 1.0
    sources: dict[str, int] = msgspec.field(default_factory=dict)
    """source -> place in its own order, from 1"""


class Slate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One answer as it was served: what a page, a trace and learning from feedback need."""

    id: str
    user: str = ""
    session: str = ""
    surface: str = ""
    at: float
    version: str
    """Of the artefact."""
    n: int
    """Length of a page."""
    shown: list[Shown]
    """The whole order that pages are cut from, at least the first page."""
    request: dict[str, Any] = msgspec.field(default_factory=dict)
    stages: list[dict[str, Any]] = msgspec.field(default_factory=list)
    features: bytes = b""
    """float32, row by row, (lines of the first page, columns), as the ranker saw them; the names of the
    columns are those of the artefact and stand in the setting `features.<version>`."""
    degraded: list[str] = msgspec.field(default_factory=list)


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An access key; the secret itself is nowhere, only its keyed hash."""

    id: str
    name: str
    digest: bytes
    """HMAC-SHA-256 of the secret under the server's pepper."""
    scopes: list[str]
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None
    last_used_at: float | None = None
    kind: str = "key"
    """key, or what a browser signs in with: link (used once), session (in a cookie)."""
    parent: str = ""
    """Of a session: the key that opened it. It ends with that key."""


class AuditRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who changed what; each row holds the hash of the one before."""

    seq: int
    at: float
    actor: str
    """Id of a key, or a word such as `server`."""
    action: str
    target: str
    detail: str = ""
    digest: str = ""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What an erasure has removed; it does not name the user."""

    id: str
    at: float
    events: int
    slates: int
    digest: str
    """Keyed hash of the user's id: proves, to who knows the id, that it was erased."""
