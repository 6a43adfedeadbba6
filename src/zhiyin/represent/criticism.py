"""What a turn of a dialogue says of the list that was shown: which items it means, what should change."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from zhiyin.data.catalogue import Catalogue
from zhiyin.represent.numerals import number
from zhiyin.represent.stated_limits import stated_limits
from zhiyin.represent.units import folded
from zhiyin.represent.vocabulary import number_roles, quoted

__all__ = ["Criticism", "criticism_of"]

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
ITEM, PIECE = r"(?:one|film|movie|item|book|song|game|article|product)", "(?:个|部|本|首|件|款|条|项)"
STOPS = (
    r"(?=\s*(?:$|[,.;:!?)、。])|'s\b|\s(?:is|was|are|were|looks?|seems?|sounds?|but|and|or|nor|not|please|too|again"
    r"|instead|though|however|because|i|you|with|than|at|here|better|anyway)\b)"
)
"""What may follow "the first": not "time"."""
CHINESE_STOPS = r"(?=\s*(?:$|[,.;:!?、。]|和|跟|与|不|那|这|也|是|太|很|还|挺|我|就|更|好))"
PLACE = re.compile(
    rf"\b(?:the|and|or|nor) (?P<word>{'|'.join(ORDINALS)})\b(?: {ITEM}\b|{STOPS})"
    rf"|\bthe (?P<last>last)\b(?: {ITEM}\b|{STOPS})"
    rf"|\b(?:the|these|those) (?P<side>first|last) (?P<many>two|three|four|five|[2-9])\b"
    rf"(?: {ITEM}s\b|{STOPS})"
    r"|\b(?:number |no\. ?|# ?)(?P<number>\d{1,3})\b|#(?P<hash>\d{1,3})"
    rf"|第(?P<chinese>\d{{1,3}}|[一二三四五六七八九十]{{1,3}})(?:{PIECE}(?:那种|这种)?|{CHINESE_STOPS})"
    rf"|(?P<ends>前|最后)(?P<few>[两二三四五六七八九2-9]){PIECE}"
    rf"|(?P<final>最后一?{PIECE})"
    r"|\b(?:that|this) one\b|(?P<that>这一?个|那一?个|这部|那部)"
)
CONTRASTS = re.compile(
    r"\b(?:but|though|however|whereas|while)\b"
    r"|\band (?=not\b|no\b|i (?:don't|dont|hate|didn't|like|love|prefer))|但是|但|可是|不过|而是"
)
UNSEEN = re.compile(r"\b(?:haven't|havent|never|not) (?:seen|watched|read)\b|没有?(?:看|读|买|听)过")
AGAINST = re.compile(
    r"\b(?:not|no|nothing|neither|nor|less|don't|dont|didn't|didnt|isn't|isnt|wasn't|doesn't|without|hate|hated"
    r"|dislike|disliked|unlike|drop|remove|never|rather not|bad|boring|awful|terrible|worse|worst"
    r"|too [a-z]+)\b"
    r"|不要|不是|不想|不喜欢|别|去掉|少|讨厌|不像|除了|除外|不好|不行|不看|不爱|不太|不怎么|没意思|没兴趣|无聊|难看|算了|太"
)
FOR = re.compile(
    r"\b(?:like|liked|similar|love|loved|more|great|good|nice|perfect|awesome|excellent|amazing|wonderful|fine|best"
    r"|interesting|cool|fun|works|better|want|take|buy|prefer|enjoyed)\b"
    r"|像|类似|喜欢|爱看|那种|这种|不错|很好|挺好|好看|棒|赞|想要|就要|有意思|有趣"
)
NO_BLAME = re.compile(r"\b(?:not|isn't|wasn't) (?:too |so |that )?bad\b|不错|不赖|太(?:好|棒|赞|喜欢|爱)")
SEEN = re.compile(r"\b(?:seen|watched|read|know|own|have) (?:it|that|the|this|number|#)|看过|读过|买过|听过")
FILLERS = re.compile(
    r"\b(?:please|pls|yes|ok|okay|hm+|show me|give me|i mean)\b|是|就|要|吧|嗯|好的|请|[-\s\"'“”《》]"
)
OTHERS = re.compile(
    r"\b(?:something else|others|other ones|another|different ones|anything else|next|show me more"
    r"|more please)\b"
    r"|换一批|换一个|换几个|别的|其他|还有吗|再来|下一批"
)
AGAIN = re.compile(r"\b(?:start over|reset|forget (?:it|that|everything))\b|重新来|重新开始|从头")
INSTEAD = re.compile(r"\binstead\b|换成|改成|而是")
TURNS: tuple[tuple[re.Pattern[str], str, int], ...] = (
    (re.compile(r"\b(?:cheaper|less expensive|too expensive)\b|(?<!不)便宜|太贵"), "price", -1),
    (re.compile(r"\b(?:more expensive|pricier|fancier)\b|贵一点|更贵|高档"), "price", 1),
    (re.compile(r"\b(?:newer|more recent|more modern|too old)\b|更新|新一点|新一些|近一点|太老"), "year", 1),
    (re.compile(r"\b(?:older|earlier|more classic|too new)\b|更老|老一点|早一点|旧一点"), "year", -1),
    (re.compile(r"\b(?:shorter|too long)\b|短一点|更短|太长"), "minutes", -1),
    (re.compile(r"\b(?:(?<!no )(?<!any )longer|too short)\b|长一点|更长|太短"), "minutes", 1),
    (re.compile(r"\b(?:better rated|higher rated)\b|评分更高|口碑更好"), "rating", 1),
)


@dataclass(frozen=True, slots=True)
class Criticism:
    """Read against the list that was shown."""

    like: tuple[int, ...] = ()
    """Codes."""
    unlike: tuple[int, ...] = ()
    seen: tuple[int, ...] = ()
    """Not to be shown again; no opinion."""
    require: tuple[str, ...] = ()
    """Filters that follow from comparisons with what was shown."""
    unmet: tuple[str, ...] = ()
    others: bool = False
    """Nothing that was shown shall come back."""
    again: bool = False
    """What was said before is forgotten."""
    instead: bool = False
    """What is wished now stands in the place of what was wished before."""
    rest: str = ""
    """The words without what was read here."""
    places: tuple[int, ...] = field(default=())
    """From 1: what was pointed at."""


def criticism_of(words: str, shown: Sequence[int], items: Catalogue) -> Criticism:
    """Any text is an answer. `shown` are codes; -1 for what is no longer there."""
    text = folded(words[:500])
    limits = [(limit.start, limit.end) for limit in stated_limits(text)]
    turns = [
        (match, role, way)
        for pattern, role, way in TURNS
        for match in pattern.finditer(text)
        if not any(match.start() < end and start < match.end() for start, end in limits)
    ]
    found: dict[str, list[int]] = {"like": [], "unlike": [], "seen": []}
    places: list[int] = []
    unmet: list[str] = []
    gone = bytearray(len(text))
    for match in PLACE.finditer(text) if len(shown) else ():
        kept = [
            (low, high)
            for low, high in (*limits, *(turn.span() for turn, _, _ in turns))
            if match.end() <= low or high <= match.start()
        ]
        named = _places(match, len(shown))
        start, end = _clause(text, *match.span())
        without = text[start : match.start()] + " " + text[match.end() : end]
        kind = _opinion(text[start:end], without, bool(turns))
        if match.group("ends") and not (kind and FILLERS.sub("", without)):
            continue  # 前三部: how many, not which
        there = [place for place in named if 0 < place <= len(shown) and shown[place - 1] >= 0]
        if not there:
            unmet.append(match.group().strip())
        if kind:
            found[kind] += [int(shown[place - 1]) for place in there]
        places += there
        _take(gone, start, end, kept)
    require: list[str] = []
    known = [int(shown[place - 1]) for place in places] or [int(code) for code in shown if code >= 0]
    for match, role, way in turns if known else ():
        limit = _limit(role, way, known, items)
        if limit or role not in ("price", "year"):  # the rules have their own word for these
            (require if limit else unmet).append(limit or match.group())
            _take(gone, *match.span(), ())
    rest = "".join(" " if gone[at] else letter for at, letter in enumerate(text))
    others, again, instead = (bool(pattern.search(rest)) for pattern in (OTHERS, AGAIN, INSTEAD))
    for pattern in (OTHERS, AGAIN, INSTEAD):
        rest = pattern.sub(" ", rest)
    return Criticism(
        like=tuple(found["like"]), unlike=tuple(found["unlike"]), seen=tuple(found["seen"]),
        require=tuple(dict.fromkeys(require)), unmet=tuple(dict.fromkeys(unmet)), others=others, again=again,
        instead=instead, rest=re.sub(r"\s+", " ", rest).strip(" ,"), places=tuple(places),
    )  # fmt: skip


def _take(gone: bytearray, start: int, end: int, kept: Sequence[tuple[int, int]]) -> None:
    """Marks letters as read, but those that are read later."""
    for at in range(start, end):
        if not any(low <= at < high for low, high in kept):
            gone[at] = 1


def _opinion(clause: str, without: str, turned: bool) -> str:
    """like, unlike, seen, or empty for none: of a clause, and the clause without the place it names."""
    if UNSEEN.search(clause):
        return ""
    blamed = AGAINST.search(NO_BLAME.sub(" ", without))
    if blamed:
        return "unlike"
    if SEEN.search(clause):
        return "seen"
    if FOR.search(clause) or NO_BLAME.search(without) or not FILLERS.sub("", without):
        return "like"
    return "seen" if turned else ""


def _places(match: re.Match[str], n: int) -> list[int]:
    """From 1."""
    said = match.groupdict()
    if said["word"]:
        return [ORDINALS.index(said["word"]) + 1]
    if said["last"] or said["final"]:
        return [n]
    many = int(number(said["many"] or said["few"] or "") or 0)
    if many:
        first = said["side"] == "first" or said["ends"] == "前"
        return list(range(1, min(many, n) + 1) if first else range(max(1, n - many + 1), n + 1))
    place = said["number"] or said["hash"] or said["chinese"]
    return [int(number(place) or 0)] if place else [1]


def _clause(text: str, start: int, end: int) -> tuple[int, int]:
    """The piece between signs and "but"s that a place stands in; with the next one for "the third? No"."""
    signs = ",.;!?，。；！？"
    low = max((text.rfind(sign, 0, start) for sign in signs), default=-1) + 1
    high = min((at for sign in signs if (at := text.find(sign, end)) >= 0), default=len(text))
    low = max((match.end() for match in CONTRASTS.finditer(text, low, start)), default=low)
    high = min((match.start() for match in CONTRASTS.finditer(text, end, high)), default=high)
    asked = (
        high + 1 < len(text) and text[high] == "?" and not FILLERS.sub("", text[low:start] + text[end:high])
    )
    return low, _clause(text, low, high + 1)[1] if asked else high


def _limit(role: str, way: int, codes: Sequence[int], items: Catalogue) -> str:
    """A filter that asks for less or more than these items have in the middle; empty when none is known."""
    name = number_roles(items).get(role, "")
    values = items.numbers[name][np.array(codes, np.int64)] if name and codes else np.empty(0)
    values = values[np.isfinite(values)]
    if not len(values):
        return ""
    return f"{quoted(name)} {'<' if way < 0 else '>'} {float(np.median(values)):.10g}"
