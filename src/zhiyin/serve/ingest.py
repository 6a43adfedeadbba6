"""Events from the wire to the log: one by one checked, together written, each with its own answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated

import msgspec
from msgspec import Meta

from zhiyin.errors import nearest, shorten
from zhiyin.serve.body_faults import told
from zhiyin.serve.problems import Problem
from zhiyin.store.records import EVENT_KINDS, MOST_VALUE, Event, Outcome

__all__ = ["LATEST", "Context", "EventIn", "Parcel", "read_events", "split_body"]

NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl")
LATEST = 1e11
"""A number above is a time in milliseconds that was meant to be seconds (the year 5138)."""
A_TIME = "expected UTC seconds or ISO 8601, between the years 1970 and 5138, got {}"

LONGEST_NAME, LONGEST_VALUE = 64, 1024
"""Characters of a context."""
Context = Annotated[
    dict[Annotated[str, Meta(max_length=LONGEST_NAME)], Annotated[str, Meta(max_length=LONGEST_VALUE)]],
    Meta(description="Time zone, place, device … as words", max_length=32),
]
"""A history has a row of equal width for each name: one long value would make all of them long."""


class EventIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What somebody did. `user` or `session` says who; everything but a search names an `item`."""

    user: Annotated[str, Meta(max_length=512)] = ""
    session: Annotated[str, Meta(max_length=512)] = ""
    item: Annotated[str, Meta(max_length=512)] = ""
    kind: Annotated[str, Meta(description="One of: " + ", ".join(EVENT_KINDS))] = "click"
    value: float | None = None
    """A rating, a price paid, seconds played: by kind."""
    at: float | datetime | None = None
    """UTC seconds or ISO 8601; without it, the moment of receipt."""
    event_id: Annotated[str, Meta(max_length=128)] = ""
    """The sender's name for it: the same id twice is one event."""
    words: Annotated[str, Meta(max_length=20_000)] = ""
    """What was searched for, or the text of a review or a comment."""
    slate_id: Annotated[str, Meta(max_length=64)] = ""
    """`meta.slate_id` of the answer that it goes back to."""
    context: Annotated[dict[str, str], Meta(max_length=32)] = {}


class _Counted(msgspec.Struct, frozen=True):
    """An object of which only is known that it is one: what it holds is passed over."""

    def __post_init__(self) -> None:
        room = ROOM.get()
        room[0] -= 1
        if room[0] < 0:
            raise Problem("limit_exceeded", TOO_MANY.format(room[1]))


DECODER = msgspec.json.Decoder(EventIn)
LIST = msgspec.json.Decoder(list[msgspec.Raw])
COUNT = msgspec.json.Decoder(list[_Counted])
ROOM: ContextVar[list[int]] = ContextVar("room")
"""While a list is counted: how many objects may still come, and how many might at first."""
TOO_MANY = "more than {0} in one request, the setting max_batch allows {0}"
FEW_COMMAS = 100_000
"""A list with no more of them is split without being counted first: it takes 10 ms and 8 MB at the most."""
LINE = re.compile(rb"\S[^\r\n]*")


@dataclass(slots=True)
class Parcel:
    """One body: the events that can be written, and an outcome for each that cannot."""

    events: list[Event]
    places: list[int]
    """Which of the body's events each of `events` was."""
    outcomes: list[Outcome | None]
    single: bool

    def answered(self, written: Sequence[Outcome]) -> list[Outcome]:
        """All outcomes in the order of the body."""
        for place, outcome in zip(self.places, written):
            self.outcomes[place] = outcome
        return [outcome for outcome in self.outcomes if outcome is not None]


def split_body(body: bytes, content_type: str, limit: int) -> tuple[list[bytes | msgspec.Raw], bool]:
    """The pieces of a body (an object, an array, or one object a line), and whether it was one object.

    More than `limit` is a problem that is found without splitting the rest. Of an array that is very long,
    every element has to be an object."""
    if content_type.partition(";")[0].strip().lower() in NDJSON:
        found = islice(LINE.finditer(body), limit + 1)
        pieces: list[bytes | msgspec.Raw] = [line[0] for line in found]
        single = False
    elif body.lstrip()[:1] == b"[":
        if body.count(b",") > FEW_COMMAS:
            ROOM.set([limit, limit])
            COUNT.decode(body)
        pieces, single = list(LIST.decode(body)), False
    else:
        pieces, single = [body], True
    if len(pieces) > limit:
        raise Problem("limit_exceeded", TOO_MANY.format(limit))
    if not pieces:
        raise Problem("invalid_value", "expected at least one, got an empty body", path="$")
    return pieces, single


def read_events(
    body: bytes, content_type: str, *, at: float, limit: int, max_string: int = 20_000, max_id: int = 256
) -> Parcel:
    """`at` is the moment of receipt, UTC seconds. A bad event does not stop the others."""
    pieces, single = split_body(body, content_type, limit)
    parcel = Parcel([], [], [None] * len(pieces), single)
    for place, piece in enumerate(pieces):
        code = "invalid_value"
        try:
            event = DECODER.decode(piece)
            fault = _too_long(event, max_id) or _fault(event, at, max_string)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            if isinstance(error, msgspec.DecodeError):
                error = told(error, piece, EventIn)
            said, _, path = str(error).partition(" - at ")
            fault, event = (path.strip("`$."), said), None
            code = "invalid_value" if isinstance(error, msgspec.ValidationError) else "invalid_json"
        if fault is None and event is not None:
            parcel.places.append(place)
            parcel.events.append(_event(event, at))
        else:
            assert fault is not None
            parcel.outcomes[place] = _rejected(place, single, event, fault, code)
    return parcel


def _event(event: EventIn, at: float) -> Event:
    return Event(
        user=event.user,
        item=event.item,
        kind=event.kind,
        value=event.value,
        at=_seconds(event.at, at),
        event_id=event.event_id,
        words=event.words,
        slate_id=event.slate_id,
        session=event.session,
        context=event.context,
    )


def _seconds(given: float | datetime | None, received: float) -> float:
    if given is None:
        return received
    if isinstance(given, datetime):
        return (given if given.tzinfo else given.replace(tzinfo=UTC)).timestamp()
    return given


def _fault(event: EventIn, received: float, max_string: int) -> tuple[str, str] | None:
    """(path, what was expected) of the first thing that is wrong."""
    if event.kind not in EVENT_KINDS:
        way_out = nearest(event.kind, EVENT_KINDS)
        return "kind", f"expected a kind of behaviour, got {shorten(repr(event.kind))}; {way_out}"
    if not event.user and not event.session:
        return "user", "expected a user, or the session of a visitor without a name"
    if event.kind == "search":
        if not event.words:
            return "words", "expected the words that were searched for"
    elif not event.item:
        return "item", f"expected the id of an item: only a search has none, this is a {event.kind}"
    if event.kind == "rating" and event.value is None:
        return "value", "expected the rating"
    if event.value is not None and not abs(event.value) < MOST_VALUE:
        return "value", f"expected a finite number below {MOST_VALUE:.0e}"
    return _bad_time(event, received) or _long(event.context, max_string)


def _too_long(event: EventIn, limit: int) -> tuple[str, str] | None:
    for name in ("user", "item", "session"):
        if len(getattr(event, name)) > limit:
            return name, f"expected at most {limit} characters, as the setting max_id says"
    return None


def _bad_time(event: EventIn, received: float) -> tuple[str, str] | None:
    at = _seconds(event.at, received)
    if 0 <= at <= LATEST:
        return None
    if isinstance(event.at, datetime):
        return "at", A_TIME.format(event.at.isoformat())
    hint = "; these look like milliseconds: divide by 1000" if LATEST < at < 1e15 else ""
    return "at", A_TIME.format(repr(event.at)) + hint


def _long(context: Mapping[str, str], limit: int) -> tuple[str, str] | None:
    for name, value in context.items():
        if len(name) > LONGEST_NAME or len(value) > min(limit, LONGEST_VALUE):
            return (
                f"context.{shorten(name, 20)}",
                f"expected a name of at most {LONGEST_NAME}, a value of at most {LONGEST_VALUE} characters",
            )
    return None


def _rejected(place: int, single: bool, event: EventIn | None, fault: tuple[str, str], code: str) -> Outcome:
    path, detail = fault
    where = "$" if single else f"$[{place}]"
    return Outcome(
        status="rejected",
        event_id="" if event is None else event.event_id,
        code=code,
        path=f"{where}.{path}" if path else where,
        detail=detail,
    )
