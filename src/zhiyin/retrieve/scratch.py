"""Arrays as long as the catalogue that a request borrows: clean before, clean after, never allocated anew.

What a request touches is a few thousand of perhaps a million items. A fresh array of that length costs more
than the work on it, so every thread keeps a few and cleans only the places that it has touched.
"""

from __future__ import annotations

import threading
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from zhiyin.types import FloatArray, IntArray

__all__ = ["added_up", "marked", "placed"]

T = TypeVar("T", bound=np.generic)


class _Scratch(threading.local):
    def __init__(self) -> None:
        self.sums: NDArray[np.float64] = np.zeros(0)
        self.marks: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self.places: NDArray[np.intp] = np.full(0, -1, np.intp)


_scratch = _Scratch()


def added_up(codes: IntArray, terms: NDArray[np.floating], n: int) -> tuple[IntArray, FloatArray]:
    """Each code (of 0 … n - 1) once, in no order, and the sum of its terms: added in order, in double."""
    if len(_scratch.sums) < n:
        _scratch.sums = np.zeros(n)
    sums = _scratch.sums
    np.add.at(sums, codes, terms.astype(np.float64, copy=False))
    once = codes[placed_first(codes, n)]
    found = sums[once].astype(np.float32)
    sums[once] = 0
    return once, found


def placed_first(codes: IntArray, n: int) -> NDArray[np.bool_]:
    """(len(codes),) True at one place of every distinct code."""
    places = _places(n)
    position = np.arange(len(codes))
    places[codes] = position
    chosen: NDArray[np.bool_] = places[codes] == position
    places[codes] = -1
    return chosen


def placed(codes: IntArray, asked: IntArray, n: int) -> NDArray[np.intp]:
    """(len(asked),) the position in `codes` of each code asked for, -1 where it is not there.

    All codes are 0 … n - 1; of a code that comes twice the last position counts.
    """
    places = _places(n)
    places[codes] = np.arange(len(codes))
    found = places[asked]
    places[codes] = -1
    return found


def marked(codes: IntArray, asked: IntArray, n: int) -> NDArray[np.bool_]:
    """(len(asked),) which of the codes asked for (0 … n - 1) are among `codes`, which may be any."""
    if len(_scratch.marks) < n:
        _scratch.marks = np.zeros(n, np.bool_)
    marks = _scratch.marks
    inside = codes[(codes >= 0) & (codes < n)]
    marks[inside] = True
    found: NDArray[np.bool_] = marks[asked]
    marks[inside] = False
    return found


def _places(n: int) -> NDArray[np.intp]:
    if len(_scratch.places) < n:
        _scratch.places = np.full(n, -1, np.intp)
    return _scratch.places
