"""Bodies of requests: JSON that says what was meant, or an error before anything is sent."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import msgspec

from zhiyin.errors import DataError, shorten

__all__ = ["encoded", "listed"]

T = TypeVar("T")


def encoded(request: Any, place: str = "$") -> bytes:
    """As JSON, which would make null of NaN: DataError instead. `place` is its own in the body."""
    body = msgspec.json.encode(request)
    if b"null" in body:
        for path, number in _not_finite(msgspec.to_builtins(request), place):
            raise DataError(f"a finite number at {path}", value=number, hint="None says that there is none")
    return body


def listed(given: Iterable[T], name: str) -> list[T]:
    """Several, as a list; DataError for one text, which would be taken letter by letter."""
    if isinstance(given, (str, bytes)):
        shown = shorten(repr(given), 60)
        raise DataError(f"a list as `{name}`", value=given, hint=f"Of one it is [{shown}]")
    return list(given)


def _not_finite(value: Any, path: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, float):
        if not math.isfinite(value):
            yield path, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _not_finite(inner, f"{path}.{shorten(str(name), 40)}")
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from _not_finite(inner, f"{path}[{at}]")
