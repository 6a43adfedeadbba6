"""What an event that comes as an object must be, wherever it comes in."""

from __future__ import annotations

import math
from numbers import Real

from zhiyin.errors import DataError, nearest
from zhiyin.types import KINDS, Interaction

__all__ = ["check_event", "check_time"]


def check_event(event: Interaction, *, named: bool = True) -> None:
    """DataError for a kind, an id, a value or a time that cannot be; `named` asks for a user too."""
    if not isinstance(event, Interaction):
        raise DataError("an Interaction", value=event, hint="Write Interaction(user, item, kind=…, at=…)")
    if event.kind not in KINDS:
        hint = nearest(str(event.kind), KINDS)
        raise DataError("a kind of behaviour", value=event.kind, column="kind", hint=hint)
    for name, text in (("user", event.user), ("item", event.item)):
        if (named or name == "item") and not (isinstance(text, str) and text):
            raise DataError("an id of one character at least", value=text, column=name)
    for name, number in (("value", event.value), ("at", event.at)):
        if number is not None and not (isinstance(number, Real) and math.isfinite(number)):
            raise DataError("a finite number, or None", value=number, column=name)


def check_time(at: float, name: str) -> float:
    """A moment in UTC seconds (NaN: only the order is known); DataError for anything else."""
    if isinstance(at, bool) or not isinstance(at, Real) or math.isinf(at):
        raise DataError("UTC seconds as a number", value=at, column=name, hint="of a datetime: .timestamp()")
    return float(at)
