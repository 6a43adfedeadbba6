"""What a request asked for and did not get, each with the reason, for the warnings of the answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from zhiyin.decide import Decision
from zhiyin.errors import shorten
from zhiyin.serve.asking import Asked
from zhiyin.serve.messages import Pin, RankRequest, RecommendRequest
from zhiyin.serve.serving import Serving

__all__ = ["left_out", "not_proposed"]

MOST_TOLD = 5
"""Pins and items that are named; of the others only how many."""
LONGEST_ID = 60
REMOVED = "the item is deleted or not available"


def left_out(
    request: RecommendRequest | RankRequest, asked: Asked, serving: Serving, decision: Decision, n: int
) -> list[str]:
    """One sentence for each of the first few pins without their place, and how many more there are; then the
    same for items of `include` or `items` that are no candidates.

    What the catalogue does not know is told with the other unknown ids."""
    faults = [
        f"the pin of {shorten(repr(pin.item), LONGEST_ID)} at {pin.position} does not hold: {why}"
        for pin, why in _faults(request, asked, serving, decision, n)
    ]
    pins = _first(faults, len(faults), "more pins do not hold")
    if isinstance(request, RankRequest):
        return [*pins, *not_proposed(serving, request.items)]
    return [*pins, *_not_included(request, asked, serving, decision)] if request.include else pins


def not_proposed(serving: Serving, ids: Sequence[str]) -> list[str]:
    """One sentence for each of the first few of these items that are deleted or not available."""
    codes = serving.remembered(serving.items.ids.codes(ids))
    places = np.flatnonzero(np.isin(codes, serving.recommender.barred_)).tolist()
    gone = dict.fromkeys(ids[place] for place in places)
    faults = [f"{shorten(repr(item), LONGEST_ID)} is not recommended: {REMOVED}" for item in gone]
    return _first(faults, len(faults), "more items are not recommended")


def _not_included(request: RecommendRequest, asked: Asked, serving: Serving, decision: Decision) -> list[str]:
    """The same for items of `include`, whatever rules them out."""
    query, names = decision.query, list(dict.fromkeys(request.include))
    codes = serving.remembered(serving.items.ids.codes(names))
    out = np.isin(codes, query.exclude) | np.isin(codes, serving.recommender.barred_)
    out |= ~query.passing(codes)
    left = [names[place] for place in np.flatnonzero(out & (codes >= 0)).tolist()]
    faults = [
        f"{shorten(repr(item), LONGEST_ID)} of `include` is no candidate: "
        + _ruled_out(request, asked, serving, decision, item)
        for item in left[:MOST_TOLD]
    ]
    return _first(faults, len(left), "more items of `include` are no candidates")


def _first(faults: Sequence[str], n: int, others: str) -> list[str]:
    """The first few of `n` faults, and how many there are besides."""
    return [*faults[:MOST_TOLD], *([f"{n - MOST_TOLD} {others}"] if n > MOST_TOLD else [])]


def _faults(
    request: RecommendRequest | RankRequest, asked: Asked, serving: Serving, decision: Decision, n: int
) -> Iterator[tuple[Pin, str]]:
    last = {pin.item: place for place, pin in enumerate(request.pins)}
    for place, pin in enumerate(request.pins):
        code = serving.code(pin.item)
        if code < 0:
            continue
        why = _ruled_out(request, asked, serving, decision, pin.item)
        if last[pin.item] != place:
            why = "the item is pinned again, and the last pin counts"
        elif not why and code not in decision.ranking.items[: n if pin.position <= n else None]:
            why = "other pins take the places up to the end" if pin.position <= n else "the list ends before"
        if why:
            yield pin, why


def _ruled_out(
    request: RecommendRequest | RankRequest, asked: Asked, serving: Serving, decision: Decision, item: str
) -> str:
    """What keeps the item out of every place, in the order in which it would have to be put right; or ""."""
    query, code = asked.query, serving.code(item)
    one = np.array([code], np.int32)
    named = request.exclude if isinstance(request, RecommendRequest) else []
    if code in serving.recommender.barred_:
        return REMOVED
    if query.only is not None and code not in query.only:
        return "the item is not among `items`"
    if item in named:
        return "the item is in `exclude`"
    if code in query.exclude:
        disliked = code in asked.hidden or (query.history.weights[query.history.items == code] < 0).any()
        return (
            "the user has hidden or disliked the item" if disliked
            else "the user has seen the item; `seen: true` lets it come back"
        )  # fmt: skip
    if not query.passing(one)[0]:
        return "`filter` does not let the item through"
    if not decision.query.passing(one)[0] or code in decision.query.exclude:
        return "the words name it as an example, or ask for other items"
    return ""
