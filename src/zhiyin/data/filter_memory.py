"""What was made of a catalogue's columns for filters, kept while the columns live."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

__all__ = ["Memory"]

T = TypeVar("T")


class Memory:
    """What was made of a column, kept for the last two columns of a name and for the last `most` names.

    Two, so that requests which still hold the catalogue before a change do not undo the work of those after.
    """

    def __init__(self, most: int = 128) -> None:
        self.most = most
        self._kept: OrderedDict[tuple[str, str], tuple[tuple[object, object], ...]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, source: object, name: str, what: str, make: Callable[[], T]) -> T:
        kept = self._kept.get((name, what), ())
        for known, made in kept:
            if known is source:
                return made  # type: ignore[return-value]
        fresh = make()
        with self._lock:
            self._kept[name, what] = ((source, fresh), *kept[:1])
            while len(self._kept) > self.most:
                self._kept.popitem(last=False)
        return fresh
