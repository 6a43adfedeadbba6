"""Numbers in a request: limits of price, year, rating, age, length; decades; how many items."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

__all__ = ["Limit", "limits"]

ENGLISH: tuple[str, ...] = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip
TENS = {"twenty": 2, "thirty": 3, "forty": 4, "fifty": 5, "sixty": 6, "seventy": 7, "eighty": 8, "ninety": 9}
DECADES = {"twenties": 2, "thirties": 3, "forties": 4, "fifties": 5, "sixties": 6, "seventies": 7,
           "eighties": 8, "nineties": 9}  # fmt: skip
CHINESE = {"零": 0, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}

WORDS = "|".join((*ENGLISH, *TENS))
NUM = rf"(?:\d{{1,7}}(?:\.\d{{1,2}})?|(?:{WORDS})(?:[- ](?:{'|'.join(ENGLISH[:9])}))?\b)"
ZNUM = r"(?:\d{1,7}(?:\.\d{1,2})?|[零一二两三四五六七八九十百千]{1,6})"
YEAR = r"(?:1[89]\d\d|20\d\d)"
MONEY = r"[$€£¥]"
UNIT = (r"(?:dollars?|usd|bucks?|euros?|eur|pounds?|yuan|rmb|cny|minutes?|mins?|hours?|hrs?|h|stars?|pages?"
        r"|points?|years?(?: old)?)")  # fmt: skip
ZUNIT = r"(?:元|块钱|块|人民币|美元|分钟|小时|分|星|页|岁)"
ROLE_OF_UNIT = {
    "dollar": "price", "usd": "price", "buck": "price", "euro": "price", "eur": "price", "pound": "price",
    "yuan": "price", "rmb": "price", "cny": "price", "minute": "minutes", "min": "minutes", "hour": "minutes",
    "hr": "minutes", "h": "minutes", "star": "rating", "page": "pages", "point": "rating", "year": "age",
    "year old": "age", "元": "price", "块钱": "price", "块": "price", "人民币": "price", "美元": "price",
    "分钟": "minutes", "小时": "minutes", "分": "rating", "星": "rating", "页": "pages", "岁": "age",
}  # fmt: skip
THINGS = (r"(?:films?|movies?|items?|books?|products?|ideas?|suggestions?|recommendations?|songs?|games?"
          r"|articles?|things?|titles?|comed(?:y|ies)|options?)")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Limit:
    """`low` <= number <= `high` (`below`: < high), and where it stood in the text."""

    role: str
    """price, year, rating, age, minutes, pages; count = how many items; "" = of what is not said."""
    low: float | None
    high: float | None
    below: bool
    start: int
    end: int
    firm: bool = True


Maker = Callable[[re.Match[str]], Limit | None]


def limits(text: str) -> list[Limit]:
    """Every limit in a folded text, in their order; none overlaps another."""
    found: list[Limit] = []
    taken = bytearray(len(text))
    for pattern, make in PATTERNS:
        for match in pattern.finditer(text):
            start, end = match.span()
            if any(taken[start:end]):
                continue
            made = make(match)
            if made is not None:
                found.append(made)
                taken[start:end] = b"\1" * (end - start)
    return sorted(found, key=lambda limit: limit.start)


def number(text: str) -> float | None:
    """12, twelve, thirty-five, 十二, 三百; None for what is none."""
    try:
        return float(text)
    except ValueError:
        pass
    if text in ENGLISH:
        return float(ENGLISH.index(text) + 1)
    first, _, rest = text.replace("-", " ").partition(" ")
    if first in TENS:
        return float(10 * TENS[first] + (ENGLISH.index(rest) + 1 if rest in ENGLISH[:9] else 0))
    return _chinese(text)


def _chinese(text: str) -> float | None:
    total, digit = 0, 0
    for letter in text:
        if letter in CHINESE:
            digit = CHINESE[letter]
        elif letter in "十百千":
            total += (digit or 1) * {"十": 10, "百": 100, "千": 1000}[letter]
            digit = 0
        else:
            return None
    return float(total + digit) if text else None


def _role(match: re.Match[str]) -> str:
    groups = match.groupdict()
    if groups.get("money"):
        return "price"
    unit = groups.get("unit") or ""
    return ROLE_OF_UNIT.get(unit) or ROLE_OF_UNIT.get(unit.rstrip("s").replace("years old", "year old"), "")


def _scaled(match: re.Match[str], value: float | None) -> float | None:
    unit = match.groupdict().get("unit") or ""
    return None if value is None else value * 60 if unit.startswith("h") or unit == "小时" else value


def _bound(low: str = "", high: str = "", *, below: bool = False, role: str = "", firm: bool = True) -> Maker:
    """A maker that takes its ends from groups of the match."""

    def make(match: re.Match[str]) -> Limit | None:
        ends = [_scaled(match, number(match.group(name))) if name else None for name in (low, high)]
        if ends == [None, None] or (low and high and None in ends):
            return None
        if None not in ends and ends[0] > ends[1]:  # type: ignore[operator]
            ends.reverse()
        return Limit(role or _role(match), ends[0], ends[1], below, *match.span(), firm)

    return make


def _decade(match: re.Match[str]) -> Limit | None:
    groups = match.groupdict()
    if groups.get("word"):
        start = 1900 + 10 * DECADES[match.group("word")]
    else:
        tens = number(match.group("tens"))
        century = groups.get("century") or ""
        if tens is None or tens % 10 or not 0 <= tens <= 90:
            return None
        start = int(tens) + (int(century) * 100 if century else 1900 if tens >= 30 else 2000)
    return Limit("year", start, start + 10, True, *match.span())


def _around(match: re.Match[str]) -> Limit | None:
    value = _scaled(match, number(match.group("a")))
    if value is None:
        return None
    return Limit(_role(match), 0.75 * value, 1.25 * value, False, *match.span(), firm=False)


def _count(match: re.Match[str]) -> Limit | None:
    value = number(match.group("a"))
    if value is None or not 1 <= value <= 100 or value % 1:
        return None
    return Limit("count", value, value, False, *match.span())


def _age(match: re.Match[str]) -> Limit | None:
    value = number(match.group("a"))
    return None if value is None or value > 120 else Limit("age", None, value, False, *match.span())


def _patterns() -> Iterator[tuple[str, Maker]]:
    n, z, money = rf"(?P<money>{MONEY})?\s?(?P<a>{NUM})", rf"(?P<a>{ZNUM})", rf"(?P<money>{MONEY})?\s?"
    unit, zunit = rf"(?:\s?(?P<unit>{UNIT})\b)?", rf"\s?(?P<unit>{ZUNIT})?(?:钱)?"
    second = rf"\s?{MONEY}?\s?(?P<b>{NUM})"
    # -- years --
    yield rf"\b(?:between|from)?\s?(?P<a>{YEAR})\s?(?:-|–|—|~|to|until|and|至|到)\s?(?P<b>{YEAR})年?", \
        _bound("a", "b", role="year")  # fmt: skip
    yield r"(?:\bthe\s)?(?:\b(?:early|mid|late)[- ])?(?<!\d)(?P<century>19|20)?'?(?P<tens>\d0)'?s\b", _decade
    yield rf"\b(?P<word>{'|'.join(DECADES)})\b", _decade
    yield r"(?:上世纪|(?P<century>19|20))?(?P<tens>[一二三四五六七八九]十|\d0)年代", _decade
    yield rf"\b(?:before|prior to|until|older than)\s(?:the year )?(?P<a>{YEAR})\b", \
        _bound(high="a", below=True, role="year")  # fmt: skip
    yield rf"(?P<a>{YEAR})年?(?:以前|之前|前)", _bound(high="a", below=True, role="year")
    yield rf"\b(?:after|since|newer than|from)\s(?:the year )?(?P<a>{YEAR})(?:\s(?:on|onwards|or later))\b", \
        _bound(low="a", role="year")  # fmt: skip
    yield rf"\b(?:after|since|newer than)\s(?:the year )?(?P<a>{YEAR})\b", _bound(low="a", role="year")
    yield rf"(?P<a>{YEAR})年?(?:以后|之后|后|以来|起)", _bound(low="a", role="year")
    yield rf"\b(?:in|from|of|made in)\s(?P<a>{YEAR})\b", _bound("a", "a", role="year")
    yield rf"(?P<a>{YEAR})年", _bound("a", "a", role="year")
    # -- age, count --
    yield rf"(?P<a>{NUM})[- ]?(?:years?|yrs?|yr)[- ]?(?:olds?)\b", _age
    yield rf"\baged?\s(?P<a>{NUM})\b", _age
    yield rf"{z}岁", _age
    yield rf"\b(?:top|best|first)\s(?P<a>{NUM})\b(?!\s?{UNIT}\b|%)", _count
    yield rf"\b(?:recommend|suggest|give me|show me|find me|name)\s(?P<a>{NUM})\b(?!\s?{UNIT}\b|%)", _count
    yield rf"\b(?P<a>{NUM})\s(?:\w+\s)?{THINGS}\b", _count
    yield rf"(?:推荐|来|给我|要|前|找){z}(?:部|个|本|首|件|款|条|篇)", _count
    # -- ranges, upper and lower limits --
    yield rf"\bbetween\s{n}\s?(?:-|–|and|to)\s?{second}{unit}", _bound("a", "b")
    yield rf"{money}(?P<a>{NUM})\s?(?:-|–|—|to)\s?{second}\s(?P<unit>{UNIT})\b", _bound("a", "b")
    yield rf"(?P<money>{MONEY})\s?(?P<a>{NUM})\s?(?:-|–|—|to)\s?{second}", _bound("a", "b")
    yield rf"{z}\s?(?:元|块)?\s?(?:到|至|-|~|—)\s?(?P<b>{ZNUM})\s?(?P<unit>{ZUNIT})", _bound("a", "b")
    upper = (
        r"(?:under|below|less than|at most|up to|no more than|not more than|cheaper than|max(?:imum)?(?: of)?"
        r"|within|shorter than|<=?)"
    )
    yield rf"(?:\b|(?=<)){upper}\s?{n}{unit}", _bound(high="a")
    yield (
        rf"(?:不超过|低于|少于|小于|最多|不到|便宜于|短于)\s?(?P<money>{MONEY})?{z}{zunit}",
        _bound(high="a"),
    )
    yield rf"(?P<money>{MONEY})?{z}{zunit}(?:以下|以内|之内|以里|之下|内)", _bound(high="a")
    lower = (
        r"(?:over|above|more than|at least|no less than|min(?:imum)?(?: of)?|longer than|rated|starting at"
        r"|>=?)"
    )
    yield rf"(?:\b|(?=>)){lower}\s?(?:over |above |at least )?{n}{unit}", _bound(low="a")
    yield rf"(?:超过|高于|大于|多于|至少|不低于|不少于)\s?(?P<money>{MONEY})?{z}{zunit}", _bound(low="a")
    yield rf"(?P<money>{MONEY})?{z}{zunit}(?:以上|之上|起步|起)", _bound(low="a")
    yield rf"{n}{unit}\s(?:or less|or under|or cheaper|max|maximum|tops|at most)\b", _bound(high="a")
    yield rf"{n}{unit}\s(?:or more|or above|or over|or higher|and up|at least)\b", _bound(low="a")
    yield rf"\b(?:around|about|roughly|approximately|circa)\s{n}{unit}", _around
    yield rf"{z}{zunit}(?:左右|上下)", _around


PATTERNS: tuple[tuple[re.Pattern[str], Maker], ...] = tuple(
    (re.compile(pattern), make) for pattern, make in _patterns()
)
