"""A limit as a filter: which number attribute it is about, and the terms that say it."""

from __future__ import annotations

from zhiyin.represent.intent_numbers import Limit
from zhiyin.represent.intent_words import spoken_roles
from zhiyin.represent.units import units
from zhiyin.represent.vocabulary import Vocabulary, quoted

__all__ = ["attribute_of", "filter_of"]

FILLERS = ("is", "of", "at", "to", "be", "should", "the", "a", "在", "为", "是", "要", "得", "必", "须", ":")
READ_BACK = 40
"""Characters before a limit in which its attribute is named."""


def attribute_of(limit: Limit, text: str, vocabulary: Vocabulary) -> tuple[str, int]:
    """The number attribute that a limit is about, empty when there is none; where the words for it start."""
    for start in dict.fromkeys((limit.at, limit.start)):
        found = _named(limit, text, start, vocabulary) if start >= 0 else None
        if found is not None:
            return found[0], min(found[1], limit.start)
    return _unnamed(limit, vocabulary), limit.start


def _named(limit: Limit, text: str, start: int, vocabulary: Vocabulary) -> tuple[str, int] | None:
    low = max(0, start - READ_BACK)
    before = units(text[low:start])
    while before and before[-1][0] in FILLERS:
        before.pop()
    for length in range(min(4, len(before)), 0, -1):
        key = " ".join(unit for unit, _, _ in before[-length:])
        name, role = vocabulary.spoken.get(key, ""), spoken_roles().get(key, "")
        if name or (role and limit.role in ("", role)):
            return name or vocabulary.roles.get(role, ""), low + before[-length][1]
    return None


def _unnamed(limit: Limit, vocabulary: Vocabulary) -> str:
    roles, end = vocabulary.roles, limit.high if limit.high is not None else limit.low
    if limit.role:
        return roles.get(limit.role, "")
    if "price" in roles:
        return roles["price"]
    if "year" in roles and end is not None and 1800 <= end <= 2100:
        return roles["year"]
    others = [name for name in vocabulary.numbers if name != roles.get("year")]
    return others[0] if len(others) == 1 else ""


def filter_of(name: str, limit: Limit) -> str:
    """Its terms on a number attribute; ranges that touch are one."""
    ranges = [_terms(quoted(name), one) for one in _merged([limit, *limit.also])]
    if limit.outside:
        return f"not ({' or '.join(ranges)})"
    return " or ".join(ranges)


def _terms(column: str, limit: Limit) -> str:
    if limit.low is not None and limit.low == limit.high:
        return f"{column} = {limit.low:.10g}"
    parts = [f"{column} >= {limit.low:.10g}"] if limit.low is not None else []
    if limit.high is not None:
        parts.append(f"{column} {'<' if limit.below else '<='} {limit.high:.10g}")
    return " and ".join(parts)


def _merged(found: list[Limit]) -> list[Limit]:
    """Closed ranges in order, those that touch as one: 80s or 90s. As they came where one has no end."""
    if any(limit.low is None or limit.high is None for limit in found):
        return found
    merged: list[Limit] = []
    for limit in sorted(found, key=lambda limit: limit.low or 0.0):
        last = merged[-1] if merged else None
        if last is not None and _touch(last, limit):
            far = limit if (limit.high or 0.0) >= (last.high or 0.0) else last
            merged[-1] = Limit(last.role, last.low, far.high, far.below, last.start, last.end)
        else:
            merged.append(limit)
    return merged


def _touch(one: Limit, other: Limit) -> bool:
    """Years are whole, so that 1995 and 1996 touch."""
    step = 1.0 if one.role == "year" and not one.below else 0.0
    return one.high is not None and other.low is not None and other.low <= one.high + step
