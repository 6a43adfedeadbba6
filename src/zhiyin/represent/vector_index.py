"""Largest inner products without reading every vector: lists of like rows, of which the best are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from zhiyin.contracts import State
from zhiyin.represent.short_rows import in_16_bits, in_32_bits
from zhiyin.types import FloatArray, IntArray

__all__ = ["MAX_EXACT", "VectorIndex"]

MAX_EXACT = 20_000
"""Rows up to which every vector is read."""

SAMPLE = 64
"""Rows per list that the centres are learnt from."""
ROUNDS = 6
BLOCK = 4096
SPARE = 1024
"""Least number of rows that can be added before the rows have to move."""


@dataclass(frozen=True, slots=True)
class VectorIndex:
    """Rows sorted into lists by the nearest of some centres (the inverted file of Sivic and Zisserman 2003).

    A search reads whole lists, the one whose centre promises most first, until it has seen `n_read` rows.
    New and altered rows stand behind the lists and are always read. Nothing that an older index can see is
    ever overwritten, so a search that runs while items come in is right about the items that it knows.
    """

    rows: NDArray[Any]
    """(capacity, d) float32, or int16 times `scales`; the first `len(codes)` are in use."""
    codes: IntArray
    """(r,) the item of each row; -1 = the row was replaced by a later one."""
    place: IntArray
    """(n_items,) the row of each item."""
    starts: NDArray[np.int64]
    """(k + 1,) list j is `rows[starts[j]:starts[j + 1]]`."""
    centres: FloatArray
    """(k, d)"""
    scales: FloatArray
    """(capacity,) of rows in 16 bits; of float32, ones."""

    @classmethod
    def of(
        cls,
        vectors: FloatArray,
        *,
        max_exact: int,
        seed: int = 0,
        short: bool = False,
        lists: bool = True,
    ) -> VectorIndex:
        """From (n_items, d) vectors in the order of the codes; about 4 s for 100,000 x 256.

        Up to `max_exact` rows there are no lists, and every search reads all. Above there are four
        times the root of n, unless they are for `take` only; with `short` their rows are kept in 16 bits.
        """
        n = len(vectors)
        short = short and n > max_exact
        if n <= max_exact or not lists:
            codes = np.arange(n, dtype=np.int32)
            centres = np.zeros((min(n, 1), vectors.shape[1]), np.float32)
            return cls.sorted(*_roomy(vectors, codes, short), codes, np.zeros(2, np.int64), centres)
        centres = _centres(vectors, max(1, int(4 * n**0.5)), np.random.default_rng(seed))
        owner = _nearest(vectors, centres)
        codes = np.argsort(owner, kind="stable").astype(np.int32)
        starts = np.searchsorted(owner[codes], np.arange(len(centres) + 1)).astype(np.int64)
        return cls.sorted(*_roomy(vectors, codes, short), codes, starts, _means(vectors, owner, centres))

    @classmethod
    def sorted(
        cls,
        rows: NDArray[Any],
        scales: FloatArray,
        codes: IntArray,
        starts: NDArray[np.int64],
        centres: FloatArray,
    ) -> VectorIndex:
        """From rows that stand in the order of the lists already."""
        place = np.empty(int(codes.max(initial=-1)) + 1, np.int32)
        alive = np.flatnonzero(codes >= 0)
        place[codes[alive]] = alive
        return cls(rows, codes, place, starts, centres, scales)

    def __len__(self) -> int:
        return len(self.place)

    def take(self, items: IntArray) -> FloatArray:
        """(k, d) float32 rows of items; zeros for a code that is not there."""
        known = (items >= 0) & (items < len(self.place))
        out = np.zeros((len(items), self.rows.shape[1]), np.float32)
        out[known] = self.wide(self.place[items[known]])
        return out

    def wide(self, places: NDArray[np.integer] | slice) -> FloatArray:
        """(k, d) rows in float32; places are their own, not the items'."""
        rows = self.rows[places]
        if rows.dtype == np.int16:
            return in_32_bits(rows, self.scales[places])
        wide: FloatArray = rows
        return wide

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
        read = [self.rows[start:end] for start, end in spans if end > start] or [self.rows[:0]]
        if len(read) > 1 or self.rows.dtype != np.float32:
            read = [np.concatenate(read, dtype=np.float32)]
        scores = read[0] @ vector
        if self.rows.dtype != np.float32:
            scores *= np.concatenate([self.scales[start:end] for start, end in spans])
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
            spans = self.spans(self.wide(np.array([row]))[0], n_read)
            yield self.codes[row : row + 1], np.concatenate([self.codes[start:end] for start, end in spans])

    def with_rows(self, items: IntArray, vectors: FloatArray, n_items: int) -> VectorIndex:
        """The same with other vectors for some items (each once); those up to `n_items` may be new.

        New items without a vector get zeros.
        """
        given = np.setdiff1d(np.arange(len(self.place), n_items), items).astype(np.int32)
        items = np.concatenate([items, given]).astype(np.int32)
        first, end = len(self.codes), len(self.codes) + len(items)
        rows, scales = self.rows, self.scales
        if end > len(rows):
            rows, scales = _room(end, rows.shape[1], rows.dtype)
            rows[:first], scales[:first] = self.rows[:first], self.scales[:first]
        _put(rows, scales, first, vectors)
        rows[first + len(vectors) : end] = 0
        codes = np.concatenate([self.codes, items])
        codes[self.place[items[items < len(self.place)]]] = -1
        place = np.concatenate([self.place, np.empty(n_items - len(self.place), np.int32)])
        place[items] = np.arange(first, end)
        return VectorIndex(rows, codes, place, self.starts, self.centres, scales)

    def state(self, *, short: bool = False) -> State:
        """As arrays, the rows in the order in which they stand, in 16 bits where they are or with `short`."""
        rows, scales = self.rows[: len(self.codes)], self.scales[: len(self.codes)]
        if short and rows.dtype == np.float32:
            rows, scales = in_16_bits(rows)
        return {
            "rows": rows,
            "scales": scales,
            "codes": self.codes,
            "starts": self.starts,
            "centres": self.centres,
        }

    @classmethod
    def saved(cls, state: Mapping[str, NDArray[np.generic] | str], *, max_exact: int) -> VectorIndex:
        """From what `state` gave; more rows than `max_exact` stay in the 16 bits that they are kept in."""
        given, scales = np.asarray(state["rows"]), np.asarray(state["scales"], np.float32)
        kind = given.dtype if len(given) > max_exact else np.float32
        rows, room = _room(len(given), given.shape[1], kind)
        if rows.dtype == given.dtype:
            rows[: len(given)], room[: len(given)] = given, scales
        else:
            rows[: len(given)] = in_32_bits(given, scales)
        codes, centres = np.asarray(state["codes"], np.int32), np.asarray(state["centres"], np.float32)
        return cls.sorted(rows, room, codes, np.asarray(state["starts"], np.int64), centres)


def _room(n: int, d: int, kind: DTypeLike) -> tuple[NDArray[Any], FloatArray]:
    """Zeros for n rows and for what comes: without it the first new item would have to move everything."""
    capacity = n + max(SPARE, n // 16)
    return np.zeros((capacity, d), kind), np.ones(capacity, np.float32)


def _roomy(vectors: FloatArray, codes: IntArray, short: bool) -> tuple[NDArray[Any], FloatArray]:
    """The rows in the order of `codes` with their scales, and room for more."""
    rows, scales = _room(len(vectors), vectors.shape[1], np.int16 if short else np.float32)
    for at in range(0, len(codes), BLOCK):
        _put(rows, scales, at, vectors[codes[at : at + BLOCK]])
    return rows, scales


def _put(rows: NDArray[Any], scales: FloatArray, at: int, vectors: FloatArray) -> None:
    end = at + len(vectors)
    if rows.dtype == np.float32:
        rows[at:end] = vectors
    else:
        rows[at:end], scales[at:end] = in_16_bits(vectors)


def _centres(vectors: FloatArray, k: int, random: np.random.Generator) -> FloatArray:
    """(k, d) by Lloyd's algorithm on a sample of the rows."""
    sample = random.permutation(len(vectors))[: SAMPLE * k]
    seen = np.asarray(vectors[np.sort(sample)], np.float32)
    centres = seen[np.sort(random.permutation(len(seen))[:k])]
    for _ in range(ROUNDS):
        centres = _means(seen, _nearest(seen, centres), centres)
    return centres


def _nearest(vectors: FloatArray, centres: FloatArray) -> NDArray[np.intp]:
    """(n,) the centre at the least distance of each row."""
    half_square = 0.5 * (centres**2).sum(axis=1)
    found = np.empty(len(vectors), np.intp)
    for at in range(0, len(vectors), BLOCK):
        some = np.asarray(vectors[at : at + BLOCK], np.float32)
        found[at : at + BLOCK] = (some @ centres.T - half_square).argmax(axis=1)
    return found


def _means(vectors: FloatArray, owner: NDArray[np.intp], centres: FloatArray) -> FloatArray:
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
