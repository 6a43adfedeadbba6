"""Numbers in a request: limits of price, year, rating, age, length; decades; how many items."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from zhiyin.represent.numerals import ANY, DECADES, NUM, YEAR, ZNUM, number

__all__ = ["Limit", "limits"]

MONEY = r"[$€£¥]"
UNIT = (r"(?:dollars?|usd|bucks?|euros?|eur|pounds?|yuan|rmb|cny|minutes?|mins?|hours? and a half"
        r"|hours?|hrs?|h|stars?|pages?|points?|years?(?: old)?)")  # fmt: skip
ZUNIT = r"(?:元|块钱|块|人民币|美元|分钟|个?小时|个?钟头|分|星|页|岁)"
ROLE_OF_UNIT = {
    "dollar": "price", "usd": "price", "buck": "price", "euro": "price", "eur": "price", "pound": "price",
    "yuan": "price", "rmb": "price", "cny": "price", "minute": "minutes", "min": "minutes", "hour": "minutes",
    "hour and a half": "minutes",
    "hr": "minutes", "h": "minutes", "star": "rating", "page": "pages", "point": "rating", "year": "age",
    "year old": "age", "元": "price", "块钱": "price", "块": "price", "人民币": "price", "美元": "price",
    "分钟": "minutes", "小时": "minutes", "个小时": "minutes", "钟头": "minutes", "个钟头": "minutes",
    "分": "rating", "星": "rating", "页": "pages", "岁": "age",
}  # fmt: skip
THINGS = (r"(?:films?|movies?|items?|books?|products?|ideas?|suggestions?|recommendations?|songs?|games?"
          r"|articles?|things?|titles?|comed(?:y|ies)|options?)")  # fmt: skip
SIDES = {
    "since": "since|later|newer|onward|onwards|以来|起|至今|开始",
    "before": "before|prior to|older than|earlier than|pre|以前|之前|前",
    "after": "after|newer than|later than|post|以后|之后|后",
    "until": "until|till|or before|and before|earlier|older",
}
"""Of a decade: from its start on, before its start, from its end on, to its end."""


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
    also: tuple[Limit, ...] = ()
    """Other limits that do as well: "80s or 90s"."""
    outside: bool = False
    """Wanted is what does not meet it."""
    at: int = -1
    """Where the number's own words start, behind a "not"; -1 for `start`."""


Maker = Callable[[re.Match[str]], Limit | None]


def limits(text: str) -> list[Limit]:
    """Every limit in a folded text as it stands, in their order; none overlaps another."""
    if ANY.search(text) is None:
        return []
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


def _role(match: re.Match[str]) -> str:
    groups = match.groupdict()
    if groups.get("money"):
        return "price"
    unit = groups.get("unit") or ""
    return ROLE_OF_UNIT.get(unit) or ROLE_OF_UNIT.get(unit.rstrip("s").replace("years old", "year old"), "")


def _scaled(match: re.Match[str], value: float | None) -> float | None:
    unit = match.groupdict().get("unit") or ""
    hours = unit.startswith("h") or unit.endswith(("小时", "钟头"))
    if value is not None and unit.endswith("and a half"):
        value += 0.5
    return None if value is None else value * 60 if hours else value


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
    start = _first_year(groups.get("tens") or "", groups.get("word") or "", groups.get("century") or "")
    if start is None:
        return None
    side = _side((groups.get("side") or groups.get("after") or "").strip("- "))
    low, high = {
        "since": (start, None), "before": (None, start),
        "after": (start + 10, None), "until": (None, start + 10),
    }.get(side, (start, start + 10))  # fmt: skip
    return Limit("year", low, high, True, *match.span())


def _side(said: str) -> str:
    ends = (said, said.removeprefix("or ").removeprefix("and "))
    return next(
        (side for end in ends for side, words in SIDES.items() if end and end in words.split("|")), ""
    )


def _first_year(tens: str, word: str = "", century: str = "") -> int | None:
    """Of a decade: 80, 八十, 八零, eighties."""
    if word:
        return 1900 + 10 * DECADES[word]
    value = number(tens if tens.isdecimal() else f"{tens[:1]}十")
    if value is None or value % 10 or not 0 <= value <= 90:
        return None
    return int(value) + (int(century) * 100 if century else 1900 if value >= 30 else 2000)


def _two_decades(match: re.Match[str]) -> Limit | None:
    """八九十年代, 80到90年代."""
    one, other = (_first_year(match.group(name)) for name in ("tens", "next"))
    if one is None or other is None or one >= other:
        return None
    if match.group("to") in ("、", "和") and other > one + 10:
        also = Limit("year", other, other + 10, True, *match.span())
        return Limit("year", one, one + 10, True, *match.span(), also=(also,))
    return Limit("year", one, other + 10, True, *match.span())


def _either(match: re.Match[str]) -> Limit | None:
    """1995 or 1999."""
    years = [number(match.group(name)) for name in "ab"]
    one, other = (Limit("year", year, year, False, *match.span()) for year in years)
    return replace(one, also=(other,))


def _lately(match: re.Match[str]) -> Limit | None:
    """The last five years, last year: by the clock."""
    now = time.gmtime().tm_year
    said = match.groupdict().get("a")
    if said is None:
        year = now - {"去": 1, "前": 2, "last": 1}[match.group("which")]
        return Limit("year", year, year, False, *match.span())
    n = 10.0 if said == "decade" else number(said.removesuffix(" years"))
    if n is None or not 1 < n <= 200 or n % 1:
        return None
    return Limit("year", now - n, None, False, *match.span())


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
    """Of a person; in my thirties is up to 39."""
    value = number(match.group("a")) if "a" in match.groupdict() else None
    if value is None:
        groups = match.groupdict()
        value = float(groups.get("tens") or 10 * DECADES.get(groups.get("word") or "", 0)) + 9
    return None if value > 120 else Limit("age", None, value, False, *match.span())


def _years() -> Iterator[tuple[str, Maker]]:
    decades, tens = "|".join(DECADES), "[一二三四五六七八九]"
    yield (
        r"\bin (?:my|his|her|their|your|our) (?:(?:early|mid|late)[- ])?"
        rf"(?:(?P<tens>[2-9]0)'?s|(?P<word>{decades}))\b",
        _age,
    )
    yield rf"\b(?:between|from)?\s?(?P<a>{YEAR})年?\s?(?:-|–|—|~|to|until|and|至|到)\s?(?P<b>{YEAR})年?", \
        _bound("a", "b", role="year")  # fmt: skip
    yield rf"(?:\b(?:in|from|of)\s)?(?P<a>{YEAR})年?\s?(?:or|/|或者?|、)\s?(?P<b>{YEAR})年?", _either
    side = (
        r"(?:\b(?P<side>before|prior to|until|till|older than|earlier than|pre|after|since|newer than"
        r"|later than|post)[\s-]+)?"
    )
    after = r"(?:\s(?P<after>(?:or|and) (?:before|earlier|older|later|newer)|onwards?))?"
    yield (
        rf"{side}(?:\bthe\s)?(?:\b(?:early|mid|late)[- ])?"
        rf"(?:(?<!\d)(?P<century>19|20)?'?(?P<tens>\d0)'?s\b|\b(?P<word>{decades})\b){after}",
        _decade,
    )
    yield (
        rf"(?:上个?世纪)?(?P<tens>(?<!\d)[1-9]0|{tens}十?)(?P<to>[、和到至~-]?)(?P<next>[1-9]0|{tens}十)年代",
        _two_decades,
    )
    yield (
        rf"(?:上个?世纪|(?P<century>19|20))?(?P<tens>{tens}[十零〇]|\d0)年代"
        r"(?P<after>以前|之前|前|以后|之后|后|以来|起|至今|开始)?",
        _decade,
    )
    yield rf"\b(?:before|prior to|until|older than|earlier than|pre)[\s-](?:the year )?(?P<a>{YEAR})\b", \
        _bound(high="a", below=True, role="year")  # fmt: skip
    yield rf"(?P<a>{YEAR})年?(?:以前|之前|前)", _bound(high="a", below=True, role="year")
    yield (
        rf"\b(?:after|since|newer than|later than|from)\s(?:the year )?(?P<a>{YEAR})"
        r"\s(?:on|onwards|or later)\b",
        _bound(low="a", role="year"),
    )
    yield rf"\b(?:after|since|newer than|later than|post)[\s-](?:the year )?(?P<a>{YEAR})\b", \
        _bound(low="a", role="year")  # fmt: skip
    yield rf"(?:晚于)(?P<a>{YEAR})年?", _bound(low="a", role="year")
    yield rf"(?:早于)(?P<a>{YEAR})年?", _bound(high="a", below=True, role="year")
    yield rf"(?:超过|大于|高于)了?(?P<a>{YEAR})年", _bound(low="a", role="year")
    yield rf"(?:不到|小于|低于)(?P<a>{YEAR})年", _bound(high="a", below=True, role="year")
    yield rf"(?P<a>{YEAR})年?(?:以后|之后|后|以来|起|至今)", _bound(low="a", role="year")
    yield rf"\b(?:in|from|of|made in)\s(?P<a>{YEAR})\b", _bound("a", "a", role="year")
    yield rf"(?P<a>{YEAR})年", _bound("a", "a", role="year")
    yield rf"\b(?:in |from )?(?:the )?(?:last|past) (?P<a>{NUM} years|decade)\b", _lately
    yield rf"(?:最近|近|过去)(?P<a>{ZNUM})年(?:来|内|以内|里)?", _lately
    yield r"(?P<which>[去前])年", _lately
    yield r"\b(?:from |in )?(?P<which>last) year\b", _lately


def _people_and_counts() -> Iterator[tuple[str, Maker]]:
    z = rf"(?P<a>{ZNUM})"
    yield rf"(?P<a>{NUM})[- ]?(?:years?|yrs?|yr)[- ]?(?:olds?)\b", _age
    yield rf"\baged?\s(?P<a>{NUM})\b", _age
    yield rf"{z}多?岁", _age
    yield rf"\b(?:top|best|first)\s(?P<a>{NUM})\b(?!\s?{UNIT}\b|%)", _count
    yield rf"\b(?:recommend|suggest|give me|show me|find me|name)\s(?P<a>{NUM})\b(?!\s?{UNIT}\b|%)", _count
    yield rf"\b(?P<a>{NUM})\s(?:\w+\s)?{THINGS}\b", _count
    yield rf"(?:推荐|来|给我|要|前|找){z}(?:部|个|本|首|件|款|条|篇)", _count


def _ranges() -> Iterator[tuple[str, Maker]]:
    n, z, money = rf"(?P<money>{MONEY})?\s?(?P<a>{NUM})", rf"(?P<a>{ZNUM})", rf"(?P<money>{MONEY})?\s?"
    unit, to = rf"(?:\s?(?P<unit>{UNIT})\b)?", r"\s?(?:元|块)?\s?(?:到|至|-|~|—)\s?"
    second = rf"\s?{MONEY}?\s?(?P<b>{NUM})"
    yield rf"\bbetween\s{n}\s?(?:-|–|and|to)\s?{second}{unit}", _bound("a", "b")
    yield rf"{money}(?P<a>{NUM})\s?(?:-|–|—|to)\s?{second}\s(?P<unit>{UNIT})\b", _bound("a", "b")
    yield rf"(?P<money>{MONEY})\s?(?P<a>{NUM})\s?(?:-|–|—|to)\s?{second}", _bound("a", "b")
    yield rf"{z}{to}(?P<b>{ZNUM})\s?(?P<unit>{ZUNIT})?(?:之间|以内)", _bound("a", "b")
    yield rf"{z}{to}(?P<b>{ZNUM})\s?(?P<unit>{ZUNIT})", _bound("a", "b")
    yield rf"(?:价格|价钱|售价|单价|预算)(?:在|为|是)?{z}{to}(?P<b>{ZNUM})", _bound("a", "b", role="price")
    yield (
        rf"\b(?:prices?|budget)\s(?:from |of |is )?{n}\s?(?:-|–|—|to)\s?{second}",
        _bound("a", "b", role="price"),
    )


def _ends() -> Iterator[tuple[str, Maker]]:
    """One-sided limits. A "not" before them is none of their business: it turns them later."""
    n, z = rf"(?P<money>{MONEY})?\s?(?P<a>{NUM})", rf"(?P<money>{MONEY})?(?P<a>{ZNUM})"
    unit, zunit = rf"(?:\s?(?P<unit>{UNIT})\b)?", rf"\s?(?P<unit>{ZUNIT})?(?:钱)?"
    up = r"(?:\s?\+|\s(?:or|and) (?:more|above|over|higher|better|up))?"
    yield rf"\b(?:budget|budget (?:of|is))[:\s]\s?(?:around |about |under |up to )?{n}{unit}", \
        _bound(high="a", role="price")  # fmt: skip
    yield (
        rf"预算(?:是|为|在|大概|大约|不超过|最多)?{z}{zunit}(?:以内|以下|左右)?",
        _bound(high="a", role="price"),
    )
    yield rf"\b(?:rated|scored)\s(?:over |above |at least |more than |higher than )?{n}{unit}{up}", \
        _bound(low="a", role="rating")  # fmt: skip
    yield (
        rf"\b(?:ratings?|scores?)\s(?:of |is |over |above )?{n}{unit}"
        r"\s?(?:\+|(?:or|and) (?:more|above|higher|up)\b)",
        _bound(low="a", role="rating"),
    )
    yield rf"(?:评分|打分|得分)(?:在|为|是)?{z}分?\+", _bound(low="a", role="rating")
    yield rf"{n}\s?\+\s?(?P<unit>{UNIT})\b", _bound(low="a")
    yield rf"{n}\s?\+\s?(?:ratings?|scores?)\b", _bound(low="a", role="rating")
    upper = (
        r"(?:under|below|less than|fewer than|at most|up to|cheaper than|lower than|max(?:imum)?(?: of)?"
        r"|within|shorter than|<=?)"
    )
    yield rf"(?:\b|(?=<)){upper}\s?{n}{unit}", _bound(high="a")
    yield rf"(?:低于|少于|小于|最多|不到|便宜于|短于)\s?{z}{zunit}", _bound(high="a")
    yield rf"{z}{zunit}(?:以下|以内|之内|以里|之下|内)", _bound(high="a")
    lower = (
        r"(?:over|above|more than|at least|higher than|greater than|min(?:imum)?(?: of)?|longer than"
        r"|starting at|more expensive than|>=?)"
    )
    yield rf"(?:\b|(?=>)){lower}\s?(?:over |above |at least )?{n}{unit}", _bound(low="a")
    yield rf"(?:超过|超出|高于|大于|多于|长于|贵于|至少|最少)\s?{z}{zunit}", _bound(low="a")
    yield rf"{z}{zunit}(?:以上|之上|起步|起)", _bound(low="a")
    yield rf"{n}{unit}\s(?:or less|or under|or cheaper|max|maximum|tops|at most)\b", _bound(high="a")
    yield rf"{n}{unit}\s(?:or more|or above|or over|or higher|and up|at least)\b", _bound(low="a")
    yield rf"\b(?:around|about|roughly|approximately|circa)\s{n}{unit}", _around
    yield rf"{z}{zunit}(?:左右|上下)", _around


PATTERNS: tuple[tuple[re.Pattern[str], Maker], ...] = tuple(
    (re.compile(pattern), make)
    for part in (_years, _people_and_counts, _ranges, _ends)
    for pattern, make in part()
)
