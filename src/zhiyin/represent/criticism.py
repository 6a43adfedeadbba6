"""What a turn of a dialogue says of the list that was shown: which items it means, what should change."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from zhiyin.data.catalogue import Catalogue
from zhiyin.represent.intent_numbers import number
from zhiyin.represent.units import folded
from zhiyin.represent.vocabulary import number_roles, quoted

__all__ = ["Criticism", "criticism_of"]

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
PLACE = re.compile(
    rf"\bthe (?P<word>{'|'.join(ORDINALS)}|last)\b(?: (?:one|film|movie|item|book))?"
    r"|\b(?:number|no\.?|#) ?(?P<number>\d{1,3})\b|#(?P<hash>\d{1,3})"
    r"|第(?P<chinese>\d{1,3}|[一二三四五六七八九十]{1,3})(?:个|部|本|首|件|款|条|项)?(?:那种|这种)?"
    r"|(?P<final>最后一?(?:个|部|本|首|件|款|条|项))"
    r"|\b(?:that|this) one\b|(?P<that>这一?个|那一?个|这部|那部)"
)
AGAINST = re.compile(
    r"\b(?:not|no|less|don't|dont|without|hate|dislike|drop|remove|never|rather not)\b"
    r"|不要|不想|不喜欢|别|去掉|少|讨厌|不像|除了"
)
FOR = re.compile(r"\b(?:like|similar|love|more)\b|像|类似|喜欢|爱看|那种|这种")
SEEN = re.compile(r"\b(?:seen|watched|read|know|own|have) (?:it|that|the|this|number|#)|看过|读过|买过|听过")
OTHERS = re.compile(
    r"\b(?:something else|others|other ones|another|different ones|anything else|next|show me more"
    r"|more please)\b"
    r"|换一批|换一个|换几个|别的|其他|还有吗|再来|下一批"
)
AGAIN = re.compile(r"\b(?:start over|reset|forget (?:it|that|everything))\b|重新来|重新开始|从头")
INSTEAD = re.compile(r"\binstead\b|换成|改成|而是")
TURNS: tuple[tuple[re.Pattern[str], str, int], ...] = (
    (re.compile(r"\b(?:cheaper|less expensive|too expensive)\b|便宜|太贵"), "price", -1),
    (re.compile(r"\b(?:more expensive|pricier|fancier)\b|贵一点|更贵|高档"), "price", 1),
    (re.compile(r"\b(?:newer|more recent|more modern|too old)\b|更新|新一点|新一些|近一点|太老"), "year", 1),
    (re.compile(r"\b(?:older|earlier|more classic|too new)\b|更老|老一点|早一点|旧一点"), "year", -1),
    (re.compile(r"\b(?:shorter|too long)\b|短一点|更短|太长"), "minutes", -1),
    (re.compile(r"\b(?:longer|too short)\b|长一点|更长|太短"), "minutes", 1),
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
    """Any text is an answer; a place beyond the list means nothing."""
    text = folded(words[:500])
    found: dict[str, list[int]] = {"like": [], "unlike": [], "seen": []}
    places: list[int] = []
    rest = text
    for match in PLACE.finditer(text):
        place = _place(match, len(shown))
        if not 0 < place <= len(shown):
            continue
        clause = _clause(text, *match.span())
        kind = "unlike" if AGAINST.search(clause) else "seen" if SEEN.search(clause) else "like"
        if kind == "like" and not FOR.search(clause):
            kind = "seen" if not _is_bare(text, match) else "like"
        found[kind].append(int(shown[place - 1]))
        places.append(place)
        rest = rest.replace(clause, " ", 1)
    require: list[str] = []
    unmet: list[str] = []
    for pattern, role, way in TURNS:
        hit = pattern.search(rest)
        if hit is None:
            continue
        limit = _limit(role, way, [int(shown[p - 1]) for p in places] or list(map(int, shown)), items)
        (require if limit else unmet).append(limit or hit.group())
        rest = pattern.sub(" ", rest)
    others, again, instead = (bool(pattern.search(rest)) for pattern in (OTHERS, AGAIN, INSTEAD))
    for pattern in (OTHERS, AGAIN, INSTEAD):
        rest = pattern.sub(" ", rest)
    return Criticism(
        like=tuple(found["like"]), unlike=tuple(found["unlike"]), seen=tuple(found["seen"]),
        require=tuple(require), unmet=tuple(unmet), others=others, again=again, instead=instead,
        rest=rest.strip(), places=tuple(places),
    )  # fmt: skip


def _place(match: re.Match[str], n: int) -> int:
    """From 1; 0 for none."""
    word = match.group("word")
    if word:
        return n if word == "last" else ORDINALS.index(word) + 1
    if match.group("final"):
        return n
    said = match.group("number") or match.group("hash") or match.group("chinese")
    return int(number(said) or 0) if said else 1


def _clause(text: str, start: int, end: int) -> str:
    """The piece between signs that a place stands in."""
    signs = ",.;!?，。；！？"
    low = max((text.rfind(sign, 0, start) for sign in signs), default=-1) + 1
    highs = [at for sign in signs if (at := text.find(sign, end)) >= 0]
    return text[low : min(highs, default=len(text))]


def _is_bare(text: str, match: re.Match[str]) -> bool:
    return text.strip() == match.group().strip()


def _limit(role: str, way: int, codes: Sequence[int], items: Catalogue) -> str:
    """A filter that asks for less or more than these items have in the middle; empty when none is known."""
    name = number_roles(items).get(role, "")
    values = items.numbers[name][np.array(codes, np.int64)] if name and codes else np.empty(0)
    values = values[np.isfinite(values)]
    if not len(values):
        return ""
    return f"{quoted(name)} {'<' if way < 0 else '>'} {float(np.median(values)):.10g}"
