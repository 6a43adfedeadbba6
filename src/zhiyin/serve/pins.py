"""Pins that a request asked for and did not get, each with the reason, for the warnings of the answer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zhiyin.decide import Decision
from zhiyin.errors import shorten
from zhiyin.serve.asking import Asked
from zhiyin.serve.live import Serving
from zhiyin.serve.messages import Pin, RankRequest, RecommendRequest

__all__ = ["pins_not_held"]

MOST_TOLD = 5
"""Pins that are named; of the others only how many."""
LONGEST_ID = 60


def pins_not_held(
    request: RecommendRequest | RankRequest, asked: Asked, serving: Serving, decision: Decision, n: int
) -> list[str]:
    """One sentence for each of the first few pins without their place, and how many more there are.

    Pins of items that the catalogue does not know are told with the other unknown ids."""
    faults = [
        f"the pin of {shorten(repr(pin.item), LONGEST_ID)} at {pin.position} does not hold: {why}"
        for pin, why in _faults(request, asked, serving, decision, n)
    ]
    more = len(faults) - MOST_TOLD
    return [*faults[:MOST_TOLD], *([f"{more} more pins do not hold"] if more > 0 else [])]


def _faults(
    request: RecommendRequest | RankRequest, asked: Asked, serving: Serving, decision: Decision, n: int
) -> Iterator[tuple[Pin, str]]:
    items = serving.recommender.items_
    assert items is not None
    last = {pin.item: place for place, pin in enumerate(request.pins)}
    for place, pin in enumerate(request.pins):
        code = items.ids.code(pin.item)
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
    query, recommender = asked.query, serving.recommender
    assert recommender.items_ is not None
    code = recommender.items_.ids.code(item)
    one = np.array([code], np.int32)
    named = request.exclude if isinstance(request, RecommendRequest) else []
    if code in recommender.barred_:
        return "the item is deleted or not available"
    if query.only is not None and code not in query.only:
        return "the item is not among `items`"
    if item in named:
        return "the item is in `exclude`"
    if code in query.exclude:
        disliked = (query.history.weights[query.history.items == code] < 0).any()
        return (
            "the user has hidden or disliked the item" if disliked
            else "the user has seen the item; `seen: true` lets it come back"
        )  # fmt: skip
    if not query.passing(one)[0]:
        return "`filter` does not let the item through"
    if not decision.query.passing(one)[0] or code in decision.query.exclude:
        return "the words name it as an example, or ask for other items"
    return ""
