"""Routes that write and read events, items and users."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import msgspec
import numpy as np
from starlette.responses import Response

from zhiyin.data.filter_terms import PARTS
from zhiyin.errors import StoreError, shorten
from zhiyin.serve.body_faults import told
from zhiyin.serve.call import Call, json_answer
from zhiyin.serve.ingest import read_events, split_body
from zhiyin.serve.messages import (
    EventAnswer,
    HistoryLine,
    HistoryPage,
    IdList,
    ItemIn,
    ItemPage,
    ItemPatch,
    Removed,
    UserIn,
    UserPage,
    UserPatch,
    Written,
)
from zhiyin.serve.problems import Problem
from zhiyin.store.records import EVENT_KINDS, Event, ItemRecord, Outcome, UserRecord

__all__ = [
    "delete_item", "delete_items", "erase_user", "events", "export_user", "get_item", "get_user",
    "list_items", "list_users", "patch_item", "patch_user", "put_item", "put_items", "put_user", "put_users",
    "user_history",
]  # fmt: skip

MOST_WORDS = 10_000
"""Of all lists among the attributes of one item or user."""

T = TypeVar("T")
ItemOrUser = TypeVar("ItemOrUser", ItemIn, UserIn)


async def events(call: Call) -> Response:
    """Accepted means on disk."""
    ground, at = call.ground, call.ground.now()
    remembered = _remembered_as(call)
    if remembered:
        kept = await read_aside(call, partial(ground.store.remembered, remembered))
        if kept is not None:
            return _replayed(call, kept)
    media = call.request.headers.get("content-type", "")
    settings = ground.settings
    parcel = read_events(
        call.body,
        media,
        at=at,
        limit=settings.max_batch,
        max_string=settings.max_string,
        max_id=settings.max_id,
    )
    if remembered:
        parcel.events = _once(parcel.events, remembered, call.body)
    if call.grant is not None:
        ground.gate.count_events(call.request, call.grant, len(parcel.outcomes))
    written: list[Outcome] = []
    if parcel.events:
        with ground.admission.ingest(), ground.tracing.span("ingest", events=len(parcel.events)):
            began = ground.admission.now()
            written = await asyncio.wrap_future(ground.store.append(parcel.events, at=at))
            ground.metrics.committed(ground.admission.now() - began)
    for (kind, status), n in Counter(
        (event.kind, outcome.status) for event, outcome in zip(parcel.events, written)
    ).items():
        ground.metrics.ingested(kind, status, n)
    results = parcel.answered(written)
    counts = Counter(outcome.status for outcome in results)
    if counts["rejected"]:
        ground.metrics.ingested("any", "rejected", counts["rejected"])
    if parcel.single and counts["rejected"]:
        raise Problem(results[0].code, results[0].detail, path=results[0].path)
    answer = EventAnswer(
        results=results,
        accepted=counts["accepted"],
        duplicates=counts["duplicate"],
        rejected=counts["rejected"],
    )
    response = json_answer(answer)
    if remembered:
        await _remember(call, remembered, bytes(response.body), at)
    return response


async def _remember(call: Call, name: str, answer: bytes, at: float) -> None:
    """Before it is answered, so that every worker knows it. Where that fails the events are kept all the
    same, and a repeat finds them by their ids."""
    digest = hashlib.sha256(call.body).digest()
    with suppress(StoreError):
        await asyncio.wrap_future(call.ground.store.remember(name, digest + answer, at=at))


def _remembered_as(call: Call) -> str:
    """The name under which this answer is kept: of the key and its Idempotency-Key; empty without one."""
    name = call.request.headers.get("idempotency-key", "")
    if len(name) > 128 or not name.isprintable():
        raise Problem("invalid_value", "expected at most 128 printable characters", path="Idempotency-Key")
    return f"{call.actor}:{name}" if name else ""


def _once(events: Sequence[Event], remembered: str, body: bytes) -> list[Event]:
    """Events without an id get one that follows from the key, the body and the place. The answer is kept only
    after the commit: a repeat that comes before that would write them twice."""
    seed = hashlib.sha256(remembered.encode() + b"\0" + body).hexdigest()[:32]
    return [
        event if event.event_id else msgspec.structs.replace(event, event_id=f"once-{seed}-{place}")
        for place, event in enumerate(events)
    ]


def _replayed(call: Call, kept: bytes) -> Response:
    if kept[:32] != hashlib.sha256(call.body).digest():
        raise Problem(
            "conflict", "this Idempotency-Key was used with another body", path="Idempotency-Key",
            hint="Send a new key with a new body.",
        )  # fmt: skip
    return Response(kept[32:], media_type="application/json", headers={"idempotent-replay": "true"})


# -- items -------------------------------------------------------------------------------------------


async def put_item(call: Call) -> Response:
    """Inserts or replaces one item; recommendable within a second."""
    item = _named(call.take(ItemIn), call.path("item"))
    return await _put_items(call, [item], single=True)


async def put_items(call: Call) -> Response:
    """Inserts or replaces many; all or none."""
    return await _put_items(call, *_many(call, ItemIn))


async def patch_item(call: Call) -> Response:
    """Changes what is given."""
    patch, name = call.take(ItemPatch), call.path("item")
    _check_text(call, "$", patch.title or "", "title")
    _check_text(call, "$", patch.text or "", "text")
    _check_patch(call, patch.attributes)
    _check_names("$", {name: value for name, value in patch.attributes.items() if value is not None})
    _check_numbers(call, "$", patch.attributes)

    def change(old: ItemRecord | None) -> ItemRecord:
        if old is None:
            raise _no_item(name)
        return msgspec.structs.replace(
            old,
            title=old.title if patch.title is None else patch.title,
            text=old.text if patch.text is None else patch.text,
            attributes=_patched(old.attributes, patch.attributes),
            available=old.available if patch.available is None else patch.available,
        )

    store, at = call.ground.store, call.ground.now()
    revision = await write_aside(call, lambda: store.change_item(name, change, at=at))
    return json_answer(Written(written=1, revision=revision))


async def get_item(call: Call) -> Response:
    """One item as it was sent."""
    return json_answer(await _item(call))


async def delete_item(call: Call) -> Response:
    """Never recommended again, unless it is put again."""
    return await _delete(call, [call.path("item")])


async def delete_items(call: Call) -> Response:
    """Many at once; an id that comes twice counts once."""
    return await _delete(call, list(dict.fromkeys(call.take(IdList).ids)))


async def list_items(call: Call) -> Response:
    """Items by id."""
    limit = call.number("limit", 100)
    found = await read_aside(call, partial(call.ground.store.items, after=call.text("after"), limit=limit))
    return json_answer(ItemPage(items=found, next=found[-1].id if len(found) == limit else ""))


async def _delete(call: Call, ids: Sequence[str]) -> Response:
    there = await write_aside(call, partial(call.ground.store.delete_items, ids, at=call.ground.now()))
    missing = [name for name, was in zip(ids, there) if not was]
    if len(ids) == 1 and missing:
        raise _no_item(ids[0])
    return json_answer(Removed(removed=len(ids) - len(missing), missing=missing))


async def _put_items(call: Call, items: Sequence[ItemIn], single: bool) -> Response:
    for place, item in enumerate(items):
        where = _where(place, single)
        _check_text(call, where, item.title, "title")
        _check_text(call, where, item.text, "text")
        _check_attributes(call, where, item.attributes)
        _check_names(where, item.attributes)
        _check_numbers(call, where, item.attributes)
    records = [
        ItemRecord(
            id=item.id, title=item.title, text=item.text, attributes=item.attributes, available=item.available
        )
        for item in items
    ]
    return await _put_records(call, records)


async def _put_records(call: Call, records: Sequence[ItemRecord]) -> Response:
    revisions = await write_aside(call, partial(call.ground.store.put_items, records, at=call.ground.now()))
    return json_answer(Written(written=len(records), revision=max(revisions, default=0)))


async def _item(call: Call) -> ItemRecord:
    found = await read_aside(call, partial(call.ground.store.item, call.path("item")))
    if found is None:
        raise _no_item(call.path("item"))
    return found


def _no_item(name: str) -> Problem:
    return Problem("not_found", f"no item has the id {shorten(repr(name))}", path="item")


# -- users -------------------------------------------------------------------------------------------


async def put_user(call: Call) -> Response:
    """What is known of a user besides behaviour; an opt-out stays unless `personalise` says otherwise."""
    return await _put_users(call, [_named(call.take(UserIn), call.path("user"))], single=True)


async def put_users(call: Call) -> Response:
    """Many at once; all or none."""
    return await _put_users(call, *_many(call, UserIn))


async def patch_user(call: Call) -> Response:
    """Changes what is given; `personalise` false is the opt-out."""
    name, patch = call.path("user"), call.take(UserPatch)
    _check_patch(call, patch.attributes)

    def change(old: UserRecord) -> UserRecord:
        return msgspec.structs.replace(
            old,
            attributes=_patched(old.attributes, patch.attributes),
            personalise=old.personalise if patch.personalise is None else patch.personalise,
        )

    store, at = call.ground.store, call.ground.now()
    await write_aside(call, lambda: store.change_user(name, change, at=at))
    return json_answer(Written(written=1, revision=0))


async def get_user(call: Call) -> Response:
    """One user's record."""
    name = call.path("user")
    found = await read_aside(call, partial(call.ground.store.user, name))
    if found is None:
        raise Problem("not_found", f"no user has the id {shorten(repr(name))}", path="user")
    return json_answer(found)


async def list_users(call: Call) -> Response:
    """Users by id; with `prefix` those whose id begins so."""
    limit, after, prefix = call.number("limit", 100), call.text("after"), call.text("prefix")
    store = call.ground.store

    def read() -> list[UserRecord]:
        if not prefix or after > prefix:
            return store.users(after=after, limit=limit)
        exact = store.user(prefix)
        return [*([] if exact is None else [exact]), *store.users(after=prefix, limit=limit)][:limit]

    found = await read_aside(call, read)
    shown = [user for user in found if user.id.startswith(prefix)]
    more = len(shown) == limit == len(found)
    return json_answer(UserPage(users=shown, next=shown[-1].id if more else ""))


async def user_history(call: Call) -> Response:
    """What a user did, newest first; an item that the catalogue does not know has an id and no title."""
    n = call.number("n", 100)
    serving = call.ground.live.serving

    def read() -> HistoryPage:
        rows = call.ground.store.history(call.path("user"), n)
        items = None if serving is None else serving.recommender.items_
        codes = rows.items * 0 - 1 if serving is None else serving.codes(rows.items)
        names = call.ground.store.item_names(np.unique(rows.items).tolist())
        lines = [
            HistoryLine(
                item=names.get(key, ""),
                title="" if items is None or code < 0 else items.titles[code],
                kind=EVENT_KINDS[kind],
                value=None if value != value else value,
                at=at,
            )
            for key, code, kind, value, at in zip(
                rows.items.tolist(),
                codes.tolist(),
                rows.kinds.tolist(),
                rows.values.tolist(),
                rows.at.tolist(),
            )
        ]
        return HistoryPage(events=lines[::-1])

    return json_answer(await read_aside(call, read))


async def export_user(call: Call) -> Response:
    """Everything that is held on a user."""
    return json_answer(await read_aside(call, partial(call.ground.store.export, call.path("user"))))


async def erase_user(call: Call) -> Response:
    """Record, events and answers are gone when this is answered; the receipt does not name the user."""
    ground, name = call.ground, call.path("user")
    receipt = await write_aside(call, partial(ground.store.erase, name, at=ground.now(), actor=call.actor))
    await read_aside(call, partial(ground.jobs.forget, name))
    ground.metrics.erased()
    return json_answer(receipt)


async def _put_users(call: Call, users: Sequence[UserIn], single: bool) -> Response:
    for place, user in enumerate(users):
        _check_attributes(call, _where(place, single), user.attributes)
    changes = [(user.id, partial(_replaced, user)) for user in users]
    await write_aside(call, partial(call.ground.store.change_users, changes, at=call.ground.now()))
    return json_answer(Written(written=len(users), revision=0))


def _replaced(given: UserIn, old: UserRecord) -> UserRecord:
    """Who does not say whether to personalise keeps what was said before, even at the same moment."""
    personalise = old.personalise if given.personalise is None else given.personalise
    return msgspec.structs.replace(old, attributes=given.attributes, personalise=personalise)


# -- parts -------------------------------------------------------------------------------------------


def _where(place: int, single: bool) -> str:
    """The place of a record in the body."""
    return "$" if single else f"$[{place}]"


def _many(call: Call, kind: type[ItemOrUser]) -> tuple[list[ItemOrUser], bool]:
    """The records of a body, and whether it was one record and no list."""
    media = call.request.headers.get("content-type", "")
    pieces, single = split_body(call.body, media, call.ground.settings.max_batch)
    decoder, found = msgspec.json.Decoder(kind), []
    for place, piece in enumerate(pieces):
        where = _where(place, single)
        try:
            found.append(decoder.decode(piece))
        except msgspec.DecodeError as error:
            said, _, path = str(told(error, piece, kind)).partition(" - at ")
            raise Problem("invalid_value", said, path=where + path.strip("`").removeprefix("$")) from error
        if not 0 < len(found[-1].id) <= call.ground.settings.max_id:
            limit = call.ground.settings.max_id
            raise Problem("invalid_value", f"expected an id of 1 to {limit} characters", path=f"{where}.id")
    return found, single


def _named(given: ItemOrUser, name: str) -> ItemOrUser:
    if given.id not in ("", name):
        raise Problem(
            "invalid_value", f"the address says {shorten(repr(name))}, the body another id", path="$.id"
        )
    return msgspec.structs.replace(given, id=name)


def _check_text(call: Call, where: str, text: str, name: str) -> None:
    limit = call.ground.settings.max_string
    if len(text) > limit:
        raise Problem(
            "limit_exceeded", f"{len(text)} characters, the setting max_string allows {limit}",
            path=f"{where}.{name}",
        )  # fmt: skip


def _check_number(n_attributes: int, where: str) -> None:
    if n_attributes > 100:
        raise Problem("limit_exceeded", f"{n_attributes} attributes, at most 100", path=f"{where}.attributes")


def _check_attributes(call: Call, where: str, attributes: Mapping[str, Any]) -> None:
    _check_number(len(attributes), where)
    n_words = sum(len(value) for value in attributes.values() if isinstance(value, list))
    if n_words > MOST_WORDS:
        detail = f"{n_words} words in lists, at most {MOST_WORDS}"
        raise Problem("limit_exceeded", detail, path=f"{where}.attributes")
    for name, value in attributes.items():
        for text in (name, *(value if isinstance(value, list) else [value])):
            if isinstance(text, str):
                _check_text(call, where, text, f"attributes.{shorten(name, 40)}")
        if isinstance(value, float) and not abs(value) < float("inf"):
            raise Problem(
                "invalid_value", "expected a finite number", path=f"{where}.attributes.{shorten(name, 40)}"
            )


def _check_names(where: str, attributes: Mapping[str, Any]) -> None:
    """Refuses an attribute that no filter could name: called as another part of the item, or not at all."""
    for name in sorted(attributes.keys() & {"", *PARTS}):
        said = f"a filter takes {name!r} for the item's own {name}" if name else "no filter can name it"
        raise Problem(
            "invalid_value", f"expected another name of the attribute: {said}",
            path=f"{where}.attributes.{shorten(name, 40)}",
            hint=f"Send {name!r} beside `attributes`, or call it otherwise." if name else "Give it a name.",
        )  # fmt: skip


def _check_numbers(call: Call, where: str, attributes: Mapping[str, Any]) -> None:
    """A word among numbers would be lost, and at the next fit make words of them all."""
    serving = call.ground.live.serving
    items = None if serving is None else serving.recommender.items_
    for name in () if items is None else sorted(attributes.keys() & items.numbers.keys()):
        value = attributes[name]
        if value is not None and not isinstance(value, (int, float)):
            raise Problem(
                "invalid_value", f"expected a number as of the other items, got {shorten(repr(value), 60)}",
                path=f"{where}.attributes.{shorten(name, 40)}",
                hint="Leave it out where it is not known; words need an attribute of another name.",
            )  # fmt: skip


def _check_patch(call: Call, patch: Mapping[str, Any]) -> None:
    _check_attributes(call, "$", {name: value for name, value in patch.items() if value is not None})


def _patched(old: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """What is given over what is there. What was there before the limits may stay, but not grow."""
    merged = {name: value for name, value in {**old, **patch}.items() if value is not None}
    if len(merged) > len(old):
        _check_number(len(merged), "$")
    return merged


async def read_aside(call: Call, fn: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(call.ground.readers, fn)


async def write_aside(call: Call, write: Callable[[], Future[T]]) -> T:
    """What `write` has begun, once it is on disk; what is refused for load is not begun."""
    with call.ground.admission.ingest():
        return await asyncio.wrap_future(write())
