"""Routes that find: items by words, decisions that were made."""

from __future__ import annotations

import asyncio
import unicodedata
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray
from starlette.responses import Response

from zhiyin.retrieve.lexical import LexicalRetriever
from zhiyin.serve.call import Call, json_answer
from zhiyin.serve.messages import FoundItem, FoundItems, SlateList, SlateShown
from zhiyin.serve.problems import Problem
from zhiyin.serve.serving import Serving
from zhiyin.store.records import Slate
from zhiyin.types import Query

__all__ = ["found_items", "search", "slates"]


async def search(call: Call) -> Response:
    """Titles that begin with or hold the words first, then what the lexical index finds."""
    words, n = call.text("words", 200), call.number("n", 20, high=100)
    serving = call.ground.live.serving
    if serving is None:
        raise Problem("not_ready", "no artefact serves yet", retry_after_s=5)
    admission = call.ground.admission
    until = admission.now() + call.ground.settings.deadline_ms / 1e3
    found = await admission.run(partial(found_items, serving, words, n), deadline=until, kind="search")
    return json_answer(FoundItems(items=found))


async def slates(call: Call) -> Response:
    """Newest first."""
    n = call.number("n", 20, high=200)
    read = partial(call.ground.store.slates, user=call.text("user"), limit=n)
    found = await asyncio.get_running_loop().run_in_executor(call.ground.readers, read)
    serving = call.ground.live.serving
    return json_answer(SlateList(slates=[_line(slate, serving) for slate in found]))


def _line(slate: Slate, serving: Serving | None) -> SlateShown:
    return SlateShown(
        slate_id=slate.id, at=slate.at, user=slate.user, session=slate.session, surface=slate.surface,
        version=slate.version, n=slate.n, degraded=slate.degraded,
        titles=[_title(line.item, serving) for line in slate.shown[:3]],
        ms=round(sum(float(stage.get("ms", 0.0)) for stage in slate.stages), 3),
    )  # fmt: skip


def _title(name: str, serving: Serving | None) -> str:
    return name if serving is None else serving.title(name, name)


def found_items(serving: Serving, words: str, n: int) -> list[FoundItem]:
    """An id as typed, titles that begin with the words, titles that hold them, then BM25 over everything.

    Every part keeps the order of the catalogue; only what may be recommended is found.
    """
    items, asked = serving.recommender.items_, _folded(words)
    if items is None or not asked:
        return []
    best: dict[int, float] = {}
    if words.strip() in items.ids:
        best[items.ids.code(words.strip())] = 4.0
    for code, place in _in_titles(_joined(items.titles), asked, 4 * n):
        best.setdefault(code, 3.0 if place == 0 else 2.0)
    for code, share in _by_words(serving, words, n):
        best.setdefault(code, share)
    order = sorted(best, key=lambda code: -best[code])
    found = [FoundItem(id=items.ids[code], title=items.titles[code], score=best[code]) for code in order]
    return [one for one in found if serving.proposes(one.id)][:n]


def _by_words(serving: Serving, words: str, n: int) -> list[tuple[int, float]]:
    """What the artefact's lexical index finds, with scores up to 1; nothing where it has no such part."""
    for part in serving.recommender.retrievers.values():
        if isinstance(part, LexicalRetriever):
            relevance = part.relevance(Query(words=words))
            codes = relevance.top(n, np.empty(0, np.int32))
            scores = relevance.of(codes)
            top = max(float(scores.max(initial=0.0)), 1e-9)
            return [(int(code), float(score) / top) for code, score in zip(codes, scores)]
    return []


def _folded(text: str) -> str:
    folded = text if text.isascii() else unicodedata.normalize("NFKC", text)
    return " ".join(folded.lower().split())


@lru_cache(maxsize=2)
def _joined_of(titles: _Same) -> tuple[str, NDArray[np.int64]]:
    folded = [_folded(title) for title in titles.titles]
    lengths = np.fromiter(map(len, folded), np.int64, len(folded)) + 1
    return "\n" + "\n".join(folded) + "\n", np.concatenate(([1], 1 + np.cumsum(lengths)))


class _Same:
    """Titles that are the same object: comparing many thousand texts would cost as much as folding them."""

    def __init__(self, titles: tuple[str, ...]) -> None:
        self.titles = titles

    def __hash__(self) -> int:
        return id(self.titles)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.titles is self.titles


def _joined(titles: tuple[str, ...]) -> tuple[str, NDArray[np.int64]]:
    """All titles in one text, which is searched fast, and where each begins in it."""
    return _joined_of(_Same(titles))


def _in_titles(joined: tuple[str, NDArray[np.int64]], asked: str, most: int) -> list[tuple[int, int]]:
    """(code, place in the title) of titles that hold the words: those that begin with them first."""
    text, starts = joined
    found: dict[int, int] = {}
    for needle, offset in (("\n" + asked, 1), (" " + asked, 1), (asked, 0)):
        at = text.find(needle)
        while at >= 0 and len(found) < most:
            code = int(np.searchsorted(starts, at + offset, side="right")) - 1
            found.setdefault(code, at + offset - int(starts[code]))
            at = text.find(needle, int(starts[code + 1]) - 1)
    return list(found.items())
