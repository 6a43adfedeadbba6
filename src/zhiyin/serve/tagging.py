"""Tags and lines by the language model, nearline: new and changed items, a few at a time, in one worker."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile

import msgspec

from zhiyin.contracts import Encoder, LanguageModel
from zhiyin.data.catalogue import Catalogue
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


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """How far the catalogue has been read, and the vocabulary as far as the model has made it grow."""

    revision: int = 0
    tags: dict[str, str] = {}
    waiting: dict[str, int] = {}


@dataclass(frozen=True, slots=True)
class Written:
    """What one round did."""

    tagged: dict[str, TagsRecord]
    """By the item's id."""
    failed: tuple[str, ...]


def write_tags(
    store: Store,
    items: Catalogue,
    llm: LanguageModel,
    *,
    encoder: Encoder | None,
    limit: int,
    at: float,
    until: int | None = None,
    locale: str = "en",
    timeout: float = 60.0,
    progress: Callable[[int], object] = lambda done: None,
) -> Written:
    """The next `limit` items of the catalogue's changes. What an editor has said stays as it is.

    `until` is the newest change that `items` has taken. A round in which the model gave nothing begins at the
    same place the next time; one item that it cannot describe is passed over.
    """
    text = store.setting(SETTING)
    kept = msgspec.json.decode(text, type=Book) if text else Book()
    changes = _known(store.changes(kept.revision, limit), items, until)
    todo = {
        code: change.id
        for change in changes
        if change.record is not None
        and (code := items.ids.code(change.id)) >= 0
        and ((now := store.tags(change.id)) is None or now.source != "user")
    }
    book = TagBook.of(items, encoder)
    book.tags |= kept.tags
    book.waiting.update(kept.waiting)
    found, failed = tags_by_model(items, todo, llm, book, locale=locale, timeout=timeout, progress=progress)
    tagged = {todo[one.item]: TagsRecord(tags=list(one.tags), line=one.line, source="llm") for one in found}
    for name, record in tagged.items():
        store.put_tags(name, record, at=at).result()
    if changes and (found or all(one.why == "form" for one in failed)):
        known = TagBook.of(items).tags
        grown = Book(
            revision=changes[-1].revision,
            tags={key: tag for key, tag in book.tags.items() if key not in known},
            waiting=dict(book.waiting.most_common(MOST_WAITING)),
        )
        store.set_setting(SETTING, msgspec.json.encode(grown).decode(), at=at, actor="server").result()
    return Written(tagged, tuple(map(str, failed)))


def _known(changes: list[ItemChange], items: Catalogue, until: int | None) -> list[ItemChange]:
    """Those before the first that the catalogue has not taken yet: it comes in its turn."""

    def taken(change: ItemChange) -> bool:
        return (until is None or change.revision <= until) and (
            change.record is None or items.ids.code(change.id) >= 0
        )

    return list(takewhile(taken, changes))


class Tagging:
    """Every `period_s` the next few items; of all workers, the one that holds the lock."""

    def __init__(
        self, *, places: Places, store: Store, live: Live, now: Callable[[], float],
        at_once: int = 10, period_s: float = 30.0,
    ) -> None:  # fmt: skip
        self.places, self.store, self.live, self.now = places, store, live, now
        self.at_once, self.period_s = at_once, period_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="zhiyin-tags", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """An item that is being asked about is left: the thread is a daemon."""
        self._stop.set()
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
            until=serving.revision,
        )  # fmt: skip
        if done.failed:
            log.warning("the language model has left %d items without tags", len(done.failed))
        return done
