"""Types that several threads decode: what msgspec must know of one is built by one thread at a time.

msgspec builds that at the first use of a type. Two threads that do so at once, while the interpreter's lock
changes hands in between, crash the process (msgspec 0.22.0, `tests/test_prepared.py`).
"""

from __future__ import annotations

import threading
from typing import Any, TypeVar

import msgspec

__all__ = ["prepared"]

T = TypeVar("T")
MOST = 10_000
_lock = threading.Lock()
_ready: set[Any] = set()


def prepared(kind: type[T]) -> type[T]:
    """The same type, ready to be decoded to by any thread."""
    with _lock:
        if kind not in _ready:
            msgspec.json.Decoder(kind)
            if len(_ready) >= MOST:
                _ready.clear()
            _ready.add(kind)
    return kind
