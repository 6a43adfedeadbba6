"""Largest inner products without reading every vector: lists of like rows, of which the best are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhiyin.contracts import State
from zhiyin.types import FloatArray, IntArray

__all__ = ["VectorIndex", "in_32_bits"]

SAMPLE = 64
"""Rows per list that the centres are learnt from."""
ROUNDS = 6
BLOCK = 4096
SPARE = 1024
"""Least number of rows that can be added before the rows have to move."""

SIGN_AND_REST = np.int32(-0x70002000)
"""Of 16 bits that were moved up by 13: the sign, of which the bits below it are copies, and the rest."""
BIASES = np.float32(2.0**112)
"""127 is the bias of an exponent in 32 bits, 15 that in 16 bits."""


@dataclass(frozen=True, slots=True)
class VectorIndex:
    """Rows sorted into lists by the nearest of some centres (the inverted file of Sivic and Zisserman 2003).

    A search reads whole lists, the one whose centre promises most first, until it has seen `n_read` rows.
    New and altered rows stand behind the lists and are always read. Nothing that an older index can see is
    ever overwritten, so a search that runs while items come in is right about the items that it knows.
    """

    rows: NDArray[Any]
    """(capacity, d) float32 or float16; the first `len(codes)` are in use."""
    codes: IntArray
    """(r,) the item of each row; -1 = the row was replaced by a later one."""
    place: IntArray
    """(n_items,) the row of each item."""
    starts: NDArray[np.int64]
    """(k + 1,) list j is `rows[starts[j]:starts[j + 1]]`."""
    centres: FloatArray
    """(k, d)"""

    @classmethod
    def of(
        cls, vectors: NDArray[np.floating], *, max_exact: int, seed: int = 0, half: bool = False
    ) -> VectorIndex:
        """From (n_items, d) vectors in the order of the codes; about 4 s for 100,000 x 256.

        Up to `max_exact` rows there are no lists, and every search reads all. Above there are four
        times the root of n; with `half` their rows are kept in 16 bits.
        """
        n = len(vectors)
        if n <= max_exact:
            rows = np.array(vectors, np.float32)
            return cls.sorted(rows, np.arange(n, dtype=np.int32), np.zeros(2, np.int64), rows[:1] * 0)
        centres = _centres(vectors, max(1, int(4 * n**0.5)), np.random.default_rng(seed))
        owner = _nearest(vectors, centres)
        codes = np.argsort(owner, kind="stable").astype(np.int32)
        starts = np.searchsorted(owner[codes], np.arange(len(centres) + 1)).astype(np.int64)
        return cls.sorted(_roomy(vectors, codes, half), codes, starts, _means(vectors, owner, centres))

    @classmethod
    def sorted(
        cls, rows: NDArray[Any], codes: IntArray, starts: NDArray[np.int64], centres: FloatArray
    ) -> VectorIndex:
        """From rows that stand in the order of the lists already."""
        place = np.empty(int(codes.max(initial=-1)) + 1, np.int32)
        alive = np.flatnonzero(codes >= 0)
        place[codes[alive]] = alive
        return cls(rows, codes, place, starts, centres)

    def __len__(self) -> int:
        return len(self.place)

    def take(self, items: IntArray) -> FloatArray:
        """(k, d) float32 rows of items; zeros for a code that is not there."""
        known = (items >= 0) & (items < len(self.place))
        out = np.zeros((len(items), self.rows.shape[1]), np.float32)
        out[known] = in_32_bits(self.rows[self.place[items[known]]])
        return out

    def search(
        self, vector: FloatArray, n_read: int, allowed: NDArray[np.bool_] | None = None
    ) -> tuple[IntArray, FloatArray]:
        """Codes and inner products of the rows that were read, in no order; each item once.

        The fewer items are `allowed`, the further it reads: at last all of them and nothing else.
        """
        if allowed is not None:
            few = np.flatnonzero(allowed[: len(self.place)]).astype(np.int32)
            n_read = int(n_read * len(self.place) / max(1, len(few)))
            if len(few) <= n_read:
                return few, self.take(few) @ vector
        spans = self.spans(vector, n_read)
        # To copy the lists together costs less than a product for each of them.
        read = [self.rows[start:end] for start, end in spans if end > start]
        rows = read[0] if len(read) == 1 else np.concatenate([self.rows[:0], *read])
        scores = in_32_bits(rows) @ vector
        return self.alive(spans, scores)

    def alive(self, spans: list[tuple[int, int]], scores: FloatArray) -> tuple[IntArray, FloatArray]:
        """The items of the rows of some spans, and their scores, without rows that were replaced."""
        codes = np.concatenate([self.codes[start:end] for start, end in spans])
        if len(self.codes) == len(self.place):
            return codes, scores
        alive = codes >= 0
        return codes[alive], scores[alive]

    def spans(self, vector: FloatArray, n_read: int) -> list[tuple[int, int]]:
        """From which to which row the best lists and the newcomers stand."""
        if not self.starts[-1]:
            return [(0, len(self.codes))]
        order = np.argsort(-(self.centres @ vector))
        sizes = np.diff(self.starts)[order]
        lists = np.sort(order[: int(np.searchsorted(np.cumsum(sizes), n_read)) + 1])
        ends = (*zip(self.starts[lists].tolist(), self.starts[lists + 1].tolist()),)
        return [*ends, (int(self.starts[-1]), len(self.codes))]

    def neighbourhoods(self, n_read: int, size: int) -> Iterator[tuple[IntArray, IntArray]]:
        """Every row once, at most `size` at a time, beside the rows that a search near them reads, as items.

        Not for an index in which rows were replaced.
        """
        if not self.starts[-1]:
            for at in range(0, len(self.codes), size):
                yield self.codes[at : at + size], self.codes
            return
        for place, centre in enumerate(self.centres):
            spans = self.spans(centre, n_read)
            near = np.concatenate([self.codes[start:end] for start, end in spans])
            for at in range(int(self.starts[place]), int(self.starts[place + 1]), size):
                yield self.codes[at : min(at + size, int(self.starts[place + 1]))], near
        for row in range(int(self.starts[-1]), len(self.codes)):
            spans = self.spans(in_32_bits(self.rows[row]), n_read)
            yield self.codes[row : row + 1], np.concatenate([self.codes[start:end] for start, end in spans])

    def with_rows(self, items: IntArray, vectors: NDArray[np.floating], n_items: int) -> VectorIndex:
        """The same with other vectors for some items (each once); those up to `n_items` may be new.

        New items without a vector get zeros.
        """
        given = np.setdiff1d(np.arange(len(self.place), n_items), items).astype(np.int32)
        items = np.concatenate([items, given]).astype(np.int32)
        first, end = len(self.codes), len(self.codes) + len(items)
        rows = self.rows
        if end > len(rows):
            rows = np.zeros((end + max(SPARE, end // 16), rows.shape[1]), rows.dtype)
            rows[:first] = self.rows[:first]
        rows[first : first + len(vectors)] = vectors
        rows[first + len(vectors) : end] = 0
        codes = np.concatenate([self.codes, items])
        codes[self.place[items[items < len(self.place)]]] = -1
        place = np.concatenate([self.place, np.empty(n_items - len(self.place), np.int32)])
        place[items] = np.arange(first, end)
        return VectorIndex(rows, codes, place, self.starts, self.centres)

    def state(self, *, half: bool = False) -> State:
        """As arrays, the rows in the order in which they stand, in 16 bits where asked."""
        rows = self.rows[: len(self.codes)]
        return {
            "rows": rows.astype(np.float16) if half else rows,
            "codes": self.codes,
            "starts": self.starts,
            "centres": self.centres,
        }

    @classmethod
    def saved(cls, state: Mapping[str, NDArray[np.generic] | str], *, half: bool = False) -> VectorIndex:
        """From what `state` gave; with `half` a list is read in the 16 bits that it is kept in."""
        starts, rows = np.asarray(state["starts"], np.int64), np.asarray(state["rows"])
        n, kind = len(rows), rows.dtype if half and starts[-1] else np.dtype(np.float32)
        # Room for what comes: without it the first new item would have to move everything.
        kept = np.zeros((n + max(SPARE, n // 16), rows.shape[1]), kind)
        kept[:n] = rows
        codes, centres = np.asarray(state["codes"], np.int32), np.asarray(state["centres"], np.float32)
        return cls.sorted(kept, codes, starts, centres)


def _roomy(vectors: NDArray[np.floating], codes: IntArray, half: bool) -> NDArray[Any]:
    """The rows in the order of `codes`, with room for more."""
    n = len(codes)
    rows = np.zeros((n + max(SPARE, n // 16), vectors.shape[1]), np.float16 if half else np.float32)
    rows[:n] = vectors[codes]
    return rows


def in_32_bits(rows: NDArray[Any]) -> FloatArray:
    """The same finite numbers in float32: five times as fast from float16 as by numpy, which goes number by
    number. Where a library lets the processor flush denormals, those below 6e-5 are 0."""
    if rows.dtype != np.float16:
        return rows.astype(np.float32, copy=False)
    bits = rows.view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= SIGN_AND_REST
    wide = bits.view(np.float32)
    wide *= BIASES
    return wide


def _centres(vectors: NDArray[np.floating], k: int, random: np.random.Generator) -> FloatArray:
    """(k, d) by Lloyd's algorithm on a sample of the rows."""
    sample = random.permutation(len(vectors))[: SAMPLE * k]
    seen = np.asarray(vectors[np.sort(sample)], np.float32)
    centres = seen[np.sort(random.permutation(len(seen))[:k])]
    for _ in range(ROUNDS):
        centres = _means(seen, _nearest(seen, centres), centres)
    return centres


def _nearest(vectors: NDArray[np.floating], centres: FloatArray) -> NDArray[np.intp]:
    """(n,) the centre at the least distance of each row."""
    half_square = 0.5 * (centres**2).sum(axis=1)
    found = np.empty(len(vectors), np.intp)
    for at in range(0, len(vectors), BLOCK):
        some = np.asarray(vectors[at : at + BLOCK], np.float32)
        found[at : at + BLOCK] = (some @ centres.T - half_square).argmax(axis=1)
    return found


def _means(vectors: NDArray[np.floating], owner: NDArray[np.intp], centres: FloatArray) -> FloatArray:
    """(k, d) the mean of each list; an empty list keeps its centre."""
    order = np.argsort(owner, kind="stable")
    starts = np.searchsorted(owner[order], np.arange(len(centres) + 1))
    filled = np.flatnonzero(np.diff(starts))
    means = centres.copy()
    for at in range(0, len(filled), 64):
        some = filled[at : at + 64]
        first, last = starts[some[0]], starts[some[-1] + 1]
        sums = np.add.reduceat(np.asarray(vectors[order[first:last]], np.float32), starts[some] - first)
        means[some] = sums / np.diff(starts)[some][:, None]
    return means
