"""Item vectors: what an item is about, from its title, words and description (R1)."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zhiyin.contracts import Encoder, State
from zhiyin.data.catalogue import Catalogue
from zhiyin.errors import LlmError
from zhiyin.represent.short_rows import rounded
from zhiyin.represent.space import Space
from zhiyin.represent.vector_index import MAX_EXACT, VectorIndex
from zhiyin.types import FloatArray, IntArray

__all__ = ["ItemVectors", "item_vectors"]

log = logging.getLogger(__name__)

NOTHING: IntArray = np.empty(0, np.int32)


def item_vectors(encoder: Encoder, catalogue: Catalogue) -> FloatArray:
    """(n_items, dim) one unit row per item in the order of the codes; zeros for an item without words.

    As the encoder gives them; `Space.of(vectors).put(vectors)` are better for comparing items.
    """
    if not len(catalogue):
        return np.zeros((0, encoder.dim), np.float32)
    return encoder.encode([catalogue.describe(code) for code in range(len(catalogue))])


@dataclass(frozen=True, slots=True)
class ItemVectors:
    """The vectors of a catalogue in a `Space` of its own, and from which texts they were made."""

    index: VectorIndex
    """Unit rows, rounded to 16 bits, so that what is saved is what answers."""
    digests: NDArray[np.uint64]
    """(n,) of the texts."""
    space: Space
    """Learnt from the first catalogue, and kept: items that come later do not move the others."""
    blank: NDArray[np.bool_]
    """(n,) True where there was nothing to encode."""

    @classmethod
    def of(
        cls,
        encoder: Encoder,
        catalogue: Catalogue,
        old: ItemVectors | None = None,
        changed: IntArray | None = None,
        *,
        max_exact: int = MAX_EXACT,
    ) -> ItemVectors:
        """Encodes what `old` does not hold; items keep their vector while their text stays the same.

        `changed` says where to look; None = at every item. Above `max_exact` items a search reads a part.
        """
        if old is None:
            texts = [catalogue.describe(code) for code in range(len(catalogue))]
            raw = encoder.encode(texts) if texts else np.zeros((0, encoder.dim), np.float32)
            space, digests = Space.of(raw), _digests(texts)
            return cls._placed(rounded(space.put(raw)), digests, space, max_exact)
        if len(catalogue) < len(old):
            old = old._cut(len(catalogue), max_exact)
        return old._with(encoder, catalogue, np.arange(len(catalogue)) if changed is None else changed)

    def _with(self, encoder: Encoder, catalogue: Catalogue, asked: NDArray[np.integer]) -> ItemVectors:
        """With new vectors for those of the items asked for whose text is new."""
        texts = [catalogue.describe(int(code)) for code in asked]
        seen, n = _digests(texts), len(catalogue)
        known = np.append(self.digests, np.zeros(1, np.uint64))[np.minimum(asked, len(self))]
        fresh = np.flatnonzero((asked >= len(self)) | (seen != known))
        if not len(fresh) and n == len(self):
            return self
        raw = self._read(encoder, [texts[place] for place in fresh])
        if raw is None:
            raw, seen = np.zeros((len(fresh), self.space.centre.size), np.float32), np.zeros_like(seen)
        rows, codes = rounded(self.space.put(raw)), asked[fresh].astype(np.int32)
        digests = np.concatenate([self.digests, np.zeros(n - len(self), np.uint64)])
        blank = np.concatenate([self.blank, np.ones(n - len(self), np.bool_)])
        digests[codes], blank[codes] = seen[fresh], np.logical_not(rows.any(axis=1))
        return ItemVectors(self.index.with_rows(codes, rows, n), digests, self.space, blank)

    def _read(self, encoder: Encoder, texts: list[str]) -> FloatArray | None:
        """(k, dim) the vectors; None when the encoder is away: then the items come without, and are read when
        they are next asked for, for an item must not wait for a model server."""
        if not texts:
            return self.take(NOTHING)
        try:
            return encoder.encode(texts)
        except LlmError as error:
            log.warning("%d items come without a vector: %s", len(texts), error)
            return None

    def _cut(self, n: int, max_exact: int) -> ItemVectors:
        return self._placed(self.rows[:n], self.digests[:n], self.space, max_exact)

    @classmethod
    def _placed(
        cls, rows: FloatArray, digests: NDArray[np.uint64], space: Space, max_exact: int
    ) -> ItemVectors:
        index = VectorIndex.of(rows, max_exact=max_exact, short=True)
        return cls(index, digests, space, np.logical_not(rows.any(axis=1)))

    def state(self) -> State:
        """As arrays; nothing is lost."""
        return {
            **{f"index.{name}": value for name, value in self.index.state(short=True).items()},
            "digests": self.digests,
            "centre": self.space.centre,
            "turn": self.space.turn,
        }

    @classmethod
    def saved(
        cls, state: Mapping[str, NDArray[np.generic] | str], *, max_exact: int = MAX_EXACT
    ) -> ItemVectors:
        """From what `state` gave."""
        start = "index."
        index = VectorIndex.saved(
            {name.removeprefix(start): part for name, part in state.items() if name.startswith(start)},
            max_exact=max_exact,
        )
        space = Space(np.asarray(state["centre"], np.float32), np.asarray(state["turn"], np.float32))
        blank = np.logical_not(index.rows[index.place].any(axis=1))
        return cls(index, np.asarray(state["digests"], np.uint64), space, blank)

    @property
    def rows(self) -> FloatArray:
        """(n, dim) in the order of the codes: a copy."""
        return self.take(np.arange(len(self), dtype=np.int32))

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, items: IntArray) -> FloatArray:
        return self.index.take(items)

    def take(self, items: IntArray) -> FloatArray:
        """(k, dim) the rows of items; zeros for a code that is not there."""
        return self.index.take(items)


def _digests(texts: list[str]) -> NDArray[np.uint64]:
    return np.array([_digest(text) for text in texts], np.uint64)


def _digest(text: str) -> int:
    code = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(code.digest(), "little")
