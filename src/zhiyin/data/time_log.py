"""What happened when, in the order of time: grows at the end, and knows the counts of any window."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from zhiyin.types import IntArray, TimeArray

__all__ = ["TimeLog", "Windows"]


class TimeLog:
    """Items and UTC seconds in ascending order. Batches that come in order cost no more than themselves."""

    def __init__(self, items: IntArray, at: TimeArray) -> None:
        order = np.argsort(at, kind="stable")
        self._items = items[order].astype(np.int32)
        self._times = at[order].astype(np.float64)
        self._n = len(items)

    def __len__(self) -> int:
        return self._n

    @property
    def items(self) -> IntArray:
        return self._items[: self._n]

    @property
    def times(self) -> TimeArray:
        return self._times[: self._n]

    def append(self, items: IntArray, at: TimeArray) -> bool:
        """More events; True when all of them are later than what was known, so that no position has moved."""
        order = np.argsort(at, kind="stable")
        items, at = items[order], at[order]
        if not len(at):
            return True
        # Only what is later than the first newcomer has to make room.
        place = int(np.searchsorted(self.times, at[0], side="right"))
        later = np.argsort(np.concatenate((self.times[place:], at)), kind="stable")
        joined_times = np.concatenate((self.times[place:], at))[later]
        joined_items = np.concatenate((self.items[place:], items))[later]
        in_order = place == self._n
        self._reserve(self._n + len(items))
        self._n += len(items)
        self._times[place : self._n], self._items[place : self._n] = joined_times, joined_items
        return in_order

    def _reserve(self, n: int) -> None:
        if n > len(self._items):
            room = np.zeros(n - self._n + max(1024, n // 4))
            self._times = np.concatenate((self.times, room))
            self._items = np.concatenate((self.items, room.astype(np.int32)))


class Windows:
    """Events per item in some windows that end at one moment, which may move.

    A window holds the events in (at - seconds, at): what had happened by then, and no longer ago. To move it
    costs the events that come in and go out, or a new count where that is less. Safe for several threads.
    """

    def __init__(self, log: TimeLog, seconds: tuple[float, ...], n_items: int) -> None:
        self.log = log
        self.seconds = seconds
        self._n_items = n_items
        self._counts = [np.zeros(n_items, np.int32) for _ in seconds]
        self._spans: list[tuple[int, int]] = [(0, 0)] * len(seconds)
        self._lock = threading.Lock()

    def of(self, items: IntArray, at: float) -> list[NDArray[np.int32]]:
        """(c,) counts of some items (all known) per window."""
        with self._lock:
            self._move(at)
            return [counts[items] for counts in self._counts]

    def append(self, items: IntArray, at: TimeArray, n_items: int) -> None:
        """More events, of items up to `n_items`."""
        with self._lock:
            if n_items > self._n_items:
                more = np.zeros(n_items - self._n_items, np.int32)
                self._counts = [np.concatenate((counts, more)) for counts in self._counts]
                self._n_items = n_items
            if not self.log.append(items, at):
                self._counts = [np.zeros(self._n_items, np.int32) for _ in self.seconds]
                self._spans = [(0, 0)] * len(self.seconds)

    def _move(self, at: float) -> None:
        times = self.log.times
        end = int(np.searchsorted(times, at))
        for place, seconds in enumerate(self.seconds):
            start = min(end, int(np.searchsorted(times, at - seconds, side="right")))
            if (start, end) != self._spans[place]:
                self._recount(place, start, end)

    def _recount(self, place: int, start: int, end: int) -> None:
        was_start, was_end = self._spans[place]
        moved = abs(start - was_start) + abs(end - was_end)
        if moved >= end - start or start >= was_end or end <= was_start:
            found = np.bincount(self.log.items[start:end], minlength=self._n_items)
            self._counts[place] = found.astype(np.int32)
        else:
            for old, new, sign in ((was_end, end, 1), (was_start, start, -1)):
                between = self.log.items[min(old, new) : max(old, new)]
                np.add.at(self._counts[place], between, np.int32(sign if new > old else -sign))
        self._spans[place] = (start, end)
