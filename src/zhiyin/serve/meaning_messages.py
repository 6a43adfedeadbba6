"""What a question means, over the wire: as it was understood, and as a caller may say it instead."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Annotated

import msgspec
from msgspec import Meta

from zhiyin.data.catalogue import Catalogue
from zhiyin.data.filters import FilterLimits, parse_filter
from zhiyin.decide import Decision
from zhiyin.errors import FilterError
from zhiyin.explain.understood_words import understood_as
from zhiyin.prepared import prepared
from zhiyin.serve.problems import problem_of
from zhiyin.store.records import Slate
from zhiyin.types import Intent, Wish

__all__ = ["IntentIn", "Understood", "WishIn", "intent_kept", "intent_of", "shown_intent", "understood_of"]

Expression = Annotated[str, Meta(min_length=1, max_length=4000)]
Turn = Annotated[float, Meta(ge=-1, le=1)]
Id = Annotated[str, Meta(min_length=1, max_length=512)]


class WishIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Items that are lifted, or lowered where `by` is below 0; none is ruled out."""

    filter: Expression
    by: Annotated[float, Meta(ge=-10, le=10)] = 1.0
    said: Annotated[str, Meta(max_length=500)] = ""


class IntentIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked for, instead of what would be read from the words."""

    require: Annotated[
        list[Expression], Meta(max_length=20, description="Filters; the last give way first")
    ] = []
    wishes: Annotated[list[WishIn], Meta(max_length=50)] = []
    like: Annotated[list[Id], Meta(max_length=50, description="Ids of items that are examples")] = []
    unlike: Annotated[list[Id], Meta(max_length=50)] = []
    text: Annotated[str, Meta(max_length=2000, description="What is searched for as text")] = ""
    fresh: Annotated[Turn, Meta(description="1 = new, -1 = old")] = 0.0
    popular: Annotated[Turn, Meta(description="1 = well known, -1 = little known")] = 0.0
    quality: Turn = 0.0


class Understood(msgspec.Struct, frozen=True, kw_only=True):
    """What the words of a request were understood to ask for; send `intent` back to correct it."""

    sentence: str
    """In one line, in the language of the request."""
    intent: IntentIn
    relaxed: list[str] = []
    """Filters that no item meets, and that were left out."""
    unmet: list[str] = []
    """What the catalogue says nothing about."""
    source: str = "rules"
    """rules | llm | caller"""


def intent_of(
    given: IntentIn, words: str, limits: FilterLimits | None = None, *, path: str = "$.intent"
) -> Intent:
    """A caller's intent, at `path` of the request; a problem for a filter that cannot be read."""
    filters = [(f"require[{place}]", said) for place, said in enumerate(given.require)]
    filters += [(f"wishes[{place}].filter", wish.filter) for place, wish in enumerate(given.wishes)]
    for place, expression in filters:
        try:
            parse_filter(expression, limits=limits)
        except FilterError as error:
            raise problem_of(error, path=f"{path}.{place}") from error
    return Intent(
        said=words,
        require=tuple(given.require),
        wishes=tuple(Wish(wish.filter, wish.by, wish.said) for wish in given.wishes),
        like=tuple(given.like),
        unlike=tuple(given.unlike),
        text=given.text,
        fresh=given.fresh,
        popular=given.popular,
        quality=given.quality,
        source="caller",
    )


def intent_kept(slate: Slate, own: Collection[str], limits: FilterLimits | None = None) -> Intent | None:
    """What the first page of an answer took its words for, where rules would not read them so again: what the
    caller or a model made of them. `own` are the words of interests of the user, which every page adds."""
    given = slate.request.get("intent")
    if given is not None:
        return intent_of(msgspec.convert(given, IntentIn), slate.request.get("words", ""), limits)
    stage = next((stage for stage in slate.stages if stage["name"] == "understand"), None)
    read = {} if stage is None else stage["details"].get("intent", {})
    if read.get("source") != "llm":
        return None
    intent = msgspec.convert(read, prepared(Intent))
    return replace(intent, wishes=tuple(wish for wish in intent.wishes if wish.said not in own))


def shown_intent(intent: Intent) -> IntentIn:
    """The same as a caller would send it."""
    return IntentIn(
        require=list(intent.require),
        wishes=[WishIn(filter=wish.filter, by=wish.by, said=wish.said[:500]) for wish in intent.wishes],
        like=list(intent.like),
        unlike=list(intent.unlike),
        text=intent.text,
        fresh=intent.fresh,
        popular=intent.popular,
        quality=intent.quality,
    )


def understood_of(decision: Decision, items: Catalogue) -> Understood | None:
    """What a decision made of the words of its question; None where there were none."""
    intent = decision.query.intent
    if intent is None:
        return None
    told = next((stage.details for stage in decision.stages if stage.name == "understand"), {})
    relaxed = list(told.get("relaxed", ()))
    return Understood(
        sentence=understood_as(intent, items, locale=decision.query.locale, relaxed=relaxed),
        intent=shown_intent(intent),
        relaxed=relaxed,
        unmet=[*intent.unmet, *told.get("unmet", ())],
        source=intent.source,
    )


class InterestIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that a user cares for, in words."""

    words: Annotated[str, Meta(min_length=1, max_length=200)]
    weight: Annotated[float, Meta(ge=-3, le=3, description="Below 0: not interested")] = 1.0


class ProfileIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole profile as it shall be: an interest of the history that is missing here no longer counts."""

    interests: Annotated[list[InterestIn], Meta(max_length=50)]


class InterestOut(msgspec.Struct, frozen=True, kw_only=True):
    """An interest and what it rests on."""

    words: str
    weight: float
    items: list[str]
    """Ids of the history's items, newest first; empty for one that was only stated."""
    source: str
    """history | user | llm"""


class ProfileOut(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a user's interests, and what the user has taken out."""

    user: str
    interests: list[InterestOut]
    removed: list[InterestOut] = []
    edited: bool = False
    """Whether it was said by somebody; else it is made of the history whenever it is asked for."""
    updated_at: float = 0.0


class TagsIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Tags of an item, instead of those that were found."""

    tags: Annotated[list[Annotated[str, Meta(min_length=1, max_length=60)]], Meta(max_length=30)]
    line: Annotated[str, Meta(max_length=300, description="The item in one line")] = ""


class TagsOut(msgspec.Struct, frozen=True, kw_only=True):
    """What an item is about."""

    item: str
    tags: list[str]
    line: str = ""
    source: str = "rules"
    """rules | llm | user"""
