"""One artefact in memory, kept up with what the store says of items and events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from zhiyin.data.catalogue import Catalogue
from zhiyin.data.weights import DURATION, KindWeights
from zhiyin.recommender import Recommender
from zhiyin.serve.artefacts import Publication
from zhiyin.serve.waiting import Waiting
from zhiyin.store.records import EVENT_KINDS, IMPRESSION, EventRows, ItemChange
from zhiyin.types import IntArray, Item

__all__ = ["SHOWN", "Serving"]

SHOWN = EVENT_KINDS.index(IMPRESSION)


@dataclass(slots=True)
class Serving:
    """One artefact in memory, and how the store's item keys map to its codes."""

    recommender: Recommender
    publication: Publication
    weights: KindWeights
    code_of_key: IntArray
    """(k,) item code by the store's key; -1 = not in the catalogue."""
    key_of_code: NDArray[np.int64]
    """(n,) the other way round; 0 = the store does not know the item."""
    n_fitted: int
    """Items of the artefact; those behind them came in since."""
    contexts: tuple[str, ...] = ()
    """Names of the contexts of past events that the recommender looks at."""
    revision: int = 0
    """Newest change of the store's catalogue that it has taken."""
    seq: int = 0
    """Newest event that it has learnt from."""
    waiting: Waiting = field(default_factory=Waiting)
    forgotten: set[int] = field(default_factory=set)
    """Codes of items that came in and were deleted since: a worker that starts now never hears of them."""

    @classmethod
    def of(cls, recommender: Recommender, publication: Publication, contexts: tuple[str, ...]) -> Serving:
        """As the artefact was published, before the store has said anything."""
        past, n = recommender.histories_, len(recommender.items_ or ())
        return cls(
            recommender,
            publication,
            past.weights if past is not None else KindWeights(),
            np.full(n + 1, -1, np.int32),
            np.zeros(n, np.int64),
            n,
            contexts=contexts,
            seq=publication.seq,
        )

    # -- asking ------------------------------------------------------------------------------------

    @property
    def items(self) -> Catalogue:
        """The live catalogue."""
        items = self.recommender.items_
        assert items is not None
        return items

    @property
    def weighed(self) -> tuple[str, ...]:
        """Names of the contexts that say how much an event counts: duration, where the fit has seen one."""
        past = self.recommender.histories_
        return (DURATION,) if past is not None and DURATION in past.snapshot.context else ()

    def codes(self, keys: NDArray[np.int64]) -> IntArray:
        """(h,) item codes of keys; -1 for what the catalogue does not know."""
        known = (keys > 0) & (keys < len(self.code_of_key))
        found: IntArray = np.where(known, self.code_of_key[np.where(known, keys, 0)], -1).astype(np.int32)
        return found

    def remembered(self, codes: IntArray) -> IntArray:
        """The same codes; -1 for items that are forgotten."""
        if not self.forgotten:
            return codes
        return np.array([-1 if code in self.forgotten else code for code in codes.tolist()], np.int32)

    def code(self, item: str) -> int:
        """The code of an item; -1 where it is unknown or forgotten."""
        code = self.items.ids.code(item)
        return -1 if code in self.forgotten else code

    def title(self, item: str, otherwise: str = "") -> str:
        """What an item is called; `otherwise` where it is unknown or forgotten."""
        code = self.code(item)
        return self.items.titles[code] if code >= 0 else otherwise

    def proposes(self, item: str) -> bool:
        """Whether an item is in the catalogue and neither deleted nor unavailable."""
        code = self.code(item)
        return code >= 0 and code not in self.recommender.barred_

    # -- items -------------------------------------------------------------------------------------

    def lacks(self, change: ItemChange) -> bool:
        """Whether the artefact does not have an item as the store describes it."""
        newer = change.revision > self.publication.revision
        return change.record is not None and (newer or self.items.ids.code(change.id) < 0)

    def differs(self, change: ItemChange) -> bool:
        """Whether the artefact says something else of an item than the store does."""
        gone = change.record is None or not change.record.available
        return self.lacks(change) or (gone and self.items.ids.code(change.id) >= 0)

    def take(self, changes: Sequence[ItemChange], items: Sequence[Item]) -> None:
        """Changes of the catalogue, lowest revision first, and those of their items that it lacks."""
        self.put(items, [c.id for c in changes if c.record is None or not c.record.available])
        self.bind(changes)
        self.revision = changes[-1].revision
        late = self.codes(self.waiting.rows["key"]) >= 0
        if late.any():
            rows = self.waiting.take(late)
            codes = self.codes(rows["key"])
            self.recommender.update_many(codes, rows["at"], rows["weight"], rows["kind"])

    def put(self, items: Sequence[Item], gone: Sequence[str]) -> None:
        """What is said of items, of the unavailable ones too; those that are `gone` are not proposed."""
        if items:
            self.recommender.add_items(items)
        if gone:
            self.recommender.remove_items(gone)

    def bind(self, changes: Sequence[ItemChange]) -> None:
        """Learns the keys of items; those that the catalogue lacks, or is to forget, get -1."""
        keys = np.fromiter((change.key for change in changes), np.int64, len(changes))
        codes = self.items.ids.codes(change.id for change in changes)
        deleted = np.fromiter((change.record is None for change in changes), np.bool_, len(changes))
        forgotten = deleted & (codes >= self.n_fitted)
        self.forgotten.difference_update(codes[~deleted].tolist())
        self.forgotten.update(codes[forgotten].tolist())
        self._make_room(int(keys.max(initial=0)) + 1)
        self.code_of_key[keys] = np.where(forgotten, -1, codes)
        there = codes >= 0
        self.key_of_code[codes[there]] = np.where(forgotten, 0, keys)[there]

    def _make_room(self, size: int) -> None:
        if size > len(self.code_of_key):
            more = np.full(max(size, len(self.code_of_key) * 5 // 4) - len(self.code_of_key), -1, np.int32)
            self.code_of_key = np.concatenate([self.code_of_key, more])
        if len(self.items) > len(self.key_of_code):
            blank = np.zeros(len(self.items) - len(self.key_of_code), np.int64)
            self.key_of_code = np.concatenate([self.key_of_code, blank])

    # -- events ------------------------------------------------------------------------------------

    def learn(self, rows: EventRows) -> None:
        """Live popularity: every event that is a preference, but of users who opted out. Those of an item
        that is unknown wait until it comes."""
        counts = (rows.kinds != SHOWN) & (rows.seqs > self.seq) & (rows.items > 0) & ~rows.opted_out
        if counts.any():
            codes, at, kinds = self.codes(rows.items[counts]), rows.at[counts], rows.kinds[counts]
            context = {name: words[counts] for name, words in rows.context.items()}
            weights = self.weights.weigh(kinds, rows.values[counts], context)
            known = codes >= 0
            if known.any():
                self.recommender.update_many(codes[known], at[known], weights[known], kinds[known])
            if not known.all():
                late = ~known
                self.waiting.add(rows.items[counts][late], at[late], weights[late], kinds[late])
        self.seq = max(self.seq, int(rows.seqs[-1]))
