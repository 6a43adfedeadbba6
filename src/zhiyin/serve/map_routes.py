"""The map over HTTP: where the items lie, how popular they are, how often they are shown."""

from __future__ import annotations

import asyncio
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from starlette.responses import Response

from zhiyin.serve.call import Call, json_answer
from zhiyin.serve.insight_messages import Category, MapPage
from zhiyin.serve.maps import MOST_WORDS, Map, load_map, placed, words_column
from zhiyin.serve.serving import Serving
from zhiyin.types import Query

__all__ = ["item_map"]

MOST_ITEMS = 100_000


async def item_map(call: Call) -> Response:
    """One page of the map; in codes, so that items which come meanwhile stand at the end."""
    after = call.number("after", 0, low=0, high=10**8)
    limit = call.number("limit", 20_000, high=MOST_ITEMS)
    attribute = call.text("attribute")
    loop = asyncio.get_running_loop()
    return json_answer(await loop.run_in_executor(call.ground.readers, _page, call, after, limit, attribute))


def _page(call: Call, after: int, limit: int, attribute: str) -> MapPage:
    serving = call.ground.live.serving
    if serving is None or serving.recommender.items_ is None:
        return MapPage(version="", drawn=False)
    version, items = serving.publication.version, serving.recommender.items_
    file = call.ground.places.maps / f"{version}.safetensors"
    drawn = _kept(str(call.ground.places.maps), version, file.stat().st_mtime_ns) if file.is_file() else None
    if drawn is None:
        return MapPage(version=version, drawn=False, total=len(items))
    places = placed(drawn, serving.recommender)
    name, words, first = words_column(items, attribute)
    end = min(after + limit, len(places), len(items))
    some = np.arange(min(after, end), end, dtype=np.int32)
    some = some[~np.isin(some, serving.recommender.barred_)]
    return MapPage(
        version=version, drawn=True, by=drawn.by, attribute=name,
        attributes=[n for n, column in items.words.items() if 2 <= len(column.values) <= MOST_WORDS],
        categories=_categories(words, first), lists=drawn.n_lists, total=len(items),
        next=end if end < len(places) else 0,
        ids=[items.ids[code] for code in some.tolist()],
        titles=[items.titles[code] for code in some.tolist()],
        x=places[some, 0].tolist(), y=places[some, 1].tolist(),
        category=first[some].tolist(),
        popularity=_popularity(serving, some),
        listed=_listed(drawn, some),
        shown=_shown(call, serving, some),
    )  # fmt: skip


@lru_cache(maxsize=2)
def _kept(folder: str, version: str, changed: int) -> Map | None:
    """`changed` makes a map that was drawn anew another one."""
    from pathlib import Path

    return load_map(Path(folder), version)


def _categories(words: tuple[str, ...], first: NDArray[np.int32]) -> list[Category]:
    counts = np.bincount(first[first >= 0], minlength=len(words))
    return [Category(name=word, items=int(n)) for word, n in zip(words, counts.tolist())]


def _popularity(serving: Serving, items: NDArray[np.int32]) -> list[float]:
    """What the fallback thinks of each, which is how much was chosen lately."""
    part = serving.recommender.retrievers.get(serving.recommender.fallback)
    if part is None:
        return [0.0] * len(items)
    scores = part.relevance(Query(at=float("nan"))).of(items)
    return [round(float(score), 5) for score in np.nan_to_num(scores)]


def _listed(drawn: Map, items: NDArray[np.int32]) -> list[int]:
    found = np.zeros(len(items), np.int32)
    old = items < len(drawn.listed)
    found[old] = drawn.listed[items[old]]
    return found.tolist()


def _shown(call: Call, serving: Serving, items: NDArray[np.int32]) -> list[int]:
    counts = call.ground.live.counters.shown_
    known = items < len(serving.key_of_code)
    keys = np.zeros(len(items), np.int64)
    keys[known] = serving.key_of_code[items[known]]
    inside = keys < len(counts)
    found = np.zeros(len(items), np.int64)
    found[inside] = counts[keys[inside]] if len(counts) else 0
    return found.tolist()
