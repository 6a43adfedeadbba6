"""What stands around a limit: a "not" that turns it round, an "or" or "to" that joins it to the next one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise

from zhiyin.represent.intent_numbers import Limit, limits
from zhiyin.represent.intent_words import cues
from zhiyin.represent.units import SIGN, key_of, units

__all__ = ["stated_limits"]

REACHES = 6
"""Units that may stand between a "not" and its limit."""
READ_BACK = 80
"""Characters before a limit that are looked through."""
LONGEST_CUE = 5
"""Units."""
NOTS = (
    "can't|cannot|can not|won't|shouldn't|mustn't|must not|should not|aren't|isn't|wasn't"
    "|不能|不可|不可以|不会|不得|不应|不应该|不希望|勿|不|没|未"
)
"""Turn a limit; before anything else they do not say what is wanted."""
PASSING = (
    "spend|spending|pay|paying|cost|costs|costing|priced|price|rating|rated|score|running|lasting|last|lasts"
    "|run|released|made|older|longer|year|length|runtime|anywhere|be|being|goes|go|going|come|comes|coming"
    "|even|价格|价钱|评分|片长|时长|年份|花|花费|上映|拍|拍的|出品|时间|超|太|希望|高|低"
)
"""Words that may stand between a "not" and its limit and name nothing."""
STOPS = ("know", "sure", "mind", "care", "if", "think", "so")
"""I don't know what to watch under 50."""
FILLER = (
    r"(?:\s|的|年|电影|影片|片子|片|films?\b|movies?\b|ones?\b|comed(?:y|ies)\b|things?\b|in\b|from\b|of\b|the\b"
    r"|anything\b|made\b|with\b|be\b)*"
)
JOINED = re.compile(
    rf"{FILLER}(?:(?P<either>or|nor|或者|或|还是)|(?P<both>and|&|/|,|、|以及|和|与|跟|及)"
    rf"|(?P<to>to|until|till|through|-|–|—|~|到|至)){FILLER}"
)
COMMAS = (",",)
BETWEEN = re.compile(r"\bbetween\s*(?:the\s)?$")
AFTERWARDS = re.compile(
    r"(?:\s|的|以外|片子|电影|影片|片|东西|商品|films?\b|movies?\b|ones\b|我|就|都|也|一律|统统|全部|请)*"
    r"(?:不要|不想要|不想看|不看|不行|除外|不考虑|算了|免了|不喜欢|excluded|not wanted)"
    r"(?:了|吧|啊|哦|呢|的|推荐)*(?=\s*(?:$|[,.;:!?、。]))"
)


@cache
def nots() -> frozenset[str]:
    return frozenset(key_of(form) for one in NOTS.split("|") for form in (one, one.replace("n't", "nt")))


@cache
def passing() -> frozenset[str]:
    return frozenset(map(key_of, PASSING.split("|")))


def stated_limits(text: str) -> list[Limit]:
    """The limits of a folded text as they are meant; each starts where the words begin that it uses up."""
    found = limits(text)
    links = [_link(text, one, other) for one, other in pairwise(found)]
    turned = _turned(text, found, links)
    stated: list[Limit] = []
    for place, limit in enumerate(found):
        link = links[place - 1] if place else ""
        start = turned[place]
        if start is not None:
            stated.append(_outside(replace(limit, start=start, at=limit.start)))
        elif link and turned[place - 1] is None and (joined := _joined(stated[-1], limit, link)):
            begin = BETWEEN.search(text, 0, joined.start) if link == "to" else None
            stated[-1] = replace(joined, start=begin.start()) if begin else joined
        else:
            stated.append(limit)
    return stated


def _link(text: str, one: Limit, other: Limit) -> str:
    """either, both, to; empty where two limits have nothing to do with each other."""
    if "count" in (one.role, other.role):
        return ""
    match = JOINED.fullmatch(text, one.end, other.start)
    if match is None:
        return ""
    if match.group("either"):
        return "either"
    alike = one.role == other.role and None not in (one.low, one.high, other.low, other.high)
    if not alike:
        return ""
    if match.group("to"):
        return "to" if one.role == "year" else ""
    if BETWEEN.search(text, 0, one.start) or text.startswith("之间", other.end):
        return "to"
    return "comma" if match.group("both") in COMMAS else "both"


def _turned(text: str, found: Sequence[Limit], links: Sequence[str]) -> list[int | None]:
    """For each limit where the words of its "not" start; None for those that stand as they are."""
    starts: list[int | None] = []
    for place, limit in enumerate(found):
        before = found[place - 1].end if place else 0
        start = _not_before(text, max(before, limit.start - READ_BACK), limit.start)
        if start is None and place and starts[-1] is not None and links[place - 1] in ("either", "both"):
            start = limit.start
        starts.append(None if limit.role == "count" else start)
    for place in range(len(found) - 1, -1, -1):
        linked = place < len(links) and links[place] in ("either", "both", "comma")
        if starts[place] is None and found[place].role != "count":
            follows = linked and starts[place + 1] == found[place + 1].start
            if follows or AFTERWARDS.match(text, found[place].end):
                starts[place] = found[place].start
    return starts


def _not_before(text: str, low: int, start: int) -> int | None:
    """Where a "not" starts that reaches to a place; only words that name nothing stand between."""
    piece, place = units(text[low:start]), 0
    at: tuple[int, int] | None = None
    while place < len(piece):
        length, kinds, key = _longest(piece, place)
        if "not" in kinds or key in nots():
            at = (low + piece[place][1], place + length)
        elif "but" in kinds or key in STOPS or not ({"skip", "and", "like"} & set(kinds) or key in passing()):
            at = None
        place += length
    return at[0] if at is not None and len(piece) - at[1] <= REACHES else None


def _longest(piece: Sequence[tuple[str, int, int]], place: int) -> tuple[int, tuple[str, ...], str]:
    """Length, cues and key of the longest phrase that is known here; a unit alone else."""
    best: tuple[int, tuple[str, ...], str] = (1, (), piece[place][0])
    for key, length in _keys(piece, place):
        kinds = cues().get(key, ())
        if kinds or key in nots() or key in passing():
            best = (length, kinds, key)
    return best


def _keys(piece: Sequence[tuple[str, int, int]], place: int) -> Iterator[tuple[str, int]]:
    key = ""
    for length in range(1, min(LONGEST_CUE, len(piece) - place) + 1):
        unit = piece[place + length - 1][0]
        if SIGN.fullmatch(unit):
            return
        key = f"{key} {unit}" if key else unit
        yield key, length


def _outside(limit: Limit) -> Limit:
    """What does not meet it: of a limit with one end, the other side with its end."""
    if limit.also or None not in (limit.low, limit.high):
        return replace(limit, outside=not limit.outside)
    return replace(limit, low=limit.high, high=limit.low)


def _joined(one: Limit, other: Limit, link: str) -> Limit | None:
    """Two limits as one that either meets, or a range from the first to the second; None: they are two."""
    roles = {one.role, other.role} - {""}
    if len(roles) > 1 or one.outside:
        return None
    role = one.role or other.role
    if link == "to" and not one.also and one.low is not None and other.high is not None:
        if one.low > other.high:
            return None
        return replace(one, high=other.high, below=other.below, end=other.end)
    also = (*one.also, replace(other, role=role))
    return replace(one, role=role, end=other.end, also=also, firm=one.firm and other.firm)
