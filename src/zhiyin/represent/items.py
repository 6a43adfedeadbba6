"""Item vectors: what an item is about, from its title, words and description (R1)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zhiyin.contracts import Encoder
from zhiyin.data.catalogue import Catalogue
from zhiyin.represent.space import Space
from zhiyin.types import FloatArray, IntArray

__all__ = ["ItemVectors", "item_vectors"]


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

    rows: FloatArray
    """(n, dim) unit rows, rounded to half precision, so that what is saved in 16 bits is what answers."""
    digests: NDArray[np.uint64]
    """(n,) of the texts."""
    space: Space
    """Learnt from the first catalogue, and kept: items that come later do not move the others."""
    blank: NDArray[np.bool_]
    """(n,) True where there was nothing to encode."""

    @classmethod
    def of(cls, encoder: Encoder, catalogue: Catalogue, old: ItemVectors | None = None) -> ItemVectors:
        """Encodes what `old` does not hold; items keep their vector while their text stays the same."""
        texts = [catalogue.describe(code) for code in range(len(catalogue))]
        digests = np.array([_digest(text) for text in texts], np.uint64)
        rows = np.zeros((len(texts), encoder.dim), np.float32)
        changed = np.ones(len(texts), np.bool_)
        if old is not None:
            n = min(len(old), len(texts))
            rows[:n] = old.rows[:n]
            changed[:n] = digests[:n] != old.digests[:n]
        fresh = np.flatnonzero(changed)
        raw = encoder.encode([texts[code] for code in fresh]) if len(fresh) else rows[:0]
        space = Space.of(raw) if old is None else old.space
        rows[fresh] = space.put(raw).astype(np.float16)
        return cls.saved(rows, digests, space)

    @classmethod
    def saved(cls, rows: NDArray[np.floating], digests: NDArray[np.uint64], space: Space) -> ItemVectors:
        """From `halves`, `digests` and `space` as they were."""
        rows = np.asarray(rows, np.float32)
        return cls(rows, np.asarray(digests, np.uint64), space, np.logical_not(rows.any(axis=1)))

    @property
    def halves(self) -> NDArray[np.float16]:
        """(n, dim) the rows in 16 bits, without loss."""
        return self.rows.astype(np.float16)

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, items: IntArray) -> FloatArray:
        """(k, dim) the rows of items; zeros for a code that is not there."""
        known = (items >= 0) & (items < len(self.rows))
        out = np.zeros((len(items), self.rows.shape[1]), np.float32)
        out[known] = self.rows[items[known]]
        return out


def _digest(text: str) -> int:
    code = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(code.digest(), "little")
