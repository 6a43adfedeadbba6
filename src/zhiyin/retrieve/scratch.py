"""Arrays as long as the catalogue that a request borrows: clean before, clean after, never allocated anew.

What a request touches is a few thousand of perhaps a million items. A fresh array of that length costs more
than the work on it, so every thread keeps a few and cleans only the places that it has touched.
"""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from zhiyin.types import FloatArray, IntArray

__all__ = ["added_up", "marked", "placed"]


class _Scratch(threading.local):
    def __init__(self) -> None:
        self.sums: NDArray[np.float64] = np.zeros(0)
        self.marks: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self.places: NDArray[np.intp] = np.full(0, -1, np.intp)
        self.last: NDArray[np.intp] = np.empty(0, np.intp)
        """Never cleaned: only what was written just before is read."""


_scratch = _Scratch()


def added_up(codes: IntArray, terms: NDArray[np.floating], n: int) -> tuple[IntArray, FloatArray]:
    """Codes (of 0 … n - 1), each once, in no order, and the sums of their terms: added in order, in double.

    A code whose sum is 0 may be left out.
    """
    if n <= 4 * len(codes):
        dense = np.bincount(codes, terms, minlength=n)
        touched = np.flatnonzero(dense)
        return touched.astype(np.int32), dense[touched].astype(np.float32)
    if len(_scratch.sums) < n:
        _scratch.sums, _scratch.last = np.zeros(n), np.empty(n, np.intp)
    sums, last = _scratch.sums, _scratch.last
    # An index of another width is turned into this one at every use: here it is, once.
    index, position = codes.astype(np.intp), np.arange(len(codes))
    np.add.at(sums, index, terms.astype(np.float64))
    last[index] = position
    once = index[last[index] == position]
    found = sums[once].astype(np.float32)
    sums[once] = 0
    return once.astype(np.int32), found


def placed(codes: IntArray, asked: IntArray, n: int) -> NDArray[np.intp]:
    """(len(asked),) the position in `codes` of each code asked for, -1 where it is not there.

    All codes are 0 … n - 1; of a code that comes twice the last position counts.
    """
    if len(_scratch.places) < n:
        _scratch.places = np.full(n, -1, np.intp)
    places, index = _scratch.places, codes.astype(np.intp)
    places[index] = np.arange(len(codes))
    found = places[asked.astype(np.intp)]
    places[index] = -1
    return found


def marked(codes: NDArray[np.integer], asked: NDArray[np.integer], n: int) -> NDArray[np.bool_]:
    """(len(asked),) which of the codes asked for (0 … n - 1) are among `codes`, which may be any."""
    if len(_scratch.marks) < n:
        _scratch.marks = np.zeros(n, np.bool_)
    marks, inside = _scratch.marks, codes[(codes >= 0) & (codes < n)].astype(np.intp)
    marks[inside] = True
    found: NDArray[np.bool_] = marks[asked.astype(np.intp)]
    marks[inside] = False
    return found
