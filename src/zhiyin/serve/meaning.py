"""Routes about meaning: interest profiles of users, tags of items."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import msgspec
from starlette.responses import Response

from zhiyin.represent.profile import interests_of
from zhiyin.represent.tags import tags_of
from zhiyin.serve.asking import Asker
from zhiyin.serve.call import Call, json_answer
from zhiyin.serve.catalogue import read_aside, write_aside
from zhiyin.serve.meaning_messages import InterestOut, ProfileIn, ProfileOut, TagsIn, TagsOut
from zhiyin.serve.problems import Problem
from zhiyin.serve.serving import Serving
from zhiyin.store.records import InterestRecord, ProfileRecord, TagsRecord
from zhiyin.types import Interest

__all__ = ["delete_profile", "get_profile", "get_tags", "put_profile", "put_tags"]


async def get_profile(call: Call) -> Response:
    """What was said of the user's interests; else what the history shows, made for this answer."""
    return json_answer(await read_aside(call, lambda: _profile(call, call.path("user"))))


async def put_profile(call: Call) -> Response:
    """The next list goes by it. Interests of the history that are missing no longer count."""
    given, ground, user = call.take(ProfileIn), call.ground, call.path("user")
    record = await read_aside(call, lambda: edited(_profile(call, user), given))
    write = partial(ground.store.put_profile, user, record, at=ground.now(), actor=call.actor)
    await write_aside(call, write)
    return json_answer(_told(call, await read_aside(call, lambda: _profile(call, user))))


async def delete_profile(call: Call) -> Response:
    """What was said is gone; the history speaks again."""
    ground, user = call.ground, call.path("user")
    write = partial(ground.store.put_profile, user, None, at=ground.now(), actor=call.actor)
    await write_aside(call, write)
    return json_answer(_told(call, await read_aside(call, lambda: _profile(call, user))))


async def get_tags(call: Call) -> Response:
    """Tags that were given or found; else those that the attributes say."""
    return json_answer(await read_aside(call, lambda: _tags(call, call.path("item"))))


async def put_tags(call: Call) -> Response:
    """Tags of an editor stand until they are replaced."""
    given, ground, item = call.take(TagsIn), call.ground, call.path("item")
    await read_aside(call, lambda: _known(call, item))
    record = TagsRecord(tags=list(dict.fromkeys(given.tags)), line=given.line, source="user")
    write = partial(ground.store.put_tags, item, record, at=ground.now(), actor=call.actor)
    await write_aside(call, write)
    return json_answer(TagsOut(item=item, tags=record.tags, line=record.line, source="user"))


# -- parts -------------------------------------------------------------------------------------------


def edited(now: ProfileOut, given: ProfileIn) -> ProfileRecord:
    """What has to be kept of an edited profile."""
    rests_on = {one.words: one.items for one in (*now.interests, *now.removed)}
    kept = {one.words for one in given.interests}
    return ProfileRecord(
        interests=[
            InterestRecord(words=one.words, weight=one.weight, items=rests_on.get(one.words, []))
            for one in given.interests
        ],
        removed=[
            InterestRecord(words=one.words, weight=one.weight, items=one.items, source=one.source)
            for one in (*now.interests, *now.removed)
            if one.words not in kept and one.items
        ],
    )


def _profile(call: Call, user: str) -> ProfileOut:
    record = call.ground.store.profile(user)
    if record is not None:
        return ProfileOut(
            user=user,
            interests=[_shown(one) for one in record.interests],
            removed=[_shown(one) for one in record.removed],
            edited=True,
            updated_at=record.updated_at,
        )
    serving = _serving(call)
    asker = Asker(call.ground.store, serving, call.ground.now())
    return ProfileOut(user=user, interests=_from(interests_of(asker.past(user), asker.items)))


def _told(call: Call, found: ProfileOut) -> ProfileOut:
    """What the key may know: without `read` only what was said of the interests, nothing of the history."""
    if call.grant is None or call.grant.may("read"):
        return found
    said = [msgspec.structs.replace(one, items=[]) for one in found.interests] if found.edited else []
    return msgspec.structs.replace(found, interests=said, removed=[])


def _tags(call: Call, item: str) -> TagsOut:
    record = call.ground.store.tags(item)
    if record is not None:
        return TagsOut(item=item, tags=record.tags, line=record.line, source=record.source)
    code = _known(call, item)
    items = _serving(call).recommender.items_
    assert items is not None
    return TagsOut(item=item, tags=list(tags_of(items, code)) if code >= 0 else [])


def _known(call: Call, item: str) -> int:
    """The code of an item; -1 for one that has just come. A problem where nobody has described it."""
    items = _serving(call).recommender.items_
    code = -1 if items is None else items.ids.code(item)
    if call.ground.store.item(item) is None:
        hint = "" if items is None else items.ids.like(item)
        raise Problem("not_found", f"no item has the id {item!r}", path="item", hint=hint)
    return code


def _serving(call: Call) -> Serving:
    serving = call.ground.live.serving
    if serving is None:
        raise Problem("not_ready", "no artefact serves yet", retry_after_s=5)
    return serving


def _shown(one: InterestRecord) -> InterestOut:
    return InterestOut(words=one.words, weight=one.weight, items=one.items, source=one.source)


def _from(interests: Sequence[Interest]) -> list[InterestOut]:
    return [
        InterestOut(words=one.words, weight=one.weight, items=list(one.items), source=one.source)
        for one in interests
    ]
