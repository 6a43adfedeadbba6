"""Tags and lines by the language model, nearline: new and changed items, a few at a time, in one worker."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from itertools import takewhile

import msgspec

from zhiyin.contracts import Encoder, LanguageModel
from zhiyin.data.catalogue import Catalogue
from zhiyin.prepared import prepared
from zhiyin.represent.intent_rules import language_of
from zhiyin.represent.tag_prompt import tags_by_model
from zhiyin.represent.tags import TagBook
from zhiyin.serve.ground import Places
from zhiyin.serve.live import Live
from zhiyin.serve.schedule import mine
from zhiyin.store.contract import Store
from zhiyin.store.records import ItemChange, TagsRecord

__all__ = ["Tagging", "Written", "write_tags"]

log = logging.getLogger("zhiyin.serve")

SETTING = "tags"
MOST_WAITING = 5000
"""Words that wait for another item to propose them."""
TITLES = 200
"""Titles that are looked at to tell the language of a catalogue."""


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """How far the catalogue has been read, and the vocabulary as far as the model has made it grow."""

    begun: int = -1
    """The newest change when tags began; what is newer comes before what was there. -1: not begun."""
    news: int = 0
    """The last change read of those after `begun`."""
    revision: int = 0
    """The last change read of those up to `begun`."""
    tags: dict[str, str] = {}
    waiting: dict[str, int] = {}


@dataclass(frozen=True, slots=True)
class Written:
    """What one round did."""

    tagged: dict[str, TagsRecord]
    """By the item's id."""
    failed: tuple[str, ...]
    went_on: bool
    """Whether the next round begins further on; else there is nothing to do, or the model does not answer."""


def write_tags(
    store: Store,
    items: Catalogue,
    llm: LanguageModel,
    *,
    encoder: Encoder | None,
    limit: int,
    at: float,
    until: int | None = None,
    locale: str = "",
    in_lists: bool = False,
    timeout: float = 60.0,
    progress: Callable[[int], object] = lambda done: None,
) -> Written:
    """The next `limit` items: first those that came or changed lately, then those that were there before.

    What an editor has said stays as it is. `until` is the newest change that `items` has taken. Tags are in
    `locale`; empty means the language of most titles. With `in_lists` they are attributes too. One
    item that the model cannot describe is passed over; those after the last that it answered for are asked
    about again the next time.
    """
    begun = kept = _book(store)
    side, changes = _next(store, items, kept, limit, until)
    todo = _asked(items, changes)
    while changes and not todo:  # people's own, and those that its own tags have changed
        kept = msgspec.structs.replace(kept, **{side: changes[-1].revision})
        side, changes = _next(store, items, kept, limit, until)
        todo = _asked(items, changes)
    if not changes:
        if kept != begun:
            _keep(store, kept, at)
        return Written({}, (), False)
    book = TagBook.of(items, encoder)
    book.tags |= kept.tags
    book.waiting.update(kept.waiting)
    found, failed = tags_by_model(
        items, todo, llm, book, locale=locale or _language(items), timeout=timeout, progress=progress
    )
    tagged = {
        todo[one.item].id: TagsRecord(tags=list(one.tags), line=one.line, source="llm", listed=in_lists)
        for one in found
    }
    for name, record in tagged.items():
        store.put_tags(name, record, at=at).result()
    settled = {one.item for one in found} | {code for code, error in failed.items() if error.why == "form"}
    reached = _reached(changes, todo, settled)
    if reached:
        known = TagBook.of(items).tags
        grown = msgspec.structs.replace(
            kept,
            tags={key: tag for key, tag in book.tags.items() if key not in known},
            waiting=dict(book.waiting.most_common(MOST_WAITING)),
            **{side: reached},
        )
        _keep(store, grown, at)
    return Written(tagged, tuple(map(str, failed.values())), bool(reached))


def _asked(items: Catalogue, changes: list[ItemChange]) -> dict[int, ItemChange]:
    """By code: what the catalogue knows, no person has tagged, and no model since the last change."""
    return {
        code: change
        for change in changes
        if change.record is not None
        and (code := items.ids.code(change.id)) >= 0
        and (
            (said := change.tags) is None
            or (said.source != "user" and said.updated_at <= change.record.updated_at)
        )
    }


def _book(store: Store) -> Book:
    """What is kept; one that begins now where nothing is."""
    text = store.setting(SETTING)
    kept = msgspec.json.decode(text, type=prepared(Book)) if text else Book()
    if kept.begun < 0:
        begun = store.last_revision()
        kept = msgspec.structs.replace(kept, begun=begun, news=begun)
    return kept


def _keep(store: Store, book: Book, at: float) -> None:
    store.set_setting(SETTING, msgspec.json.encode(book).decode(), at=at, actor="server").result()


def _next(
    store: Store, items: Catalogue, kept: Book, limit: int, until: int | None
) -> tuple[str, list[ItemChange]]:
    """Which place in the book they move, and the next changes: those before the first that the catalogue has
    not taken yet, which comes in its turn."""

    def taken(change: ItemChange) -> bool:
        return (until is None or change.revision <= until) and (
            change.record is None or items.ids.code(change.id) >= 0
        )

    if news := list(takewhile(taken, store.changes(kept.news, limit))):
        return "news", news
    old = takewhile(taken, store.changes(kept.revision, limit))
    return "revision", [change for change in old if change.revision <= kept.begun]


def _reached(changes: list[ItemChange], todo: Mapping[int, ItemChange], settled: Set[int]) -> int:
    """The last change before the first item that is to be asked about again; 0 for none."""
    order = list(todo)
    done = max((at + 1 for at, code in enumerate(order) if code in settled), default=0)
    ends = todo[order[done]].revision if done < len(order) else float("inf")
    return max((change.revision for change in changes if change.revision < ends), default=0)


def _language(items: Catalogue) -> str:
    """zh or en, as most of the titles."""
    titles = items.titles[:: max(1, len(items) // TITLES)]
    return "zh" if 2 * sum(language_of(title) == "zh" for title in titles) > len(titles) else "en"


class Tagging:
    """Every `period_s` the next few items; of all workers, the one that holds the lock."""

    def __init__(
        self, *, places: Places, store: Store, live: Live, now: Callable[[], float],
        at_once: int = 10, period_s: float = 30.0, locale: str = "", in_lists: bool = False,
    ) -> None:  # fmt: skip
        self.places, self.store, self.live, self.now = places, store, live, now
        self.at_once, self.period_s = at_once, period_s
        self.locale, self.in_lists = locale, in_lists
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="zhiyin-tags", daemon=True)

    @property
    def running(self) -> bool:
        """Whether rounds are made by themselves."""
        return self._thread.is_alive()

    def start(self) -> None:
        if self.at_once > 0:
            self._thread.start()

    def stop(self) -> None:
        """An item that is being asked about is left: the thread is a daemon."""
        self._stop.set()
        if self.running:
            self._thread.join(timeout=1)

    def _watch(self) -> None:
        self.places.run.mkdir(parents=True, exist_ok=True)
        with (self.places.run / "tags.lock").open("w") as lock:
            while not self._stop.wait(self.period_s):
                if not mine(lock):
                    continue
                try:
                    self.step()
                except Exception:
                    log.exception("tags could not be written; it is tried again")

    def step(self) -> Written | None:
        """One round; None where no model, or nothing to do, is there."""
        serving = self.live.serving
        whole = None if serving is None else serving.recommender
        if serving is None or whole is None or whole.llm is None or whole.items_ is None:
            return None
        done = write_tags(
            self.store, whole.items_, whole.llm, encoder=whole.encoder, limit=self.at_once, at=self.now(),
            until=serving.revision, locale=self.locale, in_lists=self.in_lists,
        )  # fmt: skip
        if done.failed:
            log.warning("the language model has left %d items without tags", len(done.failed))
        return done
