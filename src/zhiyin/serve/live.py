"""The recommender of one worker, kept up with what the store learns: items, events, a new artefact."""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from zhiyin.contracts import LooksBack
from zhiyin.errors import ZhiyinError
from zhiyin.rank.counters import Counters
from zhiyin.recommender import Recommender
from zhiyin.serve.artefacts import Artefacts, Publication
from zhiyin.serve.kinds import of_settled_kinds
from zhiyin.serve.own_parts import load_artefact
from zhiyin.serve.serving import SHOWN, Serving
from zhiyin.store.contract import Store
from zhiyin.store.records import EVENT_KINDS, EventRows, ItemChange, as_item
from zhiyin.types import Item

__all__ = ["Live"]

log = logging.getLogger("zhiyin.serve")

T = TypeVar("T")
Compute = Callable[[Callable[[], object]], "Future[object]"]
"""Runs something between two answers, where nobody reads the recommender."""


class Told(Protocol):
    """Who counts what happens here."""

    def item_recommendable(self, seconds: float) -> None: ...
    def event_counted(self, seconds: float) -> None: ...
    def swapped(self, result: str) -> None: ...


LOOK_EVERY = 10
"""Steps between two looks for another artefact: half a second."""
TRY_AGAIN_S, LONGEST_REST_S = 30.0, 3600.0
"""An artefact that was not taken is tried again after so long, then after twice as long, and so on."""
CHANGES_AT_ONCE = 500
READ_AGAIN_S = 30.0
"""After so long an encoder that was away is asked again for the items that came without a vector."""
EVENTS_AT_ONCE = 100_000
CLICK = EVENT_KINDS.index("click")


@dataclass(frozen=True, slots=True)
class _Refusal:
    """An artefact that could not be taken, and until when it is left alone: longer after every try."""

    version: str = ""
    rest_s: float = 0.0
    until: float = 0.0

    def holds(self, version: str, now: float) -> bool:
        return version == self.version and now < self.until

    def again(self, version: str, now: float) -> _Refusal:
        rest = min(2 * self.rest_s, LONGEST_REST_S) if version == self.version else TRY_AGAIN_S
        return _Refusal(version, rest, now + rest)


class Live:
    """Follows the store in a thread of its own; every change of the recommender runs through `compute`.

    `serving` is replaced as a whole when another artefact is taken; who reads it in `compute` sees one
    artefact from the first to the last line of an answer.
    """

    def __init__(
        self,
        *,
        store: Store,
        artefacts: Artefacts,
        compute: Compute,
        now: Callable[[], float],
        period_s: float = 0.05,
        checkpoint_s: float = 60.0,
        told: Told,
    ) -> None:
        self.store = store
        self.artefacts = artefacts
        self.compute = compute
        self.now = now
        self.period_s = period_s
        self.checkpoint_s = checkpoint_s
        self.told = told
        self.serving: Serving | None = None
        self.counters = Counters()
        self._counted = 0
        self._saved_at = 0.0
        self._steps = 0
        self._asked_at = now()
        self._refused = _Refusal()
        self._unread: set[str] = set()
        self._read_again_at = 0.0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    # -- starting and stopping ---------------------------------------------------------------------

    def start(self) -> None:
        """Loads the artefact that serves, replays what came since, then follows in the background."""
        saved = self.store.checkpoint("counters")
        if saved is not None:
            self._counted, state = saved
            self.counters.restore(load_arrays(state))
        self._saved_at = self.now()
        publication = self.artefacts.current()
        if publication is not None:
            self._install(self._loaded(publication))
        self.step()
        self._thread = threading.Thread(target=self._follow, name="zhiyin-live", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread and keeps the counters for the next start."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=30)
        self._checkpoint()

    def _follow(self) -> None:
        while not self._stop.wait(self.period_s):
            try:
                while self.step():
                    pass
            except Exception:
                log.exception("the live thread could not follow the store; it tries again")
                self._stop.wait(1.0)

    # -- one step ----------------------------------------------------------------------------------

    def step(self) -> bool:
        """Takes what is new: items, events, an artefact. True when there may be more."""
        more = self._take_items()
        more |= self._take_events()
        self._read_again()
        self._steps += 1
        if self._steps % LOOK_EVERY == 1:
            self._take_artefact()
        if self.now() - self._saved_at > self.checkpoint_s:
            self._checkpoint()
        return more

    def _take_items(self) -> bool:
        serving = self.serving
        if serving is None:
            return False
        changes = self.store.changes(serving.revision, CHANGES_AT_ONCE)
        if changes:
            items = self._items(serving, changes)
            self._encode(serving, items)
            self._run(lambda: serving.take(changes, items))
            for change in changes:
                if change.record is not None and change.record.available:
                    self.told.item_recommendable(self.now() - change.at)
        return len(changes) == CHANGES_AT_ONCE

    def _read_again(self) -> None:
        """Items that came while the encoder was away get their vectors when it is back."""
        serving = self.serving
        if serving is None or not self._unread or self.now() < self._read_again_at:
            return
        found = [record for name in self._unread if (record := self.store.item(name))]
        told = [as_item(record, self.store.tags(record.id)) for record in found]
        items = of_settled_kinds(self.store, serving.items, told)
        if self._encoded(serving, items):
            self._unread.clear()
            gone = [record.id for record in found if not record.available]
            self._run(lambda: serving.put(items, gone))

    def _items(self, serving: Serving, changes: Sequence[ItemChange]) -> list[Item]:
        """What the changes say of items that the catalogue does not have so, available or not."""
        told = [as_item(c.record, c.tags) for c in changes if c.record is not None and serving.lacks(c)]
        return of_settled_kinds(self.store, serving.items, told)

    def _encode(self, serving: Serving, items: Sequence[Item]) -> None:
        """Fills the encoder's cache here, so that the compute thread only finds vectors."""
        if not self._encoded(serving, items):
            self._unread.update(item.id for item in items)

    def _encoded(self, serving: Serving, items: Sequence[Item]) -> bool:
        """Whether the cache now holds the vectors of these items; always, where no encoder is needed."""
        recommender = serving.recommender
        if recommender.encoder is None or recommender.items_ is None or not items:
            return True
        catalogue = recommender.items_.with_items(items)
        codes = catalogue.ids.codes(item.id for item in items)
        try:
            recommender.encoder.encode([catalogue.describe(int(code)) for code in codes])
        except ZhiyinError as error:
            self._read_again_at = self.now() + READ_AGAIN_S
            log.warning("new items come without a text vector: the encoder failed: %s", error)
            return False
        return True

    def _take_events(self) -> bool:
        serving = self.serving
        behind = self._counted if serving is None else min(self._counted, serving.seq)
        asked_at, before = self.now(), self._asked_at
        weighed = () if serving is None else serving.weighed
        rows = self.store.events_after(behind, EVENTS_AT_ONCE, context=weighed)
        self._asked_at = asked_at
        if len(rows.seqs):
            self._run(lambda: self._learn(serving, rows))
            self.told.event_counted(self.now() - before)  # none of them can be older than the last look
        return len(rows.seqs) == EVENTS_AT_ONCE

    def _learn(self, serving: Serving | None, rows: EventRows) -> None:
        """Counters are keyed by the store and outlive an artefact; each takes every event once."""
        fresh = (rows.seqs > self._counted) & (rows.items > 0) & ~rows.opted_out
        if fresh.any():
            _count(self.counters, rows, fresh)
        self._counted = max(self._counted, int(rows.seqs[-1]))
        if serving is not None:
            serving.learn(rows)

    # -- artefacts ---------------------------------------------------------------------------------

    def _take_artefact(self) -> None:
        wanted = self.artefacts.current()
        if wanted is None or self._refused.holds(wanted.version, self.now()):
            return
        if self.serving is not None and self.serving.publication.version == wanted.version:
            return
        try:
            serving = self._loaded(wanted)
        except Exception as error:  # noqa: BLE001
            # Whatever is wrong with it, the old one goes on serving. What was wrong may pass (no memory, too
            # many open files), and the other workers may have taken it.
            self._refused = self._refused.again(wanted.version, self.now())
            self.told.swapped("refused")
            rest = self._refused.rest_s
            log.error("artefact %s was not taken, again in %.0f s: %s", wanted.version, rest, error)
            return
        self._refused = _Refusal()
        self._install(serving)
        del serving
        gc.unfreeze()  # what the worker froze at its start may be the artefact that has just gone
        gc.collect()
        gc.freeze()
        self.told.swapped("ok" if wanted.back_seq < 0 else "rolled_back")
        log.info("artefact %s serves", wanted.version)

    def _loaded(self, publication: Publication) -> Serving:
        """An artefact from disk, brought up to the store's catalogue and events, warmed by one question."""
        recommender = load_artefact(self.artefacts.path(publication.version))
        if recommender.items_ is None or recommender.version_ != publication.version:
            raise ZhiyinError(f"expected artefact {publication.version}, found {recommender.version_!r}")
        serving = Serving.of(recommender, publication, _contexts(recommender))
        self._catch_up(serving)
        self._warm(recommender)
        self._name_features(recommender, publication.version)
        return serving

    def _name_features(self, recommender: Recommender, version: str) -> None:
        """Kept once for all slates of this artefact."""
        name = f"features.{version}"
        names = getattr(recommender.ranker, "names_", ())
        if names and not self.store.setting(name):
            text = msgspec.json.encode(names).decode()
            self.store.set_setting(name, text, at=self.now(), actor="server")

    def _warm(self, recommender: Recommender) -> None:
        """First answers must not wait for what is loaded on first use: the encoder, above all."""
        assert recommender.items_ is not None
        ids = list(recommender.items_.ids[:3])
        recommender.recommend(history=ids, n=3)
        try:
            recommender.recommend(words=f"warm 暖 {self.now()}", history=ids, n=3)
        except ZhiyinError as error:
            log.warning("the first question in words failed: %s", error)

    def _catch_up(self, serving: Serving) -> None:
        while changes := self.store.changes(serving.revision, 20_000):
            serving.bind(changes)
            late = [change for change in changes if serving.differs(change)]
            if late:
                items = self._items(serving, late)
                self._encode(serving, items)
                serving.take(late, items)
            serving.revision = changes[-1].revision
        weighed = serving.weighed
        while len((rows := self.store.events_after(serving.seq, 1_000_000, context=weighed)).seqs):
            serving.learn(rows)

    def _install(self, serving: Serving) -> None:
        def swap() -> None:
            self.serving = serving

        self._run(swap)

    # -- keeping -----------------------------------------------------------------------------------

    def _checkpoint(self) -> None:
        if self._counted:
            arrays = {name: part for name, part in self.counters.state().items() if not isinstance(part, str)}
            self.store.save_checkpoint("counters", self._counted, save_arrays(arrays))
        self._saved_at = self.now()

    def _run(self, change: Callable[[], T]) -> T:
        return self.compute(change).result()  # type: ignore[return-value]


def _contexts(recommender: Recommender) -> tuple[str, ...]:
    """Names of the contexts of past events that some part looks at."""
    parts = [part for part in recommender.parts().values() if isinstance(part, LooksBack)]
    return tuple(dict.fromkeys(name for part in parts for name in part.contexts))


def _count(counters: Counters, rows: EventRows, fresh: NDArray[np.bool_]) -> None:
    """Impressions, clicks that go back to one, and all that is a preference, of `fresh` rows."""
    items, shown = rows.items.astype(np.int32), rows.kinds == SHOWN
    liked = fresh & ~shown
    counters.shown(items[fresh & shown])
    counters.clicked(items[fresh & rows.attributed & (rows.kinds == CLICK)])
    counters.update(items[liked], rows.kinds[liked], rows.at[liked], rows.at[liked])
